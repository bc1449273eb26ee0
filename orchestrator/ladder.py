"""The attempt ladder: what is changed for the next attempt, by what went wrong with the last."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from orchestrator.errors import ConfigurationError
from orchestrator.model.base import Effort
from orchestrator.store.tables import Outcome

HIGHER = "higher"
FALLBACK = "fallback"

Failure = Literal[
    Outcome.TIMED_OUT, Outcome.EMPTY, Outcome.INVALID, Outcome.REFUSED, Outcome.ERRORED
]
Times = Annotated[float, Field(ge=1, le=10)]


class Step(BaseModel):
    """What one more attempt changes; nothing by itself. `model` may be `fallback`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout: Times = 1
    max_tokens: Times = 1
    effort: Effort | Literal["higher"] | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    model: str | None = None


class Rung(BaseModel):
    """The steps that are taken, one a failure, after failures of these kinds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: frozenset[Failure] = Field(min_length=1)
    steps: tuple[Step, ...] = Field(min_length=1)


# The first rung that names a failure is taken.
Ladder = tuple[Rung, ...]

_LADDER: TypeAdapter[Ladder] = TypeAdapter(Ladder)


def load(path: Path | None = None) -> Ladder:
    """The shipped ladder, with the rungs of the YAML file at `path` before it.

    Raises ConfigurationError with the file's name and what is wrong in it.
    """
    if path is None:
        return _shipped()
    try:
        return _read(path.read_text(encoding="utf-8"), str(path)) + _shipped()
    except OSError as error:
        raise ConfigurationError(f"The ladder {path} cannot be read: {error.strerror}.") from error


@cache
def _shipped() -> Ladder:
    content = resources.files("orchestrator").joinpath("ladder.yml").read_text()
    return _read(content, "shipped")


def _read(content: str, name: str) -> Ladder:
    try:
        return _LADDER.validate_python(yaml.safe_load(content) or [])
    except (yaml.YAMLError, ValidationError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ConfigurationError(f"The ladder {name} is not right: {reason}") from error
