"""From decisions to the rows that record them."""

from __future__ import annotations

from typing import Any

from orchestrator import attempts, text
from orchestrator.attempts import Parameters
from orchestrator.events import Event, EventKind
from orchestrator.model.base import Purpose
from orchestrator.plan import Plan
from orchestrator.settings import Settings
from orchestrator.state import (
    Action,
    AskBreakdown,
    AskBudget,
    Bury,
    Complete,
    Finished,
    Pause,
    Propose,
    Start,
    Succeed,
    Synthesize,
    TryAgain,
)
from orchestrator.store.changes import Changes, new_subtasks
from orchestrator.store.load import Live
from orchestrator.store.tables import (
    Attempt,
    PlanRevision,
    Request,
    RequestKind,
    RevisionSource,
    RunStatus,
    SubtaskStatus,
    new_row,
    now,
    row,
)


def changes_of(live: Live, actions: list[Action], settings: Settings) -> Changes:
    """The rows of `actions`, which have been applied to the state of `live` already."""
    return _Record(live, settings).of(actions)


class _Record:
    def __init__(self, live: Live, settings: Settings) -> None:
        self._live = live
        self._settings = settings
        self._changes = Changes()

    def of(self, actions: list[Action]) -> Changes:
        for action in actions:
            self._add(action)
        state = self._live.state
        self._changes.subtasks = [
            (number, left, state.subtasks[number]) for number, left in state.left.items()
        ]
        if any(_is_own(action) for action in actions):
            self._changes.run |= {
                "status": state.status,
                "tries": state.own.tries,
                "failed": list(state.own.failed),
                "interruptions": state.own.interruptions,
                "attempt_id": state.own.attempt_id,
            }
        return self._changes

    def _add(self, action: Action) -> None:
        match action:
            case Start(purpose=purpose, subtask=subtask):
                self._start(purpose, subtask)
            case Succeed(finished):
                self._event(EventKind.SUBTASK_SUCCEEDED, finished)
            case TryAgain(finished):
                self._event(EventKind.ATTEMPT_FAILED, finished, outcome=finished.outcome)
            case Bury(finished):
                self._bury(finished)
            case Pause(finished):
                options = (finished.data or {}).get("options", [])
                self._request(RequestKind.QUESTION, finished, options)
                self._event(EventKind.SUBTASK_PAUSED, finished)
            case Propose(finished):
                self._propose(finished)
            case AskBreakdown(finished):
                self._request(RequestKind.BREAKDOWN, finished)
                self._event(EventKind.BREAKDOWN_ASKED, finished)
            case Synthesize():
                self._changes.events.append(Event(EventKind.SYNTHESIS_STARTED, self._live.run.id))
            case Complete(finished):
                self._complete(finished)

    def _start(self, purpose: Purpose, subtask: int | None) -> None:
        state, run = self._live.state, self._live.run
        progress = state.own if subtask is None else state.subtasks[subtask]
        first, role = self._first(purpose, subtask)
        parameters = attempts.climb(first, progress.failed, self._settings.fallback_model)
        attempt = new_row(
            Attempt,
            run_id=run.id,
            subtask=subtask,
            purpose=purpose,
            number=progress.tries + 1,
            revision=run.revision,
            role=role,
            parameters=parameters.to_json(),
        )
        state.named(subtask, attempt["id"])
        self._changes.attempts.append(attempt)
        self._changes.events.append(
            Event(
                EventKind.ATTEMPT_STARTED,
                run.id,
                subtask,
                attempt["id"],
                data={"purpose": purpose, "number": attempt["number"]},
            )
        )

    def _first(self, purpose: Purpose, subtask: int | None) -> tuple[Parameters, str | None]:
        if subtask is None:
            return attempts.of_run(purpose, self._settings), None
        item = self._live.items[subtask]
        role = self._live.roles[item.role]
        return attempts.of_role(role, self._settings, item.timeout_s), role.name

    def _bury(self, finished: Finished) -> None:
        self._request(RequestKind.DEAD_LETTER, finished)
        self._event(EventKind.SUBTASK_DEAD, finished, outcome=finished.outcome)

    def _propose(self, finished: Finished) -> None:
        run = self._live.run
        number = run.revision + 1
        plan = Plan.model_validate(finished.data["plan"])
        self._changes.revisions.append(
            row(
                PlanRevision(
                    run_id=run.id,
                    number=number,
                    source=RevisionSource.PLANNER,
                    feedback=run.note,
                    repairs=finished.data["repairs"],
                    plan=plan.to_json(),
                )
            )
        )
        self._changes.run |= {"revision": number, "note": ""}
        self._event(EventKind.PLAN_PROPOSED, finished, revision=number)
        if self._live.state.status is RunStatus.RUNNING:
            self._changes.new_subtasks += new_subtasks(run.id, plan)
            self._changes.run["started_at"] = now()
            self._event(EventKind.PLAN_APPROVED, finished, revision=number, automatic=True)
        else:
            self._request(RequestKind.APPROVAL, finished, revision=number)

    def _complete(self, finished: Finished) -> None:
        skipped = (SubtaskStatus.SKIPPED, SubtaskStatus.CANCELLED)
        subtasks = self._live.state.subtasks.values()
        self._changes.run |= {
            "answer_attempt_id": finished.attempt_id,
            "answer_revision": self._live.run.answer_revision + 1,
            "gaps": sum(progress.status in skipped for progress in subtasks),
            "finished_at": now(),
        }
        self._event(EventKind.RUN_COMPLETED, finished)

    def _request(
        self,
        kind: RequestKind,
        finished: Finished,
        options: list[str] | None = None,
        revision: int | None = None,
    ) -> None:
        request = Request(
            run_id=self._live.run.id,
            kind=kind,
            subtask=finished.subtask,
            attempt_id=finished.attempt_id,
            revision=self._live.run.revision if revision is None else revision,
            text=text.clean(finished.text),
            options=options or [],
        )
        self._changes.requests.append(row(request))

    def _event(self, kind: EventKind, finished: Finished, **data: Any) -> None:
        event = Event(kind, self._live.run.id, finished.subtask, finished.attempt_id, data=data)
        self._changes.events.append(event)


def _is_own(action: Action) -> bool:
    if isinstance(action, Synthesize | AskBudget):
        return True
    return action.subtask is None if isinstance(action, Start) else action.finished.subtask is None
