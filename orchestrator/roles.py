"""Roles: what kinds of worker there are. Shipped in roles.yml, overridable by a file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator import ladder
from orchestrator.errors import ConfigurationError
from orchestrator.ladder import Ladder
from orchestrator.model.base import Effort
from orchestrator.plan import DEFAULT_ROLE, PlanRole


class Role(BaseModel):
    """A kind of worker. `timeout_s` is the seconds of one attempt; None means the default.

    Its `ladder` goes before that of the deployment.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str = ""
    prompt: str
    model: str | None = None
    effort: Effort | None = None
    temperature: float | None = None
    timeout_s: float | None = Field(default=None, gt=0)
    max_tokens: int = Field(default=8192, gt=0)
    tools: tuple[str, ...] = ()
    output_schema: dict[str, Any] | None = None
    ladder: Ladder = ()


class Roles(Mapping[str, Role]):
    """The roles of a deployment by name; the default role is always among them.

    `ladder` is what all of them climb, and what planning, reviews and answers climb. `tools` are
    those that plans may name: what the deployment allows, else what some role has.
    """

    def __init__(
        self, roles: Mapping[str, Role], ladder: Ladder = (), tools: Collection[str] | None = None
    ):
        if DEFAULT_ROLE not in roles:
            raise ConfigurationError(f"The roles need one named “{DEFAULT_ROLE}”, the default.")
        self._roles = dict(roles)
        self.ladder = ladder
        self.tools = frozenset(self._named_tools if tools is None else tools)

    @classmethod
    def load(cls, path: Path | None = None, ladder_path: Path | None = None) -> Roles:
        """The shipped roles and ladder, with those of the YAML files added or put before them.

        Raises ConfigurationError with the file's name and what is wrong in it.
        """
        roles = dict(_shipped())
        if path is not None:
            try:
                roles |= _read(path.read_text(), str(path))
            except OSError as error:
                raise ConfigurationError(
                    f"The roles file {path} cannot be read: {error.strerror}."
                ) from error
        return cls(roles, ladder.load(ladder_path))

    def with_plan_roles(self, added: tuple[PlanRole, ...]) -> Roles:
        """These roles and those a plan made up, which never get a tool that is not allowed here."""
        made_up = {
            role.name: Role(
                name=role.name,
                prompt=role.prompt,
                model=role.model,
                tools=tuple(tool for tool in role.tools if tool in self.tools),
            )
            for role in added
        }
        return Roles(made_up | self._roles, self.ladder, self.tools)

    def ladder_of(self, role: str | None) -> Ladder:
        """What a worker of this role climbs; without one, what the run does itself."""
        return (self._roles[role].ladder if role else ()) + self.ladder

    def with_tools(self, tools: Collection[str]) -> Roles:
        """These roles where the deployment allows `tools`."""
        return Roles(self._roles, self.ladder, tools)

    @property
    def _named_tools(self) -> Iterator[str]:
        return (tool for role in self._roles.values() for tool in role.tools)

    def __getitem__(self, name: str) -> Role:
        return self._roles[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._roles)

    def __len__(self) -> int:
        return len(self._roles)


@cache
def _shipped() -> Mapping[str, Role]:
    content = resources.files("orchestrator").joinpath("roles.yml").read_text()
    return _read(content, "roles.yml")


def _read(content: str, name: str) -> dict[str, Role]:
    try:
        loaded = yaml.safe_load(content) or {}
        return {key: Role.model_validate({"name": key, **value}) for key, value in loaded.items()}
    except (yaml.YAMLError, ValidationError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"The roles file {name} is not right: {_first(error)}") from error


def _first(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
