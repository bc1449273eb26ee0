"""How good the engine's schedules are, what a subtask costs it, and how runs share it.

`python -m tests.benchmarks.engine` prints one JSON line a figure. The graphs are random ones of
30 subtasks, mostly bound by the critical path (`dags.json`) or by the places (`dags_wide.json`).
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from orchestrator.bench import Estimates, measure_dag, measure_overhead, read_dags
from orchestrator.commands import Actor, Create
from orchestrator.events import EventKind
from orchestrator.model.base import Call, OnText, Purpose, Reply
from orchestrator.model.scripted import reply
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings
from orchestrator.store.tables import Run

CONCURRENCY = 5
SCHEDULES = (
    ("dags.json", Estimates.EXACT, 1.03),
    ("dags.json", Estimates.NONE, 1.05),
    ("dags_wide.json", Estimates.EXACT, 1.04),
    ("dags_wide.json", Estimates.NONE, 1.10),
)
# Milliseconds a no-op subtask costs a peer that keeps its state in SQLite, on such a machine.
PEER_MS = 0.60
GROWTH = 1.3
HELD_UP = 2.5

_ACTOR = Actor("bench", "bench")
_SECONDS = 0.1


def schedules(url: str) -> list[dict[str, Any]]:
    """The median of makespan over lower bound, for each file and kind of estimate."""
    figures = []
    for name, estimates, limit in SCHEDULES:
        graphs = read_dags(Path(__file__).with_name(name))
        runs = [asyncio.run(measure_dag(g, CONCURRENCY, estimates, url)) for g in graphs]
        ratio = median(run["ratio"] for run in runs)
        figure = {"benchmark": f"schedules of {name}, estimates {estimates}", "median": ratio}
        figures.append(figure | {"limit": limit, "ratio": round(ratio / limit, 3)})
    return figures


def overhead(url: str) -> list[dict[str, Any]]:
    """Milliseconds a no-op subtask, few and many."""
    few = median(_milliseconds(200, url) for _ in range(7))
    many = median(_milliseconds(2000, url) for _ in range(3))
    return [
        _figure("ms a no-op subtask, 200 of them", few, PEER_MS),
        _figure("ms a no-op subtask, 2,000 of them", many, GROWTH * few),
    ]


def _milliseconds(subtasks: int, url: str) -> float:
    return float(asyncio.run(measure_overhead(subtasks, CONCURRENCY, url))["ms_per_subtask"])


def sharing(url: str) -> list[dict[str, Any]]:
    """How much longer a short run takes behind a long one that came first."""
    alone = asyncio.run(_short_run(url, behind=False))
    behind = asyncio.run(_short_run(url, behind=True))
    return [_figure("a 5-subtask run behind one of 200, against alone", behind / alone, HELD_UP)]


async def _short_run(url: str, *, behind: bool) -> float:
    settings = Settings(database_url=url, concurrency=CONCURRENCY, grace_s=0, run_tokens=None)
    settings = settings.model_copy(update={"max_subtasks": 200})
    async with Orchestrator.open(settings, _Sleeper()) as orchestrator:
        begun = asyncio.Event()
        orchestrator.subscribe(
            lambda event: begun.set() if event.kind is EventKind.PLAN_APPROVED else None
        )
        if behind:
            await orchestrator.do(Create("200", auto_approve=True), _ACTOR)
            await begun.wait()
        short = await orchestrator.do(Create("5", auto_approve=True), _ACTOR)
        await orchestrator.finished(short.run_id)
        async with orchestrator.database.read() as session:
            run = await session.get_one(Run, short.run_id)
    assert run.finished_at
    assert run.started_at
    return (run.finished_at - run.started_at).total_seconds()


class _Sleeper:
    """Plans as many subtasks as the task says, each of which takes a tenth of a second."""

    async def complete(self, call: Call, on_text: OnText | None = None) -> Reply:
        if call.purpose is Purpose.PLAN:
            numbers = range(1, int(call.task) + 1)
            subtasks = [{"id": str(n), "title": f"Sleep {n}"} for n in numbers]
            return reply(data={"goal": "Sleep", "subtasks": subtasks})
        if call.purpose is Purpose.SUBTASK:
            await asyncio.sleep(_SECONDS)
        return reply("done")

    async def close(self) -> None:
        return


def _figure(name: str, figure: float, limit: float) -> dict[str, Any]:
    return {
        "benchmark": name,
        "figure": round(figure, 4),
        "limit": round(limit, 4),
        "ratio": round(figure / limit, 3),
    }


def main() -> int:
    """Print each figure beside its limit; 1 where one is over."""
    worst = 0.0
    for measure in (schedules, overhead, sharing):
        with tempfile.TemporaryDirectory() as folder:
            for figure in measure(f"sqlite+aiosqlite:///{folder}/bench.db"):
                sys.stdout.write(json.dumps(figure) + "\n")
                sys.stdout.flush()
                worst = max(worst, figure["ratio"])
    return int(worst > 1)


if __name__ == "__main__":
    sys.exit(main())
