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


@pytest.fixture
def screenshot(request, tmp_path_factory):
    """Keeps a picture of the page under the name of the test, beside those of other tests."""
    folder = request.config.rootpath / "artifacts"
    folder.mkdir(exist_ok=True)

    async def keep(page, name):
        await page.screenshot(path=folder / f"{name}.png")

    return keep


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
