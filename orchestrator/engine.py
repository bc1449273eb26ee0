"""The engine: loads a run, decides, commits, and only then makes it happen.

A run goes round: `advance` decides what comes next and commits it; the attempts it started are
made by `attempt`, which commits their results; each result lets the run be advanced again.
Whatever is lost when the process dies is found again by `sweep` from the rows alone.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from time import monotonic
from typing import Any

import structlog
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DataError, DBAPIError, StatementError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from structlog.contextvars import bind_contextvars, clear_contextvars
from tenacity import AsyncRetrying, stop_after_delay, wait_exponential

from orchestrator import (
    contexts,
    deadlines,
    planner,
    playbooks,
    reviewer,
    synthesizer,
    text,
    worker,
)
from orchestrator.budget import Price, free
from orchestrator.context import Context, Result
from orchestrator.conversation import Conversation, Exchange
from orchestrator.decide import decide
from orchestrator.errors import (
    AccountError,
    ConfigurationError,
    Conflict,
    ModelError,
    ModelTimedOut,
    TeamBudgetReached,
)
from orchestrator.events import Bus
from orchestrator.metrics import Measured, Metrics
from orchestrator.model.base import Call, Meter, Model, OnText, Purpose, Usage
from orchestrator.processes import Presence
from orchestrator.queue import queue_of
from orchestrator.queue.base import LAST, OWN, Priority
from orchestrator.record import changes_of
from orchestrator.roles import Roles
from orchestrator.settings import Settings
from orchestrator.store import calls, changes, load, unfinished, workers
from orchestrator.store.clock import now
from orchestrator.store.database import Database, was_lost
from orchestrator.store.load import Deployment, Estimate, Live
from orchestrator.store.migrate import code_revision
from orchestrator.store.tables import (
    AttemptStatus,
    Outcome,
    Run,
    SubtaskStatus,
    new_id,
)
from orchestrator.store.unfinished import Unfinished
from orchestrator.tools.toolbox import Toolbox
from orchestrator.tracing.base import AttemptTrace, Tracing

log = structlog.get_logger(__name__)

_MOST_CONFLICTS = 20
# Runs kept in memory; others are read from their rows when they are needed.
MOST_CACHED = 200
_SWEEP_SECONDS = 1.0
_WRITE_PATIENCE_S = 60.0
# A model that does not keep its own time limit is cut off this much later.
_OVERTIME_S = 2.0
# Not failures of an attempt: whoever broke it off or ends the process means more than that.
_PASSING = (GeneratorExit, KeyboardInterrupt, SystemExit)


class Engine:
    """Makes runs go on. One per process; `start` it inside an event loop."""

    def __init__(
        self,
        database: Database,
        model: Model,
        roles: Roles,
        settings: Settings,
        toolbox: Toolbox,
        estimate: Estimate | None = None,
        price: Price = free,
        tracing: Tracing | None = None,
    ) -> None:
        self.bus = Bus()
        self.worker = f"{socket.gethostname()}:{os.getpid()}:{new_id()[-6:]}"
        self._database = database
        self.metrics = Metrics(roles)
        self._tracing = tracing or Tracing()
        self._model = self._tracing.model(Measured(model, self.metrics))
        self._toolbox = toolbox
        self._settings = settings
        self.deployment = Deployment.of(roles, settings, price, estimate)
        self._queue = queue_of(database, self.advance, self.attempt, settings)
        # On SQLite this process is the only one at work.
        self._presence = None if database.is_sqlite else self._present()
        self._live: dict[str, Live] = {}
        self._loading: dict[str, asyncio.Task[Live | None]] = {}
        self._outdated: set[str] = set()
        self._claimed: dict[str, dict[str, Any]] = {}
        self._sweeper: asyncio.Task[None] | None = None
        # When it last looked for work, by the monotonic clock, in seconds.
        self.swept_at = monotonic()

    def _present(self) -> Presence:
        return Presence(
            self._database, self.worker, "worker", code_revision(), self._settings.beat_s
        )

    async def start(self) -> None:
        """Take up what an earlier process left. On SQLite the caller knows that no other is at
        work."""
        if self._presence is None:
            await self._interrupt(partial(workers.interrupt, but_worker=self.worker))
        else:
            await self._presence.begin()
        await self._queue.start()
        await self.sweep()
        self._sweeper = asyncio.create_task(self._sweep_forever())

    async def stop(self) -> None:
        """Take nothing more up, let attempts finish within the grace time, hand the rest back."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        await self._queue.stop(self._settings.grace_s)
        await self._database.write(partial(workers.hand_back, worker=self.worker))
        if self._presence is not None:
            await self._presence.end()

    # --- the two jobs ----------------------------------------------------------------------

    def wake(self, run_id: str) -> None:
        """Something about the run was committed elsewhere: read it anew and look at it soon."""
        self._forget(run_id)
        self._queue.advance(run_id)

    async def advance(self, run_id: str) -> None:
        """Decide what comes next for the run, commit it, and begin what it started."""
        _log_about(run=run_id)
        for _ in range(_MOST_CONFLICTS):
            live = await self._load(run_id)
            if live is None:
                return
            try:
                await self._advance(live)
            except Conflict:
                self._forget(run_id)
                continue
            except TeamBudgetReached as error:
                await self._hold(run_id, str(error), until=_tomorrow())
                continue
            return
        log.warning("advance_gave_way")

    async def _advance(self, live: Live) -> None:
        run = live.run
        actions = decide(live.state)
        if not actions and run.advanced_version == run.version:
            return
        decided = changes_of(live, actions, self.deployment)
        live.state.left.clear()
        self._claim(decided.attempts)
        try:
            versions = await self._database.write(
                partial(changes.advance, basis=live.basis, changes=decided)
            )
        except BaseException:
            self._forget(run.id)
            self._unclaim(decided.attempts)
            raise
        is_new_plan = decided.is_partial or bool(decided.revisions)
        self._note_advanced(live, *versions, is_new_plan=is_new_plan)
        self.bus.publish(decided.events)
        for row in decided.attempts:
            self._enqueue(live, row["id"], row["subtask"])

    def _claim(self, rows: list[dict[str, Any]]) -> None:
        """What has a place at once is claimed in the transaction that starts it."""
        coming = sum(not self._queue.knows(id_) for id_ in self._claimed)
        room = self._queue.room - coming
        for position, row in enumerate(rows):
            row |= {"worker": None, "started_at": None}
            if position < room:
                row |= {"status": AttemptStatus.RUNNING, "worker": self.worker, "started_at": now()}
                self._claimed[row["id"]] = row

    def _unclaim(self, rows: Iterable[dict[str, Any]]) -> None:
        """Whoever begins these attempts has to look at their rows first."""
        for row in rows:
            self._claimed.pop(row["id"], None)

    def _note_advanced(
        self, live: Live, version: int, advanced_version: int, *, is_new_plan: bool
    ) -> None:
        """Keep the cached run if this was the only change, else read it anew when needed."""
        is_known = version == live.run.version + 1 and not is_new_plan
        live.run.version, live.run.advanced_version = version, advanced_version
        if not live.state.status.is_live:
            self._live.pop(live.run.id, None)
        elif not is_known:
            self.wake(live.run.id)

    def _enqueue(self, live: Live, attempt_id: str, subtask: int | None) -> None:
        if subtask is None:
            self._queue.attempt(attempt_id, live.run.id, OWN)
            return
        rank = live.state.work[subtask].rank
        place = 0 if self._presence is None else _ahead(live, rank)
        self._queue.attempt(attempt_id, live.run.id, rank, place=place)

    async def attempt(self, attempt_id: str) -> None:
        """Make the attempt, if it is still to be made, and commit what came of it."""
        _log_about(attempt=attempt_id)
        if self._presence is not None:
            await self._presence.renew()
        row = self._claimed.pop(attempt_id, None) or await self._database.write(
            partial(changes.claim, attempt_id=attempt_id, worker=self.worker)
        )
        if row is None:
            return
        bind_contextvars(run=row["run_id"], subtask=row["subtask"])
        with self._tracing.attempt(row) as trace:
            performed = await self._perform(row, trace)
        result, version = await self._save(row, performed)
        if version is not None:
            self.metrics.note_attempt(row, result)
            self._note_finished(row, result, version)
            self._queue.advance(row["run_id"])
            trace.committed(result)

    async def _perform(self, row: dict[str, Any], trace: AttemptTrace) -> dict[str, Any]:
        """The columns that say how the attempt went. Raises nothing but cancellation."""
        call: Call | None = None
        meter = Meter()
        try:
            context = await self._context(row, trace)
            if (known := _from_playbook(context)) is not None:
                return known
            call = prepare(context)
            async with asyncio.timeout(call.timeout_s + _OVERTIME_S):
                talk = Conversation(self._database, self._model, context, row, meter, trace)
                exchange = await talk.hold(call, self._reader(context, row))
            return _went_well(exchange, read(context, exchange))
        except ModelError as error:
            return _went_wrong(call, error)
        except TimeoutError:
            late = "No answer came within the time allowed."
            return _went_wrong(call, ModelTimedOut(late, meter.usage, meter.cost_usd))
        except ConfigurationError as error:
            return _went_wrong(call, ModelError(str(error), meter.usage, meter.cost_usd))
        except asyncio.CancelledError:
            await self._count_broken_off(row, call, meter)
            raise
        except _PASSING:
            raise
        except BaseException as error:
            if was_lost(error):
                # As if this process had ended: the attempt is not to blame.
                log.warning("database_lost", error=str(error))
                lost = ModelError("The database went away.", meter.usage, meter.cost_usd)
                return _went_wrong(call, lost) | {"outcome": Outcome.INTERRUPTED}
            # What a worker is made of may raise anything.
            log.exception("attempt_broke")
            broke = f"Something broke here (log id {row['id'][-8:]})."
            return _went_wrong(call, ModelError(broke, meter.usage, meter.cost_usd))

    async def _count_broken_off(self, row: dict[str, Any], call: Call | None, meter: Meter) -> None:
        """What an attempt used until somebody broke it off; whoever did has closed its row."""
        if call is None or not meter.usage.total_tokens:
            return
        used = {"model": call.model, "cost_usd": meter.cost_usd, **_tokens(meter.usage)}
        await self._database.write(
            partial(changes.count_broken_off, attempt_id=row["id"], used=used)
        )
        self._forget(row["run_id"])

    def _reader(self, context: Context, row: dict[str, Any]) -> OnText | None:
        """Who reads the answer while it is written."""
        is_answer = context.purpose is Purpose.SYNTHESIS and not context.is_part
        if not is_answer or not self.bus.has_text_listeners:
            return None
        return partial(self.bus.publish_text, row["run_id"], row["id"])

    async def _context(self, row: dict[str, Any], trace: AttemptTrace) -> Context:
        live = await self._load(row["run_id"])
        assert live is not None
        bind_contextvars(team=live.run.team_id)
        trace.belongs_to(live.run)
        return await contexts.build(self._database, live, row, self._settings, self._toolbox)

    async def _save(
        self, row: dict[str, Any], result: dict[str, Any]
    ) -> tuple[dict[str, Any], int | None]:
        """Commit the result, holding on to it while the database is away; what was committed,
        and the run's new version."""
        work = partial(changes.finish, attempt_id=row["id"], worker=self.worker, result=result)
        try:
            return result, await self._database.write(work)
        except Exception as error:
            if _is_about_content(error) and result["outcome"] is not Outcome.INVALID:
                log.exception("result_not_storable")
                return await self._save(row, _without_content(result))
            log.exception("result_not_stored_yet")
        async for attempt in AsyncRetrying(
            stop=stop_after_delay(_WRITE_PATIENCE_S), wait=wait_exponential(0.1, 5), reraise=True
        ):
            with attempt:
                return result, await self._database.write(work)
        raise AssertionError("tenacity returns or raises")

    def _note_finished(self, row: dict[str, Any], result: dict[str, Any], version: int) -> None:
        live = self._live.get(row["run_id"])
        if live is None or version != live.run.version + 1:
            self._forget(row["run_id"])
            return
        live.run.version = version
        live.outputs[row["id"]] = result.get("output")
        live.state.finish(load.finished(row | result, live.run, self.deployment))

    # --- keeping an eye on everything -------------------------------------------------------

    def cancel(self, run_id: str) -> None:
        """Break off what is made here for a run that was stopped."""
        self._forget(run_id)
        self._unclaim([row for row in self._claimed.values() if row["run_id"] == run_id])
        self._queue.cancel(run_id)

    async def sweep(self) -> None:
        """Find what was committed but is not under way, whoever committed it."""
        running = self._queue.running
        async with self._database.read() as session:
            found = await unfinished.look_around(session)
            moved_on = await self._moved_on(session, found)
        if self._presence is None or await self._presence.leads():
            await self._mind_time(found)
            await self._enqueue_missing(found)
        await self._take_over()
        for run_id in moved_on:
            self._forget_older(run_id, moved_on[run_id])
        await self._mind_own(running, found)
        self.swept_at = monotonic()

    async def _moved_on(self, session: AsyncSession, found: Unfinished) -> dict[str, int]:
        """The versions of runs that are cached here and may have changed elsewhere."""
        if self._presence is None:
            return found.behind
        query = select(Run.id, Run.version).where(col(Run.id).in_(self._live))
        return dict((await session.exec(query)).all()) if self._live else {}

    def _forget_older(self, run_id: str, version: int) -> None:
        cached = self._live.get(run_id)
        if cached is None or cached.run.version < version:
            self._forget(run_id)

    async def _take_over(self) -> None:
        """End what processes were at that are gone."""
        if self._presence is None or not await self._presence.takes_over():
            return
        await self._queue.rescue()
        after_s = self._presence.gone_after_s
        await self._interrupt(
            partial(workers.interrupt_gone, but_worker=self.worker, gone_after_s=after_s)
        )

    async def _interrupt(self, work: Callable[[Connection], list[str]]) -> None:
        runs = await self._database.write(work)
        for run_id in runs:
            log.info("interrupted_attempts_found", run=run_id)
            self.wake(run_id)

    async def _mind_time(self, found: Unfinished) -> None:
        for run_id in found.overdue:
            await self._hold(run_id, "The time for this run is up.")
        # What was committed here before the read has been noted once this later write is done.
        for run_id in await self._database.write(partial(deadlines.go_on, moment=now())):
            self.wake(run_id)

    async def _enqueue_missing(self, found: Unfinished) -> None:
        waiting = {row.id: row for row in found.attempts if row.worker is None}
        missing = await self._queue.missing(found.behind, waiting)
        for run_id in found.behind.keys() & missing:
            self._queue.advance(run_id)
        for id_ in waiting.keys() & missing:
            row = waiting[id_]
            self._queue.attempt(id_, row.run_id, OWN if row.subtask is None else LAST)

    async def _mind_own(self, running: frozenset[str], found: Unfinished) -> None:
        """Break off what was ended elsewhere, give up what came to no end."""
        not_over = {row.id for row in found.attempts}
        for id_ in (running & self._queue.running) - not_over:
            self._claimed.pop(id_, None)
            self._queue.cancel_attempt(id_)
        for row in found.attempts:
            if row.worker == self.worker and not self._queue.knows(row.id):
                await self._give_up(row.id, row.run_id)

    async def _hold(self, run_id: str, sentence: str, until: datetime | None = None) -> None:
        """Ask for more time or money; until somebody answers, the run starts nothing."""
        work = partial(deadlines.hold, run_id=run_id, sentence=sentence, until=until)
        self.bus.publish(await self._database.write(work))
        self.wake(run_id)

    async def _give_up(self, attempt_id: str, run_id: str) -> None:
        """An attempt whose result could not be written: as if the process had ended."""
        result = {"outcome": Outcome.INTERRUPTED, "error": "Its result could not be stored."}
        work = partial(changes.finish, attempt_id=attempt_id, worker=self.worker, result=result)
        if await self._database.write(work) is not None:
            self.wake(run_id)

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            try:
                await self.sweep()
            except Exception:
                log.exception("sweep_failed")

    async def _load(self, run_id: str) -> Live | None:
        """The run from the cache, else from its rows, however many ask at once."""
        cached = self._live.get(run_id)
        if cached is not None and await self._is_current(cached):
            self._cache(cached)
            return cached
        if run_id not in self._loading:
            self._loading[run_id] = asyncio.create_task(self._read(run_id))
        return await asyncio.shield(self._loading[run_id])

    async def _is_current(self, cached: Live) -> bool:
        """Whether nobody else has changed the run, where others can."""
        if self._presence is None:
            return True
        async with self._database.read() as session:
            query = select(Run.version).where(Run.id == cached.run.id)
            version = (await session.exec(query)).one()
        self._forget_older(cached.run.id, version)
        return self._live.get(cached.run.id) is cached

    async def _read(self, run_id: str) -> Live | None:
        try:
            live = await self._read_once(run_id)
            while run_id in self._outdated:
                live = await self._read_once(run_id)
        finally:
            del self._loading[run_id]
        if live is not None and live.state.status.is_live:
            self._cache(live)
        return live

    def _cache(self, live: Live) -> None:
        """Keep the run as the one used last, instead of the one that was longest not used."""
        self._live.pop(live.run.id, None)
        self._live[live.run.id] = live
        if len(self._live) > MOST_CACHED:
            del self._live[next(iter(self._live))]

    async def _read_once(self, run_id: str) -> Live | None:
        self._outdated.discard(run_id)
        async with self._database.read() as session:
            return await load.live(session, run_id, self.deployment)

    def _forget(self, run_id: str) -> None:
        """What is cached of the run, or being read, no longer holds."""
        self._live.pop(run_id, None)
        if run_id in self._loading:
            self._outdated.add(run_id)


