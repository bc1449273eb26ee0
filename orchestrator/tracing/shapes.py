"""What the spans of runs, subtasks and attempts look like, made from their rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from orchestrator.model.base import Purpose
from orchestrator.store.tables import Attempt, Outcome, SubtaskStatus
from orchestrator.tracing import contents, ids, names, rounds
from orchestrator.tracing.rounds import Round
from orchestrator.tracing.writer import Attributes, Past, nanoseconds

# Roles that plans made up are content.
_OTHER = "other"
_OWN_AGENTS = {
    Purpose.PLAN: "orchestrator",
    Purpose.REVIEW: "orchestrator",
    Purpose.SYNTHESIS: "synthesizer",
}
# The columns that an attempt's span is made of.
_OF_ATTEMPT = {"id", "run_id", "subtask", "purpose", "number", "role", "outcome"}
_FINE = frozenset({Outcome.SUCCEEDED, Outcome.PAUSED, Outcome.CANCELLED})


class Shapes:
    """How spans look in a deployment: `provider` says who answers calls, `roles` are those that
    are known by name; `with_contents` has what was said, too."""

    def __init__(self, provider: str, roles: Collection[str], *, with_contents: bool) -> None:
        self._provider = provider
        self._roles = frozenset(roles)
        self._with_contents = with_contents

    def of_round(self, ended: Round) -> Iterator[Past]:
        """The run's span, those of its subtasks, and of attempts whose end nobody saw."""
        yield self._of_run(ended)
        by_subtask: dict[int, list[Attempt]] = {}
        for attempt in ended.attempts:
            if attempt.subtask is not None:
                by_subtask.setdefault(attempt.subtask, []).append(attempt)
            if attempt.outcome in rounds.BROKEN_OFF and attempt.started_at is not None:
                row = attempt.model_dump(include=_OF_ATTEMPT)
                times = nanoseconds(attempt.started_at), _end_of(attempt)
                yield self.of_attempt(row, ended.number, times, row)
        for number, attempts in by_subtask.items():
            yield _of_subtask(ended, number, attempts)

    def _of_run(self, ended: Round) -> Past:
        run = ended.run
        said: Attributes = {}
        if self._with_contents:
            answer = contents.answer(ended.answer) if ended.answer else None
            said = {names.INPUT_MESSAGES: contents.task(run.task), names.OUTPUT_MESSAGES: answer}
        return Past(
            names.INVOKE_WORKFLOW,
            ids.of_round(run.id, ended.number),
            None,
            nanoseconds(ended.began_at),
            nanoseconds(ended.ended_at),
            {
                names.OPERATION: names.INVOKE_WORKFLOW,
                names.CONVERSATION: run.id,
                names.RUN_NAME: run.name,
                names.RUN_STATUS: ended.status,
                names.RUN_ROUND: ended.number,
                names.RUN_GAPS: run.gaps,
                names.COST_USD: float(run.cost_usd) if run.cost_known else None,
                **said,
            },
        )

    def of_attempt(
        self,
        row: Mapping[str, Any],
        number: int,
        times: tuple[int, int],
        result: Mapping[str, Any],
    ) -> Past:
        """The attempt of that row in the round of that number, with its beginning and its end in
        nanoseconds."""
        run_id, subtask, outcome = row["run_id"], row["subtask"], result["outcome"]
        operation = names.PLAN if row["purpose"] is Purpose.PLAN else names.INVOKE_AGENT
        agent = self._agent_of(row["purpose"], row["role"])
        is_own = subtask is None
        above = ids.of_round(run_id, number) if is_own else ids.of_subtask(run_id, number, subtask)
        cost = result.get("cost_usd")
        return Past(
            f"{operation} {agent}",
            ids.of_attempt(row["id"]),
            above,
            *times,
            {
                names.OPERATION: operation,
                names.AGENT: agent,
                names.PROVIDER: self._provider,
                names.CONVERSATION: run_id,
                names.ATTEMPT_ID: row["id"],
                names.ATTEMPT_NUMBER: row["number"],
                names.ATTEMPT_OUTCOME: outcome,
                names.PURPOSE: row["purpose"],
                names.SUBTASK_NUMBER: subtask,
                names.COST_USD: None if cost is None else float(cost),
            },
            None if outcome in _FINE else str(outcome),
        )

    def _agent_of(self, purpose: Purpose, role: str | None) -> str:
        if purpose is not Purpose.SUBTASK:
            return _OWN_AGENTS[purpose]
        return role if role in self._roles else _OTHER


def _of_subtask(ended: Round, number: int, attempts: list[Attempt]) -> Past:
    """From when it could begin until the last of its attempts was over."""
    status, last = ended.subtasks[number], attempts[-1].outcome
    is_fine = status is SubtaskStatus.SUCCEEDED or last in _FINE
    return Past(
        names.SUBTASK,
        ids.of_subtask(ended.run.id, ended.number, number),
        ids.of_round(ended.run.id, ended.number),
        nanoseconds(min(attempt.queued_at for attempt in attempts)),
        max(_end_of(attempt) for attempt in attempts),
        {
            names.OPERATION: names.SUBTASK,
            names.CONVERSATION: ended.run.id,
            names.SUBTASK_NUMBER: number,
            names.SUBTASK_STATUS: status,
        },
        None if is_fine else str(last),
    )


def _end_of(attempt: Attempt) -> int:
    assert attempt.finished_at is not None
    return nanoseconds(attempt.finished_at)
