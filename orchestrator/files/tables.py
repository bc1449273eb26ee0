"""Rows of a CSV file or a sheet as text: one row a line, in CSV, with what the columns hold."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from orchestrator import text
from orchestrator.files.file import File, counted

_INTEGER = re.compile(r"[-+]?(?:0|[1-9]\d{0,17})")
_NUMBER = re.compile(
    r"[-+]?[$€£¥]?\s?(?:0|[1-9][\d'’ \u00a0,.]*)?(?:[.,]\d+)?(?:[eE][-+]?\d+)?\s?[%$€£¥]?"
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d\S*)?|\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d\d)")
_YES_NO = frozenset({"true", "false", "yes", "no"})
_ROWS_BETWEEN_LOOKS = 500
_SHOWN_COLUMNS = 40
_COLUMN_NAME_CHARS = 40
_CELL_CHARS = 5_000
# It is repeated wherever reading goes on further down.
_HEADER_CHARS = 2_000


class Holds(StrEnum):
    """What the cells of a column are."""

    NOTHING = "empty"
    INTEGER = "integer"
    NUMBER = "number"
    DATE = "date"
    YES_NO = "yes/no"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows as lines; `rows` were read, without the header, of which `lines` may be fewer.

    `header` is the line of column names, or empty where the first row is none. `is_whole` is
    false where a limit came before the last row, `is_narrow` where one came before the last
    column.
    """

    header: str
    columns: tuple[tuple[str, Holds], ...]
    lines: tuple[str, ...]
    rows: int
    is_whole: bool
    is_narrow: bool

    @property
    def text(self) -> str:
        """The header and the lines."""
        return "\n".join((self.header, *self.lines) if self.header else self.lines)

    @property
    def measure(self) -> str:
        """`1,200 rows and 5 columns`."""
        rows = f"{'' if self.is_whole else 'more than '}{counted(self.rows, 'row')}"
        return f"{rows} and {counted(len(self.columns), 'column')}"

    @property
    def described_columns(self) -> str:
        """`id (integer), name (text)`."""
        shown = [f"{name} ({holds})" for name, holds in self.columns[:_SHOWN_COLUMNS]]
        more = len(self.columns) - len(shown)
        return ", ".join([*shown, f"and {more} more"] if more > 0 else shown)

    def cut(self, chars: int) -> Table:
        """The table with as many of its lines as fit into `chars` characters."""
        header = text.shorten(self.header, max(chars, 1))
        room = chars - len(header)
        kept = []
        for line in self.lines:
            room -= len(line) + 1
            if room < 0:
                break
            kept.append(line)
        return replace(self, header=header, lines=tuple(kept))


class Builder:
    """Takes rows one by one, keeps those that fit and learns what the columns hold."""

    def __init__(self, file: File, most_rows: int):
        self._file = file
        self._most_rows = most_rows
        self._room = file.limits.chars
        self._header: list[str] = []
        self._holds: list[Holds] = []
        self._lines: list[str] = []
        self._rows = 0
        self._is_narrow = False

    def built(self, rows: Iterable[Sequence[object]]) -> Table | None:
        """The table of `rows`, or None where all cells are empty."""
        is_whole = self._take(rows)
        if not (self._rows or self._header):
            return None
        width = max(len(self._header), len(self._holds))
        names = self._header + [""] * (width - len(self._header))
        holds = self._holds + [Holds.NOTHING] * (width - len(self._holds))
        return Table(
            header=text.shorten(_line(self._header), _HEADER_CHARS) if self._header else "",
            columns=tuple(
                (text.shorten(name, _COLUMN_NAME_CHARS) or f"column {number}", held)
                for number, (name, held) in enumerate(zip(names, holds, strict=True), 1)
            ),
            lines=tuple(self._lines),
            rows=self._rows,
            is_whole=is_whole,
            is_narrow=self._is_narrow,
        )

    def _take(self, rows: Iterable[Sequence[object]]) -> bool:
        """Take rows until a limit comes; whether there was none."""
        for number, row in enumerate(rows, 1):
            if number % _ROWS_BETWEEN_LOOKS == 0 and not self._file.in_time():
                return False
            cells = self._cells(row)
            if not cells:
                continue
            if self._rows == self._most_rows:
                return False
            self._add(cells)
        return True

    def _cells(self, row: Sequence[object]) -> list[str]:
        """The cells as text, without empty ones at the end."""
        limit = self._file.limits.columns
        cells = [_shown(value) for value in row[: limit + 1]]
        while cells and not cells[-1]:
            cells.pop()
        self._is_narrow = self._is_narrow or len(cells) > limit
        return cells[:limit]

    def _add(self, cells: list[str]) -> None:
        is_first = not (self._rows or self._header)
        if is_first and _is_header([_held(cell) for cell in cells]):
            self._header = cells
            return
        self._rows += 1
        self._learn(cells)
        if self._room > 0:
            # One row may be longer than all that is kept.
            line = text.shorten(_line(cells), max(self._file.limits.chars // 4, 1))
            self._room -= len(line) + 1
            self._lines.append(line)

    def _learn(self, cells: list[str]) -> None:
        missing = len(cells) - len(self._holds)
        if missing > 0:
            self._holds += [Holds.NOTHING] * missing
        for index, cell in enumerate(cells):
            known = self._holds[index]
            if known is not Holds.TEXT and cell:
                self._holds[index] = _both(known, _held(cell))


def _is_header(holds: list[Holds]) -> bool:
    """Names of columns are words, and most columns have one."""
    words = holds.count(Holds.TEXT)
    return words * 2 >= len(holds) and words + holds.count(Holds.NOTHING) == len(holds)


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return text.shorten(text.one_line(value), _CELL_CHARS)
        case bool():
            return "TRUE" if value else "FALSE"
        case float():
            return f"{value:.15g}"
        case datetime():
            is_day = value.time() == time() and not value.microsecond
            return value.date().isoformat() if is_day else value.isoformat(" ", "seconds")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
    return str(value)


def _held(cell: str) -> Holds:
    if not cell:
        return Holds.NOTHING
    if _INTEGER.fullmatch(cell):
        return Holds.INTEGER
    if any(map(str.isdecimal, cell[:3])) and _NUMBER.fullmatch(cell):
        return Holds.NUMBER
    if _DATE.fullmatch(cell):
        return Holds.DATE
    return Holds.YES_NO if cell.lower() in _YES_NO else Holds.TEXT


def _both(one: Holds, other: Holds) -> Holds:
    """What a column holds that has cells of both."""
    if one is other or one is Holds.NOTHING:
        return other
    if {one, other} == {Holds.INTEGER, Holds.NUMBER}:
        return Holds.NUMBER
    return Holds.TEXT
