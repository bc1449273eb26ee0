"""What is got out of a file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.model.base import JsonObject


class Kind(StrEnum):
    """What a file is to those who work with it."""

    TEXT = "text"
    TABLE = "table"
    IMAGE = "image"


class Unit(StrEnum):
    """What the parts of a file are called."""

    PAGE = "page"
    SHEET = "sheet"


@dataclass(frozen=True, slots=True)
class Part:
    """A page or a sheet: `text[start:end]` of its file.

    Pages are named by their numbers, from 1. `header` is the line of column names that is worth
    repeating where reading goes on further down.
    """

    name: str
    start: int
    end: int
    header: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that models take as it is; sizes in pixels, `data` in base64."""

    media_type: str
    width: int
    height: int
    data: str

    def block(self) -> JsonObject:
        """The content block of the Messages API."""
        source = {"type": "base64", "media_type": self.media_type, "data": self.data}
        return {"type": "image", "source": source}


@dataclass(frozen=True, slots=True)
class Extract:
    """The text of a file, or its picture.

    `name` is safe to show and to go by: one line, no folders. `unit` says what `parts` are; a file
    without such parts has no unit, and a table one part for its header. `note` says what of the
    file is missing or was guessed. `summary` is for who plans with it: what the file is, its
    headings or columns, how it begins.
    """

    name: str
    kind: Kind
    size_bytes: int
    text: str
    summary: str
    note: str = ""
    unit: Unit | None = None
    parts: tuple[Part, ...] = ()
    image: Image | None = None
