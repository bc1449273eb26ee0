"""The queue between processes and hosts: procrastinate, in the PostgreSQL of the tables.

A job here only says that something may be due and gives it a place; what is to be done is what
the rows say. A job that is lost is found missing by the sweep, one that comes twice finds nothing
to do. So nothing here is held on to: a worker's connection breaks and it starts anew, while the
attempts it had begun go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial

import procrastinate
import psycopg
import sqlalchemy as sa
import structlog
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import DeleteJobCondition, Job, JobDeferrer, Status
from procrastinate.manager import JobManager
from sqlalchemy.engine import URL
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_exponential

from orchestrator.processes import gone_after_s
from orchestrator.queue.base import LAST, OWN, Handler, Priority, extra_places
from orchestrator.store.database import LETS_GO, Database, conninfo

log = structlog.get_logger(__name__)

_ADVANCE, _ATTEMPT = "advance", "attempt"
# Attempts have two queues: of what runs do themselves, and of subtasks.
_OWN, _SUBTASK = "own", "subtask"
_ADVANCES_AT_ONCE = 4
# Workers are told of new jobs, but not that a run which was being advanced elsewhere no longer is.
_LOOK_AGAIN_S = 0.2
_LOOK_FOR_WORK_S = 1.0
_START_AGAIN_S = 0.5
_CONNECT_S = 10.0
_CANCEL_AGAIN_S = 2.0
_CONNECTIONS = 4
# Longer than it takes a worker's heartbeat to fail as well, which gives up all it has.
_FINISH_PATIENCE_S = 60.0
# No job waits for the disk: the sweep finds again what a power failure takes.
_OPTIONS = {"options": f"{LETS_GO} -c synchronous_commit=off"}
_LOST = (ConnectorException, psycopg.Error)

_job = sa.table(
    "procrastinate_jobs", sa.column("queueing_lock"), sa.column("task_name"), sa.column("status")
)


class _Manager(JobManager):
    """Ends jobs though the database is away for a moment.

    A job that its living worker had not been able to end would be taken for one at work, and hold
    its run for ever.
    """

    async def finish_job(  # its signature is the library's
        self,
        job: Job,
        status: Status,
        delete_job: bool,  # noqa: FBT001
    ) -> None:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(_was_lost),
            wait=wait_exponential(0.1, 5),
            stop=stop_after_delay(_FINISH_PATIENCE_S),
            reraise=True,
        ):
            with attempt:
                await super().finish_job(job, status, delete_job)


def _was_lost(error: BaseException) -> bool:
    """Whether the database was away, as against saying that there is no such job any more."""
    is_refusal = isinstance(error.__cause__, psycopg.errors.RaiseException)
    return isinstance(error, ConnectorException) and not is_refusal


class Sender:
    """Puts jobs into the queue without taking any up. It connects when there is one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._app = procrastinate.App(connector=_connector(database.url))
        self._app.job_manager = _Manager(self._app.connector)
        self._opening = asyncio.Lock()
        self._outbox: dict[str, JobDeferrer] = {}
        self._sending: asyncio.Task[None] | None = None

    def advance(self, run_id: str) -> None:
        """See to it that the run is looked at soon."""
        self._send(
            run_id,
            self._app.configure_task(
                _ADVANCE,
                queue=_ADVANCE,
                lock=run_id,
                queueing_lock=run_id,
                task_kwargs={"run_id": run_id},
            ),
        )

    async def close(self) -> None:
        """Send what is still to be sent, then let go of the connections."""
        if self._sending is not None:
            await self._sending
        await self._app.close_async()

    async def _open(self) -> None:
        async with self._opening:
            await self._app.open_async()

    def _send(self, key: str, job: JobDeferrer) -> None:
        self._outbox[key] = job
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_all())

    async def _send_all(self) -> None:
        while self._outbox:
            job = self._outbox.pop(next(iter(self._outbox)))
            try:
                await self._open()
                await job.defer_async()
            except AlreadyEnqueued:
                continue
            except _LOST as error:
                # The sweep finds it all again.
                log.warning("jobs_not_sent", count=len(self._outbox) + 1, error=str(error))
                self._outbox.clear()


