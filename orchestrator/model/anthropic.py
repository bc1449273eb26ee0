"""Claude, or any server that speaks the Messages API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import anthropic
import httpx2
import structlog
from anthropic.lib.streaming import AsyncMessageStream
from anthropic.types import Message

from orchestrator.errors import (
    ModelEmpty,
    ModelError,
    ModelRefused,
    ModelTimedOut,
    ModelTruncated,
    ModelUnavailable,
)
from orchestrator.model import messages, transport
from orchestrator.model.base import Call, JsonObject, OnText, Reply, Sleep, Usage
from orchestrator.model.messages import Style
from orchestrator.model.prices import PriceList
from orchestrator.model.transport import Broken

DEFAULT_BASE_URL = "https://api.anthropic.com"
# The last API version that takes a temperature.
SAMPLING_VERSION = "2023-06-01"
MAX_PAUSES = 5
_CONNECT_S = 10.0
# The service sends pings while it works, so a stream this silent is dead.
_STALL_S = 60.0

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
_NO_ANSWER = "The model service sent something that is not an answer."
_BROKE_OFF = "The model service broke off in the middle of the answer."

log = structlog.get_logger()


class AnthropicModel:
    """The Messages API through its SDK, with retries, time limits and costs of our own.

    `base_url` names another server than the default one, without `/v1`. Only such a server, or
    an `api_version` up to SAMPLING_VERSION, is sent a temperature.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str | None = None,
        *,
        prices: PriceList | None = None,
        http_client: httpx2.AsyncClient | None = None,
        api_version: str | None = None,
        sleep: Sleep = asyncio.sleep,
        stall_s: float = _STALL_S,
    ):
        self.prices = prices or PriceList.load()
        self.sleep = sleep
        self.stall_s = stall_s
        self.api_version = api_version
        self.other_server = _is_other(base_url)
        self.client = anthropic.AsyncAnthropic(
            # Servers of one's own often want no key, the SDK always does.
            api_key=api_key.strip() or "none",
            base_url=base_url or DEFAULT_BASE_URL,
            max_retries=0,
            http_client=http_client,
            default_headers={"anthropic-version": api_version} if api_version else None,
        )
        self._styles: dict[str, Style] = {}

    async def complete(self, call: Call, on_text: OnText | None = None) -> Reply:
        """Answer `call` within `call.timeout_s` seconds, all tries and pauses included."""
        exchange = _Exchange(self, call, on_text)
        try:
            async with asyncio.timeout(call.timeout_s) as limit:
                return await exchange.run(limit.when() or 0.0)
        except TimeoutError as error:
            if not limit.expired():
                raise
            sentence = f"There was no answer within {call.timeout_s:g} seconds."
            raise exchange.failed(ModelTimedOut, sentence) from error
        except transport.FAILURES as error:
            kind, sentence = transport.explained(error, call.model)
            _log_failure(error, call)
            raise exchange.failed(kind, sentence) from error

    async def close(self) -> None:
        """Let go of the connections."""
        await self.client.close()

    def style_for(self, model: str) -> Style:
        """What `model` has so far been found to understand."""
        return self._styles.get(model, Style())

    def learn(self, model: str, style: Style) -> None:
        """Ask `model` in `style` from now on.

        What the default endpoint did not take was one schema or transcript, but for the effort.
        """
        if not self.other_server:
            style = Style(effort=style.effort)
        self._styles[model] = replace(style, thinking=True)

    def sampling(self, temperature: float | None) -> JsonObject:
        """The SDK arguments for a temperature, where the endpoint takes one."""
        old = self.api_version is not None and self.api_version <= SAMPLING_VERSION
        if temperature is None or not (self.other_server or old):
            return {}
        version = self.api_version or SAMPLING_VERSION
        return {
            "extra_headers": {"anthropic-version": version},
            "extra_body": {"temperature": temperature},
        }


def _is_other(base_url: str | None) -> bool:
    if base_url is None:
        return False
    return urlsplit(base_url).hostname != urlsplit(DEFAULT_BASE_URL).hostname


