"""Between MCP and us: its tools as offers, its results as ours. Pure: no server is asked."""

from __future__ import annotations

import base64
import binascii
import json
import mimetypes
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import mcp.types

from orchestrator import prompts, schemas, text
from orchestrator.model.base import JsonObject, MadeFile, Tool
from orchestrator.tools.base import Offer, ToolResult
from orchestrator.tools.configuration import ServerConfig, exposed

MAX_TOOLS = 100
MAX_SCHEMA_CHARS = 20_000
MAX_DESCRIPTION_CHARS = 2_000
MAX_FILE_BYTES = 5_000_000
MAX_FILES = 5
# What the Messages API takes as names of tools and of their arguments.
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
_ARGUMENT = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
# The API wants to see an object, not a choice between objects.
_CHOICES = ("anyOf", "oneOf", "allOf")
_CHARS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Listing:
    """What a server offers, by the names workers know, and sentences on what is amiss."""

    offers: dict[str, Offer] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def listing_of(server: str, config: ServerConfig, tools: Iterable[mcp.types.Tool]) -> Listing:
    """The tools of a server that can be used, and why others cannot."""
    offers: dict[str, Offer] = {}
    notes: list[str] = []
    known = set()
    for tool in tools:
        known.add(tool.name)
        if config.tools is not None and tool.name not in config.tools:
            continue
        offer = _offer(server, config, tool)
        problem = _problem(offer, offers)
        if problem is None:
            offers[offer.tool.name] = offer
        else:
            notes.append(f"{text.shorten(text.one_line(tool.name), 60)} is left out: {problem}.")
    missing = sorted(_named(config) - known)
    if missing:
        notes.append(f"It has no tool named {text.listing(missing)}.")
    return Listing(offers, tuple(notes))


def _named(config: ServerConfig) -> set[str]:
    """The tools the configuration speaks of."""
    lists = [config.tools, config.changes, *(config.roles or {}).values()]
    return {name for names in lists if isinstance(names, tuple) for name in names}


def _offer(server: str, config: ServerConfig, tool: mcp.types.Tool) -> Offer:
    description = text.shorten(text.block(tool.description or tool.name), MAX_DESCRIPTION_CHARS)
    name = exposed(server, _plain(tool.name))
    return Offer(
        tool=Tool(name, description, tool.input_schema),
        title=f"{text.one_line(tool.name)} ({server})",
        own_name=tool.name,
        changes=_changes(config, tool),
    )


def _plain(name: str) -> str:
    return _NOT_IN_NAMES.sub("_", name)


def _changes(config: ServerConfig, tool: mcp.types.Tool) -> bool:
    """Whether a call needs approval; who does not say that it only reads may change things."""
    if isinstance(config.changes, tuple):
        return tool.name in config.changes
    if config.changes != "annotations":
        return config.changes == "all"
    hints = tool.annotations
    return hints is None or not hints.read_only_hint or bool(hints.destructive_hint)


def _problem(offer: Offer, offers: dict[str, Offer]) -> str | None:
    if len(offers) >= MAX_TOOLS:
        return f"{MAX_TOOLS} tools of a server is the most"
    if not _NAME.fullmatch(offer.tool.name):
        return "its name is too long"
    if offer.tool.name in offers:
        return "another one has the same name here"
    return _schema_problem(offer.tool.input_schema)


def _schema_problem(schema: JsonObject) -> str | None:
    if len(json.dumps(schema)) > MAX_SCHEMA_CHARS:
        return "its schema is too large"
    if schema.get("type") != "object" or any(choice in schema for choice in _CHOICES):
        return "its arguments are not a plain object"
    if not schemas.is_sound(schema):
        return "its schema is no JSON Schema"
    if not all(_ARGUMENT.fullmatch(name) for name in schema.get("properties", {})):
        return "an argument has a name that models cannot give"
    return None


def result_of(result: mcp.types.CallToolResult, config: ServerConfig, tool: str) -> ToolResult:
    """What the call of `tool` brought, cut to the allowance and without our secrets."""
    made = _Made(_plain(tool))
    parts = [part for block in result.content for part in _parts(block, made)]
    if not parts and result.structured_content is not None:
        parts = [json.dumps(result.structured_content, ensure_ascii=False)]
    said = config.redacted("\n\n".join(parts))
    cut = prompts.trimmed(said, config.result_tokens * _CHARS_PER_TOKEN)
    told = text.clean(cut).strip() or "The tool answered with nothing."
    return ToolResult(told, is_error=result.is_error, files=tuple(made.files))


@dataclass(slots=True)
class _Made:
    """The files that come with a result."""

    tool: str
    files: list[MadeFile] = field(default_factory=list)

    def add(self, data: str, mimetype: str) -> str:
        """Keep the file in `data`, which is Base64; the sentence that stands for it."""
        kind = text.shorten(text.one_line(mimetype), 60) or "application/octet-stream"
        if len(self.files) >= MAX_FILES or len(data) * 3 // 4 > MAX_FILE_BYTES:
            return f"[A file ({kind}) was left out: too large, or too many.]"
        try:
            content = base64.b64decode(data, validate=True)
        except binascii.Error:
            return f"[A file ({kind}) could not be read.]"
        name = f"{self.tool}-{len(self.files) + 1}{mimetypes.guess_extension(kind) or ''}"
        self.files.append(MadeFile(name, content, kind))
        return f"[A file ({kind}) is kept as “{name}”.]"


def _parts(block: mcp.types.ContentBlock, made: _Made) -> Iterator[str]:
    match block:
        case mcp.types.TextContent():
            if block.text:
                yield block.text
        case mcp.types.ImageContent() | mcp.types.AudioContent():
            yield made.add(block.data, block.mime_type)
        case mcp.types.ResourceLink():
            yield f"{block.title or block.name}: {block.uri}"
        case mcp.types.EmbeddedResource(resource=mcp.types.TextResourceContents() as resource):
            yield resource.text
        case mcp.types.EmbeddedResource(resource=mcp.types.BlobResourceContents() as resource):
            yield made.add(resource.blob, resource.mime_type or "")
