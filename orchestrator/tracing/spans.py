"""Traces of runs as OpenTelemetry has them: run, subtask, attempt, calls of models and tools.

A call's span is written by the process that makes the call, when it is over; an attempt's when its
result is committed. The spans of the run and of its subtasks, and of attempts that were broken
off, are written from the rows by whoever commits the end of the run: until then subtasks may be
tried again. A process that is killed loses the spans it has not sent yet, and those of a run whose
end it has just committed; nobody writes these later, so that none is written twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from threading import Thread
from time import time_ns
from types import TracebackType
from typing import Any, Self

import structlog
from opentelemetry import context as present
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import Span

from orchestrator.events import Bus, Event
from orchestrator.model.base import Model
from orchestrator.store.database import Database
from orchestrator.store.tables import Run
from orchestrator.tools.base import ToolResult
from orchestrator.tracing import contents, ids, names, rounds
from orchestrator.tracing.base import AttemptTrace, OnResult, Tracing
from orchestrator.tracing.model import Traced
from orchestrator.tracing.shapes import Shapes
from orchestrator.tracing.writer import Writer, fail, nanoseconds, note

log = structlog.get_logger(__name__)

# Seconds the end of the process waits for the last runs to be written.
_WRITE_S = 2.0


class Spans(Tracing):
    """Writes spans to `processor`. `provider` says who answers calls, `roles` are those of the
    deployment; `with_contents` writes down what was said, too. The end of the process waits
    `send_s` seconds for spans to be sent."""

    def __init__(
        self,
        processor: SpanProcessor,
        provider: str,
        roles: Collection[str],
        *,
        with_contents: bool = False,
        send_s: float = 3.0,
    ) -> None:
        self.with_contents = with_contents
        self._writer = Writer(processor)
        self._provider = provider
        self._shapes = Shapes(provider, roles, with_contents=with_contents)
        self._send_s = send_s
        self._writing: set[asyncio.Task[None]] = set()

    def attempt(self, row: Mapping[str, Any]) -> AttemptTrace:
        """An attempt begins."""
        return AttemptSpan(self._writer, self._shapes, row, with_contents=self.with_contents)

    def model(self, model: Model) -> Model:
        """The model, with a span for each call."""
        return Traced(model, self._writer, self._provider, with_contents=self.with_contents)

    def follow(self, bus: Bus, database: Database) -> None:
        """Write the spans of runs that are over."""
        bus.subscribe(partial(self._note, database))

    async def close(self) -> None:
        """Write and send what is left, as far as there is time."""
        if self._writing:
            _, unwritten = await asyncio.wait(self._writing, timeout=_WRITE_S)
            for task in unwritten:
                task.cancel()
        try:
            async with asyncio.timeout(self._send_s):
                await asyncio.wrap_future(_apart(self._writer.close))
        except TimeoutError:
            log.warning("last_traces_not_sent")

    def _note(self, database: Database, event: Event) -> None:
        if event.kind not in rounds.ENDS:
            return
        task = asyncio.create_task(self._write_round(database, event))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write_round(self, database: Database, event: Event) -> None:
        try:
            async with database.read() as session:
                ended = await rounds.ended_with(session, event)
            for past in self._shapes.of_round(ended) if ended else ():
                self._writer.write(event.run_id, past)
        except Exception:
            log.exception("trace_not_written", run=event.run_id)


class AttemptSpan(AttemptTrace):
    """The span of an attempt that this process makes. While it is entered, it is the parent."""

    def __init__(
        self, writer: Writer, shapes: Shapes, row: Mapping[str, Any], *, with_contents: bool
    ) -> None:
        self._writer = writer
        self._shapes = shapes
        self._row = row
        self._with_contents = with_contents
        self._round = 0
        self._ended_ns = 0

    def __enter__(self) -> Self:
        """What happens from now on belongs to the attempt."""
        within = self._writer.within(self._row["run_id"], ids.of_attempt(self._row["id"]))
        self._token = present.attach(within)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """What happens from now on does not."""
        present.detach(self._token)
        self._ended_ns = time_ns()

    def belongs_to(self, run: Run) -> None:
        """Note in which round of the run it is made."""
        self._round = run.answer_revision

    @contextmanager
    def tool(self, row: Mapping[str, Any]) -> Iterator[OnResult]:
        """The span of a tool call."""
        asked = {
            names.OPERATION: names.EXECUTE_TOOL,
            names.TOOL_NAME: row["name"],
            names.TOOL_TYPE: "function",
            names.TOOL_CALL_ID: row["call_id"],
        }
        with self._writer.span(f"{names.EXECUTE_TOOL} {row['name']}", asked) as span:
            yield partial(self._note_result, span, row)

    def _note_result(self, span: Span, row: Mapping[str, Any], result: ToolResult) -> None:
        if result.is_error:
            fail(span, "tool_error")
        if self._with_contents and span.is_recording():
            said = {
                names.TOOL_ARGUMENTS: contents.arguments(row["arguments"]),
                names.TOOL_RESULT: contents.result(result.text),
            }
            note(span, said)

    def committed(self, result: Mapping[str, Any]) -> None:
        """Write the span."""
        times = nanoseconds(self._row["started_at"]), self._ended_ns
        past = self._shapes.of_attempt(self._row, self._round, times, result)
        self._writer.write(self._row["run_id"], past)


def _apart(work: Callable[[], None]) -> Future[None]:
    """Do `work` in a thread that does not keep the process from ending."""
    done: Future[None] = Future()
    # Whoever no longer waits for it does not cancel it.
    done.set_running_or_notify_cancel()

    def run() -> None:
        try:
            work()
        except Exception:
            log.exception("traces_not_closed")
        done.set_result(None)

    Thread(target=run, name="traces-end", daemon=True).start()
    return done