class _Exchange:
    """One call until it is answered: its tries, its pauses, and what they have used."""

    def __init__(self, model: AnthropicModel, call: Call, on_text: OnText | None):
        self.model = model
        self.call = call
        self.told = _Told(on_text) if on_text else None
        self.style = model.style_for(call.model)
        self.usage = Usage()
        self.cost: Decimal | None = model.prices.cost(call.model, Usage())
        self.blocks: list[JsonObject] = []
        self.container = call.container
        self.deadline = 0.0

    async def run(self, deadline: float) -> Reply:
        """Ask, go on where the model paused, and ask in words where JSON was not understood."""
        self.deadline = deadline
        message = await self._turn()
        if self._ignores_schema(message):
            self.style = replace(self.style, schema=False)
            self.model.learn(self.call.model, self.style)
            self.blocks = []
            message = await self._turn()
        return self._reply(message)

    def failed(self, kind: type[ModelError], sentence: str) -> ModelError:
        """The error to raise, with what was used until now."""
        return kind(sentence, self.usage, self.cost)

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

    @property
    def _has_told(self) -> bool:
        return self.told is not None and self.told.characters > 0

    def _worth_it(self, error: BaseException) -> bool:
        return not self._has_told and transport.retryable(error)

    def _left_s(self) -> float:
        return max(self.deadline - asyncio.get_running_loop().time(), 0.001)

    async def _ask(self) -> Message:
        request = self._request()
        if self.told is not None:
            return _checked(await self._streamed(request, self.told))
        try:
            message: Any = await self.model.client.messages.create(
                **request, timeout=self._limits()
            )
        except ValueError as error:
            raise Broken(_NO_ANSWER) from error
        if isinstance(message, Message):
            self._count(message)
        return _checked(message)

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

    def _limits(self, silence_s: float | None = None) -> httpx2.Timeout:
        left = self._left_s()
        return httpx2.Timeout(min(left, silence_s or left), connect=min(left, _CONNECT_S))

    async def _streamed(self, request: JsonObject, told: _Told) -> Any:
        limits = self._limits(self.model.stall_s)
        async with self.model.client.messages.stream(**request, timeout=limits) as stream:
            started, told_before = False, told.characters
            try:
                async with aclosing(_events(stream)) as events:
                    async for event in events:
                        started = started or event.type == "message_start"
                        told.event(event)
            finally:
                if started:
                    written = (told.characters - told_before) // 4
                    self._count(stream.current_message_snapshot, written)
            return stream.current_message_snapshot if started else None

    def _count(self, message: Message, written: int = 0) -> None:
        """A stream that broke off has not said its output, but `written` tokens at least."""
        usage = messages.usage_of(message)
        if message.stop_reason is None:
            usage = replace(usage, output_tokens=max(usage.output_tokens, written))
        prices = self.model.prices
        cost = prices.cost(str(message.model), usage)
        if cost is None:
            cost = prices.cost(self.call.model, usage)
        self.usage += usage
        self.cost = None if cost is None or self.cost is None else self.cost + cost

    def _ignores_schema(self, message: Message) -> bool:
        return (
            self.model.other_server
            and self.call.schema is not None
            and self.style.schema
            and not self._has_told
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
            usage=self.usage,
            cost_usd=self.cost,
            request_id=getattr(message, "_request_id", None),
            container=self.container,
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


class _Told:
    """Hands text over as it comes, with the same paragraphs the whole text will have."""

    def __init__(self, on_text: OnText):
        self.on_text = on_text
        self.characters = 0
        self._apart = False

    def event(self, event: Any) -> None:
        if event.type == "content_block_start":
            self._begin(event.content_block)
        elif event.type == "content_block_delta" and event.delta.type == "text_delta":
            self._text(event.delta.text)

    def _begin(self, block: Any) -> None:
        if block.type == "text":
            self._text(block.text)
        else:
            self._apart = self.characters > 0

    def _text(self, text: str | None) -> None:
        if not text:
            return
        self.on_text(f"\n\n{text}" if self._apart else text)
        self.characters += len(text)
        self._apart = False


async def _events(stream: AsyncMessageStream[Any]) -> AsyncGenerator[Any, None]:
    """The events of `stream`; whatever the SDK cannot make sense of is Broken."""
    try:
        async for event in stream:
            yield event
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        raise Broken(_BROKE_OFF) from error


def _checked(message: Any) -> Message:
    """The SDK builds a Message from any JSON; only one with content and an end is an answer."""
    if not isinstance(message, Message) or not isinstance(message.content, list):
        raise Broken(_NO_ANSWER)
    if message.stop_reason is None:
        raise Broken(_BROKE_OFF)
    if not all(_is_well_formed(block) for block in message.content):
        raise Broken(_NO_ANSWER)
    return message


def _is_well_formed(block: Any) -> bool:
    kind = getattr(block, "type", None)
    if kind == "text":
        return isinstance(block.text, str)
    if kind == "tool_use":
        return bool(block.id and block.name) and isinstance(block.input, dict)
    return isinstance(kind, str)


def _refusal_sentence(message: Message) -> str:
    category = message.stop_details.category if message.stop_details else None
    reason = _REFUSALS.get(category or "")
    return f"The model declined to answer: {reason}." if reason else "The model declined to answer."


def _log_failure(error: Exception, call: Call) -> None:
    log.warning(
        "model.failure",
        purpose=call.purpose,
        model=call.model,
        error=type(error).__name__,
        status=getattr(error, "status_code", None),
        type=getattr(error, "type", None),
        code=getattr(error, "error_code", None),
        said=_complaint(error),
        request_id=getattr(error, "request_id", None),
    )


def _complaint(error: Exception) -> str | None:
    """What is wrong with the request, for the log; other failures may repeat a key."""
    if not isinstance(error, anthropic.BadRequestError | anthropic.UnprocessableEntityError):
        return None
    return transport.said(error)[:300]
