"""Word documents, as Markdown: headings, lists and tables in their order."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import docx
from docx.document import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml.ns import nsmap, qn
from docx.oxml.parser import parse_xml
from lxml import etree

from orchestrator import text
from orchestrator.files.file import File, Reading
from orchestrator.files.headings import headings_in

# All text of a paragraph but what was deleted (that is `w:delText`) and the second copy of what
# only newer versions can show. python-docx itself leaves out what was inserted with track changes.
_RUNS = (
    ".//*[self::w:t or self::w:tab or self::w:ptab or self::w:br or self::w:cr"
    " or self::w:noBreakHyphen]"
    "[not(ancestor::*[local-name()='Fallback'])]"
)
_BREAKS = {
    qn("w:tab"): "\t",
    qn("w:ptab"): "\t",
    qn("w:br"): "\n",
    qn("w:cr"): "\n",
    qn("w:noBreakHyphen"): "-",
}
_ROWS = "./w:tr | ./w:sdt/w:sdtContent/w:tr"
_CELLS = "./w:tc | ./w:sdt/w:sdtContent/w:tc"
_WRAPPERS = (qn("w:sdt"), qn("w:sdtContent"), qn("w:ins"), qn("w:customXml"))
# What is kept apart from the text, by the kind of the relation, and the elements of one note.
_APART = {
    "header": None,
    "footnotes": "w:footnote",
    "endnotes": "w:endnote",
    "comments": "w:comment",
    "footer": None,
}


def read(file: File) -> Reading:
    """Return the text of the document with its tables, notes, comments, headers and footers."""
    try:
        document = docx.Document(io.BytesIO(file.content))
    except ValueError as error:
        raise file.unreadable("it is no ordinary Word document; save it as .docx.") from error
    styles = _styles(document)
    blocks = [block for block in _blocks(document.element.body, styles) if block.strip()]
    blocks += _apart(document)
    content = text.clean("\n\n".join(blocks))
    if not content:
        raise file.unreadable("it is a Word document without text.")
    return Reading(label="a Word document", text=content, facts=headings_in(content))


def _styles(document: Document) -> dict[str, str]:
    """Names of paragraph styles by their ids, which depend on the language of Word."""
    return {
        style.style_id: style.name or ""
        for style in document.styles
        if style.type == WD_STYLE_TYPE.PARAGRAPH
    }


def _blocks(parent: Any, styles: dict[str, str]) -> Iterator[str]:
    for element in parent:
        if element.tag == qn("w:p"):
            yield _paragraph(element, styles)
        elif element.tag == qn("w:tbl"):
            yield _table(element)
        elif element.tag in _WRAPPERS:
            yield from _blocks(element, styles)


def _paragraph(element: Any, styles: dict[str, str]) -> str:
    content = _content(element)
    if not content:
        return ""
    style = styles.get(element.style or "", "")
    if style == "Title":
        return f"# {text.one_line(content)}"
    if style.startswith("Heading ") and style[8:].isdigit():
        return f"{'#' * min(int(style[8:]), 6)} {text.one_line(content)}"
    is_item = style.startswith("List") or bool(_select(element, "./w:pPr/w:numPr"))
    return f"- {content}" if is_item else content


def _content(element: Any) -> str:
    runs = _select(element, _RUNS)
    return "".join(_BREAKS.get(run.tag) or run.text or "" for run in runs).strip()


def _table(element: Any) -> str:
    rows = [[_cell(cell) for cell in _select(row, _CELLS)] for row in _select(element, _ROWS)]
    width = max(map(len, rows), default=0)
    lines = [f"| {' | '.join(row + [''] * (width - len(row)))} |" for row in rows]
    return "\n".join([*lines[:1], f"|{' --- |' * width}", *lines[1:]]) if width else ""


def _cell(element: Any) -> str:
    """What is in the cell, tables in it too, on one line."""
    return _on_one_line(element).replace("|", r"\|")


def _on_one_line(element: Any) -> str:
    return text.one_line(" ".join(map(_content, _select(element, ".//w:p"))))


def _apart(document: Document) -> list[str]:
    """Return what stands beside the text of the document, each with what it is, once."""
    found = [
        f"[{_label(kind, note)}] {content}"
        for relation in document.part.rels.values()
        if not relation.is_external and (kind := relation.reltype.rpartition("/")[2]) in _APART
        for note in _notes(kind, parse_xml(relation.target_part.blob))
        if (content := _on_one_line(note))
    ]
    return list(dict.fromkeys(found))


def _notes(kind: str, root: Any) -> list[Any]:
    """Return the notes of a part; a header or a footer is one by itself."""
    tag = _APART[kind]
    return [root] if tag is None else _select(root, f"./{tag}")


def _label(kind: str, note: Any) -> str:
    name = kind.removesuffix("s").capitalize()
    if kind == "comments":
        return f"{name} by {text.one_line(note.get(qn('w:author')) or 'somebody')}"
    return name if _APART[kind] is None else f"{name} {note.get(qn('w:id'))}"


def _select(element: Any, path: str) -> list[Any]:
    """Return what is at an XPath; elements that python-docx has no class for know no prefixes."""
    found: list[Any] = etree.ElementBase.xpath(element, path, namespaces=nsmap)
    return found