@dataclass(frozen=True, slots=True)
class _Lane:
    """Places of their own for the jobs of some queues."""

    queues: tuple[str, ...]
    concurrency: int
    look_s: float


@dataclass(slots=True)
class _Begun:
    """What runs in this process."""

    attempts: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    run_of: dict[str, str] = field(default_factory=dict)
    advances: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    # Runs to be advanced once more when they have been.
    again: set[str] = field(default_factory=set)


class PostgresQueue(Sender):
    """Takes up jobs of all processes, and sends its own to whoever has a place."""

    room = 0  # whoever is first may take it

    def __init__(
        self,
        database: Database,
        advance: Handler,
        attempt: Handler,
        concurrency: int,
        beat_s: float,
    ) -> None:
        super().__init__(database)
        self._app.task(name=_ADVANCE)(self._do_advance)
        self._app.task(name=_ATTEMPT)(self._do_attempt)
        self._on_advance = advance
        self._on_attempt = attempt
        self._beat_s = beat_s
        extra = extra_places(concurrency)
        self._places = asyncio.Semaphore(concurrency + extra)
        self._lanes = (
            _Lane((_ADVANCE,), _ADVANCES_AT_ONCE, _LOOK_AGAIN_S),
            _Lane((_OWN, _SUBTASK), concurrency, _LOOK_FOR_WORK_S),
            _Lane((_OWN,), extra, _LOOK_FOR_WORK_S),
        )
        self._serving: list[asyncio.Task[None]] = []
        self._begun = _Begun()
        self._stopping = False

    async def start(self) -> None:
        """Begin to take jobs up."""
        self._serving = [asyncio.create_task(self._serve(lane)) for lane in self._lanes]

    # --- sending ----------------------------------------------------------------------------

    def advance(self, run_id: str) -> None:
        if run_id in self._begun.advances:
            self._begun.again.add(run_id)
        else:
            super().advance(run_id)

    def attempt(
        self, attempt_id: str, run_id: str, priority: Priority = LAST, *, place: int = 0
    ) -> None:
        if attempt_id in self._begun.attempts:
            return
        is_own = priority == OWN
        job = self._app.configure_task(
            _ATTEMPT,
            queue=_OWN if is_own else _SUBTASK,
            # The best of every run comes before the second best of any.
            priority=1 if is_own else -place,
            queueing_lock=attempt_id,
            task_kwargs={"attempt_id": attempt_id, "run_id": run_id},
        )
        self._send(attempt_id, job)

    async def missing(self, runs: Collection[str], attempts: Collection[str]) -> frozenset[str]:
        wanted = frozenset([*runs, *attempts]) - self._outbox.keys()
        if not wanted:
            return wanted
        # A run that is being advanced may have changed since it was read.
        is_coming = (_job.c.status == sa.literal_column("'todo'")) | (_job.c.task_name != _ADVANCE)
        query = sa.select(_job.c.queueing_lock).where(_job.c.queueing_lock.in_(wanted), is_coming)
        async with self._database.engine.connect() as connection:
            return wanted - frozenset((await connection.execute(query)).scalars())

    # --- taking up --------------------------------------------------------------------------

    def knows(self, attempt_id: str) -> bool:
        return attempt_id in self._begun.attempts

    @property
    def running(self) -> frozenset[str]:
        """The attempts that run in this process."""
        return frozenset(self._begun.attempts)

    async def _serve(self, lane: _Lane) -> None:
        """Take up jobs, and begin anew when the connection was lost."""
        while not self._stopping:
            try:
                await self._open()
                await self._app.run_worker_async(
                    queues=list(lane.queues),
                    concurrency=lane.concurrency,
                    name=lane.queues[-1],
                    fetch_job_polling_interval=lane.look_s,
                    # Attempts have a life of their own, see `_do_attempt`.
                    shutdown_graceful_timeout=0,
                    update_heartbeat_interval=self._beat_s,
                    stalled_worker_timeout=gone_after_s(self._beat_s),
                    delete_jobs=DeleteJobCondition.ALWAYS,
                    install_signal_handlers=False,
                )
            except _LOST as error:
                log.warning("queue_lost", error=str(error.__cause__ or error))
            await asyncio.sleep(_START_AGAIN_S)

    async def _do_advance(self, run_id: str) -> None:
        task = self._begun.advances.get(run_id)
        if task is None:
            task = self._begun.advances[run_id] = asyncio.create_task(self._advance(run_id))
        else:
            self._begun.again.add(run_id)
        await asyncio.shield(task)

    async def _advance(self, run_id: str) -> None:
        try:
            self._begun.again.add(run_id)
            while run_id in self._begun.again and not self._stopping:
                self._begun.again.discard(run_id)
                await self._on_advance(run_id)
        except Exception:
            # The sweep finds the run again: it is still behind.
            log.exception("advance_failed", run=run_id)
        finally:
            self._begun.again.discard(run_id)
            del self._begun.advances[run_id]

    async def _do_attempt(self, attempt_id: str, run_id: str) -> None:
        """Make the attempt in a task that does not end with this worker's connection."""
        if self._stopping or attempt_id in self._begun.attempts:
            return
        task = asyncio.create_task(self._attempt(attempt_id, run_id))
        self._begun.attempts[attempt_id] = task
        self._begun.run_of[attempt_id] = run_id
        # Not in the task itself, which does nothing when it is cancelled before it begins.
        task.add_done_callback(partial(self._release, attempt_id))
        await asyncio.shield(task)

    async def _attempt(self, attempt_id: str, run_id: str) -> None:
        async with self._places:
            if self._stopping:
                return
            try:
                await self._on_attempt(attempt_id)
            except Exception:
                log.exception("attempt_failed", run=run_id, attempt=attempt_id)

    def _release(self, attempt_id: str, _: asyncio.Task[None]) -> None:
        del self._begun.attempts[attempt_id]
        del self._begun.run_of[attempt_id]

    # --- ends -------------------------------------------------------------------------------

    async def rescue(self) -> None:
        """Clear away the jobs of workers that are gone: the rows say what has to be done again."""
        await self._open()
        manager = self._app.job_manager
        gone_s = gone_after_s(self._beat_s)
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=gone_s):
            try:
                await manager.finish_job(job, Status.FAILED, delete_job=True)
            except ConnectorException:
                log.info("stalled_job_ended", task=job.task_name, **job.task_kwargs)
            else:
                log.warning("job_of_dead_worker", task=job.task_name, **job.task_kwargs)
        await manager.prune_stalled_workers(gone_s)

    def cancel(self, run_id: str) -> None:
        for attempt_id, task in self._begun.attempts.items():
            if self._begun.run_of[attempt_id] == run_id:
                task.cancel()

    def cancel_attempt(self, attempt_id: str) -> None:
        if attempt_id in self._begun.attempts:
            self._begun.attempts[attempt_id].cancel()

    async def stop(self, grace_s: float) -> None:
        self._stopping = True
        await self._stop_serving()
        tasks = [*self._begun.attempts.values(), *self._begun.advances.values()]
        if tasks:
            _, unfinished = await asyncio.wait(tasks, timeout=grace_s)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        await self.close()

    async def _stop_serving(self) -> None:
        """Cancel until it is heard: a worker that is just connecting may lose it."""
        serving = set(self._serving)
        while serving:
            for task in serving:
                task.cancel()
            _, serving = await asyncio.wait(serving, timeout=_CANCEL_AGAIN_S)


def _connector(url: URL) -> procrastinate.PsycopgConnector:
    return procrastinate.PsycopgConnector(
        conninfo=conninfo(url),
        kwargs=_OPTIONS,
        min_size=1,
        max_size=_CONNECTIONS,
        timeout=_CONNECT_S,
    )
