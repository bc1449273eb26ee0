"""Which format a file is in: its bytes say so; its name and media type only where they do not."""

from __future__ import annotations

import re
from enum import StrEnum

from orchestrator.errors import SignInPage, UnreadableFile
from orchestrator.files import archive
from orchestrator.files.file import File


class Format(StrEnum):
    """The formats that are read, by the module that reads them."""

    PLAIN = "plain"
    JSON = "json_text"
    WEB_PAGE = "web_page"
    CSV = "delimited"
    PDF = "pdf"
    WORD = "word"
    WORKBOOK = "workbook"
    PICTURE = "picture"


READABLE = (
    "text, Markdown, source code, CSV, JSON, HTML, PDF, Word (.docx), Excel (.xlsx) and images"
)

_BY_SUFFIX = {
    ".json": Format.JSON,
    ".ipynb": Format.JSON,
    ".geojson": Format.JSON,
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".tab": Format.CSV,
    ".html": Format.WEB_PAGE,
    ".htm": Format.WEB_PAGE,
    ".xhtml": Format.WEB_PAGE,
    ".pdf": Format.PDF,
    ".docx": Format.WORD,
    ".xlsx": Format.WORKBOOK,
    ".xlsm": Format.WORKBOOK,
    ".png": Format.PICTURE,
    ".jpg": Format.PICTURE,
    ".jpeg": Format.PICTURE,
    ".gif": Format.PICTURE,
    ".webp": Format.PICTURE,
}
_OFFICE = "application/vnd.openxmlformats-officedocument."
_BY_MIMETYPE = {
    "application/json": Format.JSON,
    "text/csv": Format.CSV,
    "text/tab-separated-values": Format.CSV,
    "text/html": Format.WEB_PAGE,
    "application/xhtml+xml": Format.WEB_PAGE,
    "application/pdf": Format.PDF,
    f"{_OFFICE}wordprocessingml.document": Format.WORD,
    f"{_OFFICE}spreadsheetml.sheet": Format.WORKBOOK,
    "image/png": Format.PICTURE,
    "image/jpeg": Format.PICTURE,
    "image/gif": Format.PICTURE,
    "image/webp": Format.PICTURE,
}
_BINARY = {
    Format.PDF: "a PDF",
    Format.WORD: "a Word document",
    Format.WORKBOOK: "an Excel workbook",
    Format.PICTURE: "an image",
}
_PICTURE = re.compile(rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP", re.DOTALL)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LOCKED = "EncryptedPackage".encode("utf-16-le")
_HTML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html[\s>])", re.IGNORECASE)
_SIGN_IN = re.compile(rb"<title[^>]*>[^<]*\b(?:sign|log)[ -]?in\b", re.IGNORECASE)
# The header of a PDF may have other bytes before it.
_PDF_HEADER_WITHIN = 1024


def format_of(file: File) -> Format:
    """The format to read `file` in. Raises UnreadableFile for what no reader takes."""
    if not file.content:
        raise file.unreadable("it is empty.")
    if _PICTURE.match(file.content):
        return Format.PICTURE
    if file.content.startswith(_ZIP):
        return _office_format(file)
    if file.content.startswith(_OLE):
        raise _old_office(file)
    expected = _BY_SUFFIX.get(file.suffix) or _BY_MIMETYPE.get(file.mimetype, Format.PLAIN)
    if _is_pdf(file.content, expected):
        return Format.PDF
    if _HTML.match(file.content):
        _check_for_sign_in(file, expected)
    if expected in _BINARY:
        raise file.unreadable(f"it is not {_BINARY[expected]} inside, or it is damaged.")
    return expected


def _is_pdf(content: bytes, expected: Format) -> bool:
    if expected is Format.PDF:
        return b"%PDF-" in content[:_PDF_HEADER_WITHIN]
    return (
        content.lstrip().startswith(b"%PDF-") if content[:1].isspace() else content[:5] == b"%PDF-"
    )


def _check_for_sign_in(file: File, expected: Format) -> None:
    if expected is Format.WEB_PAGE:
        return
    if expected is not Format.PLAIN or _SIGN_IN.search(file.content[:20_000]):
        raise SignInPage(
            file.name,
            "a web page came in its place, most likely because the bot may not read files there.",
        )


def _office_format(file: File) -> Format:
    names = archive.checked_names(file)
    if "word/document.xml" in names:
        return Format.WORD
    if "xl/workbook.xml" in names:
        return Format.WORKBOOK
    raise file.unreadable(f"it is an archive of another kind. What can be read: {READABLE}.")


def _old_office(file: File) -> UnreadableFile:
    if _LOCKED in file.content:
        return file.unreadable("it is locked with a password.")
    return file.unreadable("it is in an old Office format. Save it as .docx, .xlsx or PDF.")
