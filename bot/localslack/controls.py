"""Finding in blocks what a person can click, choose or fill in."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

JsonObject = dict[str, Any]
_WITHOUT_ACTION = ("image", "mrkdwn", "plain_text")


@dataclass(frozen=True, slots=True)
class Control:
    """One element and the block it stands in."""

    block: JsonObject
    element: JsonObject

    @property
    def block_id(self) -> str:
        """The id of its block."""
        return str(self.block.get("block_id", ""))

    @property
    def action_id(self) -> str:
        """Its own id, unique in its block."""
        return str(self.element.get("action_id", ""))


@dataclass(frozen=True, slots=True)
class Choice:
    """What clicking a label means: an element, and the value it then has, if any."""

    control: Control
    label: str
    value: str | None = None


def controls(blocks: list[JsonObject]) -> Iterator[Control]:
    """Every element that a person can act on, from the top."""
    for block in blocks:
        for element in _elements(block):
            if element.get("type") not in _WITHOUT_ACTION:
                yield Control(block, element)
        for name in ("child_blocks", "elements"):
            nested = block.get(name)
            if block.get("type") in ("container", "carousel") and isinstance(nested, list):
                yield from controls(nested)


def find_control(blocks: list[JsonObject], block_id: str, action_id: str) -> Control | None:
    """The element of that name."""
    for control in controls(blocks):
        if (control.block_id, control.action_id) == (block_id, action_id):
            return control
    return None


def choices(blocks: list[JsonObject]) -> Iterator[Choice]:
    """Everything that can be clicked by its label: buttons, overflow items, feedback."""
    for control in controls(blocks):
        element = control.element
        kind = element.get("type")
        if kind in ("button", "icon_button"):
            yield Choice(control, element["text"]["text"])
        elif kind == "feedback_buttons":
            for name in ("positive_button", "negative_button"):
                yield Choice(control, element[name]["text"]["text"], element[name]["value"])
        elif kind == "overflow":
            for option in element["options"]:
                yield Choice(control, option["text"]["text"], option["value"])


def options(element: JsonObject) -> list[JsonObject]:
    """All options of a select, a menu or a group of boxes."""
    found = list(element.get("options") or [])
    for group in element.get("option_groups") or []:
        found += group["options"]
    return found


def plain_label(text: str) -> str:
    """A label without emoji, spaces around it and case, to compare it by."""
    words = re.sub(r":[a-z0-9_+-]+:", "", text)
    return re.sub(r"^\W+|[^\w)\]]+$", "", words).casefold()


def with_ids(blocks: list[JsonObject], before: list[JsonObject]) -> list[JsonObject]:
    """The blocks with the ids Slack gives where an app gives none.

    An edited message keeps the ids it had: `before` are its earlier blocks.
    """
    return [
        _with_id(block, before[index] if index < len(before) else {})
        for index, block in enumerate(blocks)
    ]


def _with_id(block: JsonObject, before: JsonObject) -> JsonObject:
    same = before.get("type") == block.get("type")
    block_id = block.get("block_id") or (same and before.get("block_id")) or _new_id()
    named = {**block, "block_id": block_id}
    for name in ("accessory", "element"):
        if isinstance(named.get(name), dict):
            named[name] = _with_action(named[name])
    if named["type"] in ("actions", "context_actions"):
        named["elements"] = [_with_action(element) for element in named["elements"]]
    if named["type"] == "container":
        named["child_blocks"] = with_ids(named["child_blocks"], before.get("child_blocks") or [])
    return named


def _with_action(element: JsonObject) -> JsonObject:
    if element.get("type") in _WITHOUT_ACTION or element.get("action_id"):
        return element
    return {**element, "action_id": _new_id()}


def _elements(block: JsonObject) -> Iterator[JsonObject]:
    for name in ("accessory", "element"):
        if isinstance(block.get(name), dict):
            yield block[name]
    if block.get("type") in ("actions", "context_actions"):
        yield from block["elements"]
    if block.get("type") == "card":
        yield from block.get("actions") or []


def _new_id() -> str:
    return secrets.token_urlsafe(4)
