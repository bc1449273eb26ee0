"""Text that comes from outside: people, models, files."""

from __future__ import annotations

import re

_LINE_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_SPACES = re.compile(r"\s+")
# Controls but tab and line feed, lone surrogates, and the bidirectional overrides, which turn what
# a person reads into something else than what is there.
_OUT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]+")

# What opens doors by itself, by how its issuers begin it or by where it stands.
_SECRET = re.compile(
    r"""
    (?:xox[abeprs]-|xapp-|xoxe\.|sk-ant-)[A-Za-z0-9._-]+
    | \bsk-[A-Za-z0-9_-]{20,}
    | \b(?:gh[opusr]_|github_pat_|glpat-)[A-Za-z0-9_-]{16,}
    | \bAKIA[A-Z0-9]{16}\b
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*
    | (?<=://)[^/\s:@]+:[^/\s@]+@
    | (?:(?<=[Bb]earer\ )|(?<=[Bb]asic\ ))(?=\S*[0-9=])[A-Za-z0-9._~+/=-]{8,}
    | (?:(?<=token=)|(?<=secret=)|(?<=api_key=)|(?<=apikey=)|(?<=assword=))[^\s&"']{8,}
    """,
    re.VERBOSE,
)


def clean(text: str) -> str:
    """`text` with one kind of line break and without control characters.

    NUL is among them, which PostgreSQL refuses; lone surrogates are, which no database takes.
    """
    return _OUT.sub("", _LINE_BREAKS.sub("\n", text))


def without_secrets(text: str) -> str:
    """`text` without what looks like a token, a key, or a password in an address."""
    return _SECRET.sub("[secret]", text)


def one_line(text: str) -> str:
    """`text` on one line, runs of white space as one space."""
    return _SPACES.sub(" ", clean(text)).strip()


def block(text: str) -> str:
    """`text` as a block: no white space around it or at the ends of its lines."""
    return "\n".join(line.rstrip() for line in clean(text).split("\n")).strip()


def shorten(text: str, limit: int) -> str:
    """The first `limit` characters of `text`, cut at a word where one is near, with an ellipsis."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    word = cut.rfind(" ")
    return (cut[:word] if word > limit * 0.7 else cut).rstrip() + "…"


def plural(count: int, noun: str) -> str:
    """`1 subtask`, `2 subtasks`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listing(items: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
