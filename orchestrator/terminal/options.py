"""What the commands have in common: their options, and how they end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from enum import StrEnum
from typing import Annotated, Any, NoReturn

import typer

from orchestrator.settings import Settings


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


def leave(work: Coroutine[Any, Any, int]) -> NoReturn:
    """Do the work and exit with its code."""
    raise typer.Exit(asyncio.run(work))


def settings_of(database: str | None, model: ModelName | None = None) -> Settings:
    """The settings, with what was given on the command line. Raises ConfigurationError."""
    # Whoever leaves does not want to wait: attempts under way are handed back at once.
    given: dict[str, object] = {"grace_s": 0.0}
    if database is not None:
        given["DATABASE_URL"] = database
    if model is not None:
        given["model"] = model.value
    return Settings.load(**given)


def example(arguments: str) -> str:
    """The last line of a command's help."""
    return f"Example: python -m orchestrator {arguments}"
