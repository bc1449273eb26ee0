"""What happened to runs: typed, stored, and told to whoever listens in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog

from orchestrator.store.clock import now

log = structlog.get_logger(__name__)


class EventKind(StrEnum):
    """Everything that can happen to a run."""

    RUN_CREATED = "run_created"
    PLAN_PROPOSED = "plan_proposed"
    PLAN_CHANGED = "plan_changed"
    PLAN_APPROVED = "plan_approved"
    PLAN_REVIEWED = "plan_reviewed"
    PLAN_REJECTED = "plan_rejected"
    REPLAN_ASKED = "replan_asked"
    TASK_CHANGED = "task_changed"
    BREAKDOWN_ASKED = "breakdown_asked"
    ATTEMPT_STARTED = "attempt_started"
    ATTEMPT_FAILED = "attempt_failed"
    SUBTASK_SUCCEEDED = "subtask_succeeded"
    SUBTASK_DEAD = "subtask_dead"
    SUBTASK_PAUSED = "subtask_paused"
    SUBTASK_RETRIED = "subtask_retried"
    SUBTASK_SUPERSEDED = "subtask_superseded"
    SUBTASK_SKIPPED = "subtask_skipped"
    QUESTION_ANSWERED = "question_answered"
    TOOL_DECIDED = "tool_decided"
    FILE_READ = "file_read"
    SYNTHESIS_STARTED = "synthesis_started"
    RESULTS_CONDENSED = "results_condensed"
    RUN_COMPLETED = "run_completed"
    RUN_PAUSED = "run_paused"
    RUN_RESUMED = "run_resumed"
    RUN_STOPPED = "run_stopped"
    RUN_EXPIRED = "run_expired"
    RUN_GUIDED = "run_guided"
    PLAYBOOK_SAVED = "playbook_saved"
    RUN_RATED = "run_rated"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, told after it was committed; `actor` is the user id of a person."""

    kind: EventKind
    run_id: str
    subtask: int | None = None
    attempt_id: str | None = None
    actor: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    at: datetime = field(default_factory=now)


Listener = Callable[[Event], None]
# Gets the run's id, the attempt's, and the next piece of the answer as it is written.
TextListener = Callable[[str, str, str], None]


class Bus:
    """Tells listeners in this process; one that fails is logged and disturbs nobody."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._text_listeners: list[TextListener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every event from now on; call the result to end that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def subscribe_text(self, listener: TextListener) -> Callable[[], None]:
        """Call `listener` with answers while they are written; call the result to end that.

        What it hears is not committed yet: an attempt may fail, and another one begin anew.
        """
        self._text_listeners.append(listener)
        return lambda: self._text_listeners.remove(listener)

    @property
    def has_text_listeners(self) -> bool:
        """Whether anybody wants to read along."""
        return bool(self._text_listeners)

    def publish_text(self, run_id: str, attempt_id: str, piece: str) -> None:
        """Tell every text listener the next piece of an answer."""
        for listener in list(self._text_listeners):
            try:
                listener(run_id, attempt_id, piece)
            except Exception:
                log.exception("text_listener_failed", run=run_id)

    def publish(self, events: Iterable[Event]) -> None:
        """Tell every listener of `events`, in order."""
        for event in events:
            for listener in list(self._listeners):
                try:
                    listener(event)
                except Exception:
                    log.exception("listener_failed", kind=event.kind)
