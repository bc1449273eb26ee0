"""Calls and replies in the form of the Messages API. Pure: no network, no clock."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import anthropic
from anthropic.types import Message

from orchestrator.errors import ConfigurationError
from orchestrator.model import caching
from orchestrator.model.base import Call, JsonObject, ServerTool, ToolCall, Usage

SERVER_TOOLS = {
    "web_search": "web_search_20260318",
    "web_fetch": "web_fetch_20260318",
    "code_execution": "code_execution_20260521",
}
"""Tools that run at the service, by name, and the type each is asked for with."""

_THINKING = frozenset({"thinking", "redacted_thinking"})
_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_NO_SERVER_TOOLS = (
    "You cannot search the web, fetch pages or run code here. "
    "Say so where the answer would need it; do not make up sources."
)


@dataclass(frozen=True, slots=True)
class Style:
    """What a request may ask for beyond plain messages; servers differ in what they understand."""

    schema: bool = True
    effort: bool = True
    thinking: bool = True
    server_tools: bool = True
    cache: bool = True


_HINTS = {
    "effort": ("effort",),
    "thinking": ("thinking", "signature"),
    "schema": ("output_config", "output_format", "json_schema", "schema"),
    "server_tools": ("server tool", "server_tool", *SERVER_TOOLS),
    "cache": ("cache_control", "cache control"),
}
# Given up without being named, in this order, by servers whose complaints are their own.
_UNNAMED = ("schema", "effort", "server_tools")


def conceded(style: Style, call: Call, complaint: str, *, other_server: bool) -> Style | None:
    """The style to ask again in after a 400 that said `complaint`; None where nothing is to gain.

    The default endpoint names what it does not like, and never loses its server tools.
    """
    used = _used(style, call)
    if not other_server:
        used.discard("server_tools")
    named = [name for name, hints in _HINTS.items() if any(hint in complaint for hint in hints)]
    for name in (*named, *(_UNNAMED if other_server else ())):
        if name in used:
            return replace(style, **{name: False})
    return None


def _used(style: Style, call: Call) -> set[str]:
    asked = {
        "schema": style.schema and call.schema is not None,
        "effort": style.effort and call.effort is not None,
        "thinking": style.thinking and without_thinking(call.messages) != list(call.messages),
        "server_tools": style.server_tools and bool(call.server_tools),
        "cache": style.cache,
    }
    return {name for name, is_asked in asked.items() if is_asked}


def request_of(call: Call, style: Style) -> JsonObject:
    """The arguments of a Messages API request for `call`. Raises ConfigurationError."""
    format_ = _format_of(call) if style.schema else None
    effort = call.effort if style.effort else None
    config = {"effort": effort.value if effort else None, "format": format_}
    parts: JsonObject = {
        "system": _system_of(call, style, in_words=call.schema is not None and format_ is None),
        "tools": _tools_of(call, style),
        "output_config": {key: value for key, value in config.items() if value is not None},
    }
    return {
        "model": call.model,
        "max_tokens": call.max_tokens,
        "messages": _messages_of(call, style),
        **{key: value for key, value in parts.items() if value},
    }


def _messages_of(call: Call, style: Style) -> list[JsonObject]:
    messages = list(call.messages) if style.thinking else without_thinking(call.messages)
    if not style.cache:
        return messages
    goes_on = bool(call.server_tools) or not all(tool.pauses for tool in call.tools)
    return caching.marked(messages, goes_on=goes_on)


def _system_of(call: Call, style: Style, *, in_words: bool) -> list[JsonObject]:
    """What is shared comes first, with a cache mark of its own: it is the same for all workers."""
    mark = caching.MARK if style.cache else {}
    blocks: list[JsonObject] = [
        {"type": "text", "text": text, **mark}
        for text in (call.shared, call.system)
        if text.strip()
    ]
    if call.server_tools and not style.server_tools:
        blocks.append({"type": "text", "text": _NO_SERVER_TOOLS})
    if in_words:
        blocks.append({"type": "text", "text": _schema_in_words(call.schema)})
    return blocks


def _schema_in_words(schema: Any) -> str:
    return (
        "Answer with one JSON value that fits the JSON Schema below and with nothing else: "
        f"no words around it, no code fence.\n\n{json.dumps(schema, ensure_ascii=False)}"
    )


def _tools_of(call: Call, style: Style) -> list[JsonObject]:
    tools: list[JsonObject] = [
        {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
        for tool in call.tools
    ]
    if style.server_tools:
        tools += [_server_tool(tool) for tool in call.server_tools]
    return tools


def _server_tool(tool: ServerTool) -> JsonObject:
    if tool.name not in SERVER_TOOLS:
        known = ", ".join(SERVER_TOOLS)
        raise ConfigurationError(f"There is no server tool named “{tool.name}”; there are {known}.")
    return {**tool.options, "type": SERVER_TOOLS[tool.name], "name": tool.name}


def _format_of(call: Call) -> JsonObject | None:
    """None where there is no schema, or one that the API cannot take: then it is told in words."""
    if call.schema is None:
        return None
    try:
        schema = anthropic.transform_schema(_with_single_types(call.schema))
    except (AssertionError, AttributeError, TypeError, ValueError):
        return None
    return {"type": "json_schema", "schema": schema}


def _with_single_types(schema: Any) -> Any:
    """`schema` with every `"type": [a, b]` told as a choice, which is what the API takes."""
    if isinstance(schema, list):
        return [_with_single_types(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _with_single_types(value) for key, value in schema.items()}
    types = inner.get("type")
    if not isinstance(types, list):
        return inner
    return {"anyOf": [_of_type(inner, type_) for type_ in types]}


_ONLY_FOR = {
    "array": ("items", "minItems", "maxItems", "uniqueItems"),
    "object": ("properties", "required", "additionalProperties"),
}


def _of_type(schema: JsonObject, type_: str) -> JsonObject:
    foreign = {key for kind, keys in _ONLY_FOR.items() if kind != type_ for key in keys}
    return {key: value for key, value in schema.items() if key not in foreign} | {"type": type_}


def without_thinking(messages: Iterable[JsonObject]) -> list[JsonObject]:
    """`messages` without thinking blocks, which only the model that wrote them may be shown."""
    return [_spoken(message) for message in messages]


def _spoken(message: JsonObject) -> JsonObject:
    content = message.get("content")
    if not isinstance(content, list):
        return message
    return {**message, "content": [b for b in content if b.get("type") not in _THINKING]}


def blocks_of(message: Message) -> list[JsonObject]:
    """The content as plain data, just as it came, so that it can be sent again."""
    blocks = [block.to_dict(mode="json", warnings=False) for block in message.content]
    # The API refuses empty text blocks that it has itself sent.
    return [b for b in blocks if b.get("type") != "text" or b.get("text")]


def text_of(blocks: Sequence[JsonObject]) -> str:
    """All text. Text blocks in a row are pieces of one text; others are paragraphs."""
    return "\n\n".join(_texts_of(blocks))


def _texts_of(blocks: Sequence[JsonObject]) -> list[str]:
    texts: list[str] = []
    goes_on = False
    for block in blocks:
        if block.get("type") != "text":
            goes_on = False
            continue
        if goes_on:
            texts[-1] += block["text"]
        else:
            texts.append(block["text"])
        goes_on = True
    return texts


def data_of(blocks: Sequence[JsonObject]) -> Any:
    """The JSON value that is the text, or in a code fence or at its end; None if there is none."""
    texts = _texts_of(blocks)
    if not texts:
        return None
    whole, last = "\n\n".join(texts), texts[-1]
    fences = _FENCE.findall(whole)
    braces = last[last.find("{") : last.rfind("}") + 1]
    for candidate in (whole, last, *fences[-1:], braces):
        value = _parsed(candidate)
        if value is not None:
            return value
    return None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def tool_calls_of(blocks: Sequence[JsonObject]) -> tuple[ToolCall, ...]:
    """The calls of our own tools."""
    return tuple(
        ToolCall(id=block["id"], name=block["name"], input=block["input"])
        for block in blocks
        if block.get("type") == "tool_use"
    )


def usage_of(message: Message) -> Usage:
    """Return what the message says it has used; servers leave out what they do not count, or
    give it in a form of their own."""
    usage = message.usage
    if not isinstance(usage, anthropic.types.Usage):
        return Usage()
    written = usage.cache_creation
    hour = _count(written, "ephemeral_1h_input_tokens")
    five_minutes = _count(written, "ephemeral_5m_input_tokens")
    created = _count(usage, "cache_creation_input_tokens")
    return Usage(
        input_tokens=_count(usage, "input_tokens"),
        output_tokens=_count(usage, "output_tokens"),
        cache_read_tokens=_count(usage, "cache_read_input_tokens"),
        cache_write_5m_tokens=max(created - hour, five_minutes),
        cache_write_1h_tokens=hour,
        web_searches=_count(usage.server_tool_use, "web_search_requests"),
        web_fetches=_count(usage.server_tool_use, "web_fetch_requests"),
    )


def _count(counted: object, name: str) -> int:
    """Return a whole number that a server may not have sent as one."""
    found = getattr(counted, name, None)
    return max(0, int(found)) if isinstance(found, int | float) else 0
