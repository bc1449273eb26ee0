"""A model that answers what it was told to answer. For tests."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from orchestrator.errors import ModelTimedOut
from orchestrator.model.base import (
    Call,
    JsonObject,
    OnText,
    Purpose,
    Reply,
    ToolCall,
    Usage,
)

Answer = Reply | str | JsonObject | Exception
Answering = Callable[[Call], Answer]

NAME = "scripted"
_Place = tuple[Purpose | None, int | None]


def reply(
    text: str = "",
    *,
    data: Any = None,
    tool_calls: Sequence[ToolCall] = (),
    usage: Usage | None = None,
    cost_usd: Decimal | None = Decimal(0),
) -> Reply:
    """A reply with that much in it; the text of `data` is its JSON."""
    if data is not None and not text:
        text = json.dumps(data)
    content: list[JsonObject] = [{"type": "text", "text": text}] if text else []
    content += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": call.input}
        for call in tool_calls
    ]
    return Reply(
        text=text,
        model=NAME,
        message={"role": "assistant", "content": content},
        stop_reason="tool_use" if tool_calls else "end_turn",
        data=data,
        tool_calls=tuple(tool_calls),
        usage=usage or Usage(input_tokens=10, output_tokens=max(1, len(text) // 4)),
        cost_usd=cost_usd,
    )


@dataclass(frozen=True, slots=True)
class Gate:
    """Holds the answers to the calls it is for, until it is opened."""

    purpose: Purpose | None = None
    subtask: int | None = None
    _reached: asyncio.Event = field(default_factory=asyncio.Event)
    _opened: asyncio.Event = field(default_factory=asyncio.Event)

    def holds(self, call: Call) -> bool:
        """Whether `call` has to wait here."""
        return self.purpose in (None, call.purpose) and self.subtask in (None, call.subtask)

    async def reached(self, within_s: float = 10.0) -> None:
        """Wait until a call stands at the gate. Raises TimeoutError."""
        await asyncio.wait_for(self._reached.wait(), within_s)

    def open(self) -> None:
        """Let all calls through, those to come as well."""
        self._opened.set()

    async def passed(self) -> None:
        """Wait, as a call, until the gate is open."""
        self._reached.set()
        await self._opened.wait()


class ScriptedModel:
    """Answers from queues by purpose and subtask, then from a function; `calls` has every call.

    An answer is a Reply, a text, a dict (the JSON of the reply) or an error to raise.
    """

    def __init__(self, answering: Answering | None = None):
        self.answering = answering
        self.calls: list[Call] = []
        self.closed = False
        self._queues: dict[_Place, deque[Answer]] = defaultdict(deque)
        self._gates: list[Gate] = []

    def enqueue(
        self, *answers: Answer, purpose: Purpose | None = None, subtask: int | None = None
    ) -> None:
        """Answer the next calls of that purpose and subtask with these, one after the other."""
        self._queues[purpose, subtask].extend(answers)

    def gate(self, purpose: Purpose | None = None, subtask: int | None = None) -> Gate:
        """From now on hold such calls until the gate is opened."""
        self._gates.append(Gate(purpose, subtask))
        return self._gates[-1]

    def calls_for(self, purpose: Purpose, subtask: int | None = None) -> list[Call]:
        """The calls there were of that purpose, and of that subtask where one is given."""
        return [c for c in self.calls if c.purpose == purpose and subtask in (None, c.subtask)]

    async def complete(self, call: Call, on_text: OnText | None = None) -> Reply:
        """The next answer to such a call. Raises AssertionError where there is none."""
        self.calls.append(call)
        answer = self._next(call)
        await self._through_gates(call)
        if isinstance(answer, Exception):
            raise answer
        answered = _as_reply(answer)
        if on_text is not None:
            for line in answered.text.splitlines(keepends=True):
                on_text(line)
        return answered

    async def close(self) -> None:
        """Nothing to let go of; `closed` says that it was asked to."""
        self.closed = True

    def _next(self, call: Call) -> Answer:
        for place in (
            (call.purpose, call.subtask),
            (call.purpose, None),
            (None, call.subtask),
            (None, None),
        ):
            queue = self._queues.get(place)
            if queue:
                return queue.popleft()
        if self.answering is None:
            raise AssertionError(f"There is no answer left for {call.purpose} {call.subtask}.")
        return self.answering(call)

    async def _through_gates(self, call: Call) -> None:
        try:
            async with asyncio.timeout(call.timeout_s):
                for gate in [gate for gate in self._gates if gate.holds(call)]:
                    await gate.passed()
        except TimeoutError as error:
            sentence = f"There was no answer within {call.timeout_s:g} seconds."
            raise ModelTimedOut(sentence) from error


def _as_reply(answer: Reply | str | JsonObject) -> Reply:
    if isinstance(answer, str):
        return reply(answer)
    if isinstance(answer, dict):
        return reply(data=answer)
    return answer
