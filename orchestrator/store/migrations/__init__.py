"""How the tables came to be what they are."""

from collections.abc import Mapping
from typing import Any

# The index of the words of runs, for which SQLite has tables of its own.
_WORDS = frozenset(
    {
        ("index", "ix_run_text_words"),
        *(("table", f"run_words{part}") for part in ("", "_data", "_idx", "_docsize", "_config")),
    }
)


def is_modelled(name: str | None, kind: str, parents: Mapping[Any, Any]) -> bool:  # noqa: ARG001 - a hook's form
    """Whether what the database has under that name is described by our classes."""
    return (kind, name) not in _WORDS
