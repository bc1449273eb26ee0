"""How close the engine comes to the best possible schedule, and what a subtask costs it.

Both run through the real engine, store and queue; only the model is made to sleep. Times are
read from the rows afterwards.
"""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel, Field, ValidationError
from sqlmodel import func, select

from orchestrator import graph
from orchestrator.commands import Actor, Create, Defaults
from orchestrator.errors import InvalidInput, OrchestratorError
from orchestrator.events import Event, EventKind
from orchestrator.model.base import Call, OnText, Purpose, Reply
from orchestrator.model.scripted import reply
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan, Subtask
from orchestrator.settings import Settings
from orchestrator.store.database import Database
from orchestrator.store.tables import Attempt, Run
from orchestrator.terminal.options import example

app = typer.Typer(no_args_is_help=True)

_ACTOR = Actor("bench", "bench")
_ENDS = frozenset({EventKind.RUN_COMPLETED, EventKind.SUBTASK_DEAD, EventKind.BREAKDOWN_ASKED})
_WARM_UP_SUBTASKS = 50
# Seconds a subtask may cost on top of its own time before a benchmark is given up.
_PATIENCE_S = 60.0
_PATIENCE_PER_SUBTASK_S = 0.1


class Estimates(StrEnum):
    """What the scheduler is told of how long subtasks take."""

    EXACT = "exact"
    NONE = "none"


class Task(BaseModel):
    """A node of a graph in a file; `dur` in seconds."""

    id: str
    dur: float = Field(ge=0)
    deps: tuple[str, ...] = ()


class Dag(BaseModel):
    """A graph in a file."""

    seed: int
    tasks: tuple[Task, ...] = Field(min_length=1)


