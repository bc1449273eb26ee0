"""The page of the local workspace in a real browser, against the real server."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack.server import LocalSlack
from bot.welcome import OFFLINE

MANIFEST = """
features:
  slash_commands:
    - command: /echo
      description: Says it again
      usage_hint: "[words]"
  shortcuts:
    - name: Look at this
      type: message
      callback_id: look
      description: Looks
"""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LIMIT_MS = 10_000

OpenPage = Callable[..., Awaitable[Page]]


def find_browser() -> str:
    """The path of a Chromium; without one tests are skipped, except in CI where they fail."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    reason = "No Chromium found: tried " + ", ".join(BROWSERS)
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests; each page has its own storage."""
    path = find_browser()
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=path, headless=True, args=ARGUMENTS
        )
        yield launched
        await launched.close()


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """An app manifest with a command and a shortcut."""
    path = tmp_path / "manifest.yml"
    path.write_text(MANIFEST, encoding="utf-8")
    return path


@pytest_asyncio.fixture(loop_scope="session")
async def slack(manifest: Path) -> AsyncIterator[LocalSlack]:
    """A running local workspace."""
    async with LocalSlack.start(manifest=manifest, welcome=OFFLINE) as workspace:
        yield workspace


@pytest.fixture
def web(slack: LocalSlack) -> AsyncWebClient:
    """What a bot says things with."""
    return AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)


@pytest.fixture
def connect(slack: LocalSlack) -> Callable[[AsyncApp], AbstractAsyncContextManager[None]]:
    """Connects a bot over Socket Mode: `async with connect(app)`."""
    return partial(connected, slack=slack)


@pytest_asyncio.fixture(loop_scope="session")
async def app(slack: LocalSlack) -> AsyncIterator[AsyncApp]:
    """A bot of the test's own, connected; listeners are added by the test."""
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
    bolt = AsyncApp(client=client)
    async with connected(bolt, slack):
        yield bolt


@asynccontextmanager
async def connected(bolt: AsyncApp, slack: LocalSlack) -> AsyncIterator[None]:
    """The bot over Socket Mode, for as long as it is needed."""
    socket_client = AsyncWebClient(token=slack.app_token, base_url=slack.api_url)
    handler = AsyncSocketModeHandler(bolt, slack.app_token, web_client=socket_client)
    await handler.connect_async()
    await slack.wait_connected()
    try:
        yield
    finally:
        await handler.close_async()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, slack: LocalSlack) -> AsyncIterator[OpenPage]:
    """Opens the page, by default as Ada in #general; errors in the page fail the test."""
    contexts = []
    problems: list[str] = []

    async def open_(hash_: str = "", *, person: str = "", **options: Any) -> Page:
        context = await browser.new_context(
            **{"viewport": {"width": 1280, "height": 800}, **options}
        )
        contexts.append(context)
        context.set_default_timeout(LIMIT_MS)
        if person:
            user = slack.workspace.directory.person(person)["id"]
            await context.add_init_script(f"localStorage.setItem('person', '{user}')")
        page = await context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: problems.append(f"a dialog opened: {dialog.message}"))
        await page.goto(f"{slack.url}/{hash_}")
        await page.wait_for_selector(".entry[aria-current]", state="attached")
        return page

    yield open_
    for context in contexts:
        await context.close()
    assert problems == []


@pytest.fixture
def screenshot(request: pytest.FixtureRequest) -> Callable[[Page, str], Awaitable[None]]:
    """Keeps a picture of the page in a folder that git ignores."""
    folder = request.config.rootpath / "artifacts"
    folder.mkdir(exist_ok=True)

    async def keep(page: Page, name: str) -> None:
        await page.screenshot(path=folder / f"{name}.png")

    return keep
