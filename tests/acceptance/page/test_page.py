"""What people do on the page of the local workspace."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import seed
from bot.localslack.server import LocalSlack
from bot.localslack.storage import StoredMessage
from bot.welcome import OFFLINE

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

OpenPage = Callable[..., Awaitable[Page]]
GENERAL, RESEARCH = "C0LOCALGEN1", "C0LOCALRES1"
OBSERVE_SHIFTS = """() => {
    window.shifts = [];
    const note = (list) => window.shifts.push(...list.getEntries().map((entry) => entry.value));
    new PerformanceObserver(note).observe({ type: "layout-shift" });
}"""
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
HOSTILE = (
    "<script>alert(1)</script> <img src=x onerror=alert(2)> "
    "[click](javascript:alert(3)) **<b onmouseover=alert(4)>** `<svg onload=alert(5)>`"
)


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(label: str, action_id: str) -> dict[str, Any]:
    return {"type": "button", "text": plain(label), "action_id": action_id}


def rich(text: str) -> dict[str, Any]:
    part = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [part]}


def plan(status: str) -> dict[str, Any]:
    task: dict[str, Any] = {"type": "task_card", "task_id": "t1", "title": "Collect"}
    task |= {"status": status, "details": rich("Read what there is.")}
    return {"type": "plan", "block_id": "plan", "title": "The plan", "tasks": [task]}


def text_input(block_id: str, label: str) -> dict[str, Any]:
    element = {"type": "plain_text_input", "action_id": "value"}
    return {"type": "input", "block_id": block_id, "label": plain(label), "element": element}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "block_id": "actions", "elements": list(elements)}


def row(page: Page, text: str) -> Locator:
    return page.locator("main .row", has_text=text)


async def say(page: Page, text: str, box: str = "#composer") -> None:
    await page.fill(box, text)
    await page.press(box, "Enter")


async def open_thread(page: Page, text: str) -> None:
    await row(page, text).hover()
    await page.locator("main").get_by_role("button", name="Reply in thread").click()


async def test_enter_sends_and_shift_enter_starts_a_line(open_page: OpenPage) -> None:
    page = await open_page()
    await page.type("#composer", "first line")
    await page.press("#composer", "Shift+Enter")
    await page.type("#composer", "second *line*")
    await page.press("#composer", "Enter")
    await expect(row(page, "first line").locator(".row-text")).to_have_text("first linesecond line")
    await expect(row(page, "first line").locator("strong")).to_have_text("line")
    await expect(page.locator("#composer")).to_have_value("")


async def test_a_mention_is_completed_and_stored_as_slack_stores_it(
    open_page: OpenPage, slack: LocalSlack
) -> None:
    page = await open_page()
    await page.type("#composer", "@orch")
    await page.press("#composer", "Enter")
    await page.type("#composer", "hello")
    await page.press("#composer", "Enter")
    await expect(row(page, "hello").locator(".mention")).to_have_text("@orchestrator")
    channel = slack.workspace.directory.visible_channel(seed.ADA, GENERAL)
    [message] = slack.workspace.messages.history(channel)
    assert message.body["text"] == f"<@{seed.BOT_USER}> hello"


async def test_a_reply_is_counted_under_its_parent(open_page: OpenPage) -> None:
    page = await open_page()
    await say(page, "a question")
    await open_thread(page, "a question")
    await say(page, "an answer", "#thread-composer")
    await expect(page.locator("#thread .row")).to_have_count(2)
    await expect(row(page, "a question").locator(".thread-count")).to_have_text("1 reply")
    await page.keyboard.press("Escape")
    await expect(page.locator("#thread")).to_be_hidden()


async def test_others_see_a_message_at_once_and_what_they_missed_is_marked(
    open_page: OpenPage,
) -> None:
    ada = await open_page(f"#/{GENERAL}")
    grace = await open_page(f"#/{RESEARCH}", person="Grace")
    await say(ada, "@Grace Hopper look")
    await expect(grace.locator(".entry-unread .entry-label")).to_have_text("general")
    await expect(grace.locator(".entry-count")).to_have_text("1")
    await grace.click(".entry-unread")
    await expect(row(grace, "look").locator(".mention-me")).to_have_text("@Grace Hopper")
    await expect(grace.locator(".entry-count")).to_have_count(0)


async def test_own_messages_can_be_edited_reacted_to_and_deleted(open_page: OpenPage) -> None:
    page = await open_page()
    await say(page, "a tpyo")
    await row(page, "tpyo").hover()
    await page.get_by_role("button", name="React with :eyes:").click()
    await expect(row(page, "tpyo").locator(".reaction")).to_have_text("👀1")
    await page.get_by_role("button", name="More actions").click()
    await page.get_by_role("menuitem", name="Edit message").click()
    await page.get_by_label("Edit your message").fill("a typo")
    await page.get_by_label("Edit your message").press("Enter")
    await expect(row(page, "a typo").locator(".edited")).to_be_visible()
    await row(page, "a typo").hover()
    await page.get_by_role("button", name="More actions").click()
    await page.get_by_role("menuitem", name="Delete message").click()
    await page.locator("dialog").get_by_role("button", name="Delete").click()
    await expect(row(page, "a typo")).to_have_count(0)


async def test_a_file_is_attached_and_shown(open_page: OpenPage, tmp_path: Path) -> None:
    page = await open_page()
    path = tmp_path / "numbers.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    await page.set_input_files("main .composer input[type=file]", path)
    await expect(page.locator(".composer .chip")).to_have_text("numbers.csv")
    await say(page, "the numbers")
    await expect(row(page, "the numbers").locator(".file-name")).to_have_text("numbers.csv")


async def test_a_picture_opens_large_and_closing_it_leaves_the_thread_open(
    open_page: OpenPage, slack: LocalSlack
) -> None:
    ada = slack.person("Ada")
    parent = await ada.post("general", "a picture follows")
    picture = await ada.attach(("dot.png", PNG))
    await ada.post("general", "here", thread=parent, files=[picture])
    page = await open_page(f"#/{GENERAL}/{parent.ts}")
    await page.locator("#thread .file-image").click()
    large = page.locator("dialog.lightbox")
    await expect(large.locator("img")).to_be_visible()
    await expect(large.get_by_role("link", name="Download")).to_have_attribute(
        "download", "dot.png"
    )
    await page.keyboard.press("Escape")
    await expect(large).to_have_count(0)
    await expect(page.locator("#thread")).to_be_visible()


async def test_an_example_is_written_with_one_click_and_its_thread_opens(
    open_page: OpenPage,
) -> None:
    page = await open_page()
    await expect(page.locator(".example")).to_have_count(6)
    await page.locator(".example", has_text="#fail(2,3)").click()
    posted = page.locator("#thread .row-text")
    await expect(posted).to_contain_text("#fail(2,3)")
    await expect(posted.locator(".mention")).to_have_text("@orchestrator")


async def test_an_empty_channel_left_and_opened_again_still_offers_examples(
    open_page: OpenPage,
) -> None:
    page = await open_page()
    await page.click("text=Home of orchestrator")
    await expect(page.locator(".home-empty")).to_be_visible()
    await page.locator(".entry", has_text="general").click()
    await expect(page.locator(".example")).to_have_count(6)


async def test_a_person_without_access_does_not_see_a_private_channel(open_page: OpenPage) -> None:
    page = await open_page("#/C0LOCALLEA1")
    await expect(page.locator("main .pane-title h2")).to_have_text("leadership")
    await page.get_by_role("button", name="Switch person").click()
    await page.get_by_role("menuitemradio", name="Linus").click()
    await expect(page.locator("main .pane-title h2")).to_have_text("general")
    await expect(page.locator(".entry", has_text="leadership")).to_have_count(0)


async def test_a_click_reaches_the_bot_and_an_open_plan_stays_open(
    open_page: OpenPage, app: AsyncApp, web: AsyncWebClient
) -> None:
    clicks: list[str] = []

    @app.action("finish")
    async def finish(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        clicks.append(body["user"]["id"])
        ts, blocks = body["message"]["ts"], [section("finished"), plan("complete")]
        await client.chat_update(channel=GENERAL, ts=ts, text="finished", blocks=blocks)

    blocks = [section("running"), plan("in_progress"), actions(button("Finish", "finish"))]
    await web.chat_postMessage(channel=GENERAL, text="running", blocks=blocks)
    page = await open_page()
    await expect(page.locator(".plan")).not_to_have_attribute("open", "")
    await page.locator(".plan > summary").click()
    await page.locator(".task > summary").click()
    await page.get_by_role("button", name="Finish").click()
    await expect(row(page, "finished")).to_be_visible()
    await expect(page.locator(".task[data-status=complete] .task-details")).to_be_visible()
    await expect(page.locator(".badge", has_text="APP").last).to_be_visible()
    assert clicks == [seed.ADA]


async def test_a_dangerous_click_is_asked_about_first(
    open_page: OpenPage, app: AsyncApp, web: AsyncWebClient
) -> None:
    clicks: list[str] = []

    @app.action("stop")
    async def stop(ack: Any, say: Any) -> None:
        await ack()
        clicks.append("stop")
        await say("stopped")

    confirm = {
        "title": plain("Stop it?"),
        "text": plain("What runs is cancelled."),
        "confirm": plain("Stop it"),
        "deny": plain("Keep going"),
    }
    blocks = [actions({**button("Stop", "stop"), "style": "danger", "confirm": confirm})]
    await web.chat_postMessage(channel=GENERAL, text="running", blocks=blocks)
    page = await open_page()
    await page.get_by_role("button", name="Stop").click()
    await page.get_by_role("button", name="Keep going").click()
    await page.get_by_role("button", name="Stop").click()
    await page.get_by_role("button", name="Stop it").click()
    await expect(row(page, "stopped")).to_be_visible()
    assert clicks == ["stop"]


async def test_a_modal_shows_errors_at_its_fields_and_keeps_what_was_typed(
    open_page: OpenPage, app: AsyncApp, web: AsyncWebClient
) -> None:
    name, reason = text_input("name", "Name"), text_input("reason", "Reason")
    more = actions(button("Ask for more", "more"))
    view: dict[str, Any] = {"type": "modal", "callback_id": "form", "title": plain("A form")}
    view |= {"submit": plain("Save"), "blocks": [name, more]}
    saved: list[dict[str, Any]] = []

    @app.action("open")
    async def open_form(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    @app.action("more")
    async def ask_more(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        assert body["view"]["state"]["values"]["name"]["value"]["value"] == "taken"
        await client.views_update(
            view_id=body["view"]["id"], view={**view, "blocks": [name, reason, more]}
        )

    @app.view("form")
    async def submit(ack: Any, view: dict[str, Any]) -> None:
        values = view["state"]["values"]
        if values["name"]["value"]["value"] == "taken":
            await ack(response_action="errors", errors={"name": "This name is taken."})
            return
        saved.append(values)
        await ack()

    await web.chat_postMessage(
        channel=GENERAL, text="form", blocks=[actions(button("Open", "open"))]
    )
    page = await open_page()
    await page.get_by_role("button", name="Open", exact=True).click()
    modal = page.locator("dialog.modal")
    await modal.get_by_role("button", name="Save").click()
    await expect(modal.locator(".field-error:visible")).to_have_text(
        "Please complete this required field."
    )
    await modal.get_by_label("Name").fill("taken")
    await modal.get_by_role("button", name="Ask for more").click()
    await modal.get_by_label("Reason").fill("because")
    await expect(modal.get_by_label("Name")).to_have_value("taken")
    await modal.get_by_role("button", name="Save").click()
    await expect(modal.locator(".field-error:visible")).to_have_text("This name is taken.")
    await modal.get_by_label("Name").fill("free")
    await modal.get_by_label("Name").press("Enter")
    await expect(modal).to_be_hidden()
    assert saved[0]["name"]["value"]["value"] == "free"
    assert saved[0]["reason"]["value"]["value"] == "because"


async def test_options_that_the_app_supplies_are_offered_while_one_types(
    open_page: OpenPage, app: AsyncApp, web: AsyncWebClient
) -> None:
    fruit = {"type": "external_select", "action_id": "fruit", "placeholder": plain("Which fruit?")}
    chosen: list[str] = []

    @app.options("fruit")
    async def suggest(ack: Any, body: dict[str, Any]) -> None:
        names = [f"{body['value']} one", f"{body['value']} two"]
        await ack(options=[{"text": plain(name), "value": name} for name in names])

    @app.action("fruit")
    async def take(ack: Any, action: dict[str, Any]) -> None:
        await ack()
        chosen.append(action["selected_option"]["value"])
        await web.chat_postMessage(channel=GENERAL, text=f"You chose {chosen[-1]}")

    await web.chat_postMessage(channel=GENERAL, text="fruit", blocks=[actions(fruit)])
    page = await open_page()
    box = page.get_by_label("Which fruit?")
    await box.fill("ap")
    await expect(page.locator(".suggestions")).to_be_hidden()
    await box.fill("app")
    await page.get_by_role("button", name="app two").click()
    await expect(page.locator(".block-actions .chip")).to_have_text("app two")
    await expect(row(page, "You chose app two")).to_be_visible()
    assert chosen == ["app two"]


async def test_tables_and_charts_of_the_newer_kinds_are_drawn(
    open_page: OpenPage, web: AsyncWebClient
) -> None:
    cells = [[{"type": "raw_text", "text": text} for text in pair] for pair in ("ab", "cd")]
    pie = {"type": "pie", "segments": [{"label": "Apples", "value": 45}]}
    blocks = [
        {"type": "data_table", "caption": "Letters", "rows": cells},
        {"type": "data_visualization", "title": "Fruit", "chart": pie},
        {"type": "plan", "title": "Typeless", "tasks": [{"task_id": "1", "title": "Collect"}]},
    ]
    await web.chat_postMessage(channel=GENERAL, text="new", blocks=blocks)
    page = await open_page()
    await expect(page.locator("figure", has_text="Letters").locator("th").first).to_have_text("a")
    await expect(page.locator("figure", has_text="Fruit").locator("td")).to_have_text(
        ["Apples", "45"]
    )
    await expect(page.locator(".block-plan")).to_contain_text("Typeless")
    await expect(page.locator(".unsupported")).to_have_count(0)


async def test_what_an_assistant_suggests_is_said_with_one_click(
    open_page: OpenPage, web: AsyncWebClient
) -> None:
    page = await open_page()
    await say(page, "a question")
    await open_thread(page, "a question")
    ts = await row(page, "a question").get_attribute("data-ts")
    prompts = [{"title": "Shorter", "message": "Say it in one sentence"}]
    await web.assistant_threads_setSuggestedPrompts(
        channel_id=GENERAL, thread_ts=ts, prompts=prompts
    )
    await page.get_by_role("button", name="Shorter").click()
    await expect(page.locator("#thread .row", has_text="in one sentence")).to_be_visible()
    await expect(page.locator("#thread .prompts")).to_be_hidden()


async def test_escape_closes_a_modal(
    open_page: OpenPage, app: AsyncApp, web: AsyncWebClient
) -> None:
    @app.action("open")
    async def open_note(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        view = {"type": "modal", "title": plain("A note"), "blocks": [section("Read me")]}
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    await web.chat_postMessage(
        channel=GENERAL, text="note", blocks=[actions(button("Open", "open"))]
    )
    page = await open_page()
    await page.get_by_role("button", name="Open", exact=True).click()
    await expect(page.locator("dialog.modal")).to_contain_text("Read me")
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog.modal")).to_be_hidden()
    await expect(page.get_by_role("button", name="Open", exact=True)).to_be_focused()


async def test_a_command_reaches_the_bot_and_is_refused_in_a_thread(
    open_page: OpenPage, app: AsyncApp
) -> None:
    @app.command("/echo")
    async def echo(ack: Any, command: dict[str, str]) -> None:
        await ack(f"You said: {command['text']}")

    page = await open_page()
    await page.type("#composer", "/ec")
    await page.press("#composer", "Tab")
    await page.type("#composer", "twice")
    await page.press("#composer", "Enter")
    await expect(row(page, "You said: twice").locator(".row-note")).to_contain_text(
        "Only visible to you"
    )
    await row(page, "You said").get_by_role("button", name="Dismiss").click()
    await expect(row(page, "You said")).to_have_count(0)
    await say(page, "a topic")
    await open_thread(page, "a topic")
    await say(page, "/echo here", "#thread-composer")
    await expect(page.locator("#thread .composer-problem")).to_contain_text("threads")


async def test_enter_sends_a_command_that_was_typed_in_full(
    open_page: OpenPage, app: AsyncApp
) -> None:
    @app.command("/echo")
    async def echo(ack: Any, command: dict[str, str]) -> None:
        await ack("You said nothing")

    page = await open_page()
    await page.type("#composer", "/echo")
    await expect(page.get_by_role("option")).to_have_count(1)
    await page.press("#composer", "Enter")
    await expect(row(page, "You said nothing")).to_be_visible()


async def test_a_shortcut_acts_on_its_message(open_page: OpenPage, app: AsyncApp) -> None:
    @app.shortcut("look")
    async def look(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        seen = f"saw: {body['message']['text']}"
        await client.chat_postMessage(channel=body["channel"]["id"], text=seen)

    page = await open_page()
    await say(page, "something")
    await row(page, "something").hover()
    await page.get_by_role("button", name="More actions").click()
    await page.get_by_role("menuitem", name="Look at this").click()
    await expect(row(page, "saw: something")).to_be_visible()


async def test_an_ephemeral_is_seen_by_one_person_only(
    open_page: OpenPage, web: AsyncWebClient
) -> None:
    ada, grace = await open_page(), await open_page(person="Grace")
    await web.chat_postEphemeral(channel=GENERAL, user=seed.ADA, text="between us")
    await web.chat_postMessage(channel=GENERAL, text="for all")
    await expect(row(ada, "between us")).to_be_visible()
    await expect(row(grace, "for all")).to_be_visible()
    await expect(row(grace, "between us")).to_have_count(0)


async def test_hostile_text_does_nothing(open_page: OpenPage, web: AsyncWebClient) -> None:
    blocks = [
        {"type": "markdown", "text": HOSTILE},
        section(f"{HOSTILE} <javascript:alert(6)|link>"),
        rich(HOSTILE),
        {**plan("complete"), "title": HOSTILE[:100]},
    ]
    await web.chat_postMessage(channel=GENERAL, text=HOSTILE, blocks=blocks)
    page = await open_page()
    await say(page, HOSTILE)
    await expect(row(page, "<script>")).to_have_count(2)
    planted = await page.locator("#main :is(script, svg[onload], img[src=x], b, iframe)").count()
    assert planted == 0
    addresses = await page.locator("#main a").evaluate_all("all => all.map(a => a.protocol)")
    assert set(addresses) <= {"http:", "https:", "mailto:"}
    await page.locator("#main .deadlink").first.click()
    await expect(page).to_have_url(re.compile(r"^http://127\.0\.0\.1"))


async def test_markdown_is_drawn_as_a_document(open_page: OpenPage, web: AsyncWebClient) -> None:
    text = (
        "# Title\n\n1. one\n   - inner\n2. two\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n"
        "```py\nx = 1\n```\n\n> said **so**\n\n---\n[site](https://example.com) ~~old~~"
    )
    await web.chat_postMessage(
        channel=GENERAL, text="doc", blocks=[{"type": "markdown", "text": text}]
    )
    page = await open_page()
    prose = page.locator(".prose")
    await expect(prose.locator(".md-h1")).to_have_text("Title")
    await expect(prose.locator("ol > li > ul > li")).to_have_text("inner")
    await expect(prose.locator("td.align-right")).to_have_text("2")
    await expect(prose.locator("pre code")).to_have_text("x = 1")
    await expect(prose.locator("blockquote strong")).to_have_text("so")
    await expect(prose.locator("a")).to_have_attribute("rel", re.compile("noopener"))


async def test_the_home_tab_follows_the_bot(open_page: OpenPage, app: AsyncApp) -> None:
    async def publish(client: AsyncWebClient, user: str, text: str) -> None:
        blocks = [section(text), actions(button("Refresh", "refresh"))]
        await client.views_publish(user_id=user, view={"type": "home", "blocks": blocks})

    @app.event("app_home_opened")
    async def opened(event: dict[str, Any], client: AsyncWebClient) -> None:
        await publish(client, event["user"], "Nothing runs")

    @app.action("refresh")
    async def refresh(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await publish(client, body["user"]["id"], "One run")

    page = await open_page()
    await page.click("text=Home of orchestrator")
    await expect(page.locator(".home")).to_contain_text("Nothing runs")
    await page.get_by_role("button", name="Refresh").click()
    await expect(page.locator(".home")).to_contain_text("One run")


async def test_the_page_says_whether_the_bot_is_there(
    open_page: OpenPage, connect: Any, web: AsyncWebClient
) -> None:
    page = await open_page()
    await expect(page.locator(".pill[role=status]")).to_have_text("orchestrator is not connected")
    await expect(page.locator(".banner")).to_contain_text("The bot is not running")
    async with connect(AsyncApp(client=web)):
        await expect(page.locator(".pill[role=status]")).to_have_text("orchestrator is connected")
        await expect(page.locator(".banner")).to_contain_text("made up")
    await expect(page.locator(".pill[role=status]")).to_have_text("orchestrator is not connected")


async def test_both_themes_are_there_and_a_choice_is_kept(open_page: OpenPage) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    page = await open_page(color_scheme="dark")
    dark = await page.evaluate(background)
    await page.get_by_role("button", name="Theme: as the system").click()
    light = await page.evaluate(background)
    assert (dark, light) == ("rgb(23, 25, 28)", "rgb(255, 255, 255)")
    await page.reload()
    await expect(page.get_by_role("button", name="Theme: light")).to_be_visible()
    assert await page.evaluate(background) == light


async def test_a_phone_shows_one_column_at_a_time(open_page: OpenPage, web: AsyncWebClient) -> None:
    table = "| " + " | ".join(f"column{n}" for n in range(12)) + " |\n" + "|---" * 12 + "|\n"
    blocks = [{"type": "markdown", "text": table}, section("x" * 300)]
    await web.chat_postMessage(channel=GENERAL, text="wide", blocks=blocks)
    page = await open_page(viewport={"width": 375, "height": 700}, has_touch=True, is_mobile=True)
    assert await page.evaluate("document.documentElement.scrollWidth") == 375
    await expect(page.locator("#sidebar")).to_be_hidden()
    await page.get_by_role("button", name="Open the sidebar").click()
    await page.locator(".entry", has_text="research").click()
    await expect(page.locator("#sidebar")).to_be_hidden()
    await expect(page.locator("main .pane-title h2")).to_have_text("research")


async def test_nothing_jumps_when_a_card_is_updated(
    open_page: OpenPage, web: AsyncWebClient
) -> None:
    def blocks(status: str, words: str) -> list[dict[str, Any]]:
        return [section(words), plan(status), actions(button("Stop", "stop"))]

    posted = await web.chat_postMessage(
        channel=GENERAL, text="r", blocks=blocks("in_progress", "Running: 0 of 1")
    )
    await web.chat_postMessage(channel=GENERAL, text="below it")
    page = await open_page()
    await page.locator(".plan > summary").click()
    await page.evaluate(OBSERVE_SHIFTS)
    before = await row(page, "below it").bounding_box()
    await web.chat_update(
        channel=GENERAL, ts=posted["ts"], text="r", blocks=blocks("complete", "Done: 1 of 1")
    )
    await expect(page.locator(".task[data-status=complete]")).to_be_visible()
    assert await row(page, "below it").bounding_box() == before
    assert await page.evaluate("window.shifts") == []


async def test_a_stream_and_what_the_bot_says_it_does_are_shown_in_the_thread(
    open_page: OpenPage, web: AsyncWebClient, app: AsyncApp
) -> None:
    stopped: list[str] = []

    @app.event("agent_session_stopped")
    async def stop(event: dict[str, Any]) -> None:
        stopped.append(event["user"])
        await web.agents_sessions_setStatus(
            channel_id=GENERAL, thread_ts=event["thread_ts"], status="active"
        )

    page = await open_page()
    await say(page, "a question")
    await open_thread(page, "a question")
    ts = await row(page, "a question").get_attribute("data-ts")
    place = {"channel_id": GENERAL, "thread_ts": ts}
    await web.assistant_threads_setStatus(**place, status="is thinking…")
    session = page.locator("#thread .session")
    await expect(session).to_contain_text("orchestrator is thinking…")
    await web.agents_sessions_setStatus(**place, status="processing")
    stream = await web.chat_startStream(
        channel=GENERAL,
        thread_ts=ts,
        markdown_text="**One**",
        recipient_user_id=seed.ADA,
        recipient_team_id=seed.TEAM_ID,
    )
    await expect(page.locator("#thread .prose strong")).to_have_text("One")
    await web.chat_appendStream(channel=GENERAL, ts=stream["ts"], markdown_text=" and two")
    await expect(page.locator("#thread .prose")).to_have_text("One and two")
    await session.get_by_role("button", name="Stop").click()
    await expect(session).to_be_hidden()
    assert stopped == [seed.ADA]


async def test_a_message_is_found_answered_and_inspected_by_keyboard_alone(
    open_page: OpenPage,
) -> None:
    page = await open_page()
    await say(page, "first")
    await say(page, "second")
    await expect(row(page, "second")).to_be_visible()
    for _ in range(4):
        await page.keyboard.press("Shift+Tab")
        if await row(page, "second").evaluate("node => node === document.activeElement"):
            break
    await expect(row(page, "second")).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(row(page, "first")).to_be_focused()
    reply = page.locator("main").get_by_role("button", name="Reply in thread")
    for _ in range(6):
        if await reply.evaluate("node => node === document.activeElement"):
            break
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("#thread-composer")).to_be_focused()
    await page.keyboard.type("an answer")
    await page.keyboard.press("Enter")
    await expect(page.locator("#thread .row")).to_have_count(2)
    await page.keyboard.press("Escape")
    await expect(page.locator("#thread")).to_be_hidden()
    await expect(row(page, "first")).to_be_focused()


def fill_thread(slack: LocalSlack, replies: int) -> None:
    """A thread in #general with that many replies, the last of them "the end"."""
    channel = slack.workspace.directory.visible_channel(seed.ADA, GENERAL)
    parent = slack.workspace.messages.post(channel, {"user": seed.ADA, "text": "a long story"})
    for number in range(replies - 1):
        ts = f"{float(parent.ts) + (number + 1) / 1_000_000:.6f}"
        body = {"user": seed.GRACE, "text": f"reply {number} with *some* `formatting`"}
        body |= {"channel": GENERAL, "ts": ts, "thread_ts": parent.ts}
        slack.workspace.storage.put_message(StoredMessage(GENERAL, ts, body, parent.ts))
    last = {"user": seed.GRACE, "text": "the end"}
    slack.workspace.messages.post(channel, last, thread_ts=parent.ts)


async def test_a_thread_of_a_thousand_messages_opens_at_its_end_and_is_whole(
    open_page: OpenPage, slack: LocalSlack
) -> None:
    fill_thread(slack, 1000)
    page = await open_page()
    await page.locator(".thread-row").click()
    await expect(page.locator("#thread .row").last).to_contain_text("the end")
    await expect(page.locator("#thread .row").last).to_be_in_viewport()
    await expect(page.locator("#thread .row")).to_have_count(1001)


async def test_a_page_that_lost_its_server_catches_up(
    browser: Any, tmp_path: Path, manifest: Path
) -> None:
    data = tmp_path / "data"
    context = await browser.new_context()
    page = await context.new_page()
    async with LocalSlack.start(data=data, manifest=manifest, welcome=OFFLINE) as first:
        port = first.port
        await page.goto(first.url)
        await expect(page.locator(".example")).to_have_count(6)
    await expect(page.locator(".pill[role=status]")).to_have_text("Reconnecting…")
    async with LocalSlack.start(port=port, data=data, manifest=manifest) as again:
        await again.person("Grace").post("general", "while you were away")
        await expect(row(page, "while you were away")).to_be_visible(timeout=15_000)
        await context.close()
