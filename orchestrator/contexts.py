"""Gathering the context of an attempt from the rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from orchestrator import playbooks, worker
from orchestrator.attempts import Parameters
from orchestrator.context import Context, SubtaskResult
from orchestrator.model.base import Purpose
from orchestrator.settings import Settings
from orchestrator.state import STARTABLE, Progress
from orchestrator.store.database import Database
from orchestrator.store.load import Live
from orchestrator.store.tables import (
    Attempt,
    Outcome,
    Request,
    RequestStatus,
    Run,
    SubtaskRow,
    SubtaskStatus,
)

_FAILED = (
    Outcome.EMPTY,
    Outcome.INVALID,
    Outcome.TIMED_OUT,
    Outcome.REFUSED,
    Outcome.ERRORED,
)


async def build(database: Database, live: Live, row: dict[str, Any], settings: Settings) -> Context:
    """The context of the attempt in `row`."""
    number: int | None = row["subtask"]
    context = Context(
        purpose=row["purpose"],
        number=row["number"],
        task=live.run.task,
        thread=live.run.context,
        parameters=Parameters(**row["parameters"]),
        settings=settings,
        roles=live.roles,
        plan=live.plan,
        subtask=live.items[number] if number is not None else None,
        role=live.roles[row["role"]] if row["role"] else None,
        notes=_notes(live.run, row["purpose"]),
        changeable=_changeable(live) if row["purpose"] is Purpose.REVIEW else frozenset(),
        shared=live.shared,
    )
    if number is not None and not live.shared:
        live.shared = worker.shared(context)
    if context.purpose is Purpose.PLAN:
        known = await playbooks.all_of(database, live.run.team_id, settings.playbooks)
        context = replace(context, playbooks=known)
    wanted = _wanted(live, row)
    if not wanted and row["number"] == 1:
        return context
    async with database.read() as session:
        return await _completed(session, context, live, row, wanted)


def _notes(run: Run, purpose: Purpose) -> tuple[str, ...]:
    """What people said that this attempt should know: feedback on the plan, or guidance."""
    said = run.note if purpose is Purpose.PLAN else run.guidance
    return (said,) if said else ()


def _changeable(live: Live) -> frozenset[int]:
    """The subtasks that have not started."""
    return frozenset(n for n, p in live.state.subtasks.items() if p.status in STARTABLE)


def _wanted(live: Live, row: dict[str, Any]) -> list[int]:
    """The subtasks whose results this attempt is given."""
    if row["purpose"] is Purpose.SYNTHESIS:
        return list(live.items)
    if row["purpose"] is Purpose.REVIEW:
        subtasks = live.state.subtasks.items()
        return [
            n for n, p in subtasks if p.status in (SubtaskStatus.SUCCEEDED, SubtaskStatus.SKIPPED)
        ]
    if row["subtask"] is None:
        return []
    return list(live.state.work[row["subtask"]].after)


async def _completed(
    session: AsyncSession, context: Context, live: Live, row: dict[str, Any], wanted: list[int]
) -> Context:
    progress = live.state.subtasks
    results = await _results(session, live, [(n, progress[n]) for n in wanted])
    changed: dict[str, Any] = {"results": tuple(results)}
    if row["number"] > 1:
        changed |= await _history(session, context, row)
    return replace(context, **changed)


async def _results(
    session: AsyncSession, live: Live, wanted: Iterable[tuple[int, Progress]]
) -> list[SubtaskResult]:
    wanted = list(wanted)
    ids = [p.output_attempt_id for _, p in wanted if p.output_attempt_id]
    rows = await session.exec(select(Attempt.id, Attempt.output).where(col(Attempt.id).in_(ids)))
    outputs = dict(rows.all())
    return [
        SubtaskResult(number, live.items[number].title, outputs.get(p.output_attempt_id or ""))
        for number, p in wanted
    ]


async def _history(session: AsyncSession, context: Context, row: dict[str, Any]) -> dict[str, Any]:
    """What earlier attempts at the same leave for this one: a failure, a question answered."""
    earlier = (
        await session.exec(
            select(Attempt)
            .where(
                Attempt.run_id == row["run_id"],
                Attempt.purpose == row["purpose"],
                col(Attempt.subtask).is_not_distinct_from(row["subtask"]),
                Attempt.id < row["id"],
                col(Attempt.outcome).in_((*_FAILED, Outcome.PAUSED)),
            )
            .order_by(col(Attempt.id).desc())
        )
    ).all()
    changed: dict[str, Any] = {}
    if earlier and earlier[0].outcome in _FAILED:
        changed["failure"] = earlier[0].error
    if row["subtask"] is not None:
        note = await session.get(SubtaskRow, (row["run_id"], row["subtask"]))
        if note and note.note:
            changed["notes"] = (*context.notes, note.note)
    paused = next((attempt for attempt in earlier if attempt.outcome is Outcome.PAUSED), None)
    if paused is not None and (answer := await _answer(session, paused.id)) is not None:
        changed |= {"transcript": tuple(paused.transcript or ()), "answer": answer}
    return changed


async def _answer(session: AsyncSession, attempt_id: str) -> str | None:
    rows = await session.exec(
        select(Request.answer_text).where(
            Request.attempt_id == attempt_id, Request.status == RequestStatus.ANSWERED
        )
    )
    return rows.first()
