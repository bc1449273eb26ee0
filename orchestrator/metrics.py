"""What is measured while it works, in the form Prometheus reads.

What this process did is counted here; how things stand is read from the tables when it is asked
for. Labels are words of our own: no text, no name of a team or a person.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from time import monotonic
from typing import Any

import sqlalchemy as sa
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from orchestrator.errors import ModelError
from orchestrator.model.base import Call, Model, OnText, Reply
from orchestrator.store.clock import now
from orchestrator.store.database import Database
from orchestrator.store.tables import (
    Attempt,
    AttemptStatus,
    Request,
    RequestKind,
    RequestStatus,
    Run,
    RunStatus,
)

log = structlog.get_logger(__name__)

# Roles that plans made up are one label, so that there are never many.
_OTHER = "other"
_SECONDS = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300)


class Metrics:
    """The measures of one process. `registry` takes those of others, too."""

    def __init__(self, roles: Collection[str]) -> None:
        self._roles = frozenset(roles)
        self.registry = registry = CollectorRegistry()
        self.attempts = Counter(
            "orchestrator_attempts",
            "Attempts that ended in this process.",
            ("purpose", "role", "outcome"),
            registry=registry,
        )
        self.model_seconds = Histogram(
            "orchestrator_model_seconds",
            "Seconds a call of the model took, and how it ended.",
            ("purpose", "outcome"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.tokens = Counter(
            "orchestrator_model_tokens", "Tokens that were used.", ("kind",), registry=registry
        )
        self.usd = Counter("orchestrator_model_usd", "USD that were spent.", registry=registry)
        self._standing = _Standing(registry)

    def note_attempt(self, row: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        """An attempt is over: count its outcome, and what it used."""
        role = row["role"] or ""
        known = role if role in self._roles or not role else _OTHER
        self.attempts.labels(row["purpose"], known, result["outcome"]).inc()
        for kind in ("input", "output", "cache_read", "cache_write"):
            self.tokens.labels(kind).inc(result.get(f"{kind}_tokens") or 0)
        self.usd.inc(float(result.get("cost_usd") or 0))

    async def text(self, database: Database) -> bytes:
        """All of it, in the format of Prometheus."""
        await self._standing.read(database)
        return generate_latest(self.registry)


class Measured:
    """A model whose calls are timed."""

    def __init__(self, model: Model, metrics: Metrics) -> None:
        self._model = model
        self._seconds = metrics.model_seconds

    async def complete(self, call: Call, on_text: OnText | None = None) -> Reply:
        """Answer `call` as the model does."""
        began = monotonic()
        outcome = "cancelled"
        try:
            reply = await self._model.complete(call, on_text)
        except ModelError as error:
            outcome = error.outcome
            raise
        except Exception:
            outcome = "errored"
            raise
        else:
            outcome = "succeeded"
            return reply
        finally:
            self._seconds.labels(call.purpose, outcome).observe(monotonic() - began)

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()


class _Standing:
    """How things stand, by the tables: the same whichever process is asked."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(f"orchestrator_{name}", meaning, labels, registry=registry)

        self._is_up = gauge("database_up", "Whether the database could be read just now.")
        self._runs = gauge("runs", "Runs, by how they stand.", "status")
        self._queued = gauge("attempts_queued", "Attempts that wait for a worker.")
        self._running = gauge("attempts_running", "Attempts that are being made.")
        self._wait_s = gauge("attempts_queued_seconds", "Seconds the oldest of them has waited.")
        self._behind = gauge("threads_behind", "Threads that show an older state.")
        self._behind_s = gauge(
            "threads_behind_seconds", "Seconds since the change that waits longest to be shown."
        )
        self._asked = gauge("requests_open", "What waits for a person.", "kind")

    async def read(self, database: Database) -> None:
        try:
            async with database.read() as session:
                runs = await _counts(session, select(Run.status, sa.func.count()), Run.status)
                queued = await _since(session, Attempt.queued_at, _status_is(AttemptStatus.QUEUED))
                running = await _since(
                    session, Attempt.queued_at, _status_is(AttemptStatus.RUNNING)
                )
                behind = await _since(session, Run.updated_at, _IS_BEHIND)
                is_open = Request.status == RequestStatus.OPEN
                asked = await _counts(
                    session, select(Request.kind, sa.func.count()).where(is_open), Request.kind
                )
        except (SQLAlchemyError, OSError) as error:
            log.warning("metrics_not_read", error=type(error).__name__)
            self._is_up.set(0)
            return
        self._is_up.set(1)
        for status in RunStatus:
            self._runs.labels(status).set(runs.get(status, 0))
        for kind in RequestKind:
            self._asked.labels(kind).set(asked.get(kind, 0))
        self._running.set(running[0])
        for (count, seconds), counted, aged in (
            (queued, self._queued, self._wait_s),
            (behind, self._behind, self._behind_s),
        ):
            counted.set(count)
            aged.set(seconds)


# As the partial index has it.
_IS_BEHIND = (col(Run.shown_version) < col(Run.version)) & col(Run.channel).is_not(None)


def _status_is(status: AttemptStatus) -> sa.ColumnElement[bool]:
    # The first condition is that of the partial index.
    return (col(Attempt.status) != AttemptStatus.FINISHED) & (col(Attempt.status) == status)


async def _counts(session: AsyncSession, query: Any, column: Any) -> dict[Any, int]:
    return dict((await session.exec(query.group_by(column))).all())


async def _since(
    session: AsyncSession, moment: Any, condition: sa.ColumnElement[bool]
) -> tuple[int, float]:
    """How many there are, and seconds since the earliest moment of them."""
    query = select(sa.func.count(), sa.func.min(moment)).where(condition)
    count, earliest = (await session.exec(query)).one()
    return count, _seconds_since(earliest) if earliest else 0.0


def _seconds_since(moment: datetime) -> float:
    return max((now() - moment).total_seconds(), 0.0)
