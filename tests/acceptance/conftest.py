"""A person, a workspace and the bot in it, over real Socket Mode."""

import asyncio
import os
import re
import shutil
import sqlite3
import sys
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tenacity import AsyncRetrying, retry_if_result, stop_after_delay, wait_fixed
from uuid6 import uuid7

from bot.app import connected
from bot.localslack import seed
from bot.localslack.server import LocalSlack
from bot.settings import BotSettings
from orchestrator.model.base import Purpose
from orchestrator.model.offline import OfflineModel

PATIENCE_S = 20.0
# A process begins by loading its libraries.
START_S = 60.0
# As fast as the local workspace goes: for tests that are not about the pace.
FAST = 60_000
_LOUD = re.compile(r"<!(?:channel|here|everyone|subteam)")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def expected_refusals():
    """The error codes that a test means to provoke; any other fails it."""
    return set()


@pytest.fixture
async def workspace(tmp_path, expected_refusals):
    """A workspace without limits of pace. In the end nothing was refused and nobody disturbed."""
    with capture_logs() as logs:
        async with LocalSlack.start(data=tmp_path / "slack") as workspace:
            workspace.workspace.rates.enabled = False
            yield workspace
            refused = [call for call in workspace.refused if call.error not in expected_refusals]
            assert refused == []
            assert loud_messages(workspace) == []
    errors = [entry for entry in logs if entry["log_level"] == "error"]
    assert [entry for entry in errors if entry.get("error") not in expected_refusals] == []


def direct(person):
    """A person's messages with the bot."""
    return f"D{person.id.removeprefix('U')}"


def loud_messages(workspace):
    """What the bot said that notifies more than one person."""
    here = workspace.workspace
    said = [
        message
        for channel in here.directory.channels()
        for message in here.messages.seen_by(channel["members"][0], channel, None, everything=True)
        if message.body.get("bot_id")
    ]
    return [message for message in said if _LOUD.search(str(message.body))]


@pytest.fixture
def settings(workspace, tmp_path, migrated_file):
    shutil.copy(migrated_file, tmp_path / "orchestrator.db")
    return BotSettings(
        _env_file=None,
        database_url=f"sqlite+aiosqlite:///{tmp_path}/orchestrator.db",
        model="offline",
        slack_api_url=workspace.api_url,
        slack_bot_token=workspace.bot_token,
        slack_app_token=workspace.app_token,
        updates_per_minute=FAST,
        grace_s=0.2,
    )


@pytest.fixture
def start_bot(workspace, settings):
    """Start the bot; it can be ended and started again under the same workspace."""

    @asynccontextmanager
    async def start(model=None, **changed):
        async with connected(settings.model_copy(update=changed), model or OfflineModel()) as bot:
            await workspace.wait_connected()
            yield bot

    return start


@pytest.fixture
async def bot(start_bot):
    async with start_bot() as bot:
        yield bot


@pytest.fixture
def start_process(workspace, tmp_path):
    """Start the bot as a process of its own, over the same database; it is killed in the end.

    What is `more` goes into its environment.
    """

    @asynccontextmanager
    async def start(*arguments, **more):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *(arguments or ("bot",)),
            env=environment(workspace, tmp_path) | more,
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await workspace.wait_connected(START_S)
            yield process
        finally:
            await kill(process)

    return start


def environment(workspace, folder):
    """What a process needs to be the bot of this workspace, with its rows in `folder`."""
    return {
        "PATH": os.environ["PATH"],
        "SLACK_API_URL": workspace.api_url,
        "SLACK_BOT_TOKEN": workspace.bot_token,
        "SLACK_APP_TOKEN": workspace.app_token,
        "DATABASE_URL": f"sqlite+aiosqlite:///{folder}/orchestrator.db",
        "ORCHESTRATOR_MODEL": "offline",
        "ORCHESTRATOR_UPDATES_PER_MINUTE": str(FAST),
    }


async def kill(process):
    """As `kill -9` does, whatever it is doing."""
    if process.returncode is None:
        process.kill()
    await process.wait()


@pytest.fixture
def rows(tmp_path):
    """What is stored, whichever process runs the bot."""

    def query(statement, *parameters):
        with closing(sqlite3.connect(tmp_path / "orchestrator.db", timeout=10)) as connection:
            return connection.execute(statement, parameters).fetchall()

    return query


@pytest.fixture
def past_of(tmp_path):
    """Adds runs that are over, oldest first, and gives their names."""

    def add(*tasks, requester=seed.ADA, channel="C0LOCALGEN1", status="completed", first=0):
        names = [f"R-{1000 + first + number}" for number in range(len(tasks))]
        at = datetime(2026, 1, 1, tzinfo=UTC)
        with sqlite3.connect(tmp_path / "orchestrator.db") as connection:
            connection.execute(
                "INSERT OR IGNORE INTO team (id, name, created_at) VALUES ('T0LOCAL0001', '', ?)",
                [str(at)],
            )
            for name, task in zip(names, tasks, strict=True):
                columns = {
                    "id": str(uuid7()),
                    "team_id": "T0LOCAL0001",
                    "name": name,
                    "task": task,
                    "note": "",
                    "context": "",
                    "requester": requester,
                    "channel": channel,
                    "thread": "1.1",
                    "status": status,
                    "failed": "[]",
                    "created_at": str(at + timedelta(minutes=1)),
                    "updated_at": str(at),
                }
                defaults(connection, columns)
                connection.execute(
                    f"INSERT INTO run ({', '.join(columns)}) "
                    f"VALUES ({', '.join('?' * len(columns))})",
                    list(columns.values()),
                )
        connection.close()
        return names

    return add


