"""Twenty threads at once, at the limits of Slack, by a clock that jumps to what is due next."""

import asyncio
import random
import shutil
import statistics
from collections import defaultdict
from contextlib import closing
from functools import partial

import pytest
import sqlalchemy as sa
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse
from sqlmodel import select

from bot.abilities import Abilities
from bot.localslack import seed
from bot.localslack.errors import ApiError
from bot.localslack.manifest import read_manifest
from bot.localslack.methods import METHODS, ApiCall
from bot.localslack.storage import Storage
from bot.localslack.workspace import build_workspace
from bot.people import People
from bot.publisher import Publisher
from bot.publishing import Publishing
from bot.streaming import Streams
from orchestrator.plan import Plan, Subtask
from orchestrator.store.clock import now
from orchestrator.store.tables import (
    Message,
    PlanRevision,
    RevisionSource,
    Run,
    RunStatus,
    SubtaskRow,
    SubtaskStatus,
    Team,
    new_row,
)
from tests.benchmarks.publisher import LIMIT_REFUSED, LIMIT_STALENESS, Watched, staleness
from tests.driven_clock import AwaitedDatabase, DrivenLoop, passes

RUNS, SUBTASKS = 20, 10
SECONDS = 60.0
CALL_S = 0.2
CLICKED = 3
"""The run whose changes are what a person clicked."""
EPOCH = 1_700_000_000.0
GENERAL = "C0LOCALGEN1"


class Near(AsyncWebClient):
    """Calls a workspace in the same process."""

    def __init__(self, workspace):
        super().__init__(token=seed.BOT_TOKEN)
        self.workspace = workspace
        self.caller = workspace.tenants.of_token(seed.BOT_TOKEN)
        self.calls = []

    async def api_call(self, api_method, *, json=None, params=None, **_):
        await passes(CALL_S)
        given = {key: value for key, value in (json or params or {}).items() if value is not None}
        method, headers, status = METHODS[api_method], {}, 200
        try:
            self.workspace.rates.take(api_method, method.rate, given.get("channel", ""))
            data = {
                "ok": True,
                **method.run(ApiCall(self.workspace, api_method, given, self.caller)),
            }
        except ApiError as error:
            data, status = {"ok": False, "error": error.code}, error.status
            headers = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s else {}
        at = asyncio.get_running_loop().time()
        self.calls.append((api_method, given.get("ts"), at, data.get("error")))
        return AsyncSlackResponse(
            client=self,
            http_verb="POST",
            api_url=api_method,
            req_args={},
            data=data,
            headers=headers,
            status_code=status,
        ).validate()


def begin(connection, number, thread):
    """A run that was approved."""
    subtasks = [
        Subtask(id=str(n), title=f"Part {n}", instructions=".", role="researcher")
        for n in range(1, SUBTASKS + 1)
    ]
    run = new_row(
        Run,
        team_id=seed.TEAM_ID,
        name=f"R-{number + 100}",
        task="Look at apples",
        requester="U0LOCALADA1",
        channel=GENERAL,
        thread=thread,
        status=RunStatus.RUNNING,
        revision=1,
        started_at=now(),
    )
    plan = Plan(goal="Apples", subtasks=subtasks).model_dump(mode="json")
    revision = new_row(
        PlanRevision, run_id=run["id"], number=1, source=RevisionSource.PLANNER, plan=plan
    )
    rows = [new_row(SubtaskRow, run_id=run["id"], number=s.number) for s in subtasks]
    for table, values in ((Run, [run]), (PlanRevision, [revision]), (SubtaskRow, rows)):
        connection.execute(sa.insert(table.__table__), values)
    return run["id"]


def succeed(connection, run_id, number, *, is_last):
    """A subtask is done, and with the last one the run."""
    table = SubtaskRow.__table__
    which = (table.c.run_id == run_id, table.c.number == number)
    connection.execute(sa.update(table).where(*which).values(status=SubtaskStatus.SUCCEEDED))
    run = Run.__table__
    ended = {"status": RunStatus.COMPLETED, "finished_at": now()} if is_last else {}
    change = sa.update(run).where(run.c.id == run_id)
    connection.execute(change.values(version=run.c.version + 1, **ended))


