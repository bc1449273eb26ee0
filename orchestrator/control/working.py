"""Commands on the work: stop, retry, skip, redo, guide."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from orchestrator import graph, text
from orchestrator.commands import (
    Done,
    Guide,
    Rate,
    Redo,
    Retry,
    Skip,
    Stop,
)
from orchestrator.control.act import Act, state_of
from orchestrator.errors import InvalidInput, NotFound, Outdated
from orchestrator.events import EventKind
from orchestrator.plan import Pattern, Plan
from orchestrator.state import STARTABLE, edges
from orchestrator.store import changes
from orchestrator.store.clock import now
from orchestrator.store.tables import (
    RequestKind,
    RequestStatus,
    RevisionSource,
    RunStatus,
    SubtaskStatus,
    deadline_of,
)

_AT_WORK = (RunStatus.RUNNING, RunStatus.SYNTHESIZING)


class Working(Act):
    """A command on the subtasks of a run."""

    def perform(self, command: Stop | Retry | Skip | Redo | Guide | Rate) -> Done:
        match command:
            case Stop():
                return self._stop()
            case Retry():
                return self._retry(command)
            case Skip():
                return self._skip(command)
            case Redo(subtask=subtask, feedback=feedback):
                return self._redo(subtask, feedback)
            case Guide(text=said):
                return self._guide(said)
            case Rate(verdict=verdict):
                self.event(EventKind.RUN_RATED, verdict=verdict)
                return self.done("Thank you for the feedback.")

    def _stop(self) -> Done:
        if not self.run.status.is_live:
            raise Outdated(f"{self.run.name} is over already: {state_of(self.run.status)}.")
        changes.close_requests(self.connection, self.run_id)
        changes.cancel_work(self.connection, self.run_id)
        self.event(EventKind.RUN_STOPPED)
        self.change(
            status=RunStatus.STOPPED,
            attempt_id=None,
            finished_at=now(),
            ended_by=self.actor.user_id,
        )
        return self.done(f"{self.run.name} was stopped.", stops=True)

    def _retry(self, command: Retry) -> Done:
        requests = self._dead_letters(command.subtask, everything=command.all)
        if command.instructions is not None or command.role is not None:
            self._rewrite(command)
        for request in requests:
            self.mark_answered(request.id, "Retry")
            if request.subtask is not None:
                self._revive(request.subtask)
            self.event(EventKind.SUBTASK_RETRIED, request.subtask)
        changed: dict[str, Any] = {}
        if any(request.subtask is None for request in requests):
            changed = {"failed": [], "interruptions": 0}
        self.change(**changed)
        return self.done(f"{text.plural(len(requests), 'dead letter')} will be tried again.")

    def _skip(self, command: Skip) -> Done:
        requests = self._dead_letters(command.subtask, everything=command.all)
        for request in requests:
            self.mark_answered(request.id, "Answer with what we have" if command.all else "Skip")
        given_up = [r.subtask for r in requests if r.subtask is not None]
        if command.all:
            given_up = self.unfinished()
        if not given_up:
            raise InvalidInput("Without an answer there is nothing to skip to: retry or stop.")
        if command.all:
            changes.close_requests(self.connection, self.run_id)
        self.give_up(given_up)
        self.change(**self.without_reviews() if command.all else {})
        return self.done(f"{text.plural(len(given_up), 'subtask')} skipped.")

    def _redo(self, number: int, feedback: str) -> Done:
        """Back to ready, and everything that rests on it back to waiting."""
        if self.run.cleared_at is not None:
            raise Outdated("The results of this run were deleted for their age. Run it again.")
        if self.run.status not in (*_AT_WORK, RunStatus.COMPLETED):
            raise Outdated(f"Nothing can be redone now: {state_of(self.run.status)}.")
        plan = self.plan()
        wish = text.block(feedback)
        again = (SubtaskStatus.SUCCEEDED, SubtaskStatus.SKIPPED)
        if not self.start_over([number], again, SubtaskStatus.READY, note=wish):
            raise Outdated(f"Subtask {number} is not finished, so it cannot be redone yet.")
        dependents = sorted(graph.descendants(dict(edges(plan)), number))
        every = [s for s in SubtaskStatus if s is not SubtaskStatus.CANCELLED]
        self.start_over(dependents, every, SubtaskStatus.WAITING)
        table = changes.request
        is_of_answer = sa.and_(table.c.kind == RequestKind.DEAD_LETTER, table.c.subtask.is_(None))
        changes.close_requests(
            self.connection, self.run_id, table.c.subtask.in_(dependents) | is_of_answer
        )
        changes.cancel_attempts(self.connection, self.run_id, [*dependents, None])
        self.event(EventKind.SUBTASK_SUPERSEDED, number, feedback=wish, dependents=dependents)
        self.change(
            status=RunStatus.RUNNING,
            tries=0,
            failed=[],
            interruptions=0,
            attempt_id=None,
            condensed=[],
            reviewed=self._still_reviewed(plan, number),
            finished_at=None,
            **self.restarted(),
        )
        more = f", and {text.plural(len(dependents), 'subtask')} after it" if dependents else ""
        return self.done(f"Subtask {number} is done again{more}.")

    def _still_reviewed(self, plan: Plan, number: int) -> int:
        """What the reviews have seen and the redo of the subtask leaves as it is."""
        if plan.pattern is Pattern.STAGED:
            left = (plan.subtask(number).stage or 1) - 1
        else:
            left = len(self.numbers((SubtaskStatus.SUCCEEDED,)))
        return min(int(self.run.reviewed), left)

    def restarted(self) -> dict[str, Any]:
        """The time a run gets that was over already."""
        if self.run.status is not RunStatus.COMPLETED:
            return {}
        return {"deadline": deadline_of(self.run.limit_s)}

    def _guide(self, said: str) -> Done:
        guidance = text.block(said)
        if not guidance:
            raise InvalidInput("Say what those who have not started yet should know.")
        if self.run.status is not RunStatus.RUNNING:
            raise Outdated(f"Nobody is left to be guided: {state_of(self.run.status)}.")
        self.event(EventKind.RUN_GUIDED, text=guidance)
        both = f"{self.run.guidance}\n{guidance}".strip()
        self.change(guidance=both)
        return self.done("Noted: the subtasks that have not started yet will know.")

    def _dead_letters(self, subtask: int | None, *, everything: bool) -> list[Any]:
        table = changes.request
        query = sa.select(table).where(
            table.c.run_id == self.run_id, table.c.kind == RequestKind.DEAD_LETTER
        )
        if not everything:
            query = query.where(table.c.subtask.is_not_distinct_from(subtask))
        found = self.connection.execute(query.order_by(table.c.id.desc())).all()
        still_open = [request for request in found if request.status is RequestStatus.OPEN]
        if still_open and self.run.status.is_live:
            return still_open[::-1]
        if found:
            raise Outdated("That dead letter was dealt with already.", by=found[0].answered_by)
        raise NotFound("There is no such dead letter in this run.")

    def _rewrite(self, command: Retry) -> None:
        assert command.subtask is not None
        plan = self.plan()
        changed: dict[str, Any] = {}
        if command.instructions is not None:
            changed["instructions"] = text.block(command.instructions)
        if command.role is not None:
            changed["role"] = text.one_line(command.role)
        subtasks = tuple(
            item.model_copy(update=changed) if item.number == command.subtask else item
            for item in plan.subtasks
        )
        gated = self.gate(plan.model_copy(update={"subtasks": subtasks}))
        if gated.plan != plan:
            number = self.new_revision(gated, RevisionSource.RETRY)
            self.change_columns(revision=number)

    def _revive(self, number: int) -> None:
        self.set_status(number, SubtaskStatus.DEAD, SubtaskStatus.READY, failed=[], interruptions=0)

    def give_up(self, numbers: list[int]) -> int:
        table = changes.subtask
        self.connection.execute(
            sa.update(table)
            .where(table.c.run_id == self.run_id, table.c.number.in_(numbers))
            .values(status=SubtaskStatus.SKIPPED, attempt_id=None)
        )
        for number in numbers:
            self.event(EventKind.SUBTASK_SKIPPED, number)
        return len(numbers)

    def unfinished(self) -> list[int]:
        return self.numbers((*STARTABLE, SubtaskStatus.PAUSED, SubtaskStatus.DEAD))

    def without_reviews(self) -> dict[str, Any]:
        """Whoever wants the answer now wants no more work to be found."""
        if self.run.status is not RunStatus.RUNNING:
            return {}
        changes.cancel_attempts(self.connection, self.run_id, [None])
        return {"attempt_id": None, "reviewed": len(self.plan().subtasks)}
