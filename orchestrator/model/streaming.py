"""A streamed reply: its text as it comes, and whether it is one at all."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx2
from anthropic.lib.streaming import AsyncMessageStream
from anthropic.types import Message

from orchestrator.model.base import OnText
from orchestrator.model.transport import Broken

NO_ANSWER = "The model service sent something that is not an answer."
_BROKE_OFF = "The model service broke off in the middle of the answer."
# Deltas by what they bring.
_WRITTEN = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


class Heard:
    """Hands text over as it comes, with the same paragraphs the whole text will have.

    `characters` were written, for people or not; some were `told` to whoever listens.
    """

    def __init__(self, on_text: OnText | None):
        self.characters = 0
        self.has_told = False
        self._on_text = on_text
        self._apart = False

    def event(self, event: Any) -> None:
        """Take in one event of the stream."""
        if event.type == "content_block_start":
            self._begin(event.content_block)
        elif event.type == "content_block_delta":
            kind = str(getattr(event.delta, "type", ""))
            piece = _text(event.delta, _WRITTEN.get(kind, ""))
            self.characters += len(piece)
            if kind == "text_delta":
                self.text(piece)

    def text(self, text: str) -> None:
        """Hand over a piece of text."""
        if not text or self._on_text is None:
            return
        self._on_text(f"\n\n{text}" if self._apart else text)
        self.has_told = True
        self._apart = False

    def _begin(self, block: Any) -> None:
        if getattr(block, "type", None) != "text":
            self._apart = self.has_told
            return
        begun = _text(block, "text")
        self.characters += len(begun)
        self.text(begun)


def _text(part: object, name: str) -> str:
    """Return a text that a server may not have sent as one."""
    found = getattr(part, name, None)
    return found if isinstance(found, str) else ""


async def events_of(stream: AsyncMessageStream[Any]) -> AsyncGenerator[Any, None]:
    """The events of `stream`; whatever the SDK cannot make sense of is Broken."""
    try:
        async for event in stream:
            yield event
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        raise Broken(_BROKE_OFF) from error


def is_whole(response: httpx2.Response) -> bool:
    """Whether the answer comes at once: not every server streams when asked to."""
    return response.headers.get("content-type", "").startswith("application/json")


async def whole(response: httpx2.Response) -> Message:
    """The message that is the body of `response`. Raises Broken."""
    try:
        body = json.loads(await response.aread())
        return Message.construct(**body)
    except (ValueError, TypeError) as error:
        raise Broken(NO_ANSWER) from error


def checked(message: Message | None) -> Message:
    """The SDK builds a Message from any JSON; only one with content and an end is an answer."""
    if message is None or not isinstance(message.content, list):
        raise Broken(NO_ANSWER)
    if message.stop_reason is None:
        raise Broken(_BROKE_OFF)
    if not all(_is_well_formed(block) for block in message.content):
        raise Broken(NO_ANSWER)
    return message


def _is_well_formed(block: Any) -> bool:
    kind = getattr(block, "type", None)
    if kind == "text":
        return isinstance(block.text, str)
    if kind == "tool_use":
        return bool(block.id and block.name) and isinstance(block.input, dict)
    return isinstance(kind, str)