def _ahead(live: Live, rank: Priority) -> int:
    """How many of the run's subtasks are under way that come before one of that rank."""
    state = live.state
    return sum(
        progress.status is SubtaskStatus.RUNNING and state.work[number].rank < rank
        for number, progress in state.subtasks.items()
    )


def _log_about(**ids: str) -> None:
    """From here on whatever this task logs has these ids, and none it inherited."""
    clear_contextvars()
    bind_contextvars(**ids)


def _tomorrow() -> datetime:
    """When the next day begins, for which a team has a new budget."""
    return datetime.combine(now().date() + timedelta(days=1), time.min, UTC)


def _is_about_content(error: Exception) -> bool:
    """Whether a write failed for what was to be written: no later try helps."""
    is_ours = isinstance(error, StatementError) and not isinstance(error, DBAPIError)
    return is_ours or isinstance(error, DataError | TypeError | ValueError)


def _from_playbook(context: Context) -> dict[str, Any] | None:
    """The plan of the playbook that the task names, which no model is asked for.

    With feedback on such a plan the planner is asked, as for any other. Raises ModelInvalid.
    """
    if context.purpose is not Purpose.PLAN or context.plan is not None:
        return None
    called = playbooks.called_for(context.task)
    if called is None:
        return None
    result = planner.from_playbook(context, *called)
    return {
        "outcome": result.outcome,
        "output": result.output,
        "data": result.data,
        "model": "playbook",
        "cost_usd": Decimal(0),
        **_tokens(Usage()),
    }


