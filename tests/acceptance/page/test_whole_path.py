"""The bot itself on the page: what a newcomer does in the first five minutes."""

import re

import pytest
import pytest_asyncio
from playwright.async_api import expect

from bot.app import connected as connected_bot
from bot.localslack.server import LocalSlack
from bot.settings import BotSettings
from orchestrator.model.offline import OfflineModel

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LONG_MS = 20_000
MANY = 11
HOSTILE = (
    "Look at <script>alert(1)</script> and [this](javascript:alert(2)), then at "
    "<img src=x onerror=alert(3)> and " + "w" * 200
)
DROP_FILE = """([name, content]) => {
    const data = new DataTransfer();
    data.items.add(new File([content], name, { type: "text/csv" }));
    const area = document.querySelector("main .pane");
    for (const kind of ["dragenter", "dragover", "drop"])
        area.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true }));
}"""
# Text whose contrast with what is behind it is below 4.5 to 1 (WCAG 2.2, AA).
WEAK_TEXT = """() => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = ([r, g, b]) =>
        [r, g, b]
            .map((part) => part / 255)
            .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
            .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
    const behind = (node) => {
        for (let at = node; at; at = at.parentElement) {
            const colour = rgba(getComputedStyle(at).backgroundColor);
            if (colour[3] === 255) return colour;
        }
        return [255, 255, 255, 255];
    };
    const weak = [];
    const walker = document.createTreeWalker(document.getElementById("app"), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !node.checkVisibility()) continue;
        const both = [light(rgba(getComputedStyle(node).color)), light(behind(node))];
        const [dark, bright] = both.sort((a, b) => a - b);
        if ((bright + 0.05) / (dark + 0.05) < 4.5)
            weak.push(`${node.className || node.tagName}: ${walker.currentNode.data.slice(0, 40)}`);
    }
    return weak;
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def slack(tmp_path):
    """A local workspace with the manifest of the project, and the bot in it."""
    async with LocalSlack.start() as workspace:
        settings = BotSettings(
            database_url=f"sqlite+aiosqlite:///{tmp_path}/orchestrator.db",
            model="offline",
            slack_api_url=workspace.api_url,
            slack_bot_token=workspace.bot_token,
            slack_app_token=workspace.app_token,
            grace_s=0.2,
        )
        async with connected_bot(settings, OfflineModel()):
            await workspace.wait_connected()
            yield workspace


async def mention(page, task):
    """Write to the bot and open the thread of the answer."""
    await page.fill("#composer", f"@orchestrator {task}")
    await page.press("#composer", "Enter")
    await page.locator(".thread-row").last.click()


def in_thread(page, name):
    return page.locator("#thread").get_by_role("button", name=name, exact=True)


async def test_a_task_is_mentioned_approved_watched_and_answered(open_page, screenshot):
    page = await open_page()
    await mention(page, "Compare tea and coffee, then recommend one #slow(1,1s)")
    await in_thread(page, "Approve").click()
    await expect(page.locator("#thread").get_by_text("0 of 2 done").first).to_be_visible()
    await screenshot(page, "running")
    answer = page.locator("#thread").get_by_text("made up without a model")
    await expect(answer).to_be_visible(timeout=LONG_MS)
    await expect(page.locator("#thread").get_by_text("2 of 2 done").first).to_be_visible()
    await expect(in_thread(page, "Approve")).to_have_count(0)
    await screenshot(page, "answered")


async def test_a_dead_letter_is_retried_and_both_runs_are_listed(open_page, screenshot):
    page = await open_page()
    await mention(page, "Look at apples, then look at pears #fail(2,3)")
    await in_thread(page, "Approve").click()
    await in_thread(page, "Retry").click(timeout=LONG_MS)
    answer = page.locator("#thread").get_by_text("made up without a model")
    await expect(answer).to_be_visible(timeout=LONG_MS)
    await page.fill("#composer", "/runs all")
    await page.press("#composer", "Enter")
    runs = page.locator("main .row", has_text="All runs")
    await expect(runs).to_contain_text(re.compile(r"R-\w{4}"))
    await screenshot(page, "runs")


async def test_a_plan_is_edited_in_its_form(open_page, screenshot):
    page = await open_page()
    await mention(page, "Look at apples, then look at pears")
    await in_thread(page, "Edit").click()
    title = page.get_by_label("Title").first
    await title.fill("Look at quinces")
    await screenshot(page, "edit")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#thread").get_by_text("Look at quinces").first).to_be_visible()


async def test_past_runs_are_listed_in_pages(open_page, past_of, screenshot):
    past_of(*(f"Look at fruit {number}" for number in range(MANY)))
    page = await open_page()
    await page.fill("#composer", "/runs all")
    await page.press("#composer", "Enter")
    runs = page.locator("main .row", has_text="All runs")
    await expect(runs).to_contain_text(f"fruit {MANY - 1}")
    await expect(runs.get_by_text("fruit 0", exact=False)).to_have_count(0)
    await screenshot(page, "runs-first-page")
    await runs.get_by_role("button", name="Next").click()
    await expect(runs.get_by_text("fruit 0", exact=False)).to_be_visible()
    await expect(runs.get_by_role("button", name="Next")).to_have_count(0)
    await runs.get_by_role("button", name="Previous").click()
    await expect(runs).to_contain_text(f"fruit {MANY - 1}")
    await runs.get_by_role("button", name="Details").first.click()
    await expect(page.locator("dialog.modal")).to_contain_text("fruit")
    await screenshot(page, "runs-details")


async def test_home_shows_what_waits_and_a_click_there_works(open_page, screenshot):
    page = await open_page()
    await mention(page, "Look at apples #subtasks(1)")
    await expect(in_thread(page, "Approve")).to_be_visible(timeout=LONG_MS)
    await page.click("text=Home of orchestrator")
    home = page.locator(".home")
    await expect(home).to_contain_text("Waiting for you")
    await expect(home).to_contain_text("Look at apples")
    await screenshot(page, "home")
    await home.get_by_role("button", name="Details").click()
    await expect(page.locator("dialog.modal")).to_contain_text("Look at apples")
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog.modal")).to_be_hidden()


async def test_a_file_dropped_on_the_page_is_read_by_the_bot(open_page, slack, screenshot):
    page = await open_page()
    await page.evaluate(DROP_FILE, ["numbers.csv", "fruit,price\napple,1\n"])
    await expect(page.locator("main .chip")).to_have_text("numbers.csv")
    await mention(page, "Compare the prices in the file")
    await expect(page.locator("#thread .file-name")).to_have_text("numbers.csv")
    await expect(in_thread(page, "Approve")).to_be_visible(timeout=LONG_MS)
    await screenshot(page, "file")


async def test_only_the_requester_may_approve_and_others_are_told_who(open_page, screenshot):
    page = await open_page(person="Grace")
    await mention(page, "Look at apples #subtasks(1)")
    await expect(in_thread(page, "Approve")).to_be_visible(timeout=LONG_MS)
    await page.get_by_role("button", name="Switch person").click()
    await page.get_by_role("menuitemradio", name="Linus").click()
    await page.locator(".thread-row").last.click()
    await in_thread(page, "Approve").click()
    note = page.locator(".ephemeral")
    await expect(note).to_contain_text("Only visible to you")
    await expect(note).to_contain_text("Grace Hopper")
    await expect(in_thread(page, "Approve")).to_be_visible()
    await screenshot(page, "refused-click")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_a_run_in_both_themes_has_enough_contrast(open_page, screenshot, theme):
    page = await open_page(color_scheme=theme)
    await mention(page, "Look at apples, look at pears, then compare them #fail(2)")
    await in_thread(page, "Approve").click()
    await expect(in_thread(page, "Retry")).to_be_visible(timeout=LONG_MS)
    await page.locator("#thread .plan > summary").first.click()
    await screenshot(page, f"dead-letter-{theme}")
    weak = await page.evaluate(WEAK_TEXT)
    assert weak == []


async def test_hostile_text_goes_through_a_whole_run_and_does_nothing(open_page, screenshot):
    page = await open_page()
    await mention(page, HOSTILE)
    await in_thread(page, "Approve").click()
    answer = page.locator("#thread").get_by_text("made up without a model")
    await expect(answer.first).to_be_visible(timeout=LONG_MS)
    planted = page.locator("#app :is(script, svg[onload], img[src=x], iframe, [onmouseover])")
    await expect(planted).to_have_count(0)
    addresses = await page.locator("#app a").evaluate_all("all => all.map(a => a.protocol)")
    assert set(addresses) <= {"http:", "https:", "mailto:"}
    assert await page.evaluate("document.documentElement.scrollWidth") == 1280
    await screenshot(page, "hostile")


async def test_what_was_said_is_there_after_a_restart_of_the_workspace(browser, tmp_path):
    data = tmp_path / "slack"
    async with LocalSlack.start(data=data) as workspace:
        ada = workspace.person("Ada")
        file_id = await ada.attach(("notes.md", b"# Notes"))
        said = await ada.post("general", "before the restart", files=[file_id])
        await ada.reply(said, "a reply")
    context = await browser.new_context()
    async with LocalSlack.start(data=data) as workspace:
        page = await context.new_page()
        await page.goto(workspace.url)
        row = page.locator("main .row", has_text="before the restart")
        await expect(row.locator(".file-name")).to_have_text("notes.md")
        await row.locator(".thread-row").click()
        await expect(page.locator("#thread .row").last).to_contain_text("a reply")
        ada = workspace.person("Ada")
        assert await ada.download(file_id) == b"# Notes"
        await context.close()
