"""Playbooks: plans that were good once, with blanks to fill in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlmodel import select

from orchestrator import text
from orchestrator.errors import ConfigurationError, InvalidInput
from orchestrator.plan import Plan
from orchestrator.store.database import Database
from orchestrator.store.tables import PlaybookRow

_BLANK = re.compile(r"\{\{\s*([a-z][a-z0-9_]*)\s*\}\}")
_NAME = re.compile(r"^[a-z0-9][a-z0-9_-]{0,62}$")
# At the beginning of the task or of a line of it: prose may well speak of playbooks.
_CALLED = re.compile(
    r"^\W*(?:please\s+)?use\s+playbook\s+[\"“'`]?([A-Za-z0-9][\w-]*)[\"”'`]?(.*)",
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)
_VALUE = re.compile(r"([a-z][a-z0-9_]*)\s*[=:]\s*(\"[^\"]*\"|“[^”]*”|[^,;\n]+)", re.IGNORECASE)


class Parameter(BaseModel):
    """A blank of a playbook; one without a default must be filled in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = ""
    default: str | None = None


class Playbook(BaseModel):
    """A plan in its JSON form, in which `{{name}}` stands for a parameter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str = ""
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    plan: dict[str, Any]

    def filled_in(self, values: Mapping[str, str]) -> Plan:
        """The plan with `values` in its blanks. Raises InvalidInput that names what is missing."""
        given = {name: text.block(value) for name, value in values.items() if value.strip()}
        known = {n: p.default for n, p in self.parameters.items() if p.default is not None} | given
        missing = [name for name in self.blanks if name not in known]
        if missing:
            wanted = text.listing([self._described(name) for name in missing])
            raise InvalidInput(
                f"The playbook {self.name} needs {wanted}. Write for instance: "
                f"use playbook {self.name} {', '.join(f'{name}=…' for name in missing)}"
            )
        return Plan.model_validate(_filled(self.plan, known))

    def to_yaml(self) -> str:
        """The playbook as a file of the folder has it."""
        content = self.model_dump(mode="json", exclude_defaults=True)
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)

    @property
    def blanks(self) -> list[str]:
        """The parameters that the plan uses or declares, in order."""
        used = (name for said in _texts(self.plan) for name in _BLANK.findall(said))
        return list(dict.fromkeys([*self.parameters, *used]))

    def _described(self, name: str) -> str:
        description = self.parameters[name].description if name in self.parameters else ""
        return f"{name} ({description})" if description else name


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, list | dict):
        for item in part.values() if isinstance(part, dict) else part:
            yield from _texts(item)


def _filled(part: Any, values: Mapping[str, str]) -> Any:
    if isinstance(part, str):
        return _BLANK.sub(lambda found: values[found[1]], part)
    if isinstance(part, list):
        return [_filled(item, values) for item in part]
    if isinstance(part, dict):
        return {key: _filled(value, values) for key, value in part.items()}
    return part


def load(folder: Path | None) -> dict[str, Playbook]:
    """The playbooks of a folder by name, one a YAML file; the file's name is the default name.

    Raises ConfigurationError with the file's name and what is wrong in it.
    """
    if folder is None:
        return {}
    if not folder.is_dir():
        raise ConfigurationError(f"The folder of playbooks {folder} is not there.")
    found = (_read(path) for path in sorted(folder.glob("*.y*ml")))
    return {playbook.name: playbook for playbook in found}


def _read(path: Path) -> Playbook:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        playbook = Playbook.model_validate({"name": path.stem, **content})
        Plan.model_validate(_filled(playbook.plan, dict.fromkeys(playbook.blanks, "x")))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, ValidationError, TypeError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ConfigurationError(f"The playbook {path} is not right: {reason}") from error
    if not _NAME.match(playbook.name):
        raise ConfigurationError(f"The playbook {path} needs a name like weekly-report.")
    return playbook


def named(name: str) -> str:
    """A name for a playbook made of what a person typed. Raises InvalidInput."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63]
    if not slug:
        raise InvalidInput("A playbook needs a name with letters or digits in it.")
    return slug


def called_for(task: str) -> tuple[str, dict[str, str]] | None:
    """The playbook that a task names (`use playbook NAME key=value, …`), and its values."""
    found = _CALLED.search(task)
    if found is None:
        return None
    values = {key.lower(): value.strip('"“” ') for key, value in _VALUE.findall(found[2])}
    return found[1].lower(), values


async def all_of(database: Database, team: str, folder: Path | None) -> dict[str, Playbook]:
    """The playbooks of the folder and those the team has saved, which win."""
    return load(folder) | await saved(database, team)


async def saved(database: Database, team: str) -> dict[str, Playbook]:
    """The playbooks that the team has saved."""
    async with database.read() as session:
        rows = (await session.exec(select(PlaybookRow).where(PlaybookRow.team_id == team))).all()
    return {
        row.name: Playbook.model_validate(
            {
                "name": row.name,
                "description": row.description,
                "parameters": row.parameters,
                "plan": row.plan,
            }
        )
        for row in rows
    }
