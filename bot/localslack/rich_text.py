"""What Slack demands of `rich_text`."""

from __future__ import annotations

from collections.abc import Callable

from bot.localslack.node import Node

_STYLES = (
    "bold",
    "italic",
    "strike",
    "code",
    "underline",
    "highlight",
    "client_highlight",
    "unlink",
)
_BLOCKS = ("rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote")
_MANY = 10_000


def check_rich_text(node: Node, *, exactly: int | None = None) -> None:
    """Check a `rich_text` block; `exactly` is how many elements it must have."""
    node.only("type", "elements", "block_id")
    elements = node.children("elements", most=_MANY, required=True)
    if exactly is not None and len(elements) != exactly:
        node.error(f"must have exactly {exactly} element(s)", "elements")
    for element in elements:
        _check_element(element)


def _check_element(node: Node) -> None:
    if node.type not in _BLOCKS:
        node.error(f"unsupported type: {node.type or 'none'}", "type")
    elif node.type == "rich_text_list":
        _check_list(node)
    elif node.type == "rich_text_preformatted":
        node.only("type", "elements", "border", "language")
        _check_inline(node, only=("text", "link"))
    else:
        node.only("type", "elements", "border")
        _check_inline(node)


def _check_list(node: Node) -> None:
    node.only("type", "style", "elements", "indent", "offset", "border")
    node.one_of("style", ("bullet", "ordered"), required=True)
    node.integer("indent", least=0, most=8)
    node.integer("offset", least=0, most=_MANY)
    for item in node.children("elements", most=_MANY, required=True):
        if item.type != "rich_text_section":
            item.error("a list holds rich_text_section only", "type")
            continue
        item.only("type", "elements")
        _check_inline(item)


def _check_inline(node: Node, only: tuple[str, ...] = ()) -> None:
    for part in node.children("elements", most=_MANY, required=True):
        check = _INLINE.get(part.type)
        if check is None or (only and part.type not in only):
            part.error(f"unsupported type: {part.type or 'none'}", "type")
            continue
        check(part)
        _check_style(part)


def _check_style(node: Node) -> None:
    style = node.child("style")
    if style is None:
        return
    style.only(*_STYLES)
    for name in style.value:
        style.flag(name)


def _text(node: Node) -> None:
    node.only("type", "text", "style")
    node.string("text", required=True)


def _link(node: Node) -> None:
    node.only("type", "url", "text", "unsafe", "style")
    node.url("url", required=True)
    node.string("text")


def _emoji(node: Node) -> None:
    node.only("type", "name", "unicode", "skin_tone", "style")
    node.string("name", required=True)


def _date(node: Node) -> None:
    node.only("type", "timestamp", "format", "url", "fallback", "style")
    node.integer("timestamp", least=0, most=2**40, required=True)
    node.string("format", required=True)
    node.url("url")


def _broadcast(node: Node) -> None:
    node.only("type", "range", "style")
    node.one_of("range", ("here", "channel", "everyone"), required=True)


def _named(field: str) -> Callable[[Node], None]:
    def check(node: Node) -> None:
        node.only("type", field, "style")
        node.string(field, required=True)

    return check


_INLINE: dict[str, Callable[[Node], None]] = {
    "text": _text,
    "link": _link,
    "emoji": _emoji,
    "date": _date,
    "broadcast": _broadcast,
    "user": _named("user_id"),
    "usergroup": _named("usergroup_id"),
    "channel": _named("channel_id"),
    "team": _named("team_id"),
    "color": _named("value"),
}
