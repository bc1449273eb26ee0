"""JSON: as it stands where it has lines, else with lines so that one can read on."""

from __future__ import annotations

import json
from typing import Any

from orchestrator import text
from orchestrator.files.decoding import decoded
from orchestrator.files.file import File, Reading

# Parsed, it takes many times the memory.
_PARSED_CHARS = 5_000_000
_KEYS = 30
_KEY_CHARS = 40


def read(file: File) -> Reading:
    """The text and what its outermost value holds; JSON that is none is read as text."""
    content = decoded(file)
    notes = list(content.notes)
    if len(content.text) > _PARSED_CHARS:
        return Reading("JSON", content.text, notes=notes)
    try:
        value = json.loads(content.text)
    except (ValueError, RecursionError) as error:
        why = f": {error}" if isinstance(error, json.JSONDecodeError) else ""
        return Reading(
            "text meant to be JSON", content.text, notes=[*notes, f"It is not valid JSON{why}."]
        )
    shown = content.text
    if "\n" not in shown.strip():
        shown = text.clean(json.dumps(value, indent=1, ensure_ascii=False))
    return Reading(
        label="JSON",
        text=shown,
        facts=[f"It is {_described(value)}"],
        notes=notes,
    )


def _described(value: Any) -> str:
    match value:
        case dict():
            shown = [text.shorten(text.one_line(key), _KEY_CHARS) for key in list(value)[:_KEYS]]
            more = len(value) - len(shown)
            keys = ", ".join([*shown, f"and {more:,} more"] if more else shown)
            return f"an object with {keys}" if keys else "an empty object"
        case list():
            if not value:
                return "an empty list"
            return f"a list of {len(value):,}, the first being {_first(value[0])}"
    return "a single value"


def _first(value: Any) -> str:
    """Described no deeper than this, whatever is nested."""
    return "a list" if isinstance(value, list) else _described(value)
