"""Excel workbooks, sheet by sheet."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

import openpyxl

from orchestrator import text
from orchestrator.files.extract import Kind, Part, Unit
from orchestrator.files.file import File, Reading, counted
from orchestrator.files.readers.delimited import missing_of
from orchestrator.files.tables import Builder, Table

_SHEETS = 50


def read(file: File) -> Reading:
    """Every sheet as a table; formulas by the values they had when the workbook was saved."""
    workbook = openpyxl.load_workbook(
        io.BytesIO(file.content), read_only=True, data_only=True, keep_links=False
    )
    names = [text.one_line(sheet.title) for sheet in workbook.worksheets]
    tables = dict(_tables(file, workbook))
    if not tables:
        raise file.unreadable("there is nothing in its cells that can be read.")
    kept = _shared_out(tables, file.limits.chars)
    content, parts = _joined(kept)
    return Reading(
        label=f"an Excel workbook of {counted(len(names), 'sheet')}",
        kind=Kind.TABLE,
        text=content,
        unit=Unit.SHEET,
        parts=parts,
        facts=[
            f"Sheet “{name}”, {table.measure}: {table.described_columns}"
            for name, table in tables.items()
        ],
        notes=_notes(names, kept),
    )


def _tables(file: File, workbook: openpyxl.Workbook) -> Iterator[tuple[str, Table]]:
    """The sheets that hold something, until a limit comes."""
    rows = file.limits.rows
    for sheet in workbook.worksheets[:_SHEETS]:
        # What a sheet declares as its size is often wrong, and would cut it.
        sheet.reset_dimensions()
        table = Builder(file, rows).built(sheet.iter_rows(values_only=True))
        if table is not None:
            rows -= table.rows
            yield text.one_line(sheet.title), table
        if rows <= 0 or not file.in_time():
            return


def _shared_out(tables: Mapping[str, Table], chars: int) -> dict[str, Table]:
    """Small sheets are kept whole; large ones share what is left of `chars`."""
    room = chars - sum(len(_title(name)) + 2 for name in tables)
    shares = sorted(tables, key=lambda name: len(tables[name].text))
    cut = {}
    for index, name in enumerate(shares):
        cut[name] = tables[name].cut(room // (len(shares) - index))
        room -= len(cut[name].text)
    return {name: cut[name] for name in tables}


def _joined(tables: Mapping[str, Table]) -> tuple[str, tuple[Part, ...]]:
    """All sheets in one text, and where each begins and ends."""
    content, parts = "", []
    for name, table in tables.items():
        content += _title(name)
        parts.append(Part(name, len(content), len(content) + len(table.text), table.header))
        content += f"{table.text}\n\n"
    return content.rstrip("\n"), tuple(parts)


def _title(name: str) -> str:
    return f"[Sheet “{name}”]\n"


def _notes(names: list[str], tables: Mapping[str, Table]) -> list[str]:
    notes = [
        note for name, table in tables.items() for note in missing_of(table, f" of sheet “{name}”")
    ]
    missing = [f"“{name}”" for name in names if name not in tables]
    if missing:
        notes.append(f"Empty, or not read any more: {text.shorten(text.listing(missing), 300)}.")
    return notes
