"""Reads a file: finds its format, lets the reader of that format read, keeps what fits."""

from __future__ import annotations

import warnings
from importlib import import_module

from orchestrator import prompts, text
from orchestrator.errors import UnreadableFile
from orchestrator.files.extract import Extract
from orchestrator.files.file import File, Reading, size
from orchestrator.files.formats import format_of
from orchestrator.files.limits import Limits

_SUMMARY_CHARS = 1_500
_FACT_CHARS = 700
_BEGINNING_CHARS = 400


def read(name: str, content: bytes, mimetype: str = "", limits: Limits | None = None) -> Extract:
    """What is in the file `name`. Raises UnreadableFile with the reason.

    It takes as long as it takes and as much memory: `Extractor` does it with limits to both.
    """
    limits = limits or Limits()
    file = File.of(name, content, mimetype, limits)
    check_size(file.name, len(content), limits)
    return _extract(file, _reading(file))


def check_size(name: str, size_bytes: int, limits: Limits) -> None:
    """Raises UnreadableFile for a file that is too large, also before it is downloaded."""
    if size_bytes > limits.bytes:
        allowed = f"more than the {size(limits.bytes)} that are allowed."
        raise UnreadableFile(name, f"it has {size(size_bytes)}, {allowed}")


def _reading(file: File) -> Reading:
    # Only the libraries of this one format are loaded.
    reader = import_module(f"orchestrator.files.readers.{format_of(file)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            reading: Reading = reader.read(file)
        except (UnreadableFile, MemoryError):
            raise
        except Exception as error:  # over hostile bytes the libraries raise anything
            raise file.unreadable("it seems to be damaged or not complete.") from error
    return reading


def _extract(file: File, reading: Reading) -> Extract:
    notes = list(reading.notes)
    content = reading.text
    # Readers that know of pages or rows keep to the limit themselves.
    if len(content) > file.limits.chars:
        missing = len(content) - file.limits.chars
        notes.append(f"{missing:,} of its {len(content):,} characters are left out in the middle.")
        content = prompts.trimmed(content, file.limits.chars)
    note = " ".join(notes)
    return Extract(
        name=file.name,
        kind=reading.kind,
        size_bytes=len(file.content),
        text=content,
        summary=_summary(file, reading, note),
        note=note,
        unit=reading.unit,
        parts=reading.parts,
        image=reading.image,
    )


def _summary(file: File, reading: Reading, note: str) -> str:
    """What the file is, what it holds, how it begins; never longer than is good for a prompt."""
    lines = [f"{file.name}: {reading.label}, {size(len(file.content))}."]
    lines += [f"{text.shorten(fact, _FACT_CHARS)}." for fact in reading.facts]
    lines += [note] if note else []
    beginning = text.shorten(reading.text.strip(), _BEGINNING_CHARS)
    room = _SUMMARY_CHARS - (len(beginning) + len("\nIt begins:\n"))
    about = text.shorten("\n".join(lines), room)
    return f"{about}\nIt begins:\n{beginning}" if beginning else about