def defaults(connection, columns):
    """Fill in what must not be null; versions say that all is shown."""
    for _, name, kind, not_null, default, _ in connection.execute("PRAGMA table_info(run)"):
        if name not in columns and not_null and default is None:
            columns[name] = 0 if "version" in name or not kind.startswith(("VAR", "TEXT")) else ""


@pytest.fixture
def succeeded(rows):
    """How often each piece of work succeeded, by its purpose and subtask."""

    def count():
        return {
            (purpose, subtask): times
            for purpose, subtask, times in rows(
                "SELECT purpose, subtask, count(*) FROM attempt WHERE outcome = 'succeeded' "
                "GROUP BY purpose, subtask"
            )
        }

    return count


@pytest.fixture
def ada(workspace):
    """An admin."""
    return workspace.person("Ada")


@pytest.fixture
def grace(workspace):
    """Not an admin, in every channel."""
    return workspace.person("Grace")


@pytest.fixture
def linus(workspace):
    """Not an admin, and not in the private channel."""
    return workspace.person("Linus")


class HeldModel:
    """The offline model, which for some purposes waits until it is let go.

    What it `begins` with is written before that.
    """

    def __init__(self, *purposes, begins=""):
        self._begins = begins
        self._offline = OfflineModel()
        self._held = set(purposes)
        self._free = asyncio.Event()
        self.asked = asyncio.Event()

    async def complete(self, call, on_text=None):
        if call.purpose in self._held:
            self.asked.set()
            if self._begins and on_text is not None:
                on_text(self._begins)
            await self._free.wait()
        return await self._offline.complete(call, on_text)

    def let_go(self):
        self._free.set()

    async def close(self):
        await self._offline.close()


class LongAnswer(HeldModel):
    """The offline model, whose answers are long."""

    answer = "\n\n".join(f"Paragraph {number} says a lot about apples." for number in range(600))

    async def complete(self, call, on_text=None):
        reply = await super().complete(call, on_text)
        if call.purpose is Purpose.SYNTHESIS:
            return reply.__class__(**{**_fields(reply), "text": self.answer})
        return reply


def _fields(reply):
    return {name: getattr(reply, name) for name in reply.__dataclass_fields__}


def has_button(label):
    """Whether a message offers that button."""
    return lambda message: any(label == button for button in message.buttons)


def says(*words):
    """Whether everything is in what can be read of a message."""
    return lambda message: all(word in message.words for word in words)


def same(message, *predicates):
    """Whether it is this very message, and all the predicates are true of it."""
    return lambda other: other.ts == message.ts and all(fits(other) for fits in predicates)


def named(callback_id):
    """Whether it is that modal."""
    return lambda view: view.get("callback_id") == callback_id


def is_note(message):
    """Whether it is the passing message that planning has begun."""
    return message.text.startswith("On it: ")


def is_answer(message):
    """Whether it is the answer of a run, all of it."""
    is_text = any(block["type"] == "markdown" for block in message.blocks)
    return is_text and "Run again" in message.buttons


async def proposed(person, task, channel="general"):
    """The mention and the message with the plan."""
    mention = await person.mention(channel, task)
    return mention, await person.wait_for(person.thread(mention), has_button("Approve"), PATIENCE_S)


async def approved(person, task, channel="general"):
    """The mention and the message with the plan, which is approved."""
    mention, plan = await proposed(person, task, channel)
    await person.click(plan, "Approve")
    return mention, plan


async def answered(person, mention):
    """The message with the answer."""
    return await person.wait_for(person.thread(mention), is_answer, PATIENCE_S)


async def done(person, mention, plan):
    """The messages of the thread once the run is over and shown so."""
    await answered(person, mention)
    await person.wait_for(person.thread(mention), same(plan, says("Done")), PATIENCE_S)
    return await without_notes(person, mention)


async def without_notes(person, mention):
    """The messages of the thread once those that pass are gone."""
    for message in await person.messages(person.thread(mention)):
        if is_note(message):
            await person.wait_gone(message, PATIENCE_S)
    return await person.messages(person.thread(mention))


async def told(person, place, *words):
    """What only this person is told there."""
    return await person.wait_for(
        place, lambda message: message.is_ephemeral and says(*words)(message), PATIENCE_S
    )


async def until(condition):
    """Return when it is true of the rows."""
    waiting = AsyncRetrying(
        retry=retry_if_result(lambda found: not found),
        wait=wait_fixed(0.01),
        stop=stop_after_delay(PATIENCE_S),
    )

    async def looked():
        return condition()

    await waiting(looked)


def shape(messages):
    """What a thread shows, without what differs from one run to the next."""
    return [(_plain(message.text), message.buttons) for message in messages]


def _plain(words):
    return re.sub(r"R-[2-9A-Z]{4,8}", "R-NAME", words)


def find(message, label):
    """The button, as it is in the message at the moment."""
    for block in message.blocks:
        for element in block.get("elements", []):
            if element.get("text", {}) == {"type": "plain_text", "text": label}:
                return {**element, "block_id": block["block_id"]}
    raise AssertionError(label)


async def click_as_it_was(workspace, person, message, button):
    """A click on a button that a person's screen still shows, though the message has changed."""
    interactivity = workspace.workspace.interactivity
    bot = workspace.workspace.tenants.of_bot(message.data["bot_id"])
    known = {name: button[name] for name in ("type", "action_id", "block_id", "value", "text")}
    payload = {
        **interactivity._common("block_actions", bot, person.id),
        "container": {"type": "message", "message_ts": message.ts, "channel_id": message.channel},
        "trigger_id": interactivity.triggers.issue(bot, person.id),
        "channel": {"id": message.channel, "name": "general"},
        "message": {"ts": message.ts, "thread_ts": message.thread_ts},
        "actions": [known],
    }
    await interactivity.delivery.request("interactive", payload)
