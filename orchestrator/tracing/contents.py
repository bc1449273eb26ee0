"""What was said, in the form of the conventions: JSON, without secrets.

Pictures and documents are named, not repeated.
"""

from __future__ import annotations

import json
from typing import Any

from orchestrator import text
from orchestrator.model.base import Call, JsonObject, Reply


def instructions(call: Call) -> str:
    """What the model is told before the conversation."""
    return _json([_text(said) for said in (call.system, call.shared) if said])


def asked(call: Call) -> str:
    """The conversation so far."""
    return _json([_message(message) for message in call.messages])


def answered(reply: Reply) -> str:
    """What the model said."""
    return _json([_message(reply.message) | {"finish_reason": reply.stop_reason}])


def task(said: str) -> str:
    """What a person asked for."""
    return _json([{"role": "user", "parts": [_text(said)]}])


def answer(said: str) -> str:
    """What the person was told."""
    return _json([{"role": "assistant", "parts": [_text(said)], "finish_reason": "stop"}])


def arguments(given: JsonObject) -> str:
    """What a tool was called with."""
    return _json(given)


def result(said: str) -> str:
    """What a tool brought."""
    return str(_scrubbed(said))


def _message(message: JsonObject) -> JsonObject:
    content = message.get("content", "")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    parts = [_part(block) for block in blocks]
    answers_tools = parts and all(part["type"] == "tool_call_response" for part in parts)
    return {"role": "tool" if answers_tools else message.get("role", "user"), "parts": parts}


def _part(block: Any) -> JsonObject:
    match block:
        case {"type": "text", "text": said}:
            return _text(said)
        case {"type": "thinking", "thinking": said}:
            return {"type": "reasoning", "content": said}
        case {"type": "tool_use", "id": id_, "name": name, "input": given}:
            return {"type": "tool_call", "id": id_, "name": name, "arguments": given}
        case {"type": "tool_result", "tool_use_id": id_}:
            said = block.get("content", "")
            return {"type": "tool_call_response", "id": id_, "response": said}
        case {"type": str(kind)}:
            return {"type": kind}
        case _:
            return {"type": "unknown"}


def _text(said: str) -> JsonObject:
    return {"type": "text", "content": said}


def _json(value: Any) -> str:
    return json.dumps(_scrubbed(value), ensure_ascii=False, default=str)


def _scrubbed(value: Any) -> Any:
    """The same without secrets, and without characters that cannot be sent."""
    match value:
        case str():
            return text.without_secrets(text.clean(value))
        case dict():
            return {key: _scrubbed(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_scrubbed(inner) for inner in value]
        case _:
            return value
