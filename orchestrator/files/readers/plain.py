"""Text as it stands: plain text, Markdown, source code."""

from __future__ import annotations

from orchestrator.files.decoding import decoded
from orchestrator.files.file import File, Reading, counted
from orchestrator.files.headings import headings_in

_MARKDOWN = frozenset({".md", ".markdown", ".mdx"})


def read(file: File) -> Reading:
    """The text, and the headings where it is Markdown."""
    content = decoded(file)
    is_markdown = file.suffix in _MARKDOWN or file.mimetype == "text/markdown"
    label = "Markdown" if is_markdown else "text"
    lines = content.text.rstrip("\n").count("\n") + 1
    return Reading(
        label=f"{label} of {counted(lines, 'line')}",
        text=content.text,
        facts=headings_in(content.text) if is_markdown else [],
        notes=list(content.notes),
    )
