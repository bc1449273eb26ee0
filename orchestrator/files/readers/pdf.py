"""PDF, page by page."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pypdf
from pypdf.errors import DependencyError, PyPdfError

from orchestrator import text
from orchestrator.files.extract import Part, Unit
from orchestrator.files.file import File, Reading, counted
from orchestrator.files.headings import headings_of

# What pypdf lets through over a broken page; the other pages are read all the same.
_BROKEN = (
    *(PyPdfError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError),
    *(RecursionError, AssertionError, NotImplementedError),
)


def read(file: File) -> Reading:
    """The text of the pages until a limit comes, and what the bookmarks say."""
    document = pypdf.PdfReader(io.BytesIO(file.content))
    if document.is_encrypted:
        _unlock(file, document)
    total = len(document.pages)
    pages = list(_pages(file, document))
    empty = [number for number, page in enumerate(pages, 1) if not page]
    if len(empty) == len(pages):
        raise file.unreadable(
            "its pages have no text, most likely because they are scanned. "
            "Attach the pages as images, or the result of a text recognition."
        )
    content, parts = _joined(pages, file.limits.chars)
    return Reading(
        label=f"a PDF of {counted(total, 'page')}",
        text=content,
        unit=Unit.PAGE,
        parts=parts,
        facts=headings_of(_bookmarks(document)),
        notes=_notes(total, pages, parts, empty),
    )


def _unlock(file: File, document: pypdf.PdfReader) -> None:
    """Many are encrypted only against changes, with no password to read them."""
    try:
        is_open = bool(document.decrypt(""))
    except (DependencyError, NotImplementedError):
        is_open = False
    if not is_open:
        raise file.unreadable("it is locked with a password.")


def _pages(file: File, document: pypdf.PdfReader) -> Iterator[str]:
    """The text of one page after the other; none for a page that is broken."""
    room = file.limits.chars
    for page in document.pages[: file.limits.pages]:
        content = _page_text(page)
        yield content
        room -= len(content)
        if room <= 0 or not file.in_time():
            return


def _page_text(page: pypdf.PageObject) -> str:
    try:
        return text.block(page.extract_text())
    except _BROKEN:
        return ""


def _joined(pages: list[str], chars: int) -> tuple[str, tuple[Part, ...]]:
    """Page after page, each below its number, and where each begins and ends."""
    content, parts = "", []
    for number, page in enumerate(pages, 1):
        gap = "\n\n" if content else ""
        before = f"{gap}[Page {number}]\n"
        room = chars - len(content) - len(before)
        if room <= 0:
            break
        start = len(content) + len(before)
        content += before + page[:room]
        parts.append(Part(str(number), start, len(content)))
    return content, tuple(parts)


def _notes(total: int, pages: list[str], parts: tuple[Part, ...], empty: list[int]) -> list[str]:
    notes = []
    last = len(parts)
    is_cut = bool(parts) and parts[-1].end - parts[-1].start < len(pages[last - 1])
    if is_cut or last < total:
        end = ", the last of them in part" if is_cut else ""
        notes.append(f"Only the first {last:,} of {total:,} pages are kept{end}.")
    if empty:
        shown = text.shorten(", ".join(map(str, empty)), 60)
        notes.append(f"No text could be read on page {shown}: pictures, scanned or damaged.")
    return notes


def _bookmarks(document: pypdf.PdfReader) -> list[str]:
    """The titles of the uppermost level."""
    try:
        outline = document.outline
        return [str(entry.title) for entry in outline if not isinstance(entry, list)]
    except _BROKEN:
        return []
