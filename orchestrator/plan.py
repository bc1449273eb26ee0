"""Plans: what is to be done, as data, as JSON and as the text people type."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from orchestrator import text
from orchestrator.errors import InvalidPlan

DEFAULT_ROLE = "generalist"
DEFAULT_PRIORITY = 3
MAX_TITLE = 150


class Pattern(StrEnum):
    """How the subtasks of a plan are coordinated."""

    GRAPH = "graph"
    LINEAR = "linear"
    FAN_OUT = "fan_out"
    STAGED = "staged"
    DYNAMIC = "dynamic"


Size = Literal["S", "M", "L"]

# Used until a role has a history of its own.
SECONDS_BY_SIZE: dict[Size, float] = {"S": 10.0, "M": 25.0, "L": 60.0}


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) else value


def _as_line(value: Any) -> Any:
    return text.one_line(value) if isinstance(value, str) else value


def _as_block(value: Any) -> Any:
    return text.block(value) if isinstance(value, str) else value


def _or_empty(value: Any) -> Any:
    return () if value is None else value


def _parsed(value: Any) -> Any:
    """A schema that came as JSON text, as models write it that cannot write a free object."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else None
    except ValueError:
        return {"type": value}


JsonSchema = Annotated[dict[str, Any] | None, BeforeValidator(_parsed)]
Id = Annotated[str, BeforeValidator(_as_text)]
Line = Annotated[str, BeforeValidator(_as_line)]
Block = Annotated[str, BeforeValidator(_as_block)]
Ids = Annotated[tuple[Id, ...], BeforeValidator(_or_empty)]
Names = Annotated[tuple[Line, ...], BeforeValidator(_or_empty)]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="ignore")


class ExpectedOutput(_Data):
    """What a subtask is to bring; with `json_schema`, its output must fit that JSON Schema."""

    description: Block = ""
    json_schema: JsonSchema = Field(default=None, alias="schema")


class Subtask(_Data):
    """One piece of work as a plan describes it; how it goes is not part of a plan."""

    id: Id
    title: Line = ""
    instructions: Block = ""
    role: Line = DEFAULT_ROLE
    depends_on: Ids = ()
    stage: int | None = None
    priority: int = DEFAULT_PRIORITY
    size: Size = "M"
    expected_output: ExpectedOutput = ExpectedOutput()
    tools: Names = ()
    timeout_s: float | None = None

    @property
    def number(self) -> int:
        """The display number, which stays for life. Only after the gate."""
        return int(self.id)

    @property
    def after(self) -> tuple[int, ...]:
        """The display numbers of what this waits for. Only after the gate."""
        return tuple(int(id_) for id_ in self.depends_on)


class PlanRole(_Data):
    """A kind of worker that the planner made up for one plan."""

    name: Line
    prompt: Block
    tools: Names = ()
    model: Line | None = None


class Plan(_Data):
    """A goal and the subtasks that lead to it."""

    goal: Line
    pattern: Pattern = Pattern.GRAPH
    subtasks: tuple[Subtask, ...]
    roles: tuple[PlanRole, ...] = ()

    def subtask(self, number: int) -> Subtask:
        """The subtask with this display number; KeyError where there is none."""
        for subtask in self.subtasks:
            if subtask.id == str(number):
                return subtask
        raise KeyError(number)

    def to_json(self) -> dict[str, Any]:
        """The plan in its JSON form."""
        return self.model_dump(mode="json", by_alias=True)


# --- the text form -----------------------------------------------------------------------

_NUMBERED = re.compile(r"^(\d{1,4})[.)]\s+(.*)$")
_BULLET = re.compile(r"^[-*•]\s+(.*)$")
_BAR = re.compile(r"(?<!\\)((?:\\\\)*)\|")
_FIELD = re.compile(r"^(after|priority)\s*:\s*(.*)$", re.IGNORECASE)


def to_text(plan: Plan) -> str:
    """The plan as people type it: one line a subtask, instructions indented below."""
    return "\n".join(_lines_of(subtask) for subtask in plan.subtasks)