def prepare(context: Context) -> Call:
    """The call that an attempt makes, by its purpose."""
    match context.purpose:
        case Purpose.PLAN:
            return planner.prepare(context)
        case Purpose.REVIEW:
            return reviewer.prepare(context)
        case Purpose.SYNTHESIS:
            return synthesizer.prepare(context)
        case _:
            return worker.prepare(context)


def read(context: Context, exchange: Exchange) -> Result:
    """What came of the exchange, by the purpose. Raises the ModelErrors of bad output."""
    reply, call = exchange.reply, exchange.call
    if reply is None:
        return _awaiting_decision(exchange)
    try:
        match context.purpose:
            case Purpose.PLAN:
                return planner.read(context, reply)
            case Purpose.REVIEW:
                return reviewer.read(reply)
            case Purpose.SYNTHESIS:
                return synthesizer.read(reply)
            case _:
                return worker.read(context, call, reply)
    except ModelError as error:
        error.usage, error.cost_usd = exchange.usage, exchange.cost_usd
        raise


def _awaiting_decision(exchange: Exchange) -> Result:
    tool = exchange.tool
    assert tool is not None
    return Result(
        outcome=Outcome.PAUSED,
        output=calls.question(tool["name"], is_cut_off=tool["is_cut_off"]),
        data={"tool": tool},
        transcript=list(exchange.call.messages),
    )


