"""The conversation of one attempt: a model, the tools it calls, and again, until it is done.

A tool call is written down before it is made. One that changes something waits for a person: the
attempt ends with its transcript, and a later one goes on from there. A call that was made is not
made again, whichever attempt goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from orchestrator import prompts, worker
from orchestrator.context import Context
from orchestrator.errors import ModelError, ModelInvalid, ModelTimedOut
from orchestrator.model.base import (
    Call,
    JsonObject,
    Meter,
    Model,
    OnText,
    Reply,
    ServiceCall,
    ToolCall,
    Usage,
)
from orchestrator.store import calls
from orchestrator.store.clock import now
from orchestrator.store.database import Database
from orchestrator.store.tables import ToolCallRow, ToolCallStatus, new_id, new_row
from orchestrator.tools.base import ToolResult, failed
from orchestrator.tools.local import OFFERS
from orchestrator.tracing.base import AttemptTrace

# Times a worker may ask for tools before it has to write its result.
MOST_ROUNDS = 16

_ENOUGH = "No more tools can be used. Write your result now, with what you have."
_DENIED = "A person did not allow this. Go on without it, or say what cannot be done."


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came of a conversation: its last call, and the reply to it.

    Without a reply a person is to decide about `tool`, a call as `calls.asked` tells of it.
    `usage` and `cost_usd` are those of all its calls together, `model` is who answered.
    """

    call: Call
    model: str
    usage: Usage
    cost_usd: Decimal | None
    reply: Reply | None = None
    tool: JsonObject | None = None


class _NeedsPerson(Exception):
    def __init__(self, row: dict[str, Any], *, is_cut_off: bool):
        self.tool = calls.asked(row, is_cut_off=is_cut_off)


