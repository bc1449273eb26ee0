"""Text as Slack shows it. What comes from people and models can never notify anybody."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bot.blocks.payload import Block
from orchestrator import text

Span = dict[str, Any]
Part = dict[str, Any]

NOTHING = "–"
_DAY_AND_TIME = "{date_short_pretty} at {time}"
_USER_ID = re.compile(r"[UW][A-Z0-9]{2,30}")
_MENTION = re.compile(r"<@([UW][A-Z0-9]{2,30})(?:\|[^<>]*)?>")
_LIVE = re.compile(r"<(?=[@!#])")
_EMPTY_LINES = re.compile(r"\n{3,}")
_INVISIBLE = "\u200b"
_SENTENCE_LIMIT = 3000


# --- text from outside ---------------------------------------------------------------------


def defused(value: str) -> str:
    """`value` with an invisible character in what Slack could take for a mention.

    Where Slack takes text as it is (rich_text, plain_text) this changes nothing that is seen;
    it matters for fields whose parsing is not documented, such as the titles of cards.
    """
    return _LIVE.sub(f"<{_INVISIBLE}", value)


def units(value: str) -> int:
    """Return the length of `value` in UTF-16 units, as JavaScript counts and Slack may."""
    return len(value.encode("utf-16-le", "surrogatepass")) // 2


def within(value: str, limit: int) -> str:
    """Return the beginning of `value` of at most `limit` UTF-16 units, in whole characters."""
    encoded = value.encode("utf-16-le", "surrogatepass")
    return encoded[: 2 * limit].decode("utf-16-le", "ignore") if len(encoded) > 2 * limit else value


def line(value: str, limit: int) -> str:
    """`value` on one line of at most `limit` UTF-16 units; never empty."""
    return _shortened(defused(text.one_line(_beginning(value, limit))), limit) or NOTHING


def block(value: str, limit: int) -> str:
    """`value` in its lines, at most `limit` UTF-16 units; never empty."""
    cleaned = _EMPTY_LINES.sub("\n\n", text.block(_beginning(value, limit)))
    return _shortened(defused(cleaned), limit) or NOTHING


def _shortened(value: str, limit: int) -> str:
    return text.shorten(value, len(within(value, limit)))


def _beginning(value: str, limit: int) -> str:
    # Cleaning looks at every character: of a very long text only what can be shown.
    return value[: 4 * limit + 200]


def pieces(value: str, most: int) -> Iterator[str]:
    """`value` in pieces of at most `most` characters, cut at ends of lines where there are some."""
    while len(value) > most:
        cut = value.rfind("\n", most // 2, most)
        end = cut if cut > 0 else most
        yield value[:end]
        value = value[end:].removeprefix("\n")
    if value:
        yield value


def pieces_of_bytes(value: str, most: int) -> Iterator[str]:
    """Cut `value` into pieces of at most `most` bytes of UTF-8, at ends of lines where there are
    some. Such a piece has no more characters or UTF-16 units, either."""
    while len(encoded := value.encode()) > most:
        whole = encoded[:most].decode(errors="ignore")
        cut = whole.rfind("\n", len(whole) // 2)
        end = cut if cut > 0 else len(whole)
        yield value[:end]
        value = value[end:].removeprefix("\n")
    if value:
        yield value


def escape(value: str) -> str:
    """Untrusted text for mrkdwn and for a message's `text`."""
    cleaned = text.clean(value)
    return cleaned.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mention(user_id: str) -> str:
    """Mrkdwn that mentions a person; what is not a user id is shown as text."""
    return f"<@{user_id}>" if _USER_ID.fullmatch(user_id) else escape(user_id)


def linked(url: str | None, label: str) -> str:
    """Mrkdwn: a trusted label that leads to `url`, or just the label where there is none."""
    if not url or not url.startswith(("https://", "http://")):
        return label
    return f"<{escape(url).replace('|', '%7C')}|{label}>"


# --- numbers and times -----------------------------------------------------------------------


def duration(seconds: float) -> str:
    """`under 1 s`, `12 s`, `2 min 5 s`, `1 h 5 min`, `2 days 3 h`."""
    if seconds < 1:
        return "under 1 s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _two(whole // 60, "min", whole % 60, "s")
    minutes = round(whole / 60)
    if minutes < 24 * 60:
        return _two(minutes // 60, "h", minutes % 60, "min")
    hours = round(minutes / 60)
    return _two(hours // 24, "day" if hours < 48 else "days", hours % 24, "h")


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large} {unit} {small} {small_unit}" if small else f"{large} {unit}"


def money(usd: Decimal | None, *, known: bool = True) -> str:
    """`$0.0132`, `$0.03`, `$12.50`, `under $0.01`, `price unknown`."""
    if usd is None or not known:
        return "price unknown"
    if usd <= 0:
        return "$0.00"
    if usd < Decimal("0.01"):
        return "under $0.01"
    if usd >= 1:
        return f"${usd:,.2f}"
    exact = f"{usd:.4f}"
    return f"${exact.removesuffix('00')}"


def numbers(subtasks: Iterable[int], most: int = 10) -> str:
    """`3`, `3 and 5`, `3, 5 and 7`, and how many more beyond `most`."""
    named = [str(number) for number in subtasks]
    if len(named) > most:
        named = [*named[:most], f"{len(named) - most} more"]
    return text.listing(named)


def date(when: datetime) -> str:
    """Mrkdwn that shows a time in the reader's own zone."""
    return f"<!date^{int(when.timestamp())}^{_DAY_AND_TIME}|{_utc(when)}>"


def _utc(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


# --- rich_text -------------------------------------------------------------------------------


def span(value: str, **style: bool) -> Span:
    """A piece of text, for instance `span("Goal", bold=True)`."""
    element: Span = {"type": "text", "text": value or NOTHING}
    return {**element, "style": style} if style else element


def user(user_id: str) -> Span:
    """A mention; what is not a user id is shown as text."""
    if _USER_ID.fullmatch(user_id):
        return {"type": "user", "user_id": user_id}
    return span(line(user_id, 40))


def link(url: str, label: str, **style: bool) -> Span:
    """A link to an address that Slack takes."""
    return {**span(label, **style), "type": "link", "url": url}


def spans(sentence: str) -> list[Span]:
    """One of our own sentences, in which people may be mentioned. For one reader only."""
    pieces = _MENTION.split(text.clean(sentence[:_SENTENCE_LIMIT]))
    # Text and user ids in turn.
    return [
        user(piece) if index % 2 else span(defused(piece))
        for index, piece in enumerate(pieces)
        if piece
    ]


def section(*elements: Span) -> Part:
    """A paragraph."""
    return {"type": "rich_text_section", "elements": list(elements) or [span("")]}


def quote(value: str) -> Part:
    """A quotation of text from outside, already shortened."""
    return {"type": "rich_text_quote", "elements": [span(value)]}


def preformatted(value: str) -> Part:
    """Text as it was typed, already shortened."""
    return {"type": "rich_text_preformatted", "elements": [span(value)]}


def bullets(items: Iterable[str]) -> Part:
    """A list with a line for each item; there must be one."""
    return {
        "type": "rich_text_list",
        "style": "bullet",
        "elements": [section(span(item)) for item in items],
    }


def rich_text(*parts: Part) -> Block:
    """A block of paragraphs, quotations and lists."""
    return {"type": "rich_text", "elements": list(parts) or [section()]}
