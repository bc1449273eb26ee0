"""A file as it came, and what a reader makes of it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from orchestrator import text
from orchestrator.errors import UnreadableFile
from orchestrator.files.extract import Image, Kind, Part, Unit
from orchestrator.files.limits import Limits

_NAME_CHARS = 120
_SUFFIX_CHARS = 12
# Of the time a file has, the part after which readers stop with what they have by then.
_IN_TIME = 0.6


@dataclass(frozen=True, slots=True)
class File:
    """Bytes that nobody has looked at yet; `until` is a time of the monotonic clock."""

    name: str
    content: bytes
    mimetype: str
    limits: Limits
    until: float

    @classmethod
    def of(cls, name: str, content: bytes, mimetype: str, limits: Limits) -> File:
        """A file with a name that is safe, and the time it may take from now on."""
        until = time.monotonic() + limits.seconds * _IN_TIME
        return cls(safe_name(name), content, mimetype.partition(";")[0].lower(), limits, until)

    @property
    def suffix(self) -> str:
        """`.csv`; in small letters."""
        return PurePosixPath(self.name).suffix.lower()

    def in_time(self) -> bool:
        """Whether there is time to go on reading."""
        return time.monotonic() < self.until

    def unreadable(self, why: str) -> UnreadableFile:
        """The error that says so."""
        return UnreadableFile(self.name, why)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader found.

    `label` names the kind of file with its measure (“a PDF of 12 pages”), `facts` are lines for
    the summary, `notes` sentences about what is missing.
    """

    label: str
    text: str = ""
    kind: Kind = Kind.TEXT
    unit: Unit | None = None
    parts: tuple[Part, ...] = ()
    facts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    image: Image | None = None


def safe_name(name: str) -> str:
    """`name` without folders, line breaks and what is too long; “file” where nothing is left."""
    base = re.split(r"[\\/]", text.one_line(name))[-1].strip()
    if not base.strip(". "):
        return "file"
    if len(base) <= _NAME_CHARS:
        return base
    suffix = PurePosixPath(base).suffix
    suffix = suffix if len(suffix) <= _SUFFIX_CHARS else ""
    return text.shorten(base.removesuffix(suffix), _NAME_CHARS - len(suffix)) + suffix


def counted(count: int, noun: str) -> str:
    """`1 row`, `12,000 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size(count: int) -> str:
    """`12 bytes`, `1.2 kB`, `3.4 MB`."""
    if count < 1000:
        return counted(count, "byte")
    if count < 1_000_000:
        return f"{count / 1000:.1f} kB"
    return f"{count / 1_000_000:.1f} MB"
