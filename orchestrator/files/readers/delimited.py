"""CSV and its relatives, whatever they put between the cells."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from itertools import islice

from orchestrator.files.decoding import decoded
from orchestrator.files.extract import Kind, Part
from orchestrator.files.file import File, Reading, counted
from orchestrator.files.tables import Builder, Table

_DELIMITERS = ",;\t|"
_SAMPLE_ROWS = 20
# Excel writes this line first, and nobody else.
_SEPARATOR = re.compile(r"sep=(.)\n")
# The module's own limit of a cell is 131,072 characters; the size of the file is limit enough.
_CELL_CHARS = 1_000_000_000


def read(file: File) -> Reading:
    """The rows as a table."""
    content = decoded(file)
    csv.field_size_limit(_CELL_CHARS)
    named = _SEPARATOR.match(content.text)
    text = content.text[named.end() :] if named else content.text
    delimiter = named[1] if named else _delimiter(text)
    # A lone quotation mark would make one cell of all that follows it.
    is_quoted = text.count('"') % 2 == 0
    rows = csv.reader(
        io.StringIO(text),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if is_quoted else csv.QUOTE_NONE,
    )
    table = Builder(file, file.limits.rows).built(rows)
    if table is None:
        raise file.unreadable("there is nothing in its cells that can be read.")
    kept = table.cut(file.limits.chars)
    return Reading(
        label=f"a table of {table.measure}",
        kind=Kind.TABLE,
        text=kept.text,
        parts=(Part("", 0, len(kept.text), kept.header),),
        facts=[f"Columns: {table.described_columns}"],
        notes=[*content.notes, *missing_of(kept)],
    )


def missing_of(table: Table, where: str = "") -> list[str]:
    """What of the table is left out, in sentences."""
    notes = []
    if len(table.lines) < table.rows:
        of = f"{'' if table.is_whole else 'more than '}{table.rows:,}"
        notes.append(f"Only the first {len(table.lines):,} of {of} rows{where} are kept.")
    elif not table.is_whole:
        notes.append(f"Only the first {counted(table.rows, 'row')}{where} could be read.")
    if table.is_narrow:
        notes.append(f"Only the first {len(table.columns):,} columns{where} are kept.")
    return notes


def _delimiter(text: str) -> str:
    """The one that gives most rows the same number of cells."""
    sample = "".join(islice(io.StringIO(text), _SAMPLE_ROWS))
    return max(_DELIMITERS, key=lambda delimiter: _agreement(sample, delimiter))


def _agreement(sample: str, delimiter: str) -> tuple[int, int]:
    widths = Counter(len(row) for row in csv.reader(io.StringIO(sample), delimiter=delimiter))
    widths.pop(1, None)
    if not widths:
        return 0, 0
    width, rows = widths.most_common(1)[0]
    return rows, width
