"""What is left in memory of runs that are over.

`python -m tests.benchmarks.growth` prints a JSON line for each kind of database: the resident
memory of a process that has done a hundred runs of ten subtasks, and once it has done all. There
are a hundred runs at once.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import psutil

from orchestrator.commands import Actor, Create
from orchestrator.events import Event, EventKind
from orchestrator.model.base import Call, OnText, Purpose, Reply
from orchestrator.model.scripted import reply
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings
from tests.benchmarks.processes import postgres

SUBTASKS = 10
RUNS_AT_ONCE = 100
GROWTH = 1.2
RUNS = {"SQLite": 1_000, "PostgreSQL": 200}
_ACTOR = Actor("bench", "bench")
_PLACES = 20
_PATIENCE_PER_RUN_S = 2.0
_ANSWER = "Nothing. " * 50


class _Instant:
    """Plans ten subtasks that take no time."""

    async def complete(self, call: Call, on_text: OnText | None = None) -> Reply:
        if call.purpose is not Purpose.PLAN:
            return reply(_ANSWER)
        numbers = range(1, SUBTASKS + 1)
        subtasks = [{"id": str(number), "title": f"Part {number}"} for number in numbers]
        return reply(data={"goal": "Nothing", "subtasks": subtasks})

    async def close(self) -> None:
        return


async def growth(url: str, runs: int) -> dict[str, Any]:
    """Do so many runs; MB after the first ones and at the end."""
    settings = Settings(_env_file=None, database_url=url, concurrency=_PLACES)
    async with Orchestrator.open(settings, _Instant()) as orchestrator:
        await _drain(orchestrator, RUNS_AT_ONCE)
        first_mb = _resident_mb()
        for _ in range(runs // RUNS_AT_ONCE - 1):
            await _drain(orchestrator, RUNS_AT_ONCE)
        end_mb = _resident_mb()
    return {
        "first_mb": round(first_mb, 1),
        "end_mb": round(end_mb, 1),
        "limit": GROWTH,
        "ratio": round(end_mb / first_mb / GROWTH, 3),
    }


async def _drain(orchestrator: Orchestrator, runs: int) -> None:
    """Begin so many runs, and wait until they are over."""
    over: asyncio.Queue[str] = asyncio.Queue()
    unsubscribe = orchestrator.subscribe(partial(_note_end, over))
    for _ in range(runs):
        await orchestrator.do(Create("Nothing", auto_approve=True), _ACTOR)
    async with asyncio.timeout(runs * _PATIENCE_PER_RUN_S):
        for _ in range(runs):
            await over.get()
    unsubscribe()


def _note_end(over: asyncio.Queue[str], event: Event) -> None:
    if event.kind is EventKind.RUN_COMPLETED:
        over.put_nowait(event.run_id)


def _resident_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 2**20


def main() -> int:
    """Print the figures beside their limit; 1 where one is over."""
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder, postgres() as server:
        for kind, url in (
            ("SQLite", f"sqlite+aiosqlite:///{folder}/bench.db"),
            ("PostgreSQL", server),
        ):
            figures = {
                "benchmark": f"memory after {RUNS[kind]} runs against after {RUNS_AT_ONCE}, {kind}",
                **_alone(url, RUNS[kind]),
            }
            sys.stdout.write(json.dumps(figures) + "\n")
            sys.stdout.flush()
            worst = max(worst, figures["ratio"])
    return int(worst > 1)


def _alone(url: str, runs: int) -> dict[str, Any]:
    """In a process that has done nothing before."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_measured, url, runs).result()


def _measured(url: str, runs: int) -> dict[str, Any]:
    return asyncio.run(growth(url, runs))


if __name__ == "__main__":
    sys.exit(main())
