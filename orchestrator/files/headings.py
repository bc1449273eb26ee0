"""The headings of a text, for its summary."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from orchestrator import text

_HEADING = re.compile(r"^#{1,3} +(\S.*)$", re.MULTILINE)
_FENCED = re.compile(r"^(`{3,}|~{3,}).*?(?:^\1|\Z)", re.MULTILINE | re.DOTALL)
_HEADINGS = 30
_HEADING_CHARS = 80


def headings_in(markdown: str) -> list[str]:
    """The first headings of three levels as a line for the summary, or no line."""
    outside = _FENCED.sub("", markdown)
    return headings_of(match[1] for match in _HEADING.finditer(outside))


def headings_of(titles: Iterable[str]) -> list[str]:
    """The first of `titles` as a line for the summary, or no line."""
    lines = (text.shorten(text.one_line(title), _HEADING_CHARS) for title in titles)
    shown = list(islice(filter(None, lines), _HEADINGS))
    return [f"Headings: {' · '.join(shown)}"] if shown else []
