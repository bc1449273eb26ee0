"""What comes next for a run. Pure: the same state gives the same actions, always."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.actions import (
    Action,
    AskAccount,
    AskBreakdown,
    AskBudget,
    Bury,
    Complete,
    Condense,
    EndReview,
    Finished,
    Pause,
    Propose,
    PutBack,
    Start,
    Succeed,
    Synthesize,
    TryAgain,
)
from orchestrator.model.base import Purpose
from orchestrator.plan import Pattern
from orchestrator.state import RunState
from orchestrator.store.tables import Outcome, RequestKind, RunStatus


def decide(state: RunState) -> list[Action]:
    """Everything that follows from `state`, which is moved on to where nothing more follows."""
    # Lazily: each action is applied before the next one is worked out.
    return [state.apply(action) for action in _steps(state)]


def _steps(state: RunState) -> Iterator[Action]:
    if not state.status.is_live:
        return
    while state.finished:
        if not state.is_current(state.finished[0]):
            state.finished.pop(0)
            continue
        action = _settled(state, state.finished[0])
        yield action
        if isinstance(action, EndReview) and action.asks_for_changes:
            # What follows is decided on the changed plan.
            return
    match state.status:
        case RunStatus.PLANNING:
            yield from _planning(state)
        case RunStatus.RUNNING:
            yield from _running(state)
        case RunStatus.SYNTHESIZING:
            yield from _synthesizing(state)


def _settled(state: RunState, finished: Finished) -> Action:
    if finished.outcome is Outcome.SUCCEEDED:
        return _succeeded(state, finished)
    if finished.outcome is Outcome.PAUSED:
        return Pause(finished)
    if finished.is_account_trouble:
        return PutBack(finished) if state.asks_about_account else AskAccount(finished)
    if _may_try_again(state, finished):
        return TryAgain(finished)
    match finished.purpose:
        case Purpose.PLAN:
            return AskBreakdown(finished)
        case Purpose.REVIEW:
            return EndReview(finished)
        case _:
            return Bury(finished)


def _succeeded(state: RunState, finished: Finished) -> Action:
    match finished.purpose:
        case Purpose.PLAN:
            return Propose(finished)
        case Purpose.SYNTHESIS:
            return Complete(finished) if state.portion is None else Condense(finished)
        case Purpose.REVIEW:
            return EndReview(finished)
        case _:
            return Succeed(finished)


def _may_try_again(state: RunState, finished: Finished) -> bool:
    progress = state.own if finished.subtask is None else state.subtasks[finished.subtask]
    if finished.outcome is Outcome.INTERRUPTED:
        return progress.interruptions + 1 < state.limits.interruptions
    return len(progress.failed) + 1 < _attempts_allowed(state, finished.purpose)


def _attempts_allowed(state: RunState, purpose: Purpose) -> int:
    match purpose:
        case Purpose.PLAN:
            return state.limits.plan_attempts
        case Purpose.SYNTHESIS:
            return state.limits.synthesis_attempts
        case Purpose.REVIEW:
            return state.limits.review_attempts
        case _:
            return state.limits.subtask_attempts


def _planning(state: RunState) -> Iterator[Action]:
    if state.awaits_files:
        return
    if state.own.attempt_id is None and not state.asks(RequestKind.BREAKDOWN):
        yield from _started(state, Start(Purpose.PLAN, None))


def _running(state: RunState) -> Iterator[Action]:
    if state.is_review_due and state.own.attempt_id is None:
        yield from _started(state, Start(Purpose.REVIEW, None))
    if state.pattern is not Pattern.STAGED or not state.is_review_due:
        yield from _starting(state)
    if state.is_over and state.own.attempt_id is None and not state.is_held:
        yield Synthesize()
        yield from _synthesizing(state)


def _starting(state: RunState) -> Iterator[Action]:
    """As many subtasks as there are places, as long as they can be paid."""
    number = state.startable()
    while number is not None and not state.is_held:
        started = Start(Purpose.SUBTASK, number)
        yield from _started(state, started)
        number = state.startable() if state.startable() != number else None


def _synthesizing(state: RunState) -> Iterator[Action]:
    if state.own.attempt_id is None and not state.asks(RequestKind.DEAD_LETTER):
        yield from _started(state, Start(Purpose.SYNTHESIS, None))


def _started(state: RunState, start: Start) -> Iterator[Action]:
    """The attempt, if nothing holds the run and it can be paid; else, when nothing that is under
    way could still come out cheaper, the question for more."""
    if state.is_held:
        return
    if state.can_afford(start):
        yield start
    elif not state.is_busy:
        yield AskBudget()
