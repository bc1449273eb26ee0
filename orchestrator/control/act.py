"""What every command on a run shares: the run's row, guards, and the record of who did what."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator import gate, text
from orchestrator.commands import (
    Actor,
    Done,
)
from orchestrator.errors import NotFound, Outdated
from orchestrator.events import Event, EventKind
from orchestrator.gate import Gated, Gatekeeping
from orchestrator.plan import Plan
from orchestrator.store import changes
from orchestrator.store.clock import now
from orchestrator.store.tables import (
    PlanRevision,
    Request,
    RequestKind,
    RequestStatus,
    RevisionSource,
    RunStatus,
    SubtaskStatus,
    row,
)


@dataclass(slots=True)
class Act:
    """One command on one run, inside one transaction."""

    connection: Connection
    run_id: str
    actor: Actor
    gatekeeping: Gatekeeping
    run: Any = field(init=False)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        table = changes.run
        self.run = self.connection.execute(
            sa.select(table)
            .where(table.c.id == self.run_id, table.c.team_id == self.actor.team_id)
            .with_for_update()
        ).first()
        if self.run is None:
            raise NotFound("That run no longer exists.")

    def plan(self) -> Plan:
        table = changes.revision
        stored = self.connection.execute(
            sa.select(table.c.plan).where(
                table.c.run_id == self.run_id, table.c.number == self.run.revision
            )
        ).scalar_one()
        return Plan.model_validate(stored)

    def gate(self, plan: Plan, *, keep_numbers: bool = True) -> Gated:
        return gate.check(
            plan,
            self.gatekeeping.roles,
            self.gatekeeping.tools,
            self.gatekeeping.max_subtasks,
            keep_numbers=keep_numbers,
        )

    def new_revision(self, gated: Gated, source: RevisionSource) -> int:
        number = int(self.run.revision) + 1
        revision = PlanRevision(
            run_id=self.run_id,
            number=number,
            source=source,
            author=self.actor.user_id,
            repairs=list(gated.repairs),
            plan=gated.plan.to_json(),
            expected_usd=self.gatekeeping.expected_usd(self.run.task, gated.plan),
        )
        self.connection.execute(sa.insert(changes.revision), [row(revision)])
        if self.run.status in (RunStatus.PROPOSED, RunStatus.PLANNING):
            request = Request(run_id=self.run_id, kind=RequestKind.APPROVAL, revision=number)
            self.connection.execute(sa.insert(changes.request), [row(request)])
        return number

    def numbers(self, statuses: Collection[SubtaskStatus]) -> list[int]:
        table = changes.subtask
        return list(
            self.connection.execute(
                sa.select(table.c.number).where(
                    table.c.run_id == self.run_id, table.c.status.in_(statuses)
                )
            ).scalars()
        )

    def set_status(
        self, number: int, left: SubtaskStatus, status: SubtaskStatus, **values: Any
    ) -> None:
        table = changes.subtask
        changed = self.connection.execute(
            sa.update(table)
            .where(table.c.run_id == self.run_id, table.c.number == number, table.c.status == left)
            .values(status=status, attempt_id=None, **values)
        )
        if changed.rowcount != 1:
            raise Outdated(f"Subtask {number} has moved on.")

    def start_over(
        self,
        numbers: list[int],
        left: Sequence[SubtaskStatus],
        status: SubtaskStatus,
        **values: Any,
    ) -> int:
        table = changes.subtask
        return self.connection.execute(
            sa.update(table)
            .where(
                table.c.run_id == self.run_id,
                table.c.number.in_(numbers),
                table.c.status.in_(left),
            )
            .values(
                status=status,
                failed=[],
                interruptions=0,
                attempt_id=None,
                output_attempt_id=None,
                **values,
            )
        ).rowcount

    def take(self, request: dict[str, Any], kind: RequestKind) -> None:
        if request["kind"] is not kind:
            raise NotFound("That question no longer exists.")
        if request["status"] is not RequestStatus.OPEN or not self.run.status.is_live:
            raise Outdated("That was answered already.", by=request["answered_by"])

    def mark_answered(self, request_id: str, answer: str, typed: str = "") -> None:
        table = changes.request
        marked = self.connection.execute(
            sa.update(table)
            .where(table.c.id == request_id, table.c.status == RequestStatus.OPEN)
            .values({**self.answered(answer), "answer_text": text.clean(typed)})
        )
        if marked.rowcount != 1:
            raise Outdated("That was answered already.")

    def answered(self, answer: str) -> dict[str, Any]:
        return {
            "status": RequestStatus.ANSWERED,
            "answer": answer,
            "answered_by": self.actor.user_id,
            "answered_at": now(),
        }

    def event(self, kind: EventKind, subtask: int | None = None, **data: Any) -> None:
        self.events.append(Event(kind, self.run_id, subtask, None, self.actor.user_id, data))

    def change(self, **columns: Any) -> None:
        """Count the command, so that no decision made before it can still be committed."""
        table = changes.run
        self.change_columns(
            commands=table.c.commands + 1,
            version=table.c.version + 1,
            updated_at=now(),
            **columns,
        )

    def change_columns(self, **columns: Any) -> None:
        table = changes.run
        self.connection.execute(sa.update(table).where(table.c.id == self.run_id).values(columns))

    def done(self, sentence: str, *, stops: bool = False) -> Done:
        changes.add_events(self.connection, self.events)
        return Done(self.run_id, sentence, tuple(self.events), stops)


def count_of(plan: Plan) -> str:
    return text.plural(len(plan.subtasks), "subtask")


def state_of(status: RunStatus) -> str:
    return f"the run is {status.value}"
