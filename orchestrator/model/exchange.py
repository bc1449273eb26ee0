"""One call until it is answered: its tries, its pauses, and what they have used."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import structlog
from anthropic.lib.streaming import AsyncMessageStream
from anthropic.types import Message

from orchestrator.errors import (
    ModelEmpty,
    ModelError,
    ModelRefused,
    ModelTruncated,
    ModelUnavailable,
)
from orchestrator.model import caching, messages, service_calls, streaming, transport
from orchestrator.model.base import Call, JsonObject, Meter, OnText, Reply
from orchestrator.model.firsts import Turn
from orchestrator.model.made_files import MadeFiles
from orchestrator.model.messages import Style
from orchestrator.model.rates import Place
from orchestrator.model.streaming import Heard

if TYPE_CHECKING:
    from orchestrator.model.anthropic import AnthropicModel

MAX_PAUSES = 5
_CONNECT_S = 10.0
# A place that comes later than this before the end of the call is of no use.
_ANSWER_S = 1.0
# To wait for another call that fills the cache: at most so long, and this part of the time left.
_PATIENCE_S = 5.0
_PATIENT_PART = 0.25
_CHARS_PER_TOKEN = 4

_REFUSALS = {
    "cyber": "it could enable attacks on computers",
    "bio": "it could enable biological harm",
    "frontier_llm": "it could assist the development of competing models",
    "reasoning_extraction": "it asks for the model's internal reasoning",
    "general_harms": "it could be harmful",
}

_CONCEDABLE = (
    anthropic.BadRequestError,
    anthropic.NotFoundError,
    anthropic.UnprocessableEntityError,
)

log = structlog.get_logger()


class Exchange:
    """A call and the model that answers it."""

    def __init__(self, model: AnthropicModel, call: Call, on_text: OnText | None):
        self.model = model
        self.call = call
        self.heard = Heard(on_text)
        self.style = model.style_for(call.model)
        self.used = call.meter or Meter()
        self.blocks: list[JsonObject] = []
        self.container = call.container
        self.request_id: str | None = None
        self.deadline = 0.0

    async def run(self, deadline: float) -> Reply:
        """Ask, go on where the model paused, and ask in words where JSON was not understood.

        `deadline` is a time of the loop's clock. Raises ModelErrors, and what is raised by
        the SDK.
        """
        self.deadline = deadline
        message = await self._turn()
        if self._ignores_schema(message):
            self.style = replace(self.style, schema=False)
            self.model.learn(self.call.model, self.style)
            self.blocks = []
            message = await self._turn()
        return await self._with_files(self._reply(message))

    def failed(self, kind: type[ModelError], sentence: str) -> ModelError:
        """The error to raise, with what was used until now."""
        return kind(sentence, self.used.usage, self.used.cost_usd)

    async def _turn(self) -> Message:
        for _ in range(MAX_PAUSES + 1):
            message = await self._understood()
            self.blocks += messages.blocks_of(message)
            self.container = message.container.id if message.container else self.container
            if message.stop_reason != "pause_turn":
                return message
        raise self.failed(ModelUnavailable, "The model paused again and again and did not finish.")

    async def _understood(self) -> Message:
        """The next message, in the richest style the server understands."""
        before = self.style
        while True:
            try:
                message = await self._retried()
            except _CONCEDABLE as error:
                self.style = self._conceded(error)
                continue
            if self.style != before:
                self.model.learn(self.call.model, self.style)
            return message

    def _conceded(self, error: anthropic.APIStatusError) -> Style:
        if self.container is not None and "container" in transport.said(error):
            # It does not outlive a long wait for a person; what ran in it is in the transcript.
            self.container = None
            log.info("model.container_gone", model=self.call.model)
            return self.style
        if isinstance(error, anthropic.NotFoundError):
            raise error
        style = messages.conceded(
            self.style, self.call, transport.said(error), other_server=self.model.other_server
        )
        if style is None:
            raise error
        log.info("model.concession", model=self.call.model, style=style)
        return style

    async def _retried(self) -> Message:
        retrying = transport.retrying(self._left_s(), self.model.sleep, self._worth_it)
        return await retrying(self._ask)

    def _worth_it(self, error: BaseException) -> bool:
        return not self.heard.has_told and transport.retryable(error)

    def _left_s(self) -> float:
        return max(self.deadline - asyncio.get_running_loop().time(), 0.001)

    async def _ask(self) -> Message:
        """Send the request when its turn has come and the limits allow it."""
        request = self._request()
        model, limits = self.call.model, self.model
        patience_s = min(_PATIENCE_S, self._left_s() * _PATIENT_PART)
        prefixes = caching.prefixes_of(request)
        cached_from = limits.prices.cached_from(model)
        async with limits.firsts.turn(model, prefixes, cached_from, patience_s) as turn:
            tokens = max(caching.tokens_of(request) - turn.kept_tokens, 0)
            within_s = max(self._left_s() - _ANSWER_S, 0)
            async with limits.rates.place(model, tokens, self.call.max_tokens, within_s) as place:
                return streaming.checked(await self._answered(request, turn, place))

    async def _answered(self, request: JsonObject, turn: Turn, place: Place) -> Message | None:
        left_s = self._left_s()
        silence_s = min(left_s, self.model.stall_s or left_s)
        timeout = httpx2.Timeout(silence_s, connect=min(left_s, _CONNECT_S))
        try:
            async with self.model.client.messages.stream(**request, timeout=timeout) as stream:
                await place.told(stream.response.headers)
                self.request_id = stream.request_id
                if streaming.is_whole(stream.response):
                    return await self._whole(stream.response, turn, place)
                return await self._streamed(stream, turn, place)
        except (anthropic.RateLimitError, anthropic.OverloadedError) as error:
            await place.refused(error.response.headers, transport.retry_after_s(error))
            raise

    def _request(self) -> JsonObject:
        call = self.call
        if self.blocks:
            call = call.following({"role": "assistant", "content": self.blocks})
        container = {"container": self.container} if self.container else {}
        return {
            **messages.request_of(call, self.style),
            **self.model.sampling(call.temperature),
            **container,
        }

    async def _streamed(
        self, stream: AsyncMessageStream[Any], turn: Turn, place: Place
    ) -> Message | None:
        begun, heard_before = False, self.heard.characters
        try:
            async with aclosing(streaming.events_of(stream)) as events:
                async for event in events:
                    if event.type == "message_start":
                        begun = True
                        turn.begun()
                    self.heard.event(event)
        finally:
            if begun:
                written = (self.heard.characters - heard_before) // _CHARS_PER_TOKEN
                self._count(stream.current_message_snapshot, turn, place, written)
        return stream.current_message_snapshot if begun else None

    async def _whole(self, response: httpx2.Response, turn: Turn, place: Place) -> Message:
        message = await streaming.whole(response)
        turn.begun()
        self._count(message, turn, place)
        self.heard.text(messages.text_of(messages.blocks_of(streaming.checked(message))))
        return message

    def _count(self, message: Message, turn: Turn, place: Place, written: int = 0) -> None:
        """A stream that broke off has not said its output, but `written` tokens at least."""
        usage = messages.usage_of(message)
        if message.stop_reason is None:
            usage = replace(usage, output_tokens=max(usage.output_tokens, written))
        prices = self.model.prices
        cost = prices.cost(str(message.model), usage)
        if cost is None:
            cost = prices.cost(self.call.model, usage)
        self.used.count(usage, cost)
        turn.ended(usage)
        place.usage = usage

    def _ignores_schema(self, message: Message) -> bool:
        return (
            self.model.other_server
            and self.call.schema is not None
            and self.style.schema
            and not self.heard.has_told
            and message.stop_reason in ("end_turn", "stop_sequence")
            and messages.text_of(self.blocks).strip() != ""
            and not messages.tool_calls_of(self.blocks)
            and messages.data_of(self.blocks) is None
        )

    def _reply(self, message: Message) -> Reply:
        self._raise_for_stop(message)
        text = messages.text_of(self.blocks)
        tool_calls = messages.tool_calls_of(self.blocks)
        if not text.strip() and not tool_calls:
            raise self.failed(ModelEmpty, "The model's answer was empty.")
        return Reply(
            text=text,
            model=message.model or self.call.model,
            message={"role": "assistant", "content": self.blocks},
            stop_reason=str(message.stop_reason),
            data=messages.data_of(self.blocks) if self.call.schema is not None else None,
            tool_calls=tool_calls,
            usage=self.used.usage,
            cost_usd=self.used.cost_usd,
            request_id=self.request_id,
            container=self.container,
            service_calls=service_calls.of(self.blocks),
        )

    def _raise_for_stop(self, message: Message) -> None:
        match message.stop_reason:
            case "refusal":
                raise self.failed(ModelRefused, _refusal_sentence(message))
            case "max_tokens":
                limit = self.call.max_tokens
                raise self.failed(
                    ModelTruncated, f"The answer did not fit into the {limit} tokens allowed."
                )
            case "model_context_window_exceeded":
                raise self.failed(
                    ModelTruncated, "The task and the answer are longer than the model can hold."
                )

    async def _with_files(self, reply: Reply) -> Reply:
        ids = service_calls.made_files_of(self.blocks)
        if not ids:
            return reply
        made = MadeFiles(self.model.client, self.model.sleep)
        files, notes = await made.fetch(ids, max(self._left_s() - _ANSWER_S, 0))
        return replace(reply, files=files, notes=notes)


def _refusal_sentence(message: Message) -> str:
    category = message.stop_details.category if message.stop_details else None
    reason = _REFUSALS.get(category or "")
    return f"The model declined to answer: {reason}." if reason else "The model declined to answer."
