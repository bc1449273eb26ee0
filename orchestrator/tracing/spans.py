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
from datetime import datetime
from functools import partial
from threading import Thread
from time import time_ns
from types import TracebackType
from typing import Any, Self

import structlog
from opentelemetry import context as contexts
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import Span, SpanKind

from orchestrator.errors import ModelError
from orchestrator.events import Bus, Event
from orchestrator.model.base import Call, Model, OnText, Purpose, Reply, Usage
from orchestrator.store.database import Database
from orchestrator.store.tables import Attempt, Outcome, Run, RunStatus, SubtaskStatus
from orchestrator.tools.base import ToolResult
from orchestrator.tracing import contents, ids, names, rounds
from orchestrator.tracing.base import AttemptTrace, OnResult, Tracing
from orchestrator.tracing.rounds import Round
from orchestrator.tracing.writer import Attributes, Past, Writer, fail, nanoseconds, note

log = structlog.get_logger(__name__)

# Seconds the end of the process waits for the last runs to be written.
_WRITE_S = 2.0
# Roles that plans made up are content.
_OTHER = "other"
_OWN_AGENTS = {
    Purpose.PLAN: "orchestrator",
    Purpose.REVIEW: "orchestrator",
    Purpose.SYNTHESIS: "synthesizer",
}
# The columns that its span is made of.
_OF_ATTEMPT = {"id", "run_id", "subtask", "purpose", "number", "role", "outcome"}
_FINE = frozenset({Outcome.SUCCEEDED, Outcome.PAUSED, Outcome.CANCELLED})


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
        self.writer = Writer(processor)
        self.provider = provider
        self.with_contents = with_contents
        self._roles = frozenset(roles)
        self._send_s = send_s
        self._writing: set[asyncio.Task[None]] = set()

    def attempt(self, row: Mapping[str, Any]) -> AttemptTrace:
        """An attempt begins."""
        return AttemptSpan(self, row)

    def model(self, model: Model) -> Model:
        """The model, with a span for each call."""
        return Traced(model, self)

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
                await asyncio.wrap_future(_apart(self.writer.close))
        except TimeoutError:
            log.warning("last_traces_not_sent")

    def agent_of(self, purpose: Purpose, role: str | None) -> str:
        """What the worker of an attempt is called."""
        if purpose is not Purpose.SUBTASK:
            return _OWN_AGENTS[purpose]
        return role if role in self._roles else _OTHER

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
            for past in self._of_round(ended) if ended else ():
                self.writer.write(event.run_id, past)
        except Exception:
            log.exception("trace_not_written", run=event.run_id)

    def _of_round(self, ended: Round) -> Iterator[Past]:
        """The run's span, those of its subtasks, and of attempts whose end nobody saw."""
        yield self._run(ended)
        by_subtask: dict[int, list[Attempt]] = {}
        for attempt in ended.attempts:
            if attempt.subtask is not None:
                by_subtask.setdefault(attempt.subtask, []).append(attempt)
            if attempt.outcome in rounds.BROKEN_OFF and attempt.started_at is not None:
                yield self._broken_off(ended, attempt)
        for number, attempts in by_subtask.items():
            yield _subtask(ended, number, attempts)

    def _run(self, ended: Round) -> Past:
        run = ended.run
        said: Attributes = {}
        if self.with_contents:
            said = {
                names.INPUT_MESSAGES: contents.task(run.task),
                names.OUTPUT_MESSAGES: contents.answer(ended.answer) if ended.answer else None,
            }
        return Past(
            names.INVOKE_WORKFLOW,
            ids.of_round(run.id, ended.number),
            None,
            nanoseconds(ended.began_at),
            nanoseconds(ended.ended_at),
            {
                names.OPERATION: names.INVOKE_WORKFLOW,
                names.CONVERSATION: run.id,
                names.RUN_NAME: run.name,
                names.RUN_STATUS: ended.status,
                names.RUN_ROUND: ended.number,
                names.RUN_GAPS: run.gaps,
                names.COST_USD: float(run.cost_usd) if run.cost_known else None,
                **said,
            },
            "failed" if ended.status is RunStatus.FAILED else None,
        )

    def _broken_off(self, ended: Round, attempt: Attempt) -> Past:
        row = attempt.model_dump(include=_OF_ATTEMPT)
        times = nanoseconds(_moment(attempt.started_at)), nanoseconds(_moment(attempt.finished_at))
        return self.past_of(row, ended.number, times, row)

    def past_of(
        self,
        row: Mapping[str, Any],
        number: int,
        times: tuple[int, int],
        result: Mapping[str, Any],
    ) -> Past:
        """The span of an attempt in the round of that number."""
        run_id, subtask, purpose = row["run_id"], row["subtask"], row["purpose"]
        operation = names.PLAN if purpose is Purpose.PLAN else names.INVOKE_AGENT
        agent = self.agent_of(purpose, row["role"])
        cost, outcome = result.get("cost_usd"), result["outcome"]
        return Past(
            f"{operation} {agent}",
            ids.of_attempt(row["id"]),
            ids.of_round(run_id, number)
            if subtask is None
            else ids.of_subtask(run_id, number, subtask),
            *times,
            {
                names.OPERATION: operation,
                names.AGENT: agent,
                names.PROVIDER: self.provider,
                names.CONVERSATION: run_id,
                names.ATTEMPT_ID: row["id"],
                names.ATTEMPT_NUMBER: row["number"],
                names.ATTEMPT_OUTCOME: outcome,
                names.PURPOSE: purpose,
                names.SUBTASK_NUMBER: subtask,
                names.COST_USD: None if cost is None else float(cost),
            },
            None if outcome in _FINE else str(outcome),
        )


