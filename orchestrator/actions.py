"""What can be decided about a run, and the attempts such decisions are about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orchestrator.budget import NOTHING, Cost
from orchestrator.model.base import Purpose
from orchestrator.policies import Proposal
from orchestrator.store.tables import Outcome


@dataclass(frozen=True, slots=True)
class Finished:
    """An attempt that is over and has not been acted upon.

    `text` is what went wrong or what the worker asks; `data` goes with it. `reserved` was set
    aside for it when it started, `spent` is what it used. `size` is the output's characters.
    `proposal` is what a plan it made comes to.
    """

    attempt_id: str
    purpose: Purpose
    subtask: int | None
    outcome: Outcome
    text: str = field(default="", compare=False)
    data: Any = field(default=None, compare=False)
    reserved: Cost = field(default=NOTHING, compare=False)
    spent: Cost = field(default=NOTHING, compare=False)
    size: int = field(default=0, compare=False)
    proposal: Proposal | None = field(default=None, compare=False)

    @property
    def tool(self) -> dict[str, Any] | None:
        """The tool call that waits for a person: `title`, `arguments`, and whether it was cut
        off (`is_cut_off`) rather than not begun; None where the worker has a question."""
        return self.data.get("tool") if isinstance(self.data, dict) else None

    @property
    def is_account_trouble(self) -> bool:
        """Whether it failed for a reason no retry changes: key, spend limit, model access."""
        return isinstance(self.data, dict) and bool(self.data.get("account"))


@dataclass(frozen=True, slots=True)
class Start:
    """Begin an attempt; `attempt_id` is given to it by whoever commits the decision."""

    purpose: Purpose
    subtask: int | None


@dataclass(frozen=True, slots=True)
class Succeed:
    """The subtask is done; this attempt's output is its result."""

    finished: Finished


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The attempt failed and there is another step on the ladder."""

    finished: Finished


@dataclass(frozen=True, slots=True)
class Bury:
    """Out of attempts: into the dead letter queue."""

    finished: Finished


@dataclass(frozen=True, slots=True)
class Pause:
    """The worker has a question for a person, or wants to use a tool that needs approval."""

    finished: Finished


@dataclass(frozen=True, slots=True)
class Propose:
    """Planning succeeded: show the plan."""

    finished: Finished


@dataclass(frozen=True, slots=True)
class AskBreakdown:
    """Planning failed: ask a person to write the subtasks."""

    finished: Finished


@dataclass(frozen=True, slots=True)
class Synthesize:
    """Every subtask is over: time for the answer."""


@dataclass(frozen=True, slots=True)
class Condense:
    """A part of results that are too long for one answer has been condensed."""

    finished: Finished


@dataclass(frozen=True, slots=True)
class Complete:
    """The answer is there."""

    finished: Finished


@dataclass(frozen=True, slots=True)
class EndReview:
    """A review is over: make the changes it asks for, if it succeeded and asks for any."""

    finished: Finished

    @property
    def asks_for_changes(self) -> bool:
        """Whether the plan may be another one afterwards."""
        data = self.finished.data
        return isinstance(data, dict) and bool(data.get("changes"))


@dataclass(frozen=True, slots=True)
class AskAccount:
    """The account is in trouble: pause the run and say so, without using up an attempt."""

    finished: Finished


@dataclass(frozen=True, slots=True)
class PutBack:
    """The same trouble with the account again: what the attempt was for waits, too."""

    finished: Finished


@dataclass(frozen=True, slots=True)
class AskBudget:
    """The next call could cost more than is left: a person may raise the budget."""


Action = (
    Start
    | Succeed
    | TryAgain
    | Bury
    | Pause
    | Propose
    | AskBreakdown
    | Synthesize
    | Condense
    | Complete
    | EndReview
    | AskAccount
    | PutBack
    | AskBudget
)
