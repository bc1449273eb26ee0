"""Many workers on one PostgreSQL: what a second one brings, and how soon a dead one is replaced.

`python -m tests.benchmarks.workers` prints one JSON line a figure.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

import psycopg
import sqlalchemy as sa
from sqlmodel import col, select
from tenacity import AsyncRetrying, retry_if_result, stop_after_delay, wait_fixed

from orchestrator.bench import measure_overhead
from orchestrator.commands import Actor, Approve, Create, Stop
from orchestrator.orchestrator import Orchestrator
from orchestrator.processes import gone_after_s
from orchestrator.settings import Settings
from orchestrator.store.tables import Attempt, AttemptStatus, Process, Run, RunStatus
from tests.benchmarks.processes import postgres, started

T = TypeVar("T")

# So many runs of so many subtasks that sleep as long as models take, by workers with so many
# places: whole rounds for one and for two. No subtask waits for another, for which both would have
# to wait.
RUNS = 16
SUBTASKS = 4
PLACES = 8
SLEEP_S = 8
LEAST_SPEEDUP = 1.9
KILLS = 20
TAKEN_OVER_S = 12.0
IDLE_SUBTASKS = 200
_AT_ONCE = 5
_ACTOR = Actor("bench", "bench")
_WITHIN_S = 180.0
_LOOK_S = 0.05


async def speedup(server: str) -> list[dict[str, Any]]:
    """How much sooner two workers are done than one."""
    one = await _seconds_with(1, server)
    two = await _seconds_with(2, server)
    return [
        {
            "benchmark": "work that waits, two workers against one",
            "one_s": round(one, 2),
            "two_s": round(two, 2),
            "times": round(one / two, 3),
            "least": LEAST_SPEEDUP,
            "ratio": round(LEAST_SPEEDUP * two / one, 3),
        }
    ]


async def _seconds_with(count: int, server: str) -> float:
    """Seconds from the first run's approval to the last one's end."""
    numbers = range(1, SUBTASKS + 1)
    task = "\n".join(["Wait", *(f"- Wait here for {n} #slow({n},{SLEEP_S}s)" for n in numbers)])
    with _database(server) as url:
        async with _opened(url) as bench, _workers(url, count):
            await _until(partial(_are_there, bench, count))
            runs = [(await bench.do(Create(task), _ACTOR)).run_id for _ in range(RUNS)]
            await _until(partial(_are_planned, bench))
            for run_id in runs:
                await bench.do(Approve(run_id, 1), _ACTOR)
            return await _until(partial(_seconds_of_all, bench))


async def _are_planned(bench: Orchestrator) -> bool:
    async with bench.database.read() as session:
        proposed = await session.exec(select(Run.id).where(Run.status == RunStatus.PROPOSED))
        return len(proposed.all()) == RUNS


async def _seconds_of_all(bench: Orchestrator) -> float | None:
    query = select(sa.func.count(), sa.func.min(Run.started_at), sa.func.max(Run.finished_at))
    async with bench.database.read() as session:
        done = await session.exec(query.where(Run.status == RunStatus.COMPLETED))
        count, began, over = done.one()
    return (over - began).total_seconds() if count == RUNS else None


async def takeover(server: str) -> list[dict[str, Any]]:
    """Seconds from a worker's kill -9 to the next attempt at what it was at."""
    with _database(server) as url:
        async with _opened(url) as bench, AsyncExitStack() as workers:
            for _ in range(2):
                await workers.enter_async_context(started(_environment(url), "worker"))
            await _until(partial(_are_there, bench, 2))
            await asyncio.sleep(gone_after_s(bench.settings.beat_s))
            seconds = []
            for _ in range(KILLS):
                # As a supervisor does it, the dead one is started again at once.
                again = partial(workers.enter_async_context, started(_environment(url), "worker"))
                seconds.append(await _killed(bench, again))
    worst = max(seconds)
    return [
        {
            "benchmark": f"a worker killed with -9, s until another goes on, worst of {KILLS}",
            "median": round(statistics.median(seconds), 2),
            "worst": round(worst, 2),
            "limit": TAKEN_OVER_S,
            "ratio": round(worst / TAKEN_OVER_S, 3),
        }
    ]


