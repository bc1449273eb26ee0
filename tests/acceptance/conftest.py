"""A person, a workspace and the bot in it, over real Socket Mode."""

from contextlib import asynccontextmanager

import pytest

from bot.app import connected
from bot.localslack.server import LocalSlack
from bot.settings import BotSettings
from orchestrator.model.offline import OfflineModel

PATIENCE_S = 20.0


@pytest.fixture
async def workspace(tmp_path):
    async with LocalSlack.start(data=tmp_path / "slack") as workspace:
        yield workspace


@pytest.fixture
def settings(workspace, tmp_path):
    return BotSettings(
        database_url=f"sqlite+aiosqlite:///{tmp_path}/orchestrator.db",
        model="offline",
        slack_api_url=workspace.api_url,
        slack_bot_token=workspace.bot_token,
        slack_app_token=workspace.app_token,
        grace_s=0.2,
    )


@pytest.fixture
def start_bot(workspace, settings):
    """Start the bot; it can be ended and started again under the same workspace."""

    @asynccontextmanager
    async def start(model=None):
        async with connected(settings, model or OfflineModel()) as bot:
            await workspace.wait_connected()
            yield bot

    return start


@pytest.fixture
async def bot(start_bot):
    async with start_bot() as bot:
        yield bot


@pytest.fixture
def ada(workspace):
    return workspace.person("Ada")


@pytest.fixture
def grace(workspace):
    return workspace.person("Grace")


def has_button(label):
    """Whether a message offers that button."""
    return lambda message: any(label in button for button in message.buttons)


def says(*words):
    """Whether everything is in what can be read of a message."""
    return lambda message: all(word in message.words for word in words)


async def proposed(person, task, channel="general"):
    """The mention and the message with the plan."""
    mention = await person.mention(channel, task)
    return mention, await person.wait_for(person.thread(mention), has_button("Approve"), PATIENCE_S)


def is_answer(message):
    return any(block["type"] == "markdown" for block in message.blocks)


async def answered(person, mention):
    """The message with the answer."""
    return await person.wait_for(person.thread(mention), is_answer, PATIENCE_S)
