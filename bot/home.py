"""What the Home tab shows a person: what waits for them, what runs, what was, what is to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import ColumnElement
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot import schedules
from bot.bot import Bot
from bot.links import of_threads
from bot.schedules import ScheduleView
from bot.view import RunRow, run_rows
from orchestrator.commands import Actor
from orchestrator.store import changes
from orchestrator.store.clock import now
from orchestrator.store.load import plan_of
from orchestrator.store.tables import (
    LIVE,
    ChannelPolicy,
    Request,
    RequestKind,
    RequestStatus,
    Run,
    WhoActs,
)

SHOWN = 8
# Of what others asked for, and this person may answer.
_LOOKED_AT = 30


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: the run it holds up, and the subtask (None: the answer) with its title."""

    run: RunRow
    subtask: int | None
    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Spending:
    """What the workspace has spent today (UTC) in USD, and may."""

    usd: Decimal
    limit: Decimal | None = None


@dataclass(frozen=True, slots=True)
class HomeView:
    """Everything in the tab; each list has one more than is shown where there are more.

    `reader` is whose tab it is, `links` has the addresses of threads by run.
    """

    reader: str = ""
    waiting: Sequence[RunRow] = ()
    running: Sequence[RunRow] = ()
    letters: Sequence[Letter] = ()
    recent: Sequence[RunRow] = ()
    schedules: Sequence[ScheduleView] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    spending: Spending | None = None
    offline: bool = False


async def read(bot: Bot, actor: Actor) -> HomeView:
    """What there is for this person now."""
    asked = await _asked(bot, actor)
    is_theirs = (col(Run.team_id) == actor.team_id, col(Run.requester) == actor.user_id)
    is_live = col(Run.status).in_(LIVE)
    async with bot.orchestrator.database.read() as session:

        async def rows(*conditions: ColumnElement[bool]) -> list[RunRow]:
            return await run_rows(session, *conditions, limit=SHOWN + 1)

        waiting = await rows(col(Run.id).in_(asked))
        running = await rows(*is_theirs, is_live, col(Run.id).not_in(asked))
        recent = await rows(*is_theirs, ~col(Run.status).in_(LIVE))
        return HomeView(
            reader=actor.user_id,
            waiting=waiting,
            running=running,
            letters=await _letters(session, asked),
            recent=recent,
            schedules=await schedules.of_person(session, actor, now()),
            offline=bot.settings.model == "offline",
            spending=await _spending(bot, session, actor),
            links=await of_threads(bot.installations, actor.team_id, [*waiting, *running, *recent]),
        )


async def _asked(bot: Bot, actor: Actor) -> list[str]:
    """The runs that wait for something this person may decide, newest first."""
    channels = await bot.access.channels(actor)
    async with bot.orchestrator.database.read() as session:
        shared = select(ChannelPolicy.channel).where(
            ChannelPolicy.team_id == actor.team_id,
            ChannelPolicy.who != WhoActs.REQUESTER,
            col(ChannelPolicy.channel).in_(channels),
        )
        is_theirs = col(Run.requester) == actor.user_id
        runs = [
            *await _open(session, actor, is_theirs),
            *await _open(session, actor, ~is_theirs, col(Run.channel).in_(shared)),
        ]
    asked = [run.id for run in runs if await bot.access.is_asked(run, actor)]
    return sorted(asked, reverse=True)


async def _open(
    session: AsyncSession, actor: Actor, *conditions: ColumnElement[bool]
) -> Sequence[Run]:
    is_open = col(Run.id).in_(select(Request.run_id).where(Request.status == RequestStatus.OPEN))
    query = select(Run).where(Run.team_id == actor.team_id, is_open, *conditions)
    return (await session.exec(query.order_by(col(Run.id).desc()).limit(_LOOKED_AT))).all()


async def _letters(session: AsyncSession, asked: Sequence[str]) -> list[Letter]:
    query = select(Request).where(
        Request.status == RequestStatus.OPEN,
        Request.kind == RequestKind.DEAD_LETTER,
        col(Request.run_id).in_(asked),
    )
    requests = (await session.exec(query.order_by(col(Request.id).desc()))).all()
    runs = {request.run_id for request in requests}
    by_id = {row.id: row for row in await run_rows(session, col(Run.id).in_(runs), limit=len(runs))}
    titles = {run_id: await _titles(session, run_id) for run_id in runs}
    return [
        Letter(
            run=by_id[request.run_id],
            subtask=request.subtask,
            title=titles[request.run_id].get(request.subtask, ""),
            reason=request.text,
        )
        for request in requests
    ]


async def _titles(session: AsyncSession, run_id: str) -> dict[int | None, str]:
    run = await session.get(Run, run_id)
    plan = await plan_of(session, run) if run else None
    return {item.number: item.title for item in plan.subtasks} if plan else {}


async def _spending(bot: Bot, session: AsyncSession, actor: Actor) -> Spending | None:
    """For admins."""
    if not await bot.access.is_admin(actor):
        return None
    connection = await session.connection()
    spent = (await connection.execute(changes.spent_today(actor.team_id))).scalar()
    return Spending(Decimal(spent or 0), bot.settings.team_usd_per_day)
