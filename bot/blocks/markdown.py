"""Markdown of models, made safe for Slack and cut where that breaks nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from markdown_it import MarkdownIt

from bot.blocks.text import defused

_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(r"<(?:https?://|mailto:)[^\s<>|]+>")
_ANGLE = re.compile(r"(\\*)<")
# The same character, written in a way that a second look might read as live.
_CODED_ANGLE = re.compile(r"&(?:#0*60|#[xX]0*3[cC]);")
_CODE = frozenset({"fence", "code_block"})


def safe(markdown: str) -> str:
    """`markdown` that cannot notify anybody and reads as it did.

    In prose `<` becomes an entity, except in links; code, where an entity would be shown as
    such, only gets an invisible character into what could be a mention.
    """
    lines = markdown.split("\n")
    is_code = _code_lines(markdown, len(lines))
    made: list[str] = []
    for code, chunk in _runs(lines, is_code):
        content = "\n".join(chunk)
        made.append(defused(content) if code else _safe_prose(content))
    return "\n".join(made)


def settled(markdown: str) -> str:
    """The part of `markdown` that reads the same whatever is written after it."""
    lines = markdown.split("\n")
    # Whatever comes next belongs to the last line.
    if _code_lines(f"{markdown}x", len(lines))[-1]:
        return "".join(f"{line}\n" for line in lines[:-1])
    start = markdown.rfind("\n\n") + 1
    paragraph = markdown[start:]
    end = max(paragraph.rfind(" "), paragraph.rfind("\n")) + 1
    # A code span that is still open, or of which more ticks may follow.
    closed = _CODE_SPAN.sub(lambda span: " " * len(span[0]), paragraph.rstrip("`"))
    closed = closed.ljust(len(paragraph), "`")
    if (tick := closed.find("`")) >= 0:
        end = min(end, tick)
    return markdown[: start + end]


def pieces(markdown: str) -> list[str]:
    """`markdown` in parts that can stand alone: paragraphs, lists, tables, code."""
    env: dict[str, object] = {}
    starts = [
        token.map[0] for token in _parser().parse(markdown, env) if token.map and token.level == 0
    ]
    if env.get("references"):
        # A link may be defined far from where it is used.
        return [markdown]
    lines = markdown.split("\n")
    starts = sorted({0, *starts})
    ends = [*starts[1:], len(lines)]
    parts = ["\n".join(lines[a:b]).strip("\n") for a, b in zip(starts, ends, strict=True)]
    return [part for part in parts if part.strip()]


def size(markdown: str) -> int:
    """Return the length in bytes of UTF-8: no other way to count characters gives more."""
    return len(markdown.encode())


def packed(parts: Sequence[str], most: int) -> list[str]:
    """The parts joined into as few as possible of at most `most` bytes each.

    A part that is longer by itself stays whole.
    """
    joined: list[str] = []
    for part in parts:
        if joined and size(joined[-1]) + 2 + size(part) <= most:
            joined[-1] = f"{joined[-1]}\n\n{part}"
        else:
            joined.append(part)
    return joined


def beginning(parts: Sequence[str], most: int) -> list[str]:
    """The first of the parts, together at most `most` bytes; a long one is cut at a line."""
    kept: list[str] = []
    left = most
    for part in parts:
        if size(part) > left:
            # A few lines of a part are worth little, unless there is nothing else.
            if not kept or left > most // 4:
                kept.append(_cut(part, left))
            break
        kept.append(part)
        left -= size(part) + 2
    return [part for part in kept if part.strip()]


def _cut(part: str, most: int) -> str:
    head = part.encode()[: max(0, most - 10)].decode(errors="ignore")
    room = len(head)
    line = head.rfind("\n")
    word = head.rfind(" ")
    cut = line if line > room // 2 else word
    head = head[:cut] if cut > room // 2 else head
    return _closed(head, part)


def _closed(head: str, part: str) -> str:
    """`head` with the fence closed that its `part` begins with."""
    fence = re.match(r" {0,3}(`{3,}|~{3,})", part)
    if fence is None or len(fence[1]) > 9:
        return f"{head} …"
    return f"{head}\n{fence[1]}"


def _safe_prose(prose: str) -> str:
    made: list[str] = []
    for paragraph in re.split(r"(\n[ \t]*\n)", prose):
        end = 0
        for match in _CODE_SPAN.finditer(paragraph):
            made += [_safe_words(paragraph[end : match.start()]), defused(match[0])]
            end = match.end()
        made.append(_safe_words(paragraph[end:]))
    return "".join(made)


def _safe_words(words: str) -> str:
    made: list[str] = []
    end = 0
    for match in _LINK.finditer(words):
        made += [_without_angles(words[end : match.start()]), match[0]]
        end = match.end()
    made.append(_without_angles(words[end:]))
    return "".join(made)


def _without_angles(words: str) -> str:
    words = _CODED_ANGLE.sub("&lt;", words)
    return _ANGLE.sub(_entity, defused(words))


def _entity(match: re.Match[str]) -> str:
    # An odd backslash would escape the entity's first character.
    backslashes = match[1]
    return f"{backslashes[: len(backslashes) // 2 * 2]}&lt;"


@cache
def _parser() -> MarkdownIt:
    # Blocks are enough: what is inside a line is where the time goes. Slack knows no HTML.
    return MarkdownIt("commonmark").enable("table").disable(["inline", "html_block"])


def _code_lines(markdown: str, count: int) -> list[bool]:
    is_code = [False] * count
    for token in _parser().parse(markdown):
        if token.type in _CODE and token.map:
            first, last = token.map
            is_code[first:last] = [True] * (min(last, count) - first)
    return is_code


def _runs(lines: Sequence[str], is_code: Sequence[bool]) -> Iterator[tuple[bool, list[str]]]:
    start = 0
    for index in range(1, len(lines) + 1):
        if index == len(lines) or is_code[index] != is_code[start]:
            yield is_code[start], list(lines[start:index])
            start = index