class Conversation:
    """The exchange of the attempt in `row` with `model`. What it uses is written on `meter`, its
    tool calls are told to `trace`."""

    def __init__(
        self,
        database: Database,
        model: Model,
        context: Context,
        row: dict[str, Any],
        meter: Meter,
        trace: AttemptTrace,
    ) -> None:
        self._database = database
        self._model = model
        self._context = context
        self._row = row
        self._meter = meter
        self._trace = trace
        self._noted: set[str] = set()
        self._answered_by: str | None = None

    async def hold(self, call: Call, on_text: OnText | None = None) -> Exchange:
        """Talk until there is a reply that calls no tools, or a person has to decide.

        Raises the ModelErrors, with what all calls together have used.
        """
        ends_at = asyncio.get_running_loop().time() + call.timeout_s
        rounds = 0
        try:
            while True:
                said = call.messages[-1]
                if said["role"] == "assistant":
                    call = call.following(await self._answers(call, said, rounds))
                    rounds += 1
                reply = await self._ask(call, ends_at, on_text)
                if not _wants_tools(reply):
                    return self._ended(call, reply=reply)
                if rounds > MOST_ROUNDS:
                    raise ModelInvalid(["It asked for tools again and again; no result came."])
                call = replace(call, container=reply.container or call.container)
                call = call.following(_with_new_ids(call, reply.message))
        except _NeedsPerson as needed:
            return self._ended(call, tool=needed.tool)
        except ModelError as error:
            error.usage, error.cost_usd = self._meter.usage, self._meter.cost_usd
            raise

    def _ended(self, call: Call, **came: Any) -> Exchange:
        model = self._answered_by or call.model
        return Exchange(call, model, self._meter.usage, self._meter.cost_usd, **came)

    async def _ask(self, call: Call, ends_at: float, on_text: OnText | None) -> Reply:
        left = ends_at - asyncio.get_running_loop().time()
        if left <= 0:
            raise ModelTimedOut("The tools took all the time there was.")
        meter, asked_at = Meter(), now()
        try:
            asked = replace(call, timeout_s=left, meter=meter)
            reply = await self._model.complete(asked, on_text)
        except ModelError as error:
            self._meter.count(error.usage, error.cost_usd)
            raise
        except asyncio.CancelledError:
            self._meter.count(meter.usage, meter.cost_usd)
            raise
        self._meter.count(reply.usage, reply.cost_usd)
        self._answered_by = reply.model
        await self._note_service(reply, asked_at)
        return reply

    async def _note_service(self, reply: Reply, asked_at: datetime) -> None:
        """Write down what tools did at the service, and keep the files made there."""
        if not reply.service_calls and not reply.files:
            return
        rows = [self._service_row(used, asked_at) for used in reply.service_calls]
        if rows:
            rows[-1]["output"] = "\n".join(filter(None, (rows[-1]["output"], *reply.notes)))
        await self._database.write(
            partial(calls.add_made, rows=rows, attempt=self._row, files=reply.files)
        )

    def _service_row(self, used: ServiceCall, asked_at: datetime) -> dict[str, Any]:
        # Not every server keeps its calls apart.
        call_id = new_id() if used.id in self._noted else used.id
        self._noted.add(call_id)
        row = self._row_of(call_id, used.name, used.input)
        return row | {
            "status": ToolCallStatus.FINISHED,
            "output": used.output,
            "is_error": used.is_error,
            "started_at": asked_at,
            "finished_at": now(),
        }

    # --- the tools ---------------------------------------------------------------------------

    async def _answers(self, call: Call, said: JsonObject, rounds: int) -> JsonObject:
        """The message that answers every tool call in what the model `said`."""
        wanted = _calls_in(said)
        if rounds >= MOST_ROUNDS or self._has_used_enough:
            results = dict.fromkeys((tool.id for tool in wanted), failed(_ENOUGH))
        else:
            results = await self._results(
                call, [t for t in wanted if t.name != worker.ASK_PERSON.name]
            )
        if self._context.answer is not None:
            answer = ToolResult(self._context.answer)
            results |= {tool.id: answer for tool in wanted if tool.name == worker.ASK_PERSON.name}
        blocks = [results[tool.id].block(tool.id) for tool in wanted]
        told = worker.told(self._context) if self._context.transcript and not rounds else []
        return {"role": "user", "content": [*blocks, *({"type": "text", "text": t} for t in told)]}

    @property
    def _has_used_enough(self) -> bool:
        """Whether what was set aside for the attempt is used up."""
        reserved = self._row["reserved_tokens"]
        return bool(0 < reserved <= self._meter.usage.total_tokens)

    async def _results(self, call: Call, wanted: Sequence[ToolCall]) -> dict[str, ToolResult]:
        """What each call brought, now or before. Those that wait for a person come last."""
        rows = await self._rows(wanted)
        await asyncio.gather(*(self._make(row) for row in rows if self._is_free(row)))
        for row in rows:
            if row["status"] in (ToolCallStatus.WAITING, ToolCallStatus.CUT_OFF):
                is_cut_off = row["status"] is ToolCallStatus.CUT_OFF
                raise _NeedsPerson(row, is_cut_off=is_cut_off)
            if row["status"] in (ToolCallStatus.APPROVED, ToolCallStatus.RUNNING):
                await self._make_approved(call, row)
        return {row["call_id"]: _result(row) for row in rows}

    async def _rows(self, wanted: Sequence[ToolCall]) -> list[dict[str, Any]]:
        """The rows of these calls; those that are new are written down first."""
        work = partial(
            calls.find,
            run_id=self._row["run_id"],
            number=self._row["subtask"],
            call_ids=[tool.id for tool in wanted],
        )
        known = await self._database.write(work) if self._context.transcript else {}
        new = {tool.id: self._new_row(tool) for tool in wanted if tool.id not in known}
        await self._database.write(partial(calls.add, rows=list(new.values())))
        return [(known | new)[tool.id] for tool in wanted]

    def _new_row(self, tool: ToolCall) -> dict[str, Any]:
        refused = self._context.kit.refusal(tool.name, tool.input)
        waits = refused is None and self._changes({"name": tool.name})
        row = self._row_of(tool.id, tool.name, tool.input)
        started = None if waits else now()
        status = ToolCallStatus.WAITING if waits else ToolCallStatus.RUNNING
        return row | {"status": status, "started_at": started, "decided_by": None, "output": None}

    def _row_of(self, call_id: str, name: str, arguments: JsonObject) -> dict[str, Any]:
        return new_row(
            ToolCallRow,
            run_id=self._row["run_id"],
            attempt_id=self._row["id"],
            subtask=self._row["subtask"],
            call_id=call_id,
            name=name,
            arguments=arguments,
        )

    def _is_free(self, row: dict[str, Any]) -> bool:
        """Whether the call can be made, or made again, without asking anybody."""
        if row["status"] is not ToolCallStatus.RUNNING or row["decided_by"] is not None:
            return False
        return row["attempt_id"] == self._row["id"] or not self._changes(row)

    def _changes(self, row: dict[str, Any]) -> bool:
        offer = self._context.kit.offer(row["name"])
        return offer is not None and offer.changes

    async def _make_approved(self, call: Call, row: dict[str, Any]) -> None:
        """Make a call that a person approved, unless it was begun before."""
        take = partial(
            calls.take,
            id_=row["id"],
            attempt_id=self._row["id"],
            transcript=list(call.messages),
        )
        if not await self._database.write(take):
            await self._database.write(partial(calls.mark_cut_off, id_=row["id"]))
            raise _NeedsPerson(row, is_cut_off=True)
        await self._make(row, is_approved=True)

    async def _make(self, row: dict[str, Any], *, is_approved: bool = False) -> None:
        """Make the call, and write down what came of it."""
        result = await self._called(row, is_approved=is_approved)
        finish = partial(calls.finish, row=row, attempt_id=self._row["id"], result=result)
        await self._database.write(finish)
        row |= {
            "status": ToolCallStatus.FINISHED,
            "output": result.text,
            "is_error": result.is_error,
        }

    async def _called(self, row: dict[str, Any], *, is_approved: bool) -> ToolResult:
        kit = self._context.kit
        call = partial(kit.call, row["name"], row["arguments"], self._context.tool_context)
        if kit.offer(row["name"]) is None:
            # There is nothing to call; the name is a word of the model.
            return await call(is_approved=is_approved)
        with self._trace.tool(row) as note_result:
            result = await call(is_approved=is_approved)
            note_result(result)
        return result


