"""The terminal: where things are shown and asked."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType

from orchestrator.errors import InvalidInput

_PIPE_WIDTH = 120


class Screen:
    """Where things are shown and asked. Without a terminal only the answer goes to stdout."""

    def __init__(self) -> None:
        self.out = console(sys.stdout)
        self.is_live = self.out.is_terminal
        self.notes = self.out if self.is_live else console(sys.stderr)
        self.can_ask = self.is_live and sys.stdin.isatty()

    def say(self, sentence: RenderableType) -> None:
        """Tell how it goes."""
        self.notes.print(sentence)

    async def ask(self, question: str) -> str:
        """The line typed in answer. Raises EOFError at the end of the input."""
        self.out.print(question, end=" ")
        loop = asyncio.get_running_loop()
        typed: asyncio.Future[None] = loop.create_future()
        loop.add_reader(sys.stdin.fileno(), _note_typed, typed)
        try:
            await typed
        finally:
            loop.remove_reader(sys.stdin.fileno())
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.strip()

    async def edit(self, content: str) -> str:
        """`content` as changed in $EDITOR. Raises InvalidInput where that does not work."""
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
        with tempfile.NamedTemporaryFile("w+", suffix=".txt", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            try:
                process = await asyncio.create_subprocess_exec(*shlex.split(editor), file.name)
            except OSError as error:
                raise InvalidInput(f"{editor} cannot be started; set EDITOR.") from error
            if await process.wait():
                raise InvalidInput(f"{editor} ended with an error.")
            return _content(file.name)


def console(stream: Any) -> Console:
    """A console on `stream` that takes nothing in a text for markup."""
    width = None if stream.isatty() else _PIPE_WIDTH
    return Console(file=stream, markup=False, emoji=False, highlight=False, width=width)


def _note_typed(typed: asyncio.Future[None]) -> None:
    if not typed.done():
        typed.set_result(None)


def _content(name: str) -> str:
    # Editors replace the file, so that the one which was opened is no longer there to be read.
    return Path(name).read_text(encoding="utf-8")
