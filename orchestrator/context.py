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


@dataclass(frozen=True, slots=True)
class SubtaskResult:
    """What a subtask brought. `text` is None where it was skipped or never finished."""

    number: int
    title: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Context:
    """One attempt's view of its run.

    `failure` is what was wrong with the attempt before, in words for the model. `notes` are
    what people said: feedback on the plan, edited instructions, guidance. `changeable` are the
    subtasks a review may still change, `playbooks` what a planner may choose from.
    `condensed` stands for results that are too long to be read at once; `is_part` says that this
    attempt makes such a part. `transcript` and
    `answer` carry on an attempt that paused for a person. `shared` is what all workers of the
    run are told, where it is known already.
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


@dataclass(frozen=True, slots=True)
class Result:
    """What an attempt brought: text, data, or a question with the transcript to go on from."""

    outcome: Outcome = Outcome.SUCCEEDED
    output: str = ""
    data: Any = None
    transcript: list[JsonObject] | None = None
