"""Markdown as a tree of plain data: what a page draws without ever parsing HTML.

A node is a string, or an object with a `tag` and perhaps `children`. HTML in the source is text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.tree import SyntaxTreeNode

Node = str | dict[str, Any]
_Build = Callable[[SyntaxTreeNode], list[Node]]

_SLACK = re.compile(
    r"<@(?P<user>[UW][A-Z0-9]+)(?:\|[^<>\n]*)?>"
    r"|<#(?P<channel>C[A-Z0-9]+)(?:\|[^<>\n]*)?>"
    r"|<!(?P<broadcast>here|channel|everyone)>"
    r"|:(?P<emoji>[a-z0-9_+-]{1,60}):"
)
_BOX = re.compile(r"\[([ xX])\] ")
_KEPT = 512


def with_trees(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks, those of Markdown with their `tree`."""
    return [_with_tree(block) for block in blocks]


@lru_cache(_KEPT)
def tree(source: str) -> list[Node]:
    """The document. It is shared: do not change it."""
    return _nodes(SyntaxTreeNode(_PARSER.parse(source)).children)


def _with_tree(block: dict[str, Any]) -> dict[str, Any]:
    if block["type"] == "markdown":
        return {**block, "tree": tree(block["text"])}
    if block["type"] == "container":
        return {**block, "child_blocks": with_trees(block["child_blocks"])}
    return block


def _slack(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - the form of a rule
    """The marks Slack knows in Markdown beside Markdown's own: mentions and emoji."""
    found = _SLACK.match(state.src, state.pos)
    if found is None or found.end() > state.posMax:
        return False
    if not silent:
        token = state.push("slack", "", 0)
        token.meta = {name: value for name, value in found.groupdict().items() if value}
    state.pos = found.end()
    return True


def _parser() -> MarkdownIt:
    parser = MarkdownIt("gfm-like", {"html": False, "breaks": True})
    assert parser.linkify is not None, "the preset comes with it"
    parser.linkify.set({"fuzzy_link": False, "fuzzy_email": False})
    parser.inline.ruler.before("autolink", "slack", _slack)
    # The text rule runs over everything that starts nothing; an emoji starts with a colon.
    parser.inline.add_terminator_char(":")
    return parser


def _nodes(found: Iterable[SyntaxTreeNode]) -> list[Node]:
    return [node for one in found for node in _built(one)]


def _built(node: SyntaxTreeNode) -> list[Node]:
    return _BUILD.get(node.type, _as_text)(node)


def _plain(tag: str, **more: Any) -> _Build:
    return lambda node: [{"tag": tag, **more, "children": _nodes(node.children)}]


def _as_text(node: SyntaxTreeNode) -> list[Node]:
    return [node.content] if node.content else []


def _inside(node: SyntaxTreeNode) -> list[Node]:
    return _nodes(node.children)


def _paragraph(node: SyntaxTreeNode) -> list[Node]:
    # In a tight list the paragraphs are there and not meant to be seen.
    return _inside(node) if node.hidden else _plain("p")(node)


def _heading(node: SyntaxTreeNode) -> list[Node]:
    # A message is not a page: its headings start below the page's own.
    level = int(node.tag[1])
    return _plain(f"h{min(level + 2, 6)}", level=level)(node)


def _ordered(node: SyntaxTreeNode) -> list[Node]:
    return _plain("ol", start=int(node.attrs.get("start", 1)))(node)


def _code(node: SyntaxTreeNode) -> list[Node]:
    language = node.info.split()[0] if node.info.split() else ""
    return [{"tag": "pre", "language": language, "children": [node.content.removesuffix("\n")]}]


def _link(node: SyntaxTreeNode) -> list[Node]:
    return _plain("a", href=str(node.attrs["href"]))(node)


def _image(node: SyntaxTreeNode) -> list[Node]:
    # Slack does not fetch images of Markdown: it shows where they are.
    href = str(node.attrs["src"])
    return [{"tag": "a", "href": href, "children": [node.content or href]}]


def _item(node: SyntaxTreeNode) -> list[Node]:
    children = _inside(node)
    first = children[0] if children else None
    box = _BOX.match(first) if isinstance(first, str) else None
    if box is not None and isinstance(first, str):
        children[0] = first[box.end() :]
        children.insert(0, {"tag": "box", "checked": box[1] != " "})
    return [{"tag": "li", "children": children}]


def _cell(node: SyntaxTreeNode) -> list[Node]:
    align = str(node.attrs.get("style", "")).removeprefix("text-align:")
    return _plain(node.tag, align=align)(node)


_BUILD: dict[str, _Build] = {
    "inline": _inside,
    "paragraph": _paragraph,
    "heading": _heading,
    "blockquote": _plain("blockquote"),
    "bullet_list": _plain("ul"),
    "ordered_list": _ordered,
    "list_item": _item,
    "fence": _code,
    "code_block": _code,
    "hr": lambda _node: [{"tag": "hr"}],
    "table": _plain("table"),
    "thead": _plain("thead"),
    "tbody": _plain("tbody"),
    "tr": _plain("tr"),
    "th": _cell,
    "td": _cell,
    "strong": _plain("strong"),
    "em": _plain("em"),
    "s": _plain("s"),
    "code_inline": lambda node: [{"tag": "code", "children": [node.content]}],
    "link": _link,
    "image": _image,
    "hardbreak": lambda _node: [{"tag": "br"}],
    "softbreak": lambda _node: [{"tag": "br"}],
    "slack": lambda node: [{"tag": "slack", **node.meta}],
}
_PARSER = _parser()
