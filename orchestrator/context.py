"""What an attempt is about: everything its prompt is made from, and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.attempts import Parameters
from orchestrator.model.base import JsonObject, Purpose
from orchestrator.plan import Plan, Subtask
from orchestrator.playbooks import Playbook
from orchestrator.roles import Role, Roles
from orchestrator.settings import Settings
from orchestrator.store.tables import Outcome
from orchestrator.tools.base import ToolContext
from orchestrator.tools.toolbox import Kit

NO_TOOLS = Kit()
NO_MATERIAL = ToolContext()


@dataclass(frozen=True, slots=True)
class SubtaskResult:
    """What a subtask brought. `text` is None where it was skipped or never finished."""

    number: int
    title: str
    text: str | None


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file of the task: what it is (`summary`), and what of it could not be read (`note`)."""

    id: str
    name: str
    mimetype: str
    summary: str
    note: str = ""
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """One attempt's view of its run.

    `failure` is what was wrong with the attempt before, in words for the model. `notes` are
    what people said: feedback on the plan, edited instructions, guidance. `changeable` are the
    subtasks a review may still change, `playbooks` what a planner may choose from.
    `condensed` stands for results that are too long to be read at once; `is_part` says that this
    attempt makes such a part. `transcript` carries on an attempt that paused for a person, with
    their `answer` to its question. `shared` is what all workers of the run are told, where it is
    known already. `offered` are the names of the tools that each role has, for a planner, and
    `grantable` those that it may give to subtasks. `kit` are the worker's tools, `files` what
    people attached, `pictures` those of them that models are to see, as blocks of the Messages API.
    """

    purpose: Purpose
    number: int
    task: str
    thread: str
    parameters: Parameters
    settings: Settings
    roles: Roles
    plan: Plan | None = None
    subtask: Subtask | None = None
    role: Role | None = None
    results: tuple[SubtaskResult, ...] = ()
    failure: str | None = None
    notes: tuple[str, ...] = ()
    changeable: frozenset[int] = frozenset()
    condensed: tuple[str, ...] = ()
    is_part: bool = False
    playbooks: Mapping[str, Playbook] = field(default_factory=dict)
    transcript: tuple[JsonObject, ...] = ()
    answer: str | None = None
    shared: str = ""
    kit: Kit = NO_TOOLS
    offered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    grantable: tuple[str, ...] = ()
    tool_context: ToolContext = NO_MATERIAL
    files: tuple[AttachedFile, ...] = ()
    pictures: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What an attempt brought: text, data, or a question with the transcript to go on from."""

    outcome: Outcome = Outcome.SUCCEEDED
    output: str = ""
    data: Any = None
    transcript: list[JsonObject] | None = None
