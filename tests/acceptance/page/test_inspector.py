"""The inspector on the page: what passed, what was refused, and troubles on demand."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack.server import LocalSlack

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

OpenPage = Callable[..., Awaitable[Page]]
GENERAL = "C0LOCALGEN1"


async def inspected(page: Page) -> Locator:
    """The inspector, opened."""
    await page.locator("#sidebar").get_by_role("button", name="Inspector").click()
    return page.locator("#inspector")


async def troubles(page: Page) -> Locator:
    """The inspector's switches."""
    inspector = await inspected(page)
    await inspector.get_by_role("button", name="Troubles").click()
    await expect(inspector.get_by_text("Calls that fail")).to_be_visible()
    return inspector


async def refused(call: Awaitable[Any]) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_calls_and_envelopes_are_shown_as_they_pass(
    open_page: OpenPage, app: AsyncApp, web: AsyncWebClient, screenshot: Any
) -> None:
    @app.event("app_mention")
    async def answer(event: dict[str, Any], say: Any) -> None:
        await say(text="an answer", thread_ts=event["ts"])

    page = await open_page()
    inspector = await inspected(page)
    await page.fill("#composer", "@orchestrator hello")
    await page.press("#composer", "Enter")
    sent = inspector.locator(".traffic-envelope", has_text="app_mention")
    await expect(sent).to_contain_text("acked")
    await expect(sent).to_contain_text("Ada Lovelace")
    called = inspector.locator(".traffic-call", has_text="chat.postMessage")
    await expect(called).to_contain_text("#general an answer")
    await expect(called.locator(".meter")).to_have_text("1/10")
    await expect(called.locator("time")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d\.\d{3}$"))
    await called.click()
    await expect(inspector.locator(".json")).to_contain_text('"text": "an answer"')
    await screenshot(page, "inspector")


async def test_a_refused_call_is_red_and_says_why(
    open_page: OpenPage, web: AsyncWebClient, screenshot: Any
) -> None:
    await web.chat_postMessage(channel=GENERAL, text="fine")
    blocks = [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]
    await refused(web.chat_postMessage(channel=GENERAL, text="x", blocks=blocks))
    page = await open_page()
    inspector = await inspected(page)
    failed = inspector.locator(".traffic-failed")
    await expect(failed).to_have_count(1)
    await expect(failed.locator(".traffic-outcome")).to_have_text("invalid_blocks")
    await expect(failed.locator(".traffic-problems")).to_contain_text("must be less than 151")
    red, plain = "rgb(179, 38, 30)", inspector.locator(".traffic-row:not(.traffic-failed)").first
    await expect(failed.locator(".traffic-outcome")).to_have_css("color", red)
    await expect(plain.locator(".traffic-outcome")).not_to_have_css("color", red)
    await inspector.get_by_label("Refused only").check()
    await expect(inspector.locator(".traffic-row")).to_have_count(1)
    await inspector.get_by_label("Refused only").uncheck()
    await inspector.get_by_label("Filter").fill("fine")
    await expect(inspector.locator(".traffic-row")).to_have_count(1)
    await screenshot(page, "refused")


async def test_the_json_of_a_message_is_what_the_bot_gets(
    open_page: OpenPage, web: AsyncWebClient
) -> None:
    metadata = {"event_type": "run", "event_payload": {"id": "R-7F3K"}}
    blocks = [{"type": "markdown", "text": "**hello**"}]
    await web.chat_postMessage(channel=GENERAL, text="hello", blocks=blocks, metadata=metadata)
    page = await open_page()
    await page.locator("main .row", has_text="hello").hover()
    await page.get_by_role("button", name="More actions").click()
    await page.get_by_role("menuitem", name="Show JSON").click()
    shown = page.locator("#inspector .json")
    await expect(shown).to_contain_text('"R-7F3K"')
    await expect(shown).to_contain_text('"**hello**"')
    await expect(shown).not_to_contain_text('"tree"')
    await page.keyboard.press("Escape")
    await expect(shown).to_be_hidden()
    await page.keyboard.press("Escape")
    await expect(page.locator("#inspector")).to_be_hidden()


async def test_an_arranged_fault_meets_the_next_call(
    open_page: OpenPage, web: AsyncWebClient, screenshot: Any
) -> None:
    page = await open_page()
    inspector = await troubles(page)
    await inspector.get_by_label("Method").first.select_option("chat.update")
    await inspector.get_by_role("button", name="Arrange").click()
    arranged = inspector.locator(".chip-plain")
    await expect(arranged).to_have_text("chat.update: ratelimited, 1 more")
    await screenshot(page, "troubles")
    posted = await web.chat_postMessage(channel=GENERAL, text="one")
    update = {"channel": GENERAL, "ts": posted["ts"], "text": "two"}
    assert await refused(web.chat_update(**update)) == "ratelimited"
    await expect(arranged).to_have_count(0)
    await web.chat_update(**update)
    await inspector.get_by_label("Answer").select_option("500")
    await inspector.get_by_label("How often").select_option("")
    await inspector.get_by_role("button", name="Arrange").click()
    await expect(arranged).to_contain_text("until cleared")
    for _ in range(2):
        assert await refused(web.chat_update(**update)) == "internal_error"
    await inspector.get_by_role("button", name="Clear all").click()
    await expect(arranged).to_have_count(0)
    await web.chat_update(**update)


async def test_the_network_can_be_slow_the_socket_drop_and_events_come_twice(
    open_page: OpenPage, app: AsyncApp, web: AsyncWebClient, slack: LocalSlack
) -> None:
    seen: asyncio.Queue[str] = asyncio.Queue()

    @app.event("app_mention")
    async def take(body: dict[str, Any]) -> None:
        await seen.put(body["event_id"])

    page = await open_page()
    inspector = await troubles(page)
    await inspector.get_by_label("Deliver every event twice").check()
    await slack.person("Ada").mention("general", "hello")
    twice = [await asyncio.wait_for(seen.get(), 5), await asyncio.wait_for(seen.get(), 5)]
    assert twice[0] == twice[1]
    await inspector.get_by_label("Slow network").select_option("300")
    await expect(inspector.get_by_role("button", name="Clear all")).to_be_visible()
    before = asyncio.get_running_loop().time()
    await web.auth_test()
    assert asyncio.get_running_loop().time() - before >= 0.3
    await inspector.get_by_role("button", name="Clear all").click()
    dropped_at = slack.workspace.clock()
    await inspector.get_by_role("button", name="Drop the socket").click()
    await slack.wait_for_call("apps.connections.open", lambda call: call.at > dropped_at, 15)
    await slack.wait_connected(15)


async def test_rate_limits_are_changed_and_switched_off(
    open_page: OpenPage, web: AsyncWebClient
) -> None:
    page = await open_page()
    inspector = await troubles(page)
    await inspector.get_by_label("Calls a minute").fill("1")
    await inspector.get_by_label("Method").last.select_option("auth.test")
    await inspector.get_by_role("button", name="Set", exact=True).click()
    await expect(inspector.locator(".chip-plain")).to_have_text("auth.test: 1/min")
    await web.auth_test()
    assert await refused(web.auth_test()) == "ratelimited"
    await inspector.get_by_label("rate limits hold").uncheck()
    await expect(inspector.get_by_label("rate limits hold")).not_to_be_checked()
    await web.auth_test()


async def test_the_limits_of_apps_outside_the_marketplace_are_switched_on(
    open_page: OpenPage, web: AsyncWebClient, slack: LocalSlack
) -> None:
    page = await open_page()
    inspector = await troubles(page)
    async with page.expect_response("**/local/limits"):
        await inspector.get_by_label("outside the Marketplace").check()
    await expect(inspector.get_by_label("outside the Marketplace")).to_be_checked()
    await web.conversations_history(channel="C0LOCALGEN1")
    assert await refused(web.conversations_history(channel="C0LOCALGEN1")) == "ratelimited"
    assert slack.workspace.rates.outside_marketplace


async def test_a_channel_is_archived_and_the_bot_removed_from_its_menu(
    open_page: OpenPage, slack: LocalSlack
) -> None:
    page = await open_page()
    settings = page.get_by_role("button", name="Channel settings")
    await settings.click()
    await page.get_by_role("menuitem", name="Remove orchestrator").click()
    banner = page.locator("main .banner")
    await expect(banner).to_contain_text("orchestrator is not in this channel")
    await banner.get_by_role("button", name="Add it").click()
    await expect(banner).not_to_contain_text("not in this channel")
    await settings.click()
    await page.get_by_role("menuitem", name="Archive the channel").click()
    await expect(banner).to_have_text("This channel is archived: it can only be read.")
    await expect(page.locator("#composer")).to_be_hidden()
    grace = await open_page(person="Grace")
    await grace.get_by_role("button", name="Channel settings").click()
    await expect(grace.get_by_role("menuitem", name="Bring the channel back")).to_have_count(0)
    await settings.click()
    await page.get_by_role("menuitem", name="Bring the channel back").click()
    await expect(page.locator("#composer")).to_be_visible()


async def test_accounts_and_the_app_can_go_and_come_back(
    open_page: OpenPage, web: AsyncWebClient
) -> None:
    linus = await open_page(person="Linus")
    page = await open_page()
    inspector = await troubles(page)
    await inspector.get_by_label("Linus Torvalds has an account").uncheck()
    await expect(linus.locator(".person-name")).to_have_text("Ada Lovelace")
    await page.get_by_role("button", name="Switch person").click()
    await expect(page.get_by_role("menuitemradio", name="Linus")).to_have_count(0)
    await page.keyboard.press("Escape")
    await inspector.get_by_label("orchestrator is installed").uncheck()
    await expect(page.locator("main .banner")).to_contain_text("orchestrator was uninstalled")
    assert await refused(web.auth_test()) == "account_inactive"
    await inspector.get_by_label("orchestrator is installed").check()
    await expect(page.locator("main .banner")).not_to_contain_text("uninstalled")
    await web.auth_test()


async def test_the_inspector_fits_a_phone(
    open_page: OpenPage, web: AsyncWebClient, screenshot: Any
) -> None:
    await web.chat_postMessage(channel=GENERAL, text="a long " + "word" * 60)
    page = await open_page(viewport={"width": 375, "height": 700}, has_touch=True, is_mobile=True)
    await page.get_by_role("button", name="Open the sidebar").click()
    inspector = await inspected(page)
    await expect(inspector.locator(".traffic-row")).to_be_visible()
    await expect(page.locator("#sidebar")).to_be_hidden()
    assert await page.evaluate("document.documentElement.scrollWidth") == 375
    await screenshot(page, "inspector-phone")
