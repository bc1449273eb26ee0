"""The model port: one call in, one reply out, whoever answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

JsonObject = dict[str, Any]


class Purpose(StrEnum):
    """What a call is for; every call a run makes has exactly one."""

    PLAN = "plan"
    SUBTASK = "subtask"
    REVIEW = "review"
    SYNTHESIS = "synthesis"


class Effort(StrEnum):
    """How hard a model should think, as the Messages API names it."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool of ours that the model may call; `input_schema` is JSON Schema.

    One that `pauses` ends the conversation for a long time: nobody will go on from it soon.
    """

    name: str
    description: str
    input_schema: JsonObject
    pauses: bool = False


@dataclass(frozen=True, slots=True)
class ServerTool:
    """A tool that runs at the model's service; `options` are its parameters there."""

    name: str
    options: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model's wish to use a tool. Nothing has run yet."""

    id: str
    name: str
    input: JsonObject


@dataclass(frozen=True, slots=True)
class ServiceCall:
    """A use of a tool that ran at the model's service; `output` is what people are told of it."""

    id: str
    name: str
    input: JsonObject
    output: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file that came out of a tool call, to be kept with the run and given to people."""

    name: str
    content: bytes
    mimetype: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, by how they are billed, and the times server tools were used."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    web_searches: int = 0
    web_fetches: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_5m_tokens + other.cache_write_5m_tokens,
            self.cache_write_1h_tokens + other.cache_write_1h_tokens,
            self.web_searches + other.web_searches,
            self.web_fetches + other.web_fetches,
        )

    @property
    def total_tokens(self) -> int:
        """Every token that went in or came out."""
        return (
            self.input_tokens
            + self.output_tokens
            + self.cache_read_tokens
            + self.cache_write_5m_tokens
            + self.cache_write_1h_tokens
        )


@dataclass(slots=True)
class Meter:
    """What a call uses, while it is being answered: it counts also where it is broken off.

    `cost_usd` is None where the price is unknown.
    """

    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal | None = Decimal(0)

    def count(self, usage: Usage, cost_usd: Decimal | None) -> None:
        """Add what was used."""
        self.usage += usage
        if cost_usd is None or self.cost_usd is None:
            self.cost_usd = None
        else:
            self.cost_usd += cost_usd


@dataclass(frozen=True, slots=True)
class Call:
    """One question to a model.

    `shared` is what every worker of a run is told (task, plan); it goes first and is
    identical between calls, so that it is paid for once. `messages` is the conversation
    in the form of the Messages API, without the system prompt; a paused attempt goes on
    from such a list, in the same `container`, which is where code ran for it.
    `schema` asks for JSON that fits it. `timeout_s` is in seconds.
    `task`, `subtask` (display number) and `attempt` (1, 2, …; interrupted ones not counted)
    say where in a run the call stands, for logs and for models that need no network. What is used
    is written on the `meter` as soon as it is known.
    """

    purpose: Purpose
    model: str
    system: str
    messages: tuple[JsonObject, ...]
    shared: str = ""
    schema: JsonObject | None = None
    tools: tuple[Tool, ...] = ()
    server_tools: tuple[ServerTool, ...] = ()
    container: str | None = None
    effort: Effort | None = None
    temperature: float | None = None
    max_tokens: int = 8192
    timeout_s: float = 30.0
    task: str = ""
    subtask: int | None = None
    attempt: int = 1
    meter: Meter | None = field(default=None, compare=False, repr=False)

    def following(self, *messages: JsonObject) -> Call:
        """The same call with the conversation carried on by `messages`."""
        return replace(self, messages=(*self.messages, *messages))


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    `text` is all text the model wrote. `data` is the parsed JSON where `Call.schema` was
    given and the text is JSON; it is not yet checked against the schema. `tool_calls` are
    calls of our own tools that wait for results. `message` is the assistant message as it
    must stand in the transcript. `container` is to be given with the call that goes on from
    there. `cost_usd` is None where the model's price is unknown. `service_calls` are the uses of
    tools at the service, which are over. `files` are those that code made there, with names that
    are safe; `notes` has a sentence for people about each that could not be had.
    """

    text: str
    model: str
    message: JsonObject
    stop_reason: str
    data: Any = None
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal | None = None
    request_id: str | None = None
    container: str | None = None
    service_calls: tuple[ServiceCall, ...] = ()
    files: tuple[MadeFile, ...] = ()
    notes: tuple[str, ...] = ()


OnText = Callable[[str], None]
# Waits so many seconds.
Sleep = Callable[[float], Awaitable[None]]


class Model(Protocol):
    """Anything that answers a call: Claude, the offline model, a script.

    Raises the `ModelError`s of `orchestrator.errors`; they carry the usage counted so far.
    """

    async def complete(self, call: Call, on_text: OnText | None = None) -> Reply:
        """Answer `call`. With `on_text`, the text is also handed over piece by piece as it comes.

        Transport errors are retried inside, within `call.timeout_s`, and only while nothing
        of the text has been handed over.
        """
        ...

    async def close(self) -> None:
        """Let go of connections. Calls made afterwards fail."""
        ...