class Dags(BaseModel):
    """The form of a file of graphs; what else is in it does not matter here."""

    dags: tuple[Dag, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """A plan, and the seconds that each of its subtasks takes, by number."""

    plan: Plan
    seconds: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Times:
    """When a run was approved, when its first subtask began, when its last was over."""

    approved_at: datetime
    began_at: datetime
    over_at: datetime


class SleepingModel:
    """Plans what it was given, and does each subtask by sleeping."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload

    async def complete(self, call: Call, on_text: OnText | None = None) -> Reply:
        """The plan, or after the subtask's time a word."""
        if call.purpose is Purpose.PLAN:
            return reply(data=self._workload.plan.to_json())
        if call.subtask is not None:
            await asyncio.sleep(self._workload.seconds[call.subtask])
        return reply("ok")

    async def close(self) -> None:
        """Nothing to let go of."""


def read_dags(path: Path) -> tuple[Dag, ...]:
    """The graphs in the file. Raises InvalidInput where there are none."""
    try:
        return Dags.model_validate_json(path.read_bytes()).dags
    except (OSError, ValidationError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InvalidInput(f"{path} is not a file of graphs: {reason}") from error


def workload_of(dag: Dag) -> Workload:
    """The graph as a plan. Its subtasks are numbered in the order of the file, as the gate does."""
    subtasks = tuple(
        Subtask(id=task.id, title=f"Sleep {task.id}", instructions="Sleep.", depends_on=task.deps)
        for task in dag.tasks
    )
    seconds = {number: task.dur for number, task in enumerate(dag.tasks, start=1)}
    return Workload(Plan(goal=f"Graph {dag.seed}", subtasks=subtasks), seconds)


def idle(subtasks: int) -> Workload:
    """So many subtasks that wait for nothing and do nothing."""
    tasks = tuple(Task(id=str(number), dur=0) for number in range(1, subtasks + 1))
    return workload_of(Dag(seed=0, tasks=tasks))


def lower_bound(dag: Dag, concurrency: int) -> float:
    """Seconds that no schedule can beat: the critical path, or all work shared out evenly.

    Raises InvalidInput for a graph that has no order.
    """
    needs = {task.id: task.deps for task in dag.tasks}
    seconds = {task.id: task.dur for task in dag.tasks}
    try:
        longest = graph.remaining(needs, seconds)
    except (KeyError, ValueError) as error:
        raise InvalidInput(f"Graph {dag.seed} has a cycle or an unknown dependency.") from error
    return max(max(longest.values()), sum(seconds.values()) / concurrency)


async def perform(
    workload: Workload,
    concurrency: int,
    database_url: str,
    estimates: Estimates = Estimates.EXACT,
) -> Times:
    """Run the workload to its end, without asking anybody. Raises OrchestratorError."""
    count = len(workload.plan.subtasks)
    settings = Settings.load(
        DATABASE_URL=database_url,
        concurrency=concurrency,
        attempt_timeout_s=max(workload.seconds.values()) + _PATIENCE_S,
    )
    # The limit on plans is for people; what is measured here may be larger.
    settings = settings.model_copy(update={"max_subtasks": count})
    opened = Orchestrator.open(
        settings, SleepingModel(workload), estimate=partial(_expected, workload, estimates)
    )
    patience = sum(workload.seconds.values()) + _PATIENCE_S + count * _PATIENCE_PER_SUBTASK_S
    async with opened as orchestrator:
        ends: asyncio.Queue[Event] = asyncio.Queue()
        orchestrator.subscribe(partial(_note_end, ends))
        create = Create("Benchmark", auto_approve=True, defaults=Defaults(concurrency=concurrency))
        done = await orchestrator.do(create, _ACTOR)
        try:
            async with asyncio.timeout(patience):
                await _completed(ends, done.run_id)
        except TimeoutError as error:
            raise OrchestratorError(f"The benchmark took over {patience:.0f} seconds.") from error
        return await _times(orchestrator.database, done.run_id)


def _expected(workload: Workload, estimates: Estimates, plan: Plan) -> Mapping[int, float]:
    if estimates is Estimates.EXACT:
        return workload.seconds
    return {subtask.number: 1.0 for subtask in plan.subtasks}


def _note_end(ends: asyncio.Queue[Event], event: Event) -> None:
    if event.kind in _ENDS:
        ends.put_nowait(event)


async def _completed(ends: asyncio.Queue[Event], run_id: str) -> None:
    while (event := await ends.get()).run_id != run_id:
        continue
    if event.kind is not EventKind.RUN_COMPLETED:
        raise OrchestratorError(f"The benchmark's run failed: {event.kind.value}.")


async def _times(database: Database, run_id: str) -> Times:
    async with database.read() as session:
        run = await session.get_one(Run, run_id)
        spans = await session.exec(
            select(func.min(Attempt.started_at), func.max(Attempt.finished_at)).where(
                Attempt.run_id == run_id, Attempt.purpose == Purpose.SUBTASK
            )
        )
        began_at, over_at = spans.one()
    assert run.started_at
    assert began_at
    assert over_at
    return Times(run.started_at, began_at, over_at)


async def measure_dag(
    dag: Dag, concurrency: int, estimates: Estimates, database_url: str
) -> dict[str, Any]:
    """Run one graph; how long it took against how long it had to take, in seconds."""
    bound = lower_bound(dag, concurrency)
    times = await perform(workload_of(dag), concurrency, database_url, estimates)
    makespan = (times.over_at - times.began_at).total_seconds()
    return {
        "seed": dag.seed,
        "subtasks": len(dag.tasks),
        "makespan_s": round(makespan, 4),
        "lower_bound_s": round(bound, 4),
        "ratio": round(makespan / bound, 4) if bound else None,
    }


async def measure_overhead(subtasks: int, concurrency: int, database_url: str) -> dict[str, Any]:
    """Run subtasks that do nothing, from approval to the last finish, after a warm-up."""
    await perform(idle(min(subtasks, _WARM_UP_SUBTASKS)), concurrency, database_url)
    # What start-up left in memory is not gone through at the subtasks' expense.
    gc.collect()
    gc.freeze()
    times = await perform(idle(subtasks), concurrency, database_url)
    seconds = (times.over_at - times.approved_at).total_seconds()
    return {
        "subtasks": subtasks,
        "seconds": round(seconds, 4),
        "ms_per_subtask": round(seconds * 1000 / subtasks, 4),
    }


# --- the commands ------------------------------------------------------------------------

Concurrency = Annotated[int, typer.Option(min=1, help="Attempts that run at once.")]
DatabaseUrl = Annotated[
    str | None, typer.Option("--database", help="A database; else a SQLite file for the while.")
]


@app.callback(epilog=example("bench overhead --subtasks 200"))
def prepare() -> None:
    """Measure the engine."""
    # A benchmark that is broken off takes its files away.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@app.command(epilog=example("bench dags dags.json --concurrency 5 --estimates none"))
def dags(
    file: Annotated[Path, typer.Argument(help="A JSON file of graphs.")],
    concurrency: Concurrency = 5,
    estimates: Estimates = Estimates.EXACT,
    database: DatabaseUrl = None,
) -> None:
    """Run every graph of FILE and print one JSON line for each."""
    for dag in read_dags(file):
        with _database(database) as url:
            _print(asyncio.run(measure_dag(dag, concurrency, estimates, url)))


@app.command(epilog=example("bench overhead --subtasks 200 --concurrency 5"))
def overhead(
    subtasks: Annotated[int, typer.Option(min=1, help="Subtasks that do nothing.")] = 200,
    concurrency: Concurrency = 5,
    database: DatabaseUrl = None,
) -> None:
    """Print what a subtask costs the engine, start and finish committed, in milliseconds."""
    with _database(database) as url:
        _print(asyncio.run(measure_overhead(subtasks, concurrency, url)))


@contextmanager
def _database(url: str | None) -> Iterator[str]:
    if url is not None:
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="orchestrator-bench-") as folder:
        yield f"sqlite+aiosqlite:///{folder}/bench.db"


def _print(measured: dict[str, Any]) -> None:
    typer.echo(json.dumps(measured))
