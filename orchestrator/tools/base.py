"""What a tool is: an offer to the model, a call of it, and what comes of the call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from orchestrator.files.extract import Extract
from orchestrator.model.base import JsonObject, MadeFile, Tool
from orchestrator.store import clock
from orchestrator.text import without_secrets


@dataclass(frozen=True, slots=True)
class Offer:
    """A tool that runs here. `tool` is what the model is told, `title` what people are.

    `own_name` is what its source calls it. One that `changes` something needs a person's
    approval before each call.
    """

    tool: Tool
    title: str
    own_name: str
    changes: bool = False


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call brought: text for the model, never empty, and files."""

    text: str
    is_error: bool = False
    files: tuple[MadeFile, ...] = ()

    def scrubbed(self) -> ToolResult:
        """The same; of an error, which may repeat what a call was made with, without secrets."""
        return replace(self, text=without_secrets(self.text)) if self.is_error else self

    def block(self, call_id: str) -> JsonObject:
        """The block that answers the call of that id in a transcript."""
        block: JsonObject = {"type": "tool_result", "tool_use_id": call_id, "content": self.text}
        return {**block, "is_error": True} if self.is_error else block


def failed(sentence: str) -> ToolResult:
    """A call that did not work, with what the model is told of it."""
    return ToolResult(sentence, is_error=True)


async def _nothing(*_: Any) -> None:
    return None


async def _none_of_them() -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What the built-in tools of an attempt may ask of its run.

    `result` gives the full output of the subtask with that number, `file` the
    attached file of that name, `thread` the messages of the thread; each None where there is
    none. `attached` and `made` give the names of the files people attached and workers made.
    `time_zone` is an IANA name.
    """

    result: Callable[[int], Awaitable[str | None]] = _nothing
    file: Callable[[str], Awaitable[Extract | None]] = _nothing
    thread: Callable[[], Awaitable[str | None]] = _nothing
    attached: Callable[[], Awaitable[Collection[str]]] = _none_of_them
    made: Callable[[], Awaitable[Collection[str]]] = _none_of_them
    now: Callable[[], datetime] = clock.now
    time_zone: str = "UTC"


class Source(Protocol):
    """Where tools are called: ourselves, or a server."""

    async def call(self, name: str, arguments: JsonObject, context: ToolContext) -> ToolResult:
        """Call the tool of that own name. What goes wrong is a result with `is_error`."""
        ...
