"""The command line: a task in the terminal, and a look at the runs there were."""

from __future__ import annotations

import asyncio
import getpass
import logging
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from enum import StrEnum
from typing import Annotated, Any, NoReturn

import structlog
import typer
from rich.console import RenderableType
from rich.table import Table
from sqlmodel import col, select

from orchestrator import bench, text
from orchestrator.commands import Actor, Create, Retry, Stop
from orchestrator.errors import AlreadyRunning, ConfigurationError, OrchestratorError
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings
from orchestrator.store.tables import Run, now
from orchestrator.terminal.screen import Screen, console
from orchestrator.terminal.session import UNFINISHED, Session
from orchestrator.terminal.view import (
    TEAM,
    View,
    attempts_table,
    find,
    look,
    need,
    plan_table,
    progress_table,
)

_MISUSED = 2
_INTERRUPTED = 130

app = typer.Typer(
    help="Does complex tasks with a team of LLM workers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(bench.app, name="bench")


class ModelName(StrEnum):
    """Who answers."""

    ANTHROPIC = "anthropic"
    OFFLINE = "offline"


DatabaseUrl = Annotated[
    str | None, typer.Option("--database", help="The database; DATABASE_URL by default.")
]
ChosenModel = Annotated[ModelName | None, typer.Option("--model", help="Who answers.")]
Yes = Annotated[
    bool, typer.Option("--yes", help="Approve the plan and ask nothing; what needs an answer ends.")
]
Name = Annotated[str, typer.Argument(metavar="R-XXXX", help="The run's short id.")]


@app.callback()
def prepare() -> None:
    """Does complex tasks with a team of LLM workers."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


@app.command()
def run(
    task: Annotated[str, typer.Argument(help="What is to be done.")],
    *,
    yes: Yes = False,
    model: ChosenModel = None,
    database: DatabaseUrl = None,
) -> None:
    """Plan a task, ask for approval, do it, and print the answer."""
    _leave(_create_and_follow(task, _settings(database, model), yes=yes))


@app.command()
def resume(
    name: Name, *, yes: Yes = False, model: ChosenModel = None, database: DatabaseUrl = None
) -> None:
    """Go on with a run that was left."""
    _leave(_follow(name, _settings(database, model), yes=yes))


@app.command()
def retry(
    name: Name, *, yes: Yes = False, model: ChosenModel = None, database: DatabaseUrl = None
) -> None:
    """Try all dead letters of a run again, and go on with it."""
    _leave(_follow(name, _settings(database, model), yes=yes, retries=True))


@app.command()
def stop(name: Name, *, database: DatabaseUrl = None) -> None:
    """End a run now."""
    _leave(_stop(name, _settings(database)))


@app.command()
def show(name: Name, *, database: DatabaseUrl = None) -> None:
    """Show a run's plan, attempts and answer."""
    _leave(_show(name, _settings(database)))


@app.command()
def runs(
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many, the latest first.")] = 20,
    database: DatabaseUrl = None,
) -> None:
    """List the runs there were."""
    _leave(_runs(limit, _settings(database)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit. What went wrong is one line on stderr, no traceback."""
    try:
        app(arguments, prog_name="python -m orchestrator")
    except OrchestratorError as error:
        typer.echo(str(error), err=True)
        sys.exit(_MISUSED if isinstance(error, ConfigurationError) else UNFINISHED)


def _leave(work: Coroutine[Any, Any, int]) -> NoReturn:
    try:
        raise typer.Exit(asyncio.run(work))
    except KeyboardInterrupt as error:
        raise typer.Exit(_INTERRUPTED) from error


def _settings(database: str | None, model: ModelName | None = None) -> Settings:
    # Whoever leaves does not want to wait: attempts under way are handed back at once.
    given: dict[str, object] = {"grace_s": 0.0}
    if database is not None:
        given["DATABASE_URL"] = database
    if model is not None:
        given["model"] = model.value
    return Settings.load(**given)


def _actor() -> Actor:
    return Actor(TEAM, getpass.getuser())


@asynccontextmanager
async def _opened(settings: Settings, screen: Screen) -> AsyncIterator[Orchestrator]:
    """The orchestrator at work here, or watching where another process is at work already."""
    async with AsyncExitStack() as stack:
        try:
            opened = await stack.enter_async_context(Orchestrator.open(settings))
        except AlreadyRunning:
            screen.say("Another process is at work on this database and does the run.")
            watching = Orchestrator.open(settings, works=False)
            opened = await stack.enter_async_context(watching)
        yield opened


async def _create_and_follow(task: str, settings: Settings, *, yes: bool) -> int:
    screen = Screen()
    if not yes and not screen.can_ask:
        screen.say(
            "There is no terminal here to ask in whether the plan is right. "
            "Add --yes to approve it unseen, or run this in a screen."
        )
        return _MISUSED
    async with _opened(settings, screen) as orchestrator:
        done = await orchestrator.do(Create(task), _actor())
        return await _session(orchestrator, screen, done.run_id, yes=yes)


async def _follow(name: str, settings: Settings, *, yes: bool, retries: bool = False) -> int:
    screen = Screen()
    async with _opened(settings, screen) as orchestrator:
        found = await find(orchestrator.database, name)
        if retries:
            done = await orchestrator.do(Retry(found.id, all=True), _actor())
            screen.say(done.sentence)
        return await _session(orchestrator, screen, found.id, yes=yes)


async def _session(orchestrator: Orchestrator, screen: Screen, run_id: str, *, yes: bool) -> int:
    view = await look(orchestrator.database, run_id)
    asks = screen.can_ask and not yes
    return await Session(orchestrator, screen, _actor(), view.run, yes, asks).follow()


async def _stop(name: str, settings: Settings) -> int:
    async with Orchestrator.open(settings, works=False) as orchestrator:
        found = await find(orchestrator.database, name)
        done = await orchestrator.do(Stop(found.id), _actor())
    typer.echo(done.sentence)
    return 0


async def _show(name: str, settings: Settings) -> int:
    out = console(sys.stdout)
    async with Orchestrator.open(settings, works=False) as orchestrator:
        found = await find(orchestrator.database, name)
        view = await look(orchestrator.database, found.id)
    for part in _parts(view):
        out.print(part)
    return 0


def _parts(view: View) -> Iterator[RenderableType]:
    yield f"{view.run.name}: {view.run.status.value}\n{view.run.task}\n"
    if view.plan:
        yield progress_table(view, now()) if view.subtasks else plan_table(view.plan)
    if view.attempts:
        yield attempts_table(view, now())
    for request in view.requests:
        yield f"- {need(view, request)}"
    if view.answer:
        yield f"\n{text.clean(view.answer)}"


async def _runs(limit: int, settings: Settings) -> int:
    async with Orchestrator.open(settings, works=False) as orchestrator:
        async with orchestrator.database.read() as session:
            found = await session.exec(
                select(Run).where(Run.team_id == TEAM).order_by(col(Run.id).desc()).limit(limit)
            )
        table = Table()
        for heading in ("Run", "State", "Created", "Tokens", "Task"):
            table.add_column(heading)
        for each in found:
            created = each.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
            task = text.shorten(text.one_line(each.task), 60)
            table.add_row(each.name, each.status.value, created, str(each.tokens), task)
    console(sys.stdout).print(table)
    return 0
