"""Gathering the context of an attempt from the rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from orchestrator import material, planner, playbooks, worker
from orchestrator.attempts import Parameters
from orchestrator.context import Context, SubtaskResult
from orchestrator.model.base import Purpose
from orchestrator.settings import Settings
from orchestrator.store.database import Database
from orchestrator.store.load import Live
from orchestrator.store.tables import (
    Attempt,
    Outcome,
    Request,
    RequestKind,
    RequestStatus,
    SubtaskStatus,
)
from orchestrator.tools.toolbox import Toolbox

_FAILED = (
    Outcome.EMPTY,
    Outcome.INVALID,
    Outcome.TIMED_OUT,
    Outcome.REFUSED,
    Outcome.ERRORED,
)


async def build(
    database: Database, live: Live, row: dict[str, Any], settings: Settings, toolbox: Toolbox
) -> Context:
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
        notes=_notes(live, row),
        changeable=live.state.changeable if row["purpose"] is Purpose.REVIEW else frozenset(),
        shared=live.shared,
        files=live.files,
    )
    if number is not None and not live.shared:
        live.shared = worker.shared(context)
    if context.subtask is not None and context.role is not None:
        wanted_tools = {*context.role.tools, *context.subtask.tools}
        kit = await toolbox.kit(context.role.name, wanted_tools)
        pictures = await material.pictures(database, live.files)
        about = material.of(database, live)
        context = replace(context, kit=kit, tool_context=about, pictures=pictures)
    if context.purpose is Purpose.PLAN:
        known = await playbooks.all_of(database, live.run.team_id, settings.playbooks)
        kit = (await toolbox.kit(planner.ROLE)).reading(without=planner.of_no_use(context))
        about = material.of(database, live)
        offered = {r.name: toolbox.named(r.name, r.tools) for r in live.roles.values()}
        context = replace(
            context,
            playbooks=known,
            kit=kit,
            tool_context=about,
            offered=offered,
            grantable=toolbox.grantable,
        )
    if wanted := _wanted(live, row):
        context = replace(context, results=await _results(database, live, wanted))
    if context.purpose is Purpose.SYNTHESIS:
        context = await _portioned(database, live, context)
    if row["number"] == 1:
        return context
    async with database.read() as session:
        return replace(context, **await _history(session, row))


def _notes(live: Live, row: dict[str, Any]) -> tuple[str, ...]:
    """What people said that this attempt should know: feedback on the plan or on the subtask's
    result, or guidance."""
    said = live.run.note if row["purpose"] is Purpose.PLAN else live.run.guidance
    return tuple(note for note in (said, live.notes.get(row["subtask"])) if note)


def _wanted(live: Live, row: dict[str, Any]) -> list[int]:
    """The subtasks whose results this attempt is given."""
    if row["purpose"] is Purpose.SYNTHESIS:
        return _to_synthesize(live)
    if row["purpose"] is Purpose.REVIEW:
        subtasks = live.state.subtasks.items()
        return [
            n for n, p in subtasks if p.status in (SubtaskStatus.SUCCEEDED, SubtaskStatus.SKIPPED)
        ]
    if row["subtask"] is None:
        return []
    return list(live.state.work[row["subtask"]].after)


def _to_synthesize(live: Live) -> list[int]:
    """What is to be condensed next, or everything; of what has been condensed only the gaps."""
    state = live.state
    if state.portion is not None:
        return state.portion
    if not state.condensed:
        return list(live.items)
    done = SubtaskStatus.SUCCEEDED
    return [number for number, p in state.subtasks.items() if p.status is not done]


async def _portioned(database: Database, live: Live, context: Context) -> Context:
    """Results that are too long to be read at once: a part of them, or what came of the parts."""
    if live.state.portion is not None:
        return replace(context, is_part=True)
    outputs = await _outputs(database, live, live.state.condensed)
    return replace(context, condensed=tuple(output or "" for output in outputs))


async def _results(
    database: Database, live: Live, wanted: Iterable[int]
) -> tuple[SubtaskResult, ...]:
    """What these subtasks brought."""
    numbers = list(wanted)
    ids = [live.state.subtasks[number].output_attempt_id for number in numbers]
    outputs = await _outputs(database, live, ids)
    return tuple(
        SubtaskResult(number, live.items[number].title, output)
        for number, output in zip(numbers, outputs, strict=True)
    )


async def _outputs(database: Database, live: Live, ids: Sequence[str | None]) -> list[str | None]:
    """The outputs of these attempts; only what was not made here is read."""
    unknown = [id_ for id_ in ids if id_ and id_ not in live.outputs]
    if unknown:
        output_of = select(Attempt.id, Attempt.output).where(col(Attempt.id).in_(unknown))
        async with database.read() as session:
            live.outputs.update((await session.exec(output_of)).all())
    return [live.outputs.get(id_ or "") for id_ in ids]


async def _history(session: AsyncSession, row: dict[str, Any]) -> dict[str, Any]:
    """What earlier attempts at the same leave for this one: a failure, a question answered."""
    earlier = (
        await session.exec(
            select(Attempt)
            .where(
                Attempt.run_id == row["run_id"],
                Attempt.purpose == row["purpose"],
                col(Attempt.subtask).is_not_distinct_from(row["subtask"]),
                Attempt.id < row["id"],
                col(Attempt.outcome).in_((*_FAILED, Outcome.PAUSED, Outcome.SUCCEEDED)),
            )
            .order_by(col(Attempt.id).desc())
        )
    ).all()
    # What came before a success was about something else, and so is trouble with the account.
    earlier = list(takewhile(lambda before: before.outcome is not Outcome.SUCCEEDED, earlier))
    earlier = [before for before in earlier if not before.is_account_trouble]
    changed: dict[str, Any] = {}
    if earlier and earlier[0].outcome in _FAILED:
        changed["failure"] = earlier[0].error
    paused = next((attempt for attempt in earlier if attempt.outcome is Outcome.PAUSED), None)
    if paused is not None and (said := await _said(session, paused.id)) is not None:
        changed |= {"transcript": tuple(paused.transcript or ()), **said}
    return changed


async def _said(session: AsyncSession, attempt_id: str) -> dict[str, str] | None:
    """What a person said to what the attempt asked: an answer, or nothing but yes or no."""
    rows = await session.exec(
        select(Request.kind, Request.answer_text).where(
            Request.attempt_id == attempt_id, Request.status == RequestStatus.ANSWERED
        )
    )
    answered = rows.first()
    if answered is None:
        return None
    kind, answer = answered
    return {"answer": answer} if kind is RequestKind.QUESTION else {}