def _moment(known: datetime | None) -> datetime:
    """A time that an attempt has which is over."""
    assert known is not None
    return known


def _subtask(ended: Round, number: int, attempts: list[Attempt]) -> Past:
    status, last = ended.subtasks[number], attempts[-1].outcome
    is_fine = status is SubtaskStatus.SUCCEEDED or last in _FINE
    return Past(
        names.SUBTASK,
        ids.of_subtask(ended.run.id, ended.number, number),
        ids.of_round(ended.run.id, ended.number),
        nanoseconds(min(attempt.queued_at for attempt in attempts)),
        nanoseconds(max(_moment(attempt.finished_at) for attempt in attempts)),
        {
            names.CONVERSATION: ended.run.id,
            names.SUBTASK_NUMBER: number,
            names.SUBTASK_STATUS: status,
        },
        None if is_fine else str(last),
    )


class AttemptSpan(AttemptTrace):
    """The span of an attempt that this process makes. While it is entered, it is the parent."""

    def __init__(self, spans: Spans, row: Mapping[str, Any]) -> None:
        self._spans = spans
        self._row = row
        self._round = 0
        self._ended_ns = 0

    def __enter__(self) -> Self:
        """What happens from now on belongs to the attempt."""
        within = self._spans.writer.within(self._row["run_id"], ids.of_attempt(self._row["id"]))
        self._token = contexts.attach(within)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """What happens from now on does not."""
        contexts.detach(self._token)
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
        with self._spans.writer.span(f"{names.EXECUTE_TOOL} {row['name']}", asked) as span:
            yield partial(self._note_result, span, row)

    def _note_result(self, span: Span, row: Mapping[str, Any], result: ToolResult) -> None:
        if result.is_error:
            fail(span, "tool_error")
        if self._spans.with_contents and span.is_recording():
            said = {
                names.TOOL_ARGUMENTS: contents.arguments(row["arguments"]),
                names.TOOL_RESULT: contents.result(result.text),
            }
            note(span, said)

    def committed(self, result: Mapping[str, Any]) -> None:
        """Write the span."""
        times = nanoseconds(self._row["started_at"]), self._ended_ns
        past = self._spans.past_of(self._row, self._round, times, result)
        self._spans.writer.write(self._row["run_id"], past)


class Traced:
    """A model with a span for each call."""

    def __init__(self, model: Model, spans: Spans) -> None:
        self._model = model
        self._spans = spans

    async def complete(self, call: Call, on_text: OnText | None = None) -> Reply:
        """Answer `call` as the model does."""
        asked: Attributes = {
            names.OPERATION: names.CHAT,
            names.PROVIDER: self._spans.provider,
            names.REQUEST_MODEL: call.model,
            names.REQUEST_MAX_TOKENS: call.max_tokens,
            names.REQUEST_TEMPERATURE: call.temperature,
            names.OUTPUT_TYPE: "json" if call.schema is not None else None,
        }
        name = f"{names.CHAT} {call.model}"
        with self._spans.writer.span(name, asked, SpanKind.CLIENT) as span:
            if self._spans.with_contents and span.is_recording():
                said = {
                    names.SYSTEM_INSTRUCTIONS: contents.instructions(call),
                    names.INPUT_MESSAGES: contents.asked(call),
                }
                note(span, said)
            try:
                reply = await self._model.complete(call, on_text)
            except ModelError as error:
                note(span, _used(error.usage))
                raise
            self._note_reply(span, reply)
            return reply

    def _note_reply(self, span: Span, reply: Reply) -> None:
        note(
            span,
            {
                names.RESPONSE_MODEL: reply.model,
                names.FINISH_REASONS: [reply.stop_reason],
                names.COST_USD: None if reply.cost_usd is None else float(reply.cost_usd),
                **_used(reply.usage),
            },
        )
        if self._spans.with_contents and span.is_recording():
            note(span, {names.OUTPUT_MESSAGES: contents.answered(reply)})

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()


def _used(usage: Usage) -> Attributes:
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    return {
        names.INPUT_TOKENS: usage.input_tokens + usage.cache_read_tokens + written,
        names.OUTPUT_TOKENS: usage.output_tokens,
        names.CACHE_READ_TOKENS: usage.cache_read_tokens or None,
        names.CACHE_WRITE_TOKENS: written or None,
    }


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