async def _killed(bench: Orchestrator, again: Callable[[], Awaitable[object]]) -> float:
    """Kill whoever begins a new run's subtask; the seconds until somebody else begins it."""
    done = await bench.do(Create("Wait #subtasks(1)\n#slow(1,25s)", auto_approve=True), _ACTOR)
    victim = await _until(partial(_worker_of, bench, done.run_id))
    killed_at = time.monotonic()
    os.kill(int(victim.split(":")[1]), signal.SIGKILL)
    await again()
    await _until(partial(_worker_of, bench, done.run_id, victim))
    seconds = time.monotonic() - killed_at
    await bench.do(Stop(done.run_id), _ACTOR)
    return seconds


async def _worker_of(bench: Orchestrator, run_id: str, but: str = "") -> str | None:
    """Who is at the run's subtask, if it is somebody else."""
    query = select(Attempt.worker).where(
        Attempt.run_id == run_id,
        col(Attempt.subtask).is_not(None),
        Attempt.status == AttemptStatus.RUNNING,
        Attempt.worker != but,
    )
    async with bench.database.read() as session:
        return (await session.exec(query)).first()


def overhead(server: str) -> list[dict[str, Any]]:
    """What a subtask that does nothing costs, beside what it costs with SQLite."""
    with tempfile.TemporaryDirectory() as folder, _database(server) as url:
        urls = {"sqlite": f"sqlite+aiosqlite:///{folder}/bench.db", "postgresql": url}
        cost = {
            f"{kind}_ms": asyncio.run(measure_overhead(IDLE_SUBTASKS, _AT_ONCE, at))[
                "ms_per_subtask"
            ]
            for kind, at in urls.items()
        }
    return [{"benchmark": f"ms a no-op subtask, {IDLE_SUBTASKS} of them, one process", **cost}]


@contextmanager
def _database(server: str) -> Iterator[str]:
    """A database of its own."""
    name = f"bench_{uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    yield server.replace("/postgres?", f"/{name}?")


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Orchestrator]:
    settings = Settings(_env_file=None, database_url=url, model="offline")
    async with Orchestrator.open(settings, works=False) as bench:
        yield bench


@asynccontextmanager
async def _workers(url: str, count: int) -> AsyncIterator[None]:
    async with AsyncExitStack() as workers:
        for _ in range(count):
            arguments = ("worker", "--concurrency", str(PLACES))
            await workers.enter_async_context(started(_environment(url), *arguments))
        yield


def _environment(url: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": url,
        "ORCHESTRATOR_MODEL": "offline",
        "ORCHESTRATOR_GRACE_S": "0",
    }


async def _are_there(bench: Orchestrator, count: int) -> bool:
    async with bench.database.read() as session:
        return len((await session.exec(select(Process.id))).all()) == count


async def _until(condition: Callable[[], Awaitable[T | None]]) -> T:
    """The first true result of `condition`."""
    waiting = AsyncRetrying(
        retry=retry_if_result(lambda found: not found),
        wait=wait_fixed(_LOOK_S),
        stop=stop_after_delay(_WITHIN_S),
    )
    return await waiting(condition)


def main() -> int:
    """Print each figure beside its limit; 1 where one is over."""
    worst = 0.0
    with postgres() as server:
        measures = (
            lambda: asyncio.run(speedup(server)),
            lambda: asyncio.run(takeover(server)),
            lambda: overhead(server),
        )
        for measure in measures:
            for figure in measure():
                sys.stdout.write(json.dumps(figure) + "\n")
                sys.stdout.flush()
                worst = max(worst, figure.get("ratio", 0.0))
    return int(worst > 1)


if __name__ == "__main__":
    sys.exit(main())