def _lines_of(subtask: Subtask) -> str:
    fields = [_escaped(subtask.title), _as_role(subtask.role)]
    if subtask.depends_on:
        fields.append(f"after: {', '.join(subtask.depends_on)}")
    if subtask.priority != DEFAULT_PRIORITY:
        fields.append(f"priority: {subtask.priority}")
    head = f"{subtask.id}. {' | '.join(fields)}"
    if not subtask.instructions:
        return head
    return f"{head}\n{textwrap.indent(subtask.instructions, '    ')}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("|", "\\|")


def _as_role(role: str) -> str:
    """A role whose name reads like a field is told from one by a backslash before it."""
    escaped = _escaped(role)
    return f"\\{escaped}" if _FIELD.match(role) else escaped


def _unescaped(value: str) -> str:
    return re.sub(r"\\([\\|]|(?:after|priority)\s*:)", r"\1", value, flags=re.IGNORECASE).strip()


def from_text(typed: str, base: Plan) -> Plan:
    """The plan that `typed` describes; what the text does not show is kept from `base` by number.

    A line without a number gets the next free one. Raises InvalidPlan with a sentence a line
    that cannot be read.
    """
    entries = _entries(text.clean(typed))
    known = {subtask.id: subtask for subtask in base.subtasks}
    free = _free_numbers(entries, known)
    problems: list[str] = []
    subtasks = [_subtask(entry, known, free, problems) for entry in entries]
    if not subtasks:
        problems.append("There is no subtask in it: write one a line.")
    if problems:
        raise InvalidPlan(problems)
    return base.model_copy(update={"subtasks": tuple(subtasks)})


class _Entry:
    __slots__ = ("body", "head", "number")

    def __init__(self, number: str | None, head: str):
        self.number = number
        self.head = head
        self.body: list[str] = []


def _entries(typed: str) -> list[_Entry]:
    entries: list[_Entry] = []
    for line in typed.split("\n"):
        indented = line[:1] in (" ", "\t")
        if entries and (indented or not line.strip()):
            entries[-1].body.append(line)
        elif line.strip():
            entries.append(_entry(line.strip()))
    return entries


def _entry(line: str) -> _Entry:
    if found := _NUMBERED.match(line):
        return _Entry(str(int(found[1])), found[2])
    if found := _BULLET.match(line):
        return _Entry(None, found[1])
    return _Entry(None, line)


def _free_numbers(entries: list[_Entry], known: Iterable[str]) -> Iterable[str]:
    taken = {entry.number for entry in entries} | set(known)
    return (str(n) for n in range(1, 10_000) if str(n) not in taken)


def _fields(head: str) -> list[str]:
    return _BAR.sub(r"\1\n", head).split("\n")


def _subtask(
    entry: _Entry, known: dict[str, Subtask], free: Iterable[str], problems: list[str]
) -> Subtask:
    number = entry.number or next(iter(free))
    hidden = known.get(number, Subtask(id=number))
    title, *fields = _fields(entry.head)
    shown: dict[str, Any] = {
        "id": number,
        "title": text.one_line(_unescaped(title)),
        "instructions": text.block(textwrap.dedent("\n".join(entry.body))),
        "depends_on": (),
        "priority": DEFAULT_PRIORITY,
    }
    for field in fields:
        name, value = _field(field, number, problems)
        if name:
            shown[name] = value
    if not shown["title"]:
        problems.append(f"Subtask {number} has no title.")
    return hidden.model_copy(update=shown)


def _field(field: str, number: str, problems: list[str]) -> tuple[str, Any]:
    found = _FIELD.match(field.strip())
    if not found:
        role = text.one_line(_unescaped(field))
        return ("role", role) if role else ("", None)
    name, value = found[1].lower(), found[2].strip()
    numbers = re.findall(r"\d+", value)
    if re.sub(r"[\d\s,#]|and", "", value) or not (numbers or name == "after"):
        problems.append(f"Subtask {number}: “{name}: {value}” needs numbers.")
        return "", None
    if name == "after":
        return "depends_on", tuple(dict.fromkeys(str(int(n)) for n in numbers))
    return "priority", int(numbers[0])
