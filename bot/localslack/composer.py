"""The `rich_text` of what a person types, as Slack's own clients compose it.

The input is text in the form Slack stores (escaped, with `<@U…>` and `<#C…>`); the blocks
are what every real message of a person carries beside it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bot.localslack.storage import JsonObject

_FENCE = re.compile(r"```(?:\n)?(.*?)\n?```\n?", re.DOTALL)
_ITEM = re.compile(
    r"(?P<indent> *)(?:(?P<bullet>[-*•◦▪]\ufe0e?)|(?P<number>\d{1,4})\.) +(?P<rest>\S.*)"
)
_QUOTE = re.compile(r"&gt; ?(?P<rest>.*)")
_BULLETS = "•◦▪"
_MOST_INDENT = 8
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
_INLINE = re.compile(
    r"<(?P<token>[^<>\n]+)>"
    r"|(?<![\w`])`(?P<code>[^`\n]+)`(?![\w`])"
    r"|(?<![\w*])\*(?=\S)(?P<bold>[^*\n]*[^\s*])\*(?![\w*])"
    r"|(?<![\w_])_(?=\S)(?P<italic>[^_\n]*[^\s_])_(?![\w_])"
    r"|(?<![\w~])~(?=\S)(?P<strike>[^~\n]*[^\s~])~(?![\w~])"
    r"|(?<![\w:]):(?P<emoji>[a-z0-9_+-]*[a-z_+-][a-z0-9_+-]*):"
)


@dataclass(frozen=True, slots=True)
class _Line:
    """One line: of a list (`style` bullet or ordered), a quote, or neither."""

    kind: str
    text: str
    indent: int = 0
    number: int = 1

    @property
    def group(self) -> tuple[str, int]:
        """The lines of one group stand together in one element."""
        return self.kind, self.indent


def typed(text: str) -> JsonObject:
    """Return the `text` and `blocks` of a message in which a person typed `text`."""
    text = _with_bullets(text)
    return {"text": text, "blocks": compose(text) or None}


def _with_bullets(text: str) -> str:
    """Return the text with the list marks Slack writes for `- ` and `* `."""
    parts = re.split(r"(```.*?```)", text, flags=re.DOTALL)
    return "".join(part if at % 2 else _bulleted(part) for at, part in enumerate(parts))


def compose(text: str) -> list[JsonObject]:
    """Return the one `rich_text` block of a text; none for no words."""
    elements = list(_elements(text)) if text.strip() else []
    return [{"type": "rich_text", "elements": elements}] if elements else []


def _bulleted(text: str) -> str:
    return "\n".join(map(_with_mark, text.split("\n")))


def _with_mark(line: str) -> str:
    found = _ITEM.fullmatch(line)
    if found is None or found["bullet"] is None:
        return line
    level = _level(found["indent"])
    return f"{'    ' * level}{_BULLETS[min(level, 2)]} {found['rest']}"


def _elements(text: str) -> Iterator[JsonObject]:
    end = 0
    for fence in _FENCE.finditer(text):
        yield from _of_lines(text[end : fence.start()])
        if fence[1]:
            plain = {"type": "text", "text": _plain(_without_tokens(fence[1]))}
            yield {"type": "rich_text_preformatted", "elements": [plain], "border": 0}
        end = fence.end()
    yield from _of_lines(text[end:])


def _of_lines(text: str) -> Iterator[JsonObject]:
    if not text:
        return
    lines = [_line(line) for line in text.removesuffix("\n").split("\n")]
    groups = [list(group) for _, group in itertools.groupby(lines, lambda line: line.group)]
    for at, group in enumerate(groups):
        yield from _element(group, is_last=at == len(groups) - 1)


def _line(line: str) -> _Line:
    if item := _ITEM.fullmatch(line):
        kind = "bullet" if item["bullet"] else "ordered"
        return _Line(kind, item["rest"], _level(item["indent"]), int(item["number"] or 1))
    if quote := _QUOTE.fullmatch(line):
        return _Line("quote", quote["rest"])
    return _Line("", line)


def _level(indent: str) -> int:
    # Clients indent by four; people who type by two.
    return min((len(indent) + 2) // 4, _MOST_INDENT)


def _element(group: list[_Line], *, is_last: bool) -> Iterator[JsonObject]:
    first = group[0]
    if first.kind in ("bullet", "ordered"):
        yield _list(group)
        return
    text = "\n".join(line.text for line in group)
    if first.kind == "quote":
        yield from _section("rich_text_quote", text)
    else:
        yield from _section("rich_text_section", text if is_last else f"{text}\n")


def _section(kind: str, text: str) -> Iterator[JsonObject]:
    parts = list(_inline(text, {}))
    if parts:
        yield {"type": kind, "elements": parts}


def _list(group: list[_Line]) -> JsonObject:
    first = group[0]
    items = [
        {"type": "rich_text_section", "elements": list(_inline(line.text, {}))} for line in group
    ]
    shown = {"type": "rich_text_list", "style": first.kind, "indent": first.indent, "border": 0}
    offset = {"offset": first.number - 1} if first.number > 1 else {}
    return {**shown, **offset, "elements": items}


def _inline(text: str, style: dict[str, bool]) -> Iterator[JsonObject]:
    end = 0
    for found in _INLINE.finditer(text):
        yield from _text(text[end : found.start()], style)
        yield from _marked(found, style)
        end = found.end()
    yield from _text(text[end:], style)


def _marked(found: re.Match[str], style: dict[str, bool]) -> Iterator[JsonObject]:
    kind, inner = found.lastgroup, found[found.lastgroup or 0]
    if kind == "token":
        yield _styled(_token(inner), style)
    elif kind == "emoji":
        yield _styled({"type": "emoji", "name": inner}, style)
    elif kind == "code":
        yield from _text(_without_tokens(inner), {**style, "code": True})
    else:
        yield from _inline(inner, {**style, str(kind): True})


def _token(token: str) -> JsonObject:
    for pattern, build in _TOKENS:
        if found := pattern.fullmatch(token):
            return build(found)
    return {"type": "text", "text": _plain(f"<{token}>")}


def _date(found: re.Match[str]) -> JsonObject:
    shown = {"type": "date", "timestamp": int(found["at"]), "format": _plain(found["format"])}
    more = {name: _plain(found[name]) for name in ("url", "fallback") if found[name]}
    return {**shown, **more}


def _link(found: re.Match[str]) -> JsonObject:
    shown = {"text": _plain(found["label"])} if found["label"] else {}
    return {"type": "link", "url": _plain(found["url"]), **shown}


def _named(kind: str, field: str) -> Callable[[re.Match[str]], JsonObject]:
    return lambda found: {"type": kind, field: found[1]}


_TOKENS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], JsonObject]], ...] = (
    (re.compile(r"@([UW][A-Z0-9]+)(?:\|.*)?"), _named("user", "user_id")),
    (re.compile(r"#([CG][A-Z0-9]+)(?:\|.*)?"), _named("channel", "channel_id")),
    (re.compile(r"!subteam\^(S[A-Z0-9]+)(?:\|.*)?"), _named("usergroup", "usergroup_id")),
    (re.compile(r"!(here|channel|everyone)(?:\|.*)?"), _named("broadcast", "range")),
    (
        re.compile(
            r"!date\^(?P<at>\d{1,12})\^(?P<format>[^|^]+)(?:\^(?P<url>[^|]+))?(?:\|(?P<fallback>.*))?"
        ),
        _date,
    ),
    (re.compile(r"(?P<url>[a-z]+:[^|]+)(?:\|(?P<label>.*))?"), _link),
)


def _text(text: str, style: dict[str, bool]) -> Iterator[JsonObject]:
    if text:
        yield _styled({"type": "text", "text": _plain(text)}, style)


def _styled(element: JsonObject, style: dict[str, bool]) -> JsonObject:
    return {**element, "style": dict(style)} if style else element


def _plain(text: str) -> str:
    return re.sub("&(?:lt|gt|amp);", lambda found: _ENTITIES[found[0]], text)


def _without_tokens(text: str) -> str:
    return re.sub(r"<([^<>\n|]*)(?:\|([^<>\n]*))?>", lambda found: found[2] or found[1], text)
