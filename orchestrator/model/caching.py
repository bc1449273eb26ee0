"""What the service is to keep of a request for the next ones. Pure.

It caches beginnings: the tools, then the system, then the messages, each up to a mark. A request
may have four marks; two are in the system.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, takewhile
from typing import Any

from orchestrator.model.base import JsonObject

MARK = {"cache_control": {"type": "ephemeral"}}

_PICTURES = frozenset({"image", "document"})
# Characters a token has, and tokens a picture has: rather too many tokens than too few.
_CHARS_PER_TOKEN = 3
_PICTURE_TOKENS = 1_500


@dataclass(frozen=True, slots=True)
class Prefix:
    """The beginning of a request up to a mark: what it is, and how many tokens it has, about."""

    key: str
    tokens: int


def marked(messages: Sequence[JsonObject], *, goes_on: bool) -> list[JsonObject]:
    """`messages` with up to two marks.

    In a conversation that goes on they are at the end of what was said to the model last, and
    the time before: each round reads what the last one wrote, however long it was. In its first
    message a mark is after the pictures, which all workers of a run are shown alike.
    """
    said = [n for n, message in enumerate(messages) if message["role"] == "user"]
    result = list(messages)
    if len(said) == 1:
        result[said[0]] = _with_marked_pictures(result[said[0]])
    if goes_on or len(said) > 1:
        for n in said[-2:]:
            result[n] = _with_marked_end(result[n])
    return result


def _with_marked_pictures(message: JsonObject) -> JsonObject:
    count = len(_pictures_of(message))
    if not count or count == len(message["content"]):
        return message
    return _with_mark(message, message["content"], count - 1)


def _with_marked_end(message: JsonObject) -> JsonObject:
    content = message["content"]
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    # An empty text cannot have a mark.
    if not content or content[-1].get("text") == "":
        return message
    return _with_mark(message, content, len(content) - 1)


def _with_mark(message: JsonObject, content: Sequence[JsonObject], place: int) -> JsonObject:
    return {
        **message,
        "content": [block | MARK if n == place else block for n, block in enumerate(content)],
    }


def _pictures_of(message: JsonObject) -> list[JsonObject]:
    """The pictures a message begins with."""
    content = message["content"] if isinstance(message["content"], list) else []
    return list(takewhile(_is_picture, content))


def _is_picture(block: JsonObject) -> bool:
    """Return whether it is a picture. Schemas and arguments may have any `type`."""
    kind = block.get("type")
    return isinstance(kind, str) and kind in _PICTURES


def prefixes_of(request: JsonObject) -> list[Prefix]:
    """The beginnings of `request` that other calls may have too, the shortest first."""
    read = hashlib.sha256(_json([request["model"], request.get("output_config")]))
    tokens = 0
    prefixes = []
    for block in _shareable(request):
        is_marked = "cache_control" in block
        bare = {key: value for key, value in block.items() if key != "cache_control"}
        read.update(_json(bare))
        tokens += tokens_of(bare)
        if is_marked:
            prefixes.append(Prefix(read.hexdigest(), tokens))
    return prefixes


def _shareable(request: JsonObject) -> Iterator[JsonObject]:
    first = request["messages"][0] if request["messages"] else {"content": []}
    return chain(request.get("tools", ()), request.get("system", ()), _pictures_of(first))


def tokens_of(value: Any) -> int:
    """Return about how many tokens a value in JSON has, however deep; rather too many."""
    total, left = 0, [value]
    while left:
        match left.pop():
            case str() as said:
                total += len(said) // _CHARS_PER_TOKEN + 1
            case dict() as found if _is_picture(found):
                total += _PICTURE_TOKENS
            case dict() as found:
                left += [*found, *found.values()]
            case list() | tuple() as items:
                left += items
            case _:
                total += 1
    return total


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
