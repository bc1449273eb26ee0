"""What is attached to mentions: told by their messages, in whichever order and process, or looked
up within what Slack allows. By a clock that jumps to what is due next."""

import asyncio
import shutil
from contextlib import asynccontextmanager
from functools import partial

import pytest
from slack_sdk.errors import SlackClientError
from sqlmodel import select

from bot.downloads import Downloads, attached_to
from orchestrator import control
from orchestrator.attachments import Attachments
from orchestrator.commands import Actor, Create, NewFile
from orchestrator.files.extractor import Extractor
from orchestrator.gate import Gatekeeping
from orchestrator.settings import Settings
from orchestrator.store.tables import Artifact, Run
from tests.driven_clock import AwaitedDatabase, drive, now, passes
from tests.limited_slack import LimitedSlack

TEAM, CHANNEL = "T1", "C1"
NUMBERS = NewFile("numbers.csv", "text/csv", 3, "F1")


class Slack(LimitedSlack):
    """Finds messages without files, and no file that another message told of."""

    def answer(self, given):
        return {"messages": [{"ts": given["ts"]}]}

    async def files_info(self, **_):
        raise SlackClientError("Files are not looked at here.")


class Mentions:
    """Runs that wait for what is attached to their mentions."""

    def __init__(self, database, slack):
        self.database, self.slack = database, slack
        self.woken = []
        self._attachments = self.process()

    def process(self):
        """The attachments as another process knows them."""
        extractor = Extractor.of(Settings(_env_file=None))
        return Attachments(self.database, extractor, self.woken.append)

    @asynccontextmanager
    async def looked_for(self):
        async def clients(_):
            return self.slack

        async def ready():
            pass

        downloads = Downloads(self._attachments, clients, ready, 1_000)
        downloads.start()
        try:
            yield downloads
        finally:
            await downloads.stop()

    async def begin(self, number):
        """A mention begins a run; returns its id."""
        stands = attached_to(CHANNEL, f"{number}.0")
        work = partial(
            control.perform,
            command=Create("Look", CHANNEL, files=(stands,)),
            actor=Actor(TEAM, "U1"),
            gatekeeping=Gatekeeping((), (), 10),
        )
        return (await self.database.write(work)).run_id

    async def tell(self, number, *files):
        """The message is told of, in another process than the one that looks."""
        source = attached_to(CHANNEL, f"{number}.0").source
        await self.process().tell(TEAM, source, files)

    async def files(self, run_id):
        async with self.database.read() as session:
            found = await session.exec(select(Artifact).where(Artifact.run_id == run_id))
            return [(file.name, file.source, file.note) for file in found]

    async def waiting(self):
        async with self.database.read() as session:
            return sum((await session.exec(select(Run.files_pending))).all())

    async def settled(self):
        async with asyncio.timeout(1_000):
            while await self.waiting():
                await passes(0.05)


@pytest.fixture
def run(migrated_file, tmp_path):
    """Play a scene with mentions, in driven time."""
    file = tmp_path / "orchestrator.db"
    shutil.copy(migrated_file, file)

    def run(scene):
        async def played():
            database = AwaitedDatabase(f"sqlite+aiosqlite:///{file}")
            try:
                return await scene(Mentions(database, Slack()))
            finally:
                await database.close()

        return drive(played())

    return run


async def in_turn(mentions, told_first):
    """A mention and its message, in one order or the other."""
    if told_first:
        await mentions.tell(1, NUMBERS)
    run_id = await mentions.begin(1)
    async with mentions.looked_for() as downloads:
        downloads.wake()
        await passes(0.2)
        if not told_first:
            assert await mentions.waiting() == 1
            await mentions.tell(1, NUMBERS)
        await passes(5)
    return run_id


@pytest.mark.parametrize("told_first", [True, False])
def test_the_message_tells_of_the_files_before_or_after_the_mention(run, told_first):
    async def scene(mentions):
        run_id = await in_turn(mentions, told_first)
        ((name, source, _),) = await mentions.files(run_id)
        return name, source, mentions.slack.asked_at, set(mentions.woken) == {run_id}

    assert run(scene) == ("numbers.csv", "F1", [], True)


@pytest.mark.parametrize("told_first", [True, False])
def test_a_message_without_files_lets_the_run_go_on(run, told_first):
    async def scene(mentions):
        if told_first:
            await mentions.tell(1)
        run_id = await mentions.begin(1)
        async with mentions.looked_for():
            await passes(0.2)
            if not told_first:
                await mentions.tell(1)
            at = now()
            await mentions.settled()
        return await mentions.files(run_id), mentions.slack.asked_at, now() - at < 0.2

    assert run(scene) == ([], [], True)


def test_a_message_in_another_workspace_tells_nothing(run):
    async def scene(mentions):
        await mentions.begin(1)
        source = attached_to(CHANNEL, "1.0").source
        await mentions.process().tell("T2", source, [NUMBERS])
        return await mentions.waiting()

    assert run(scene) == 1


def test_where_the_message_does_not_come_slack_is_asked_once_after_two_seconds(run):
    async def scene(mentions):
        await mentions.begin(1)
        async with mentions.looked_for():
            await mentions.settled()
            await passes(60)
        return mentions.slack.asked_at

    (at,) = run(scene)
    assert at == pytest.approx(2, abs=0.1)


def test_five_mentions_make_one_call_more_when_slack_asks_for_half_a_minute(run):
    async def scene(mentions):
        mentions.slack.open_at = 32.0
        for number in range(5):
            await mentions.begin(number)
        async with mentions.looked_for():
            await mentions.settled()
        return mentions.slack.asked_at

    asked = run(scene)
    first = asked[0]
    assert sum(first < at < first + 30 for at in asked) == 0
    assert sum(at < 32 for at in asked) <= 3
    assert len(asked) <= 5 + 2


def test_a_minute_of_errors_costs_a_few_calls_each_and_the_person_is_told(run):
    async def scene(mentions):
        mentions.slack.open_at, mentions.slack.code = 10_000.0, "internal_error"
        runs = [await mentions.begin(number) for number in range(5)]
        async with mentions.looked_for():
            await mentions.settled()
        notes = [note for run_id in runs for *_, note in await mentions.files(run_id)]
        return len(mentions.slack.asked_at), notes, now()

    calls, notes, ended = run(scene)
    assert calls <= 5 * 5
    assert len(notes) == 5
    assert all("without them" in note for note in notes)
    assert ended < 600


def test_seventy_mentions_are_looked_up_within_what_slack_allows(run):
    async def scene(mentions):
        async with mentions.looked_for() as downloads:
            for number in range(70):
                await mentions.begin(number)
                downloads.wake()
                await passes(10 / 70)
            await mentions.settled()
        return mentions.slack.asked_at

    asked = run(scene)
    assert len(asked) <= 1.2 * 70
    assert all(sum(at <= other < at + 60 for other in asked) <= 50 for at in asked)
