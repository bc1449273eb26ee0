"""What comes next for a run. Pure: the same state gives the same actions, always."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.model.base import Purpose
from orchestrator.state import (
    Action,
    AskBreakdown,
    Bury,
    Complete,
    Finished,
    Pause,
    Propose,
    RunState,
    Start,
    Succeed,
    Synthesize,
    TryAgain,
)
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
        yield _settled(state, state.finished[0])
    match state.status:
        case RunStatus.PLANNING:
            yield from _planning(state)
        case RunStatus.RUNNING:
            yield from _running(state)
        case RunStatus.SYNTHESIZING:
            yield from _synthesizing(state)


def _settled(state: RunState, finished: Finished) -> Action:
    if finished.outcome is Outcome.SUCCEEDED:
        return _succeeded(finished)
    if finished.outcome is Outcome.PAUSED:
        return Pause(finished)
    if _may_try_again(state, finished):
        return TryAgain(finished)
    return AskBreakdown(finished) if finished.purpose is Purpose.PLAN else Bury(finished)


def _succeeded(finished: Finished) -> Action:
    match finished.purpose:
        case Purpose.PLAN:
            return Propose(finished)
        case Purpose.SYNTHESIS:
            return Complete(finished)
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
        case _:
            return state.limits.subtask_attempts


def _planning(state: RunState) -> Iterator[Action]:
    if state.own.attempt_id is None and not state.asks(RequestKind.BREAKDOWN):
        yield Start(Purpose.PLAN, None)


def _running(state: RunState) -> Iterator[Action]:
    while (number := state.startable()) is not None:
        yield Start(Purpose.SUBTASK, number)
    if state.is_over:
        yield Synthesize()
        yield from _synthesizing(state)


def _synthesizing(state: RunState) -> Iterator[Action]:
    if state.own.attempt_id is None and not state.asks(RequestKind.DEAD_LETTER):
        yield Start(Purpose.SYNTHESIS, None)
