"""How the tables came to be what they are.

While a new version is rolled out, the old one works on the same tables. So a migration only adds
what the old code can do without; what that no longer needs goes a release later, in a migration
that names the oldest code that is left: `UPDATE oldest_code SET revision = …`.
"""

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
    is_of_queue = kind == "table" and (name or "").startswith("procrastinate_")
    return not is_of_queue and (kind, name) not in _WORDS