def _wants_tools(reply: Reply) -> bool:
    """Whether it calls tools, and asks nobody anything."""
    names = [tool.name for tool in reply.tool_calls]
    return bool(names) and worker.ASK_PERSON.name not in names


def _with_new_ids(call: Call, said: JsonObject) -> JsonObject:
    """What the model said, where no tool call has the id of an earlier one: not every server
    keeps them apart."""
    taken = {tool.id for message in call.messages for tool in _calls_in(message)}
    content = [
        {**block, "id": f"toolu_{new_id()}"} if block.get("id") in taken else block
        for block in said["content"]
    ]
    return {**said, "content": content}


def _calls_in(said: JsonObject) -> list[ToolCall]:
    content = said["content"] if isinstance(said["content"], list) else []
    return [
        ToolCall(block["id"], block["name"], block["input"])
        for block in content
        if isinstance(block, dict) and block.get("type") == "tool_use"
    ]


def _result(row: dict[str, Any]) -> ToolResult:
    if row["status"] is ToolCallStatus.DENIED:
        return failed(_DENIED)
    said = row["output"] or ""
    if row["name"] not in OFFERS:
        # What is not ours may say anything.
        said = prompts.fenced("tool_result", said, tool=row["name"])
    return ToolResult(said, is_error=row["is_error"])
