"""The command line: a task in the terminal, and what can be done about runs there were."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import structlog
import typer

from orchestrator import bench, export, report, text
from orchestrator.commands import Guide, Redo, Retry, Skip, Stop
from orchestrator.errors import ConfigurationError, InvalidInput, OrchestratorError
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings
from orchestrator.terminal import history, playbooks, work
from orchestrator.terminal.codes import Code
from orchestrator.terminal.options import (
    ChosenModel,
    DatabaseUrl,
    Name,
    Yes,
    example,
    leave,
    settings_of,
)
from orchestrator.terminal.screen import console
from orchestrator.terminal.view import find, look

app = typer.Typer(
    help="Does complex tasks with a team of LLM workers.",
    epilog=example('run "Compare three job queues" --model offline'),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(bench.app, name="bench")
app.add_typer(playbooks.app, name="playbooks")


class Format(StrEnum):
    """What a run is exported as."""

    JSON = "json"
    MARKDOWN = "markdown"


Number = Annotated[int, typer.Argument(min=1, metavar="SUBTASK", help="The subtask's number.")]


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
    # It reports a read that was broken off as an error, though it has cleared up after it.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)


# --- runs that go on here ----------------------------------------------------------------


@app.command(epilog=example('run "Compare three job queues" --yes > answer.md'))
def run(
    task: Annotated[str, typer.Argument(help="What is to be done.")],
    *,
    yes: Yes = False,
    model: ChosenModel = None,
    database: DatabaseUrl = None,
) -> None:
    """Plan a task, ask for approval, do it, and print the answer."""
    leave(work.begin(task, settings_of(database, model), yes=yes))


@app.command(epilog=example("resume R-7F3K"))
def resume(
    name: Name, *, yes: Yes = False, model: ChosenModel = None, database: DatabaseUrl = None
) -> None:
    """Go on with a run that was left."""
    leave(work.go_on(name, settings_of(database, model), yes=yes))


@app.command(epilog=example("retry R-7F3K --yes"))
def retry(
    name: Name, *, yes: Yes = False, model: ChosenModel = None, database: DatabaseUrl = None
) -> None:
    """Try all dead letters of a run again, and go on with it."""
    settings = settings_of(database, model)
    leave(work.go_on(name, settings, yes=yes, first=lambda view: Retry(view.run.id, all=True)))


@app.command(epilog=example("skip R-7F3K 2"))
def skip(
    name: Name,
    subtask: Annotated[
        int | None, typer.Argument(min=1, metavar="SUBTASK", help="The dead subtask's number.")
    ] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Skip all that is not done: answer with what there is.")
    ] = False,
    yes: Yes = False,
    model: ChosenModel = None,
    database: DatabaseUrl = None,
) -> None:
    """Go on with a run without a dead subtask, or without all that is not done."""
    if everything == (subtask is not None):
        raise typer.BadParameter("name a subtask, or say --all.")
    settings = settings_of(database, model)
    leave(
        work.go_on(
            name,
            settings,
            yes=yes,
            first=lambda view: Skip(view.run.id, subtask, all=everything),
        )
    )


@app.command(epilog=example('redo R-7F3K 2 --feedback "Use newer figures."'))
def redo(
    name: Name,
    subtask: Number,
    *,
    feedback: Annotated[str, typer.Option(help="What to do differently.")] = "",
    yes: Yes = False,
    model: ChosenModel = None,
    database: DatabaseUrl = None,
) -> None:
    """Do a finished or skipped subtask again, and all that rests on it."""
    settings = settings_of(database, model)
    leave(
        work.go_on(name, settings, yes=yes, first=lambda view: Redo(view.run.id, subtask, feedback))
    )


@app.command(epilog=example('answer R-7F3K "The one from 2024."'))
def answer(
    name: Name,
    said: Annotated[
        str, typer.Argument(metavar="TEXT", help="The answer, or an option by number or name.")
    ],
    *,
    subtask: Annotated[int | None, typer.Option(min=1, help="Whose question it answers.")] = None,
    yes: Yes = False,
    model: ChosenModel = None,
    database: DatabaseUrl = None,
) -> None:
    """Answer what a run asks, and go on with it."""
    settings = settings_of(database, model)
    leave(
        work.go_on(name, settings, yes=yes, first=lambda view: work.answering(view, said, subtask))
    )


# --- a word in passing -------------------------------------------------------------------


@app.command(epilog=example("stop R-7F3K"))
def stop(name: Name, *, database: DatabaseUrl = None) -> None:
    """End a run now."""
    leave(work.tell(name, settings_of(database), lambda view: Stop(view.run.id)))


@app.command(epilog=example('guide R-7F3K "Prices in euros, please."'))
def guide(
    name: Name,
    said: Annotated[str, typer.Argument(metavar="TEXT", help="What they should know.")],
    *,
    database: DatabaseUrl = None,
) -> None:
    """Tell the reviewer, and the subtasks that have not started, something."""
    leave(work.tell(name, settings_of(database), lambda view: Guide(view.run.id, said)))


# --- a look ------------------------------------------------------------------------------


@app.command(epilog=example("show R-7F3K"))
def show(name: Name, *, database: DatabaseUrl = None) -> None:
    """Show a run's plan, attempts and answer."""
    leave(_show(name, settings_of(database)))


