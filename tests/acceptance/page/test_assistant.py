"""Talking to an assistant on the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect
from slack_bolt.async_app import AsyncApp, AsyncAssistant

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

OpenPage = Callable[..., Awaitable[Page]]
MANIFEST = """
features:
  assistant_view: {assistant_description: Finds books}
settings:
  event_subscriptions:
    bot_events: [app_home_opened, assistant_thread_started, message.im]
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """The manifest of an assistant."""
    path = tmp_path / "manifest.yml"
    path.write_text(MANIFEST, encoding="utf-8")
    return path


@pytest.fixture
def librarian(app: AsyncApp) -> AsyncApp:
    """Suggests what to ask for, and finds whatever it is."""
    assistant = AsyncAssistant()

    @assistant.thread_started
    async def start(say: Any, set_suggested_prompts: Any) -> None:
        await say("How can I help?")
        await set_suggested_prompts(prompts=[{"title": "A novel", "message": "Find a novel"}])

    @assistant.user_message
    async def find(payload: dict[str, Any], say: Any) -> None:
        await say(f"Found: {payload['text']}")

    @app.event("app_home_opened")
    async def opened(event: dict[str, Any], client: Any) -> None:
        await client.assistant_threads_setSuggestedPrompts(
            channel_id=event["channel"],
            thread_ts=None,
            prompts=[{"title": "A play", "message": "Find a play"}],
        )

    app.use(assistant)
    return app


async def test_what_is_said_to_an_assistant_opens_its_thread(
    open_page: OpenPage, librarian: AsyncApp
) -> None:
    page = await open_page("#/D0LOCALADA1")
    await page.get_by_role("button", name="A play").click()
    await page.fill("#composer", "Find an atlas")
    await page.press("#composer", "Enter")
    thread = page.locator("#thread")
    await expect(thread.locator(".row", has_text="Found: Find an atlas")).to_be_visible()
    await expect(thread.locator(".row", has_text="How can I help?")).to_be_visible()
    await thread.get_by_role("button", name="A novel").click()
    await expect(thread.locator(".row", has_text="Found: Find a novel")).to_be_visible()
    await expect(thread.get_by_role("button", name="A novel")).to_be_hidden()
