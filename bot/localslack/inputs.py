"""What people put into inputs, in the form Slack reports it under `state.values`."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from bot.localslack.controls import controls, options
from bot.localslack.errors import PersonError
from bot.localslack.storage import JsonObject

State = dict[str, dict[str, JsonObject]]
"""Block id, action id, and what is there."""


@dataclass(frozen=True, slots=True)
class _Kind:
    key: str
    initial: str
    many: bool = False
    from_options: bool = False
    is_external: bool = False


_TEXT = _Kind("value", "initial_value")
_KINDS = {
    "plain_text_input": _TEXT,
    "email_text_input": _TEXT,
    "url_text_input": _TEXT,
    "number_input": _TEXT,
    "rich_text_input": _Kind("rich_text_value", "initial_value"),
    "static_select": _Kind("selected_option", "initial_option", from_options=True),
    "radio_buttons": _Kind("selected_option", "initial_option", from_options=True),
    "multi_static_select": _Kind(
        "selected_options", "initial_options", many=True, from_options=True
    ),
    "checkboxes": _Kind("selected_options", "initial_options", many=True, from_options=True),
    "external_select": _Kind("selected_option", "initial_option", is_external=True),
    "multi_external_select": _Kind(
        "selected_options", "initial_options", many=True, is_external=True
    ),
    "users_select": _Kind("selected_user", "initial_user"),
    "multi_users_select": _Kind("selected_users", "initial_users", many=True),
    "channels_select": _Kind("selected_channel", "initial_channel"),
    "multi_channels_select": _Kind("selected_channels", "initial_channels", many=True),
    "conversations_select": _Kind("selected_conversation", "initial_conversation"),
    "multi_conversations_select": _Kind(
        "selected_conversations", "initial_conversations", many=True
    ),
    "datepicker": _Kind("selected_date", "initial_date"),
    "timepicker": _Kind("selected_time", "initial_time"),
    "datetimepicker": _Kind("selected_date_time", "initial_date_time"),
    "file_input": _Kind("files", "", many=True),
}
_REQUIRED = "Please complete this required field."


def initial_state(blocks: list[JsonObject], before: State) -> State:
    """What is in the inputs of `blocks`: what a person put there, else what the app did."""
    state: State = {}
    for control in controls(blocks):
        kind = _KINDS.get(str(control.element.get("type")))
        if kind is None:
            continue
        entry = before.get(control.block_id, {}).get(control.action_id)
        if entry is None or not _fits(control.element, entry):
            entry = _entry(control.element, kind, _initial(control.element, kind))
        state.setdefault(control.block_id, {})[control.action_id] = entry
    return state


def entered(element: JsonObject, value: Any) -> JsonObject:
    """What the state says after `value` was put into this input. Raises `PersonError`."""
    kind = _KINDS.get(str(element.get("type")))
    if kind is None:
        raise PersonError("not_an_input", f"Nothing can be put into a {element.get('type')}.")
    if value is None or value in ("", []):
        return _entry(element, kind, [] if kind.many else None)
    if kind.many and not isinstance(value, list):
        value = [value]
    if kind.from_options or kind.is_external:
        find = _suggested if kind.is_external else _option
        chosen = [find(element, item) for item in (value if kind.many else [value])]
        return _entry(element, kind, chosen if kind.many else chosen[0])
    return _entry(element, kind, _converted(element, value))


def problem_with(block: JsonObject, entry: JsonObject) -> str | None:
    """What the client tells a person about this field before the app sees it."""
    element = block["element"]
    value = entry.get(_KINDS[element["type"]].key)
    if value in (None, "", []):
        return None if block.get("optional") else _REQUIRED
    check = _CHECKS.get(element["type"])
    return check(element, str(value)) if check else None


def _entry(element: JsonObject, kind: _Kind, value: Any) -> JsonObject:
    return {"type": element["type"], kind.key: value}


def _initial(element: JsonObject, kind: _Kind) -> Any:
    return element.get(kind.initial, [] if kind.many else None)


def _fits(element: JsonObject, entry: JsonObject) -> bool:
    """Whether what was entered before still means something to the element as it is now."""
    if entry.get("type") != element.get("type"):
        return False
    kind = _KINDS[element["type"]]
    if not kind.from_options:
        return True
    chosen = entry.get(kind.key)
    listed = chosen if isinstance(chosen, list) else [chosen]
    return all(item is None or item in options(element) for item in listed)


def _option(element: JsonObject, value: Any) -> JsonObject:
    for option in options(element):
        if option["value"] == value:
            return option
    raise PersonError("no_such_option", f"There is no option {value!r}.")


def _suggested(_element: JsonObject, value: Any) -> JsonObject:
    """Return an option that the app suggested, which is chosen whole: the element has none."""
    if isinstance(value, dict) and {"text", "value"} <= set(value):
        return value
    raise PersonError("no_such_option", "Choose one of the options that the app suggests.")


def _converted(element: JsonObject, value: Any) -> Any:
    if element["type"] == "datetimepicker":
        return int(value)
    if element["type"] == "rich_text_input" and isinstance(value, str):
        section = {"type": "rich_text_section", "elements": [{"type": "text", "text": value}]}
        return {"type": "rich_text", "elements": [section]}
    return value


def _check_text(element: JsonObject, value: str) -> str | None:
    least, most = element.get("min_length", 0), element.get("max_length", 3000)
    if len(value) < least:
        return f"Please enter at least {least} characters."
    if len(value) > most:
        return f"Please enter at most {most} characters."
    return None


def _check_number(element: JsonObject, value: str) -> str | None:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return "Please enter a number."
    if not element.get("is_decimal_allowed") and number != number.to_integral_value():
        return "Please enter a whole number."
    if "min_value" in element and number < Decimal(element["min_value"]):
        return f"Please enter a number of at least {element['min_value']}."
    if "max_value" in element and number > Decimal(element["max_value"]):
        return f"Please enter a number of at most {element['max_value']}."
    return None


def _check_email(_element: JsonObject, value: str) -> str | None:
    return None if re.fullmatch(r"[^@\s]+@[^@\s]+", value) else "Please enter an email address."


def _check_url(_element: JsonObject, value: str) -> str | None:
    return None if re.match(r"https?://\S+$", value) else "Please enter a URL."


def _check_date(_element: JsonObject, value: str) -> str | None:
    try:
        dt.date.fromisoformat(value)
    except ValueError:
        return "Please enter a date."
    return None


_CHECKS = {
    "plain_text_input": _check_text,
    "number_input": _check_number,
    "email_text_input": _check_email,
    "url_text_input": _check_url,
    "datepicker": _check_date,
}
