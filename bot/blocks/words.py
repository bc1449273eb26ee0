"""The words and marks for states, the same in every message."""

from __future__ import annotations

from datetime import datetime

from bot.blocks import text
from bot.view import RequestView, RunRow, RunView, SubtaskView
from orchestrator.store.tables import Outcome, RequestKind, RunStatus, SubtaskStatus
from orchestrator.text import plural

_RUN = {
    RunStatus.PLANNING: ("📝", "Planning"),
    RunStatus.PROPOSED: ("✋", "Waiting for approval"),
    RunStatus.RUNNING: ("🔵", "Running"),
    RunStatus.SYNTHESIZING: ("✍️", "Writing the answer"),
    RunStatus.COMPLETED: ("✅", "Done"),
    RunStatus.REJECTED: ("🚫", "Rejected"),
    RunStatus.EXPIRED: ("⌛", "Expired"),
    RunStatus.STOPPED: ("⏹️", "Stopped"),
    RunStatus.FAILED: ("❌", "Failed"),
}

_SUBTASK = {
    SubtaskStatus.WAITING: ("⏳", "waiting"),
    SubtaskStatus.READY: ("⏳", "about to start"),
    SubtaskStatus.RUNNING: ("🔵", "running"),
    SubtaskStatus.PAUSED: ("✋", "waiting for an answer"),
    SubtaskStatus.SUCCEEDED: ("✅", "done"),
    SubtaskStatus.DEAD: ("❌", "failed"),
    SubtaskStatus.SKIPPED: ("⏭️", "skipped"),
    SubtaskStatus.CANCELLED: ("🚫", "not done"),
    SubtaskStatus.SUPERSEDED: ("🔁", "to be done again"),
}
_PLANNED = ("▫️", "planned")

_WHY = {
    Outcome.EMPTY: "the worker answered with nothing",
    Outcome.INVALID: "the result was not in the form that was asked for",
    Outcome.TIMED_OUT: "it took longer than it may",
    Outcome.REFUSED: "the model declined to do it",
    Outcome.ERRORED: "there was an error while it was worked on",
    Outcome.INTERRUPTED: "the program was interrupted while it was worked on",
    Outcome.CANCELLED: "it was broken off",
}

_ASKED = {
    RequestKind.BREAKDOWN: "the plan needs somebody to write it",
    RequestKind.TOOL: "a tool waits for approval",
    RequestKind.BUDGET: "the budget is used up",
    RequestKind.PLAN_CHANGE: "a change of the plan waits for approval",
    RequestKind.ACCOUNT: "the model's account needs somebody",
}

_ACTIVE = frozenset({SubtaskStatus.RUNNING, SubtaskStatus.PAUSED, SubtaskStatus.DEAD})
_FINISHED = frozenset({SubtaskStatus.SUCCEEDED, SubtaskStatus.SKIPPED, SubtaskStatus.CANCELLED})


def run_mark(status: RunStatus, gaps: int = 0) -> str:
    """The sign of a run's state."""
    return "⚠️" if gaps and status is RunStatus.COMPLETED else _RUN[status][0]


def run_state(status: RunStatus, gaps: int = 0) -> str:
    """A run's state in words, capitalised."""
    word = _RUN[status][1]
    return f"{word} with {plural(gaps, 'gap')}" if gaps and status is RunStatus.COMPLETED else word


def mark(subtask: SubtaskView) -> str:
    """The sign of a subtask's state."""
    return (_SUBTASK[subtask.status] if subtask.status else _PLANNED)[0]


def state(subtask: SubtaskView) -> str:
    """A subtask's state in words."""
    return (_SUBTASK[subtask.status] if subtask.status else _PLANNED)[1]


def why(outcome: Outcome | None) -> str:
    """Why something failed, as part of a sentence."""
    return _WHY.get(outcome, "it could not be done") if outcome else "it could not be done"


def is_active(subtask: SubtaskView) -> bool:
    """Whether something goes on with it, or somebody is needed for it."""
    return subtask.status in _ACTIVE


def is_finished(subtask: SubtaskView) -> bool:
    """Whether nothing more happens to it."""
    return subtask.status in _FINISHED


def count(view: RunView, status: SubtaskStatus) -> int:
    """How many subtasks are in this state."""
    return sum(subtask.status is status for subtask in view.subtasks)


def done(view: RunView) -> str:
    """`5 of 8 done`."""
    return f"{view.done} of {len(view.subtasks)} done"


def cost(view: RunView | RunRow) -> str:
    """What the run has cost."""
    return text.money(view.cost_usd, known=view.cost_known)


def took(view: RunView) -> str | None:
    """How long a run that is over took, from its approval or, without one, its beginning."""
    began = view.started_at or view.created_at
    if began is None or view.finished_at is None:
        return None
    return text.duration((view.finished_at - began).total_seconds())


def began(view: RunView) -> datetime | None:
    """When the run started, or was asked for while it has not."""
    return view.started_at or view.created_at


def attention(view: RunView) -> str | None:
    """What open requests need from a person, in a sentence with numbers only."""
    asked = view.open_requests
    parts = [
        *_dead([r for r in asked if r.kind is RequestKind.DEAD_LETTER]),
        *_questions([r for r in asked if r.kind is RequestKind.QUESTION]),
    ]
    parts += [said for kind, said in _ASKED.items() if any(r.kind is kind for r in asked)]
    return "; ".join(parts) or None


def _dead(letters: list[RequestView]) -> list[str]:
    failed = sorted(letter.subtask for letter in letters if letter.subtask is not None)
    parts = [f"{_subtasks(failed)} failed"] if failed else []
    if len(failed) < len(letters):
        parts.append("the answer could not be written")
    return parts


def _questions(questions: list[RequestView]) -> list[str]:
    asking = sorted({question.subtask for question in questions if question.subtask is not None})
    if not asking:
        return []
    return [f"{_subtasks(asking)} {'has' if len(asking) == 1 else 'have'} a question"]


def _subtasks(asked: list[int]) -> str:
    noun = "subtask" if len(asked) == 1 else "subtasks"
    return f"{noun} {text.numbers(asked)}"
