"""The dialog in which somebody's message becomes a task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bot.blocks import ids, text
from bot.blocks.elements import context, input_block, plain, text_input
from bot.blocks.payload import Block
from orchestrator.text import plural

View = dict[str, Any]

_EXTRA = "extra"
_SHOWN = 1500


def form(said: str, files: int, about: Mapping[str, str]) -> View:
    """What will be the task, and room for more; that is needed where the message has no words.

    `about` are ids, by which the message is found again.
    """
    field = text_input(multiline=True, focus=True, placeholder="For example: in five sentences.")
    label = "Anything to add?" if said else "What should be done with it?"
    blocks = [*_message(said, files), input_block(_EXTRA, label, field, optional=bool(said))]
    return {
        "type": "modal",
        "title": plain("Orchestrate this"),
        "submit": plain("Make a plan"),
        "close": plain("Cancel"),
        "callback_id": ids.ORCHESTRATE_VIEW,
        "private_metadata": json.dumps(about),
        "blocks": blocks,
    }


def _message(said: str, files: int) -> list[Block]:
    blocks: list[Block] = []
    if said:
        blocks.append(text.rich_text(text.quote(text.block(said, _SHOWN))))
    if files:
        blocks.append(context(f"📎 With {plural(files, 'file')}."))
    return blocks


def task(said: str, values: Mapping[str, Any]) -> str:
    """The task: what was added in the dialog, and the message."""
    extra = values[_EXTRA]["value"]["value"] or ""
    return f"{extra}\n\n{said}".strip()
