"""What tools did at the model's service, as its blocks tell of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from orchestrator.model.base import JsonObject, ServiceCall

_RESULT = "_tool_result"
# What only the service can read, and whole pages, are of no use to people.
_UNREADABLE = ("encrypted_content", "encrypted_stdout", "source")


def of(blocks: Sequence[JsonObject]) -> tuple[ServiceCall, ...]:
    """The uses of tools at the service that have a result, in the order they ended."""
    begun = [block for block in blocks if block.get("type") == "server_tool_use"]
    uses = {block["id"]: block for block in begun if isinstance(block.get("id"), str)}
    return tuple(_call(block, uses) for block in _results_in(blocks))


def _results_in(blocks: Iterable[JsonObject]) -> Iterator[JsonObject]:
    for block in blocks:
        if str(block.get("type")).endswith(_RESULT) and isinstance(block.get("tool_use_id"), str):
            yield block


def _call(block: JsonObject, uses: Mapping[Any, JsonObject]) -> ServiceCall:
    use = uses.get(block["tool_use_id"], {})
    given, content = use.get("input"), block.get("content")
    return ServiceCall(
        id=block["tool_use_id"],
        name=str(use.get("name") or block["type"].removesuffix(_RESULT)),
        input=given if isinstance(given, dict) else {},
        output=_words(content),
        is_error=isinstance(content, dict) and bool(content.get("error_code")),
    )


def _words(content: Any) -> str:
    """A result in words: what was found, what code wrote, or what went wrong."""
    if isinstance(content, list):
        return "\n".join(map(_words, content))
    if not isinstance(content, dict):
        return str(content or "")
    if content.get("error_code"):
        return f"It failed: {content['error_code']}."
    if "url" in content:
        return f"{_title(content)} {content['url']}".strip()
    if "return_code" in content:
        return _written(content)
    told = {key: value for key, value in content.items() if key not in ("type", *_UNREADABLE)}
    return json.dumps(told, ensure_ascii=False) if told else ""


def _title(found: JsonObject) -> str:
    """The title of a page that was found, or of the document it was fetched as."""
    page = found.get("content")
    title = found.get("title") or (page.get("title") if isinstance(page, dict) else None)
    return str(title or "")


def _written(content: JsonObject) -> str:
    code = content["return_code"]
    parts = [content.get("stdout"), content.get("stderr"), f"Ended with {code}." if code else ""]
    return "\n".join(str(part).strip() for part in parts if part)


def made_files_of(blocks: Iterable[JsonObject]) -> list[str]:
    """The ids of the files that code made, in the order they were made."""
    ids = [
        made["file_id"]
        for block in blocks
        if str(block.get("type")).endswith("code_execution_tool_result")
        for made in _made_in(block.get("content"))
    ]
    return list(dict.fromkeys(ids))


def _made_in(result: Any) -> list[JsonObject]:
    outputs = result.get("content") if isinstance(result, dict) else None
    found = outputs if isinstance(outputs, list) else []
    return [made for made in found if isinstance(made, dict) and _is_id(made.get("file_id"))]


def _is_id(value: object) -> bool:
    return isinstance(value, str) and value != ""
