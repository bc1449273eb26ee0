"""Reading an extract piece by piece, as workers do."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator import text
from orchestrator.errors import InvalidInput
from orchestrator.files.extract import Extract, Kind, Part, Unit

PIECE_CHARS = 10_000
"""What a piece has where nothing is said."""
MOST_CHARS = 50_000
"""What a piece has at the most."""


@dataclass(frozen=True, slots=True)
class Piece:
    """`text` is what begins at `offset`; `next_offset` is where the next piece does, or None.

    Both count the characters of the page, sheet or file, which has `total`. In a table the text
    repeats the header, which does not count.
    """

    text: str
    offset: int
    next_offset: int | None
    total: int

    def __str__(self) -> str:
        """The text, and a line that says how to go on."""
        if self.next_offset is None:
            return f"{self.text}\n[The end.]"
        of = f"{self.offset:,} to {self.next_offset:,} of {self.total:,}"
        return f"{self.text}\n[Characters {of}. Go on with offset {self.next_offset}.]"


def piece(
    extract: Extract,
    *,
    offset: int = 0,
    limit: int = PIECE_CHARS,
    page: int | None = None,
    sheet: str | None = None,
) -> Piece:
    """At most `limit` characters from `offset` on, of the whole file or of one page or sheet.

    It ends with a line where one ends near. Raises InvalidInput that says what there is.
    """
    if extract.kind is Kind.IMAGE:
        raise InvalidInput(f"“{extract.name}” is a picture; there is no text to read in it.")
    part = _part(extract, page, sheet)
    total = part.end - part.start
    if not 0 <= offset <= total or (offset == total and total):
        raise InvalidInput(f"The offset must be from 0 to {max(total - 1, 0):,}.")
    start = part.start + offset
    end = _end(extract.text, start, part.end, min(max(limit, 1), MOST_CHARS))
    header = _header(extract, start)
    return Piece(
        text=f"{header}\n{extract.text[start:end]}" if header else extract.text[start:end],
        offset=offset,
        next_offset=end - part.start if end < part.end else None,
        total=total,
    )


def _part(extract: Extract, page: int | None, sheet: str | None) -> Part:
    if page is not None and sheet is not None:
        raise InvalidInput("Give a page or a sheet, not both.")
    if page is not None:
        return _named(extract, Unit.PAGE, str(page))
    if sheet is not None:
        return _named(extract, Unit.SHEET, sheet)
    return Part("", 0, len(extract.text))


def _named(extract: Extract, unit: Unit, name: str) -> Part:
    if extract.unit is not unit:
        raise InvalidInput(f"“{extract.name}” has no {unit}s; leave the {unit} out.")
    for part in extract.parts:
        if part.name == name:
            return part
    if unit is Unit.PAGE:
        there = f"the pages that can be read are 1 to {len(extract.parts)}"
    else:
        there = f"there are {text.listing([f'“{part.name}”' for part in extract.parts])}"
    raise InvalidInput(f"“{extract.name}” has no {unit} “{name}”; {there}.")


def _end(content: str, start: int, last: int, limit: int) -> int:
    end = start + limit
    if end >= last:
        return last
    line_end = content.rfind("\n", start + limit // 2, end)
    return end if line_end < 0 else line_end + 1


def _header(extract: Extract, start: int) -> str:
    """The names of the columns, for a piece that begins among the rows below them."""
    for part in extract.parts:
        if part.start < start < part.end:
            return part.header
    return ""
