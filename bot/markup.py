"""Slack's markup: what people typed as words, and the people, channels and groups named in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from orchestrator import text


class Kind(StrEnum):
    """The kinds of things that Slack names by id."""

    USER = "user"
    CHANNEL = "channel"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Reference:
    """Somebody or something named by id; `label` is the name that Slack sent along, if any."""

    kind: Kind
    id: str
    label: str = ""


# A piece of plain text, without escapes, or a reference; together they are what was said.
Piece = str | Reference
Words = tuple[Piece, ...]

_ANGLES = re.compile(r"<([^<>]*)>")
_ESCAPES = re.compile(r"&(amp|lt|gt);")
_CHARACTERS = {"amp": "&", "lt": "<", "gt": ">"}
_ID = re.compile(r"[A-Z0-9]{2,40}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_BROADCASTS = frozenset({"here", "channel", "everyone", "group"})
_MOST_NAME = 80
_NOT_IN_NAMES = re.compile(r"[<>|]|\u200b")


# --- reading ---------------------------------------------------------------------------------


def parse(markup: str) -> Words:
    """Read mrkdwn: undo its escapes, once, and find who and what is named in it."""
    words: list[Piece] = []
    end = 0
    for found in _ANGLES.finditer(markup):
        words += [unescape(markup[end : found.start()]), _meaning(found[1])]
        end = found.end()
    words.append(unescape(markup[end:]))
    return tuple(word for word in words if word)


def unescape(value: str) -> str:
    """Undo Slack's escapes, each of them once."""
    return _ESCAPES.sub(lambda found: _CHARACTERS[found[1]], value)


def link(url: str, label: str = "") -> str:
    """Write a link as text: the label and the address, or only one where they are the same."""
    address = re.sub(r"^(?:mailto|tel):", "", url)
    bare = re.sub(r"^[a-z]+://", "", address).rstrip("/")
    if not label.strip() or label.strip().rstrip("/") in (url.rstrip("/"), address, bare):
        return address
    return f"{label} ({address})"


def moment(timestamp: float) -> str:
    """Write a time of the epoch as text; empty where it is none."""
    try:
        return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return ""


def broadcast(who: str) -> str:
    """Write a mention of everybody as text, which notifies nobody."""
    return f"@{who}"


def _meaning(inner: str) -> Piece:
    """What stands between angle brackets."""
    target, _, label = inner.partition("|")
    label = unescape(label)
    match target[:1]:
        case "@" if _ID.fullmatch(target[1:]):
            return Reference(Kind.USER, target[1:], label)
        case "#" if _ID.fullmatch(target[1:]):
            return Reference(Kind.CHANNEL, target[1:], label)
        case "!":
            return _special(target[1:], label)
    if _SCHEME.match(target):
        return link(unescape(target), label)
    return f"<{unescape(inner)}>"


def _special(command: str, label: str) -> Piece:
    name, *rest = command.split("^")
    if name == "subteam" and rest and _ID.fullmatch(rest[0]):
        return Reference(Kind.GROUP, rest[0], label)
    if name == "date" and rest:
        return label or moment(_number(rest[0])) or rest[0]
    if name in _BROADCASTS:
        return broadcast(name)
    return label or unescape(name)


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return float("nan")


# --- putting together --------------------------------------------------------------------------


def joined(parts: Iterable[Words], separator: str) -> Words:
    """Put `separator` between the parts that say something."""
    words: list[Piece] = []
    for part in parts:
        if is_blank(part):
            continue
        if words:
            words.append(separator)
        words += part
    return tuple(words)


def quoted(words: Words) -> Words:
    """Mark every line as a quotation."""
    if is_blank(words):
        return ()
    lined = (w.replace("\n", "\n> ") if isinstance(w, str) else w for w in words)
    return ("> ", *lined)


def is_blank(words: Words) -> bool:
    """Whether nothing is said."""
    return all(isinstance(word, str) and not word.strip() for word in words)


def references(*said: Words) -> Iterator[Reference]:
    """Who and what is named."""
    return (word for words in said for word in words if isinstance(word, Reference))


# --- as text -----------------------------------------------------------------------------------


def plain(words: Words, names: Mapping[str, str]) -> str:
    """Write what was said as text, with `names` in the place of ids."""
    said = "".join(w if isinstance(w, str) else named(w, names) for w in words)
    return text.block(said)


def named(reference: Reference, names: Mapping[str, str]) -> str:
    """Write a name with its sign: `@Grace Hopper`, `#general`."""
    sign = "#" if reference.kind is Kind.CHANNEL else "@"
    name = names.get(reference.id) or clean_name(reference.label) or reference.id
    return f"{sign}{name}"


def clean_name(name: str) -> str:
    """Make a name from outside harmless: on one line, short, and without Slack's markup."""
    cleaned = _NOT_IN_NAMES.sub("", text.one_line(name[: 4 * _MOST_NAME]))
    return text.shorten(cleaned.strip().lstrip("@#"), _MOST_NAME)


# --- without the bot's own name ------------------------------------------------------------------

_OWNER = re.compile(r"['\u2019]s\b")
_AFTER_NAME = re.compile(r"[ \t]*(?:[,:;\u2013\u2014]|-(?=[ \t]))?[ \t]*")
_STYLES = "*_~`"


def without(words: Words, user_id: str | None) -> Words:
    """Take every mention of this user out, and close the gaps so that the rest reads well."""
    kept: list[Piece] = []
    is_gap = False
    for word in words:
        if isinstance(word, Reference) and word.kind is Kind.USER and word.id == user_id:
            is_gap = True
            continue
        following = _bridge(kept, word) if is_gap else word
        is_gap = False
        if following:
            kept.append(following)
    if is_gap and kept and isinstance(kept[-1], str):
        kept[-1] = kept[-1].rstrip(" \t,")
    return tuple(word for word in kept if word)


def _bridge(kept: list[Piece], word: Piece) -> Piece:
    """What follows a gap, so that it goes with what is `kept` of before, of which the end is
    changed where it must be."""
    before = kept[-1] if kept else ""
    said = before if isinstance(before, str) else ""
    following = word if isinstance(word, str) else ""
    while said and following and said[-1] == following[0] and said[-1] in _STYLES:
        said, following = said[:-1], following[1:]
    begins = said.rstrip(" \t")
    is_line = begins.endswith("\n") if begins else len(kept) < 2 and isinstance(before, str)
    if isinstance(word, Reference):
        _replace_last(kept, said if is_line else f"{begins} ")
        return word
    if owner := _OWNER.match(following):
        _replace_last(kept, said)
        return f"{'Your' if is_line else 'your'}{following[owner.end() :]}"
    if is_line:
        _replace_last(kept, begins)
        return _AFTER_NAME.sub("", following, count=1)
    begins, following = _closed(begins, following.lstrip(" \t"))
    _replace_last(kept, begins)
    return following


def _closed(before: str, after: str) -> tuple[str, str]:
    """Two pieces of one line, with one space or one sign between them."""
    if after[:1] in (".", "!", "?", ",", "\n"):
        return before.rstrip(","), after
    if after[:1] in (";", ":", ")") or before[-1:] in ("(", *_STYLES):
        return before, after
    return before, f" {after}"


def _replace_last(kept: list[Piece], piece: str) -> None:
    """Change the end of the text before a gap; a reference stays."""
    if kept and isinstance(kept[-1], str):
        kept[-1] = piece
    elif piece.strip(" ") or (kept and piece):
        kept.append(piece)
