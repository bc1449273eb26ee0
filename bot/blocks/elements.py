"""The parts of Block Kit that messages and dialogs are made of, as plain JSON.

Mrkdwn is for our own words: text from outside goes through `bot.blocks.text` first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bot.blocks import text
from bot.blocks.payload import Block

Element = dict[str, Any]

MOST_INPUT = 3000
_MOST_LABEL = 75
_MOST_OPTION_VALUE = 150


def plain(value: str) -> Element:
    """Text without any formatting."""
    return {"type": "plain_text", "text": value}


def mrkdwn(value: str) -> Element:
    """Formatted text; Slack is not to find links or names in it by itself."""
    return {"type": "mrkdwn", "text": value, "verbatim": True}


def paragraph(value: str, accessory: Element | None = None) -> Block:
    """A section of mrkdwn, with an element beside it."""
    section: Block = {"type": "section", "text": mrkdwn(value)}
    return {**section, "accessory": accessory} if accessory else section


def header(value: str) -> Block:
    """A heading."""
    return {"type": "header", "text": plain(value)}


def divider() -> Block:
    """A line across."""
    return {"type": "divider"}


def context(*lines: str) -> Block:
    """Small print in mrkdwn."""
    return {"type": "context", "elements": [mrkdwn(line) for line in lines]}


def actions(*elements: Element) -> Block:
    """A row of buttons."""
    return {"type": "actions", "elements": list(elements)}


def button(
    label: str,
    action_id: str,
    value: str,
    *,
    style: str | None = None,
    confirm: Element | None = None,
) -> Element:
    """A button; `style` is `primary` or `danger`."""
    element: Element = {
        "type": "button",
        "text": plain(text.within(label, _MOST_LABEL)),
        "action_id": action_id,
        "value": value,
    }
    if style:
        element["style"] = style
    if confirm:
        element["confirm"] = confirm
    return element


def link_button(label: str, action_id: str, url: str) -> Element:
    """A button that opens an address; the bot is told of the click all the same."""
    return {"type": "button", "text": plain(label), "action_id": action_id, "url": url}


def confirm(title: str, sentence: str, yes: str, no: str, *, style: str = "danger") -> Element:
    """What is asked before a click that cannot be taken back counts."""
    return {
        "title": plain(title),
        "text": plain(sentence),
        "confirm": plain(yes),
        "deny": plain(no),
        "style": style,
    }


# --- inputs ------------------------------------------------------------------------------


def input_block(
    block_id: str, label: str, element: Element, *, optional: bool = False, hint: str = ""
) -> Block:
    """A labelled field of a dialog."""
    block: Block = {
        "type": "input",
        "block_id": block_id,
        "label": plain(label),
        "element": {**element, "action_id": "value"},
        "optional": optional,
    }
    return {**block, "hint": plain(hint)} if hint else block


def text_input(
    initial: str = "",
    *,
    multiline: bool = False,
    most: int = MOST_INPUT,
    placeholder: str = "",
    focus: bool = False,
) -> Element:
    """A field for text of at most `most` characters; what is there already may be longer, as
    Slack may count UTF-16 units."""
    shown = text.within(initial, MOST_INPUT)
    longest = max(most, text.units(shown))
    element: Element = {"type": "plain_text_input", "multiline": multiline, "max_length": longest}
    if initial:
        element["initial_value"] = shown
    if placeholder:
        element["placeholder"] = plain(placeholder)
    if focus:
        element["focus_on_load"] = True
    return element


def option(value: str, label: str) -> Element:
    """A choice; its value must be of at most 150 characters."""
    return {"text": plain(text.within(label, _MOST_LABEL)), "value": value}


def select(options: Sequence[Element], chosen: str | None = None) -> Element:
    """A menu with one choice."""
    element: Element = {"type": "static_select", "options": list(options)}
    initial = next((o for o in options if o["value"] == chosen), None)
    return {**element, "initial_option": initial} if initial else element


def multi_select(
    options: Sequence[Element], chosen: Iterable[str] = (), placeholder: str = ""
) -> Element:
    """A menu with any number of choices."""
    element: Element = {"type": "multi_static_select", "options": list(options)}
    wanted = set(chosen)
    initial = [o for o in options if o["value"] in wanted]
    if initial:
        element["initial_options"] = initial
    if placeholder:
        element["placeholder"] = plain(placeholder)
    return element


def checkbox(value: str, label: str, *, is_ticked: bool = False) -> Element:
    """A single box to tick."""
    return checkboxes([option(value, label)], [value] if is_ticked else [])


def checkboxes(options: Sequence[Element], ticked: Iterable[str] = ()) -> Element:
    """Boxes to tick."""
    return {**multi_select(options, ticked), "type": "checkboxes"}


def can_be_option(value: str) -> bool:
    """Whether `value` can be the value of an option."""
    return 0 < text.units(value) <= _MOST_OPTION_VALUE