async def all_shown(database):
    async with asyncio.timeout(10 * SECONDS):
        while True:
            async with database.read() as session:
                behind = select(Run.id).where(Run.shown_version < Run.version)
                if not (await session.exec(behind)).all():
                    return
            await passes(1)


def ends_of():
    """When which subtask of which run is done."""
    chance = random.Random(7)
    times = {
        run: sorted(chance.uniform(0, SECONDS) for _ in range(SUBTASKS)) for run in range(RUNS)
    }
    ends = [(at, run, n) for run, each in times.items() for n, at in enumerate(each, start=1)]
    return sorted(ends)


async def watch(url, storage):
    """Twenty runs from their approval to their end, as they are seen in the workspace."""
    loop = asyncio.get_running_loop()
    workspace = build_workspace(
        storage, "http://localhost", read_manifest(None), clock=lambda: EPOCH + loop.time()
    )
    general = workspace.directory.channel(GENERAL)
    client, database = Near(workspace), AwaitedDatabase(url)

    async def clients(_):
        return client

    abilities = Abilities(database)
    publishing = Publishing(database, beat_s=2)
    streams = Streams(database, clients, People(clients), abilities, publishing, 1.5)
    publisher = Publisher(database, clients, 40, abilities, streams, publishing)
    team = new_row(Team, id=seed.TEAM_ID)
    await database.write(lambda connection: connection.execute(sa.insert(Team.__table__), [team]))
    asked = {"user": "U0LOCALADA1", "text": "Apples"}
    threads = [workspace.messages.post(general, asked).ts for _ in range(RUNS)]
    runs = [
        await database.write(partial(begin, number=n, thread=ts)) for n, ts in enumerate(threads)
    ]
    publisher.start()
    await all_shown(database)
    client.calls.clear()
    changes = await work(database, publisher, runs)
    await all_shown(database)
    await publisher.stop()
    async with database.read() as session:
        shown = dict((await session.exec(select(Message.run_id, Message.ts))).all())
    await database.close()
    edits = [
        [at for _, ts, at, error in client.calls if ts == shown[run] and not error] for run in runs
    ]
    said = [workspace.messages.find(general, shown[run]).body["text"] for run in runs]
    refused = sum(error is not None for *_, error in client.calls)
    exact = sum(f"{SUBTASKS} of {SUBTASKS} done" in text for text in said)
    return Watched([changes[run] for run in runs], edits, len(client.calls), refused, exact)


async def work(database, publisher, runs):
    """One subtask after the other is done; when each run changed."""
    loop = asyncio.get_running_loop()
    begun, changes = loop.time(), defaultdict(list)
    for at, index, number in ends_of():
        await passes(begun + at - loop.time())
        done = partial(succeed, run_id=runs[index], number=number, is_last=number == SUBTASKS)
        await database.write(done)
        changes[runs[index]].append(loop.time())
        if index == CLICKED:
            publisher.urge(runs[index])
        publisher.wake()
    return changes


@pytest.fixture
def watched(migrated_file, tmp_path):
    file = tmp_path / "orchestrator.db"
    shutil.copy(migrated_file, file)
    with (
        closing(Storage(tmp_path)) as storage,
        asyncio.Runner(loop_factory=DrivenLoop) as runner,
    ):
        yield runner.run(watch(f"sqlite+aiosqlite:///{file}", storage))


def test_twenty_threads_are_kept_up_within_what_slack_allows(watched):
    assert watched.exact == RUNS
    assert watched.refused <= LIMIT_REFUSED * watched.calls
    assert statistics.median(staleness(watched)) <= LIMIT_STALENESS


def test_who_clicks_sees_that_it_was_taken_before_others_are_brought_up_to_date(watched):
    changes, edits = watched.changes[CLICKED], watched.edits[CLICKED]
    waits = [min(at for at in edits if at >= change) - change for change in changes]
    assert max(waits) <= 2 * 60 / 40 + CALL_S
