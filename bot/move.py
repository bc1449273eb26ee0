"""`python -m bot move`: from SQLite to PostgreSQL, with a bar that shows how far it is."""

from __future__ import annotations

from functools import partial

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from bot.oauth import stored_tables
from orchestrator.store.move import move


def show_move(source: str, target: str) -> None:
    """Move, and say what to do next. Raises ConfigurationError."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    # Away from a terminal the end is enough.
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("Moving", total=None)
        rows = move(source, target, (stored_tables(),), partial(_show, bar, task))
    Console(highlight=False, soft_wrap=True).print(
        f"{rows:,} rows were moved and checked. Set DATABASE_URL to the new database; "
        "the SQLite file is as it was."
    )


def _show(bar: Progress, task: TaskID, doing: str, done: int, total: int) -> None:
    bar.update(task, description=doing, completed=done, total=total)