def _went_well(exchange: Exchange, result: Result) -> dict[str, Any]:
    call, reply = exchange.call, exchange.reply
    return {
        "outcome": result.outcome,
        "prompt": _prompt(call),
        "output": text.clean(result.output),
        "data": result.data,
        "transcript": result.transcript,
        "model": exchange.model,
        "model_request_id": reply.request_id if reply else None,
        "cost_usd": exchange.cost_usd,
        **_tokens(exchange.usage),
    }


def _went_wrong(call: Call | None, error: ModelError) -> dict[str, Any]:
    return {
        "outcome": Outcome(error.outcome),
        "prompt": _prompt(call) if call else None,
        "error": text.clean(str(error)),
        "data": {"account": True} if isinstance(error, AccountError) else None,
        "model": call.model if call else None,
        "cost_usd": error.cost_usd,
        **_tokens(error.usage),
    }


def _without_content(result: dict[str, Any]) -> dict[str, Any]:
    """The same attempt with a result that no database takes: what it used counts all the same."""
    used = {column: result.get(column) for column in ("model", "cost_usd")}
    tokens = {column: result.get(column, 0) for column in load.TOKENS}
    error = "The result holds what cannot be stored."
    return {"outcome": Outcome.INVALID, "error": error, **used, **tokens}


def _prompt(call: Call) -> dict[str, Any]:
    return {"system": call.system, "shared": call.shared, "messages": list(call.messages)}


def _tokens(usage: Usage) -> dict[str, int]:
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
    }
