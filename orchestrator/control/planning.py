"""Commands on a plan: approve, edit, re-plan, reject, write it oneself, keep it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from orchestrator import playbooks, text
from orchestrator.commands import (
    Approve,
    Done,
    Edit,
    Reject,
    Replan,
    Restate,
    SavePlaybook,
)
from orchestrator.control.act import Act, count_of, state_of
from orchestrator.errors import InvalidInput, Outdated
from orchestrator.events import EventKind
from orchestrator.plan import Plan, from_text
from orchestrator.store import changes
from orchestrator.store.clock import now
from orchestrator.store.tables import (
    PlaybookRow,
    RequestKind,
    RequestStatus,
    RevisionSource,
    RunStatus,
    deadline_of,
)

# What the run itself has tried, before a new beginning.
_FRESH: dict[str, Any] = {"tries": 0, "failed": [], "interruptions": 0, "attempt_id": None}


class Planning(Act):
    """A command on the plan of a run."""

    def perform(self, command: Approve | Edit | Replan | Restate | Reject | SavePlaybook) -> Done:
        match command:
            case Approve(revision=revision):
                return self._approve(revision)
            case Edit(revision=revision, plan=plan):
                return self._edit(revision, plan)
            case Replan(revision=revision, feedback=feedback):
                return self._replan(revision, feedback)
            case Restate(task=task):
                return self._restate(task)
            case Reject(revision=revision):
                return self._reject(revision)
            case SavePlaybook():
                return self._save_playbook(command)

    def _approve(self, revision: int) -> Done:
        self._check_proposed(revision)
        self._close_approval(revision, "Approve")
        plan = self.plan()
        self.connection.execute(sa.insert(changes.subtask), changes.new_subtasks(self.run_id, plan))
        self.event(EventKind.PLAN_APPROVED, revision=revision)
        self.change(
            status=RunStatus.RUNNING,
            started_at=now(),
            deadline=deadline_of(self.run.limit_s),
            tries=0,
            failed=[],
        )
        return self.done(f"{self.run.name} starts with {count_of(plan)}.")

    def _edit(self, revision: int, plan: Plan) -> Done:
        self._check_proposed(revision)
        gated = self.gate(plan)
        if gated.plan == self.plan():
            raise InvalidInput("Nothing was changed.")
        self._close_approval(revision, "Edit")
        number = self.new_revision(gated, RevisionSource.EDIT)
        self.event(EventKind.PLAN_CHANGED, revision=number)
        self.change(revision=number)
        return self.done(f"The plan of {self.run.name} is now revision {number}.")

    def _replan(self, revision: int, feedback: str) -> Done:
        self._check_proposed(revision)
        wish = text.block(feedback)
        if not wish:
            raise InvalidInput("Say what the new plan should do differently.")
        self._close_approval(revision, "Re-plan")
        self.event(EventKind.REPLAN_ASKED, feedback=wish)
        self.change(status=RunStatus.PLANNING, note=wish, **_FRESH)
        return self.done(f"{self.run.name} is being planned again.")

    def _restate(self, task: str) -> Done:
        """The planner begins anew, whether it is at it now or has proposed a plan."""
        if self.run.status not in (RunStatus.PLANNING, RunStatus.PROPOSED):
            raise Outdated(f"The task can no longer be changed: {state_of(self.run.status)}.")
        stated = text.block(task)
        if not stated:
            raise InvalidInput("There is no task in that. Say what you want done.")
        changes.close_requests(self.connection, self.run_id)
        changes.cancel_attempts(self.connection, self.run_id, [None])
        self.event(EventKind.TASK_CHANGED)
        self.change(status=RunStatus.PLANNING, task=stated, note="", **_FRESH)
        return self.done(f"{self.run.name} is planned with the task as it reads now.", stops=True)

    def _reject(self, revision: int) -> Done:
        self._check_proposed(revision)
        self._close_approval(revision, "Reject")
        self.event(EventKind.PLAN_REJECTED, revision=revision)
        self.change(status=RunStatus.REJECTED, finished_at=now(), ended_by=self.actor.user_id)
        return self.done(f"{self.run.name} was rejected; nothing was run.")

    def break_down(self, request: dict[str, Any], typed: str) -> Done:
        self.take(request, RequestKind.BREAKDOWN)
        base = Plan(goal=text.shorten(text.one_line(self.run.task), 200), subtasks=())
        gated = self.gate(from_text(typed, base), keep_numbers=False)
        self.mark_answered(request["id"], "Breakdown", typed)
        number = self.new_revision(gated, RevisionSource.BREAKDOWN)
        self.event(EventKind.PLAN_PROPOSED, revision=number)
        self.change(status=RunStatus.PROPOSED, revision=number, **_FRESH)
        return self.done(f"The plan of {self.run.name} has {count_of(gated.plan)}.")

    def _save_playbook(self, command: SavePlaybook) -> Done:
        name = playbooks.named(command.name)
        if not self.run.revision:
            raise InvalidInput("There is no plan to save yet.")
        plan = self.plan()
        saved = PlaybookRow(
            team_id=self.actor.team_id,
            name=name,
            description=text.one_line(command.description) or plan.goal,
            plan=plan.to_json(),
            author=self.actor.user_id,
        )
        if not changes.insert_once(self.connection, saved):
            raise InvalidInput(f"There is a playbook named {name} already; choose another name.")
        self.event(EventKind.PLAYBOOK_SAVED, name=name)
        return self.done(f"Saved. Start it with: use playbook {name}")

    def _check_proposed(self, revision: int) -> None:
        if self.run.status is RunStatus.PROPOSED and self.run.revision == revision:
            return
        by = self._who_decided(revision)
        if self.run.status is RunStatus.PROPOSED or self.run.revision > revision:
            raise Outdated(
                f"That was revision {revision} of the plan; there is a newer one now.", by=by
            )
        raise Outdated(f"That was decided already: {state_of(self.run.status)}.", by=by)

    def _who_decided(self, revision: int) -> str | None:
        table = changes.request
        return self.connection.execute(
            sa.select(table.c.answered_by).where(
                table.c.run_id == self.run_id,
                table.c.kind == RequestKind.APPROVAL,
                table.c.revision == revision,
            )
        ).scalar()

    def _close_approval(self, revision: int, answer: str) -> None:
        table = changes.request
        closed = self.connection.execute(
            sa.update(table)
            .where(
                table.c.run_id == self.run_id,
                table.c.kind == RequestKind.APPROVAL,
                table.c.revision == revision,
                table.c.status == RequestStatus.OPEN,
            )
            .values(self.answered(answer))
        )
        if closed.rowcount != 1:
            raise Outdated("That was decided already.", by=self._who_decided(revision))
