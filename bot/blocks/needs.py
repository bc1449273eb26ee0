"""What runs need from people, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from orchestrator.store.tables import RequestKind
from orchestrator.text import listing, plural

_ONCE = {
    RequestKind.APPROVAL: "a plan to be approved",
    RequestKind.BREAKDOWN: "a plan to be written",
    RequestKind.PLAN_CHANGE: "a changed plan to be approved",
    RequestKind.TOOL: "a tool to be allowed",
    RequestKind.BUDGET: "more budget",
    RequestKind.ACCOUNT: "an account that works",
}
_COUNTED = {RequestKind.QUESTION: "answer", RequestKind.DEAD_LETTER: "decision"}


def needs(asked: Iterable[RequestKind]) -> str:
    """`a plan to be approved`, `2 answers and a decision`; never empty."""
    counts = Counter(asked)
    parts = [words for kind, words in _ONCE.items() if counts[kind]]
    parts += [_count(counts[kind], noun) for kind, noun in _COUNTED.items() if counts[kind]]
    return listing(parts) or "somebody"


def _count(count: int, noun: str) -> str:
    if count > 1:
        return plural(count, noun)
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
