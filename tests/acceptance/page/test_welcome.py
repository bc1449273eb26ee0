"""What the page tells somebody who sees the bot for the first time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from bot.localslack.server import LocalSlack
from bot.welcome import CLAUDE, OFFLINE
from orchestrator.model.offline import directives

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

OpenPage = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(loop_scope="session")
async def slack(manifest: Any, request: pytest.FixtureRequest) -> Any:
    """A workspace whose page says what the test wants it to."""
    welcome = getattr(request, "param", OFFLINE)
    async with LocalSlack.start(manifest=manifest, welcome=welcome) as workspace:
        yield workspace


async def test_the_page_says_that_answers_are_made_up_and_how_to_change_that(
    open_page: OpenPage, screenshot: Any
) -> None:
    page = await open_page()
    await expect(page.get_by_role("button", name="Offline model")).to_be_visible()
    await page.get_by_role("button", name="Offline model").click()
    guide = page.locator("dialog.guide")
    await expect(guide).to_contain_text("Answers are made up offline")
    await expect(guide).to_contain_text("ANTHROPIC_API_KEY=")
    await expect(guide.locator(".example")).to_have_count(6)
    for directive in OFFLINE.directives:
        await expect(guide.get_by_role("button", name=directive.form, exact=True)).to_be_attached()
    await screenshot(page, "guide")
    await page.keyboard.press("Escape")
    await expect(guide).to_have_count(0)


async def test_a_directive_goes_into_the_box(open_page: OpenPage) -> None:
    page = await open_page()
    await page.fill("#composer", "@orchestrator compare tea and coffee")
    await page.get_by_role("button", name="Examples and directives").first.click()
    await page.get_by_role("button", name="#slow(2,5s)", exact=True).click()
    await expect(page.locator("#composer")).to_have_value(
        "@orchestrator compare tea and coffee #slow(2,5s)"
    )
    await expect(page.locator("#composer")).to_be_focused()


async def test_an_example_in_a_direct_message_is_written_without_a_mention(
    open_page: OpenPage,
) -> None:
    page = await open_page()
    await page.locator(".entry", has_text="orchestrator").first.click()
    await expect(page.locator("main .pane-title h2")).to_contain_text("orchestrator")
    await page.locator(".example").first.click()
    posted = page.locator("#thread .row-text")
    await expect(posted).to_contain_text("Compare three")
    await expect(posted.locator(".mention")).to_have_count(0)


@pytest.mark.parametrize("slack", [CLAUDE], indirect=True)
async def test_nothing_is_called_offline_when_claude_answers(
    open_page: OpenPage, slack: LocalSlack
) -> None:
    page = await open_page()
    await expect(page.locator(".example")).to_have_count(6)
    await page.get_by_role("button", name="Examples", exact=True).click()
    await expect(page.locator("dialog.guide .example")).to_have_count(6)
    seen = (await page.locator("body").inner_text()).casefold()
    assert "offline" not in seen
    assert "made up" not in seen


async def test_every_directive_the_page_lists_is_one_the_offline_model_knows() -> None:
    for directive in OFFLINE.directives:
        assert directives(f"a task {directive.form}").text == "a task"
    assert directives("a task").text == "a task"
