"""The tools that run here: they read what the run was given, calculate, and make files."""

from __future__ import annotations

import asyncio
import mimetypes
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator import prompts, text
from orchestrator.errors import InvalidInput
from orchestrator.files.extract import Extract
from orchestrator.files.pieces import piece
from orchestrator.model.base import JsonObject, MadeFile, Tool
from orchestrator.tools.base import Offer, ToolContext, ToolResult, failed
from orchestrator.tools.calculator import FUNCTIONS, MAX_CHARS, CannotCalculate
from orchestrator.tools.calculator import calculate as value_of

PAGE_CHARS = 12_000
MAX_FILES = 20
MAX_FILE_CHARS = 500_000
_MAX_NAME = 100
# What they ask of the run is a query or two.
_LIMIT_S = 30.0
_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|]+')


class _Arguments(BaseModel):
    """A tool's arguments; the docstring of each is what the model is told of the tool."""

    model_config = ConfigDict(extra="forbid")


class CurrentDate(_Arguments):
    """The current date, time and day of the week."""

    time_zone: str | None = Field(
        default=None, description="An IANA name such as Europe/Berlin; the team's own if left out."
    )


class Calculate(_Arguments):
    """The exact value of an arithmetic expression. Use it rather than calculate in your head."""

    expression: str = Field(
        max_length=MAX_CHARS,
        description=(
            "Such as round(1249.90 * 1.19 ** 3, 2). There are + - * / // % **, brackets, pi, e "
            f"and {', '.join(FUNCTIONS)}; no variables, no thousands separators."
        ),
    )


class _Paged(_Arguments):
    page: int = Field(default=1, ge=1, description="Long texts have several pages.")


class ReadResult(_Paged):
    """The full result of an earlier subtask, of which you may have been given a part only."""

    subtask: int = Field(ge=1, description="The subtask's number.")


class ReadFile(_Arguments):
    """The text of a file that people attached to the task, piece by piece."""

    name: str = Field(description="The file's name, as it is listed.")
    offset: int = Field(default=0, ge=0, description="The character to go on with.")
    page: int | None = Field(default=None, ge=1, description="A page of a PDF; all if left out.")
    sheet: str | None = Field(default=None, description="A sheet of a workbook; all if left out.")


class ReadThread(_Paged):
    """The messages of the conversation in which the task was given, the oldest first."""


class SaveFile(_Arguments):
    """Make a file that is handed to people along with the answer, such as a table as CSV.

    A file of the same name is replaced. Mention the file in your result.
    """

    name: str = Field(
        min_length=1, max_length=_MAX_NAME, description="With its ending, such as costs.csv."
    )
    content: str = Field(min_length=1, max_length=MAX_FILE_CHARS)


async def _current_date(arguments: CurrentDate, context: ToolContext) -> ToolResult:
    name = arguments.time_zone or context.time_zone
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return failed(f"There is no time zone named “{name[:60]}”.")
    now = context.now().astimezone(zone)
    return ToolResult(f"{now:%A}, {now.isoformat(timespec='minutes')} ({name})")


async def _calculate(arguments: Calculate, _: ToolContext) -> ToolResult:
    try:
        return ToolResult(value_of(arguments.expression))
    except CannotCalculate as error:
        return failed(str(error))


async def _read_result(arguments: ReadResult, context: ToolContext) -> ToolResult:
    number = arguments.subtask
    result = await context.result(number)
    if result is None:
        return failed(f"There is no result of a subtask {number}.")
    return _page(result, arguments.page, "result", subtask=number)


async def _read_file(arguments: ReadFile, context: ToolContext) -> ToolResult:
    name = arguments.name
    extract = await context.file(name)
    if extract is not None:
        return _piece(extract, arguments)
    names = [f"“{known}”" for known in await context.attached()]
    if not names:
        return failed("No files are attached to the task.")
    return failed(f"There is no text of a file of that name; there are {text.listing(names)}.")


def _piece(extract: Extract, arguments: ReadFile) -> ToolResult:
    try:
        read = piece(extract, offset=arguments.offset, page=arguments.page, sheet=arguments.sheet)
    except InvalidInput as error:
        return failed(str(error))
    return ToolResult(prompts.fenced("file", str(read), name=extract.name))


async def _read_thread(arguments: ReadThread, context: ToolContext) -> ToolResult:
    thread = await context.thread()
    if not thread:
        return failed("There is no conversation to be read.")
    return _page(thread, arguments.page, "thread")


async def _save_file(arguments: SaveFile, context: ToolContext) -> ToolResult:
    name = _NOT_IN_NAMES.sub("-", text.one_line(arguments.name)).strip(". ")
    if not name:
        return failed("That is no name for a file.")
    made = await context.made()
    if name not in made and len(made) >= MAX_FILES:
        return failed(f"No more files can be made: there are {len(made)} already.")
    mimetype = mimetypes.guess_type(name)[0] or "text/plain"
    content = arguments.content.encode()
    return ToolResult(f"Made “{name}”.", files=(MadeFile(name, content, mimetype),))


def _page(content: str, page: int, tag: str, **attributes: Any) -> ToolResult:
    pages = max(1, -(-len(content) // PAGE_CHARS))
    if page > pages:
        return failed(f"There is no page {page}; the last is {pages}.")
    part = content[(page - 1) * PAGE_CHARS : page * PAGE_CHARS]
    if pages > 1:
        attributes["page"] = f"{page} of {pages}"
    return ToolResult(prompts.fenced(tag, part, **attributes))


@dataclass(frozen=True, slots=True)
class _LocalTool:
    arguments: type[_Arguments]
    work: Callable[[Any, ToolContext], Awaitable[ToolResult]]
    title: str


_TOOLS: Mapping[str, _LocalTool] = {
    "current_date": _LocalTool(CurrentDate, _current_date, "look up the date"),
    "calculate": _LocalTool(Calculate, _calculate, "calculate"),
    "read_result": _LocalTool(ReadResult, _read_result, "read an earlier result"),
    "read_file": _LocalTool(ReadFile, _read_file, "read an attached file"),
    "read_thread": _LocalTool(ReadThread, _read_thread, "read the thread"),
    "save_file": _LocalTool(SaveFile, _save_file, "make a file"),
}


def _offer(name: str, tool: _LocalTool) -> Offer:
    schema = tool.arguments.model_json_schema()
    description = text.one_line(schema.pop("description"))
    return Offer(Tool(name, description, schema), tool.title, name)


OFFERS: Mapping[str, Offer] = {name: _offer(name, tool) for name, tool in _TOOLS.items()}
"""The tools there are, by name."""


class LocalTools:
    """The source of the tools that run here."""

    async def call(self, name: str, arguments: JsonObject, context: ToolContext) -> ToolResult:
        """Call the tool of that name, which must be one of OFFERS."""
        tool = _TOOLS[name]
        try:
            async with asyncio.timeout(_LIMIT_S) as limit:
                return await tool.work(tool.arguments.model_validate(arguments), context)
        except ValidationError:
            # Text that is no Unicode fits any schema.
            return failed(f"{name} cannot use these arguments.")
        except TimeoutError:
            if not limit.expired():
                raise
            return failed(f"{name} took too long.")
