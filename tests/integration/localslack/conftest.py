"""A local workspace and a small Bolt app of the tests' own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack.server import LocalSlack

MANIFEST = """
display_information: {name: Orchestrator}
features:
  slash_commands:
    - {command: /runs, description: Past runs, usage_hint: all, should_escape: true}
  shortcuts:
    - {name: Orchestrate this, type: message, callback_id: orchestrate_this}
    - {name: Start, type: global, callback_id: start}
"""


class Clock:
    """Time that only moves when told to."""

    def __init__(self):
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class SmallBot:
    """A Bolt app over real Socket Mode; `seen` collects the events it was sent."""

    def __init__(self, workspace: LocalSlack):
        client = AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url)
        self.client = client
        self.app = AsyncApp(client=client)
        self.seen: asyncio.Queue[dict] = asyncio.Queue()
        self._handler = AsyncSocketModeHandler(self.app, workspace.app_token)
        self.workspace = workspace

    async def next(self) -> dict:
        """The next thing that was put into `seen`."""
        return await asyncio.wait_for(self.seen.get(), 5)

    async def connect(self) -> None:
        """Connect to the workspace."""
        await self._handler.connect_async()
        await self.workspace.wait_connected()

    async def close(self) -> None:
        """Go away."""
        await self._handler.close_async()


@pytest.fixture
def manifest(tmp_path) -> Path:
    path = tmp_path / "manifest.yml"
    path.write_text(MANIFEST)
    return path


@pytest.fixture
async def workspace(tmp_path, manifest) -> AsyncIterator[LocalSlack]:
    async with LocalSlack.start(data=tmp_path / "data", manifest=manifest) as running:
        yield running


@pytest.fixture
async def bot(workspace) -> AsyncIterator[SmallBot]:
    small = SmallBot(workspace)
    yield small
    await small.close()


@pytest.fixture
def client(workspace) -> AsyncWebClient:
    return AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url)


@pytest.fixture
def ada(workspace):
    return workspace.person("Ada")


@pytest.fixture
def linus(workspace):
    return workspace.person("Linus")