@app.command(epilog=example("runs --limit 5"))
def runs(
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many, the latest first.")] = 20,
    database: DatabaseUrl = None,
) -> None:
    """List the runs there were."""
    leave(_runs(limit, settings_of(database)))


@app.command(epilog=example("dead"))
def dead(*, database: DatabaseUrl = None) -> None:
    """List the dead letters of all runs: subtasks that are out of attempts."""
    leave(_dead(settings_of(database)))


@app.command("export", epilog=example("export R-7F3K --format markdown --output run.md"))
def export_run(
    name: Name,
    *,
    form: Annotated[
        Format, typer.Option("--format", help="All of it for programs, or a report for people.")
    ] = Format.JSON,
    output: Annotated[Path | None, typer.Option(help="A file, in place of the screen.")] = None,
    database: DatabaseUrl = None,
) -> None:
    """Print everything there is about a run."""
    leave(_export(name, form, output, settings_of(database)))


async def _show(name: str, settings: Settings) -> int:
    out = console(sys.stdout)
    async with Orchestrator.open(settings, works=False) as orchestrator:
        found = await find(orchestrator.database, name)
        view = await look(orchestrator.database, found.id)
    for part in history.one(view):
        out.print(part)
    return Code.COMPLETED


async def _runs(limit: int, settings: Settings) -> int:
    async with Orchestrator.open(settings, works=False) as orchestrator:
        table = await history.latest(orchestrator.database, limit)
    console(sys.stdout).print(table)
    return Code.COMPLETED


async def _dead(settings: Settings) -> int:
    async with Orchestrator.open(settings, works=False) as orchestrator:
        table = await history.dead_letters(orchestrator.database)
    console(sys.stdout).print(table)
    return Code.COMPLETED


async def _export(name: str, form: Format, output: Path | None, settings: Settings) -> int:
    async with Orchestrator.open(settings, works=False) as orchestrator:
        found = await find(orchestrator.database, name)
        exported = await export.of_run(orchestrator.database, found.id)
    content = exported.to_json() if form is Format.JSON else report.markdown(exported)
    if output is None:
        typer.echo(content.removesuffix("\n"))
    else:
        _write(output, content)
    return Code.COMPLETED


def _write(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}.") from error


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit. What went wrong is one line on stderr, no traceback."""
    try:
        app(arguments, prog_name="python -m orchestrator")
    except ConfigurationError as error:
        _fail(str(error), Code.MISUSED)
    except OrchestratorError as error:
        _fail(str(error), Code.UNFINISHED)
    except sa.exc.SQLAlchemyError as error:
        _fail(f"The database failed: {getattr(error, 'orig', None) or error}", Code.UNFINISHED)


def _fail(sentence: str, code: Code) -> None:
    typer.echo(text.without_secrets(text.one_line(sentence)), err=True)
    sys.exit(code)
