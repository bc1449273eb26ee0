"""Markdown of models as rich text: dialogs take no Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from bot.blocks import text
from bot.blocks.payload import Block
from bot.blocks.text import Part, Span

# Characters of a block, and of what is read as Markdown, which takes a tenth of a second.
_MOST_IN_BLOCK = 2_900
_MOST_READ = 20_000
_DEEPEST = 8
_RULE = "─" * 24
_LISTS = ("bullet_list", "ordered_list")
_STYLES = {"strong": "bold", "em": "italic", "s": "strike"}
# What Slack takes as an address.
_URL = re.compile(r"(?:https?://[^\s/]|mailto:[^\s@]+@)\S{0,2900}")


def blocks(markdown: str) -> Iterator[Block]:
    """All of `markdown`, in blocks of which each is short enough; what is very long as it is."""
    if len(markdown) > _MOST_READ:
        parts: Iterable[Part] = [text.section(text.span(markdown))]
    else:
        parts = parts_of(markdown)
    packed: list[Part] = []
    size = 0
    for part in (short for long in parts for short in _shortened(long)):
        length = _length(part)
        if packed and size + length > _MOST_IN_BLOCK:
            yield text.rich_text(*packed)
            packed, size = [], 0
        packed.append(part)
        size += length
    if packed:
        yield text.rich_text(*packed)


def parts_of(markdown: str) -> Iterator[Part]:
    """What `markdown` consists of, for a block of one's own."""
    for node in SyntaxTreeNode(_parser().parse(markdown)).children:
        yield from _part(node)


@cache
def _parser() -> MarkdownIt:
    # A definition of a link, as many a list of sources looks like, would not be shown.
    rules = MarkdownIt("commonmark", {"html": False}).disable("reference")
    return rules.enable(["table", "strikethrough"])


# --- paragraphs, lists, code -----------------------------------------------------------------


def _part(node: SyntaxTreeNode) -> Iterator[Part]:
    match node.type:
        case "heading":
            yield text.section(*_spans(node, bold=True))
        case "fence" | "code_block":
            yield text.preformatted(text.defused(node.content.rstrip("\n")))
        case "blockquote":
            yield {"type": "rich_text_quote", "elements": _lines(node.children)}
        case "bullet_list" | "ordered_list":
            yield from _list(node)
        case "table":
            yield text.preformatted(text.defused(_table(node)))
        case "hr":
            yield text.section(text.span(_RULE))
        case _:
            yield text.section(*_spans(node))


def _list(node: SyntaxTreeNode, indent: int = 0) -> Iterator[Part]:
    """A list; those within it are lists of their own, further in."""
    is_ordered = node.type == "ordered_list"
    begins = int(node.attrs.get("start", 1)) - 1 if is_ordered else 0
    items: list[Part] = []
    for number, item in enumerate(node.children, start=1):
        items.append(text.section(*_lines(c for c in item.children if c.type not in _LISTS)))
        within = [child for child in item.children if child.type in _LISTS]
        if not within:
            continue
        yield _items(items, indent, begins, is_ordered=is_ordered)
        for child in within:
            yield from _list(child, min(indent + 1, _DEEPEST))
        items, begins = [], begins + number
    if items:
        yield _items(items, indent, begins, is_ordered=is_ordered)


def _items(items: Sequence[Part], indent: int, offset: int, *, is_ordered: bool) -> Part:
    return {
        "type": "rich_text_list",
        "style": "ordered" if is_ordered else "bullet",
        "indent": indent,
        "elements": list(items),
        **({"offset": offset} if offset > 0 else {}),
    }


def _table(node: SyntaxTreeNode) -> str:
    """The cells in columns."""
    rows = [
        [" ".join(_plain(cell).split()) for cell in row.children]
        for part in node.children
        for row in part.children
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    head, *body = padded
    return "\n".join([head, "  ".join("─" * width for width in widths), *body])


# --- what is inside a paragraph --------------------------------------------------------------


def _lines(nodes: Iterable[SyntaxTreeNode]) -> list[Span]:
    """What these say, one below the other."""
    spans: list[Span] = []
    for node in nodes:
        if spans:
            spans.append(text.span("\n"))
        if node.type == "list_item":
            spans.append(text.span("• "))
        if node.content:
            spans.append(_said(node.content.rstrip("\n")))
        else:
            is_leaf = all(child.type == "inline" for child in node.children)
            spans += _spans(node) if is_leaf else _lines(node.children)
    return spans or [text.span("")]


def _spans(node: SyntaxTreeNode, **style: bool) -> list[Span]:
    if node.type in ("softbreak", "hardbreak"):
        return [text.span("\n")]
    if node.type == "code_inline":
        return [_said(node.content, **style, code=True)]
    if node.type in ("link", "image"):
        return [_link(node, **style)]
    if node.type == "text" or not node.children:
        return [_said(node.content, **style)] if node.content else []
    if (added := _STYLES.get(node.type)) is not None:
        style = {**style, added: True}
    return [span for child in node.children for span in _spans(child, **style)]


def _link(node: SyntaxTreeNode, **style: bool) -> Span:
    url = str(node.attrs.get("href") or node.attrs.get("src") or "")
    said = _plain(node) or url
    if not _URL.fullmatch(url):
        return _said(said, **style)
    return text.link(url, text.defused(said), **style)


def _said(content: str, **style: bool) -> Span:
    # What was written as an entity is a character by now.
    return text.span(text.defused(content), **style)


def _plain(node: SyntaxTreeNode) -> str:
    if node.type in ("softbreak", "hardbreak"):
        return "\n"
    return "".join(_plain(child) for child in node.children) or node.content


# --- sizes -----------------------------------------------------------------------------------


def _length(part: Part) -> int:
    if "elements" in part:
        return sum(_length(element) for element in part["elements"])
    return len(part.get("text", ""))


def _shortened(part: Part) -> Iterator[Part]:
    """The part, or several in its place of which none is too long for a block."""
    if _length(part) <= _MOST_IN_BLOCK:
        yield part
        return
    gone = part.get("offset", 0)
    elements: list[Part] = []
    size = 0
    for element in _pieces(part["elements"]):
        length = _length(element)
        if elements and size + length > _MOST_IN_BLOCK:
            yield _with(part, elements, gone)
            gone += len(elements)
            elements, size = [], 0
        elements.append(element)
        size += length
    yield _with(part, elements, gone)


def _with(part: Part, elements: list[Part], gone: int) -> Part:
    """The part with these of its elements only, before which there are so many others."""
    offset = {"offset": gone} if gone and part["type"] == "rich_text_list" else {}
    return {**part, "elements": elements, **offset}


def _pieces(elements: Iterable[Part]) -> Iterator[Part]:
    """The elements, of which one that is too long becomes several."""
    for element in elements:
        if "elements" in element:
            yield from _shortened(element)
            continue
        for piece in text.pieces(element.get("text", ""), _MOST_IN_BLOCK):
            yield {**element, "text": piece}
