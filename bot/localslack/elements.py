"""What Slack demands of buttons, selects and inputs."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from bot.localslack.errors import ApiError
from bot.localslack.node import ANY_TEXT, PLAIN, Node

ACTIONS = "actions"
SECTION = "section"
INPUT = "input"
CONTEXT_ACTIONS = "context_actions"
CARD = "card"


def check_element(node: Node, holder: str) -> None:
    """Check an interactive element inside a block of type `holder`."""
    known = _ELEMENTS.get(node.type)
    if known is None:
        node.error(f"unsupported type: {node.type or 'none'}", "type")
        return
    holders, check = known
    if holder not in holders:
        node.error(f"{node.type} is not allowed in {holder}", "type")
        return
    node.string("action_id", most=255)
    check(node)


def check_image(node: Node, *more: str) -> None:
    """Check an image element, which needs words for those who cannot see it."""
    node.only("type", "image_url", "slack_file", "alt_text", *more)
    node.string("alt_text", most=2000, required=True)
    node.url("image_url")
    if "image_url" not in node.value and "slack_file" not in node.value:
        node.error("must define either `image_url` or `slack_file`")


def suggested_options(answer: Any) -> list[dict[str, Any]]:
    """Return the options in an app's answer to a block_suggestion. Raises `ApiError`."""
    node = Node(answer if isinstance(answer, dict) else {}, "", [])
    node.only("options", "option_groups")
    options = _options(node, least=0)
    if node.problems:
        raise ApiError("invalid_arguments", node.problems)
    return options


def _button(node: Node) -> None:
    node.only(
        "type",
        "text",
        "action_id",
        "url",
        "value",
        "style",
        "confirm",
        "accessibility_label",
        "visible_to_user_ids",
    )
    node.text("text", most=75, required=True, kinds=PLAIN)
    node.string("value", most=2000, least=0)
    node.url("url")
    node.string("accessibility_label", most=75)
    node.one_of("style", ("primary", "danger"))
    _check_confirm(node)
    _check_users(node)


def _icon_button(node: Node) -> None:
    node.only(
        "type",
        "icon",
        "text",
        "action_id",
        "value",
        "confirm",
        "accessibility_label",
        "visible_to_user_ids",
    )
    node.string("icon", required=True)
    node.text("text", most=75, required=True, kinds=PLAIN)
    node.string("value", most=2000, least=0)
    node.string("accessibility_label", most=75)
    _check_confirm(node)
    _check_users(node)


def _feedback_buttons(node: Node) -> None:
    node.only("type", "action_id", "positive_button", "negative_button")
    for name in ("positive_button", "negative_button"):
        button = node.child(name, required=True)
        if button is None:
            continue
        button.only("text", "value", "accessibility_label")
        button.text("text", most=75, required=True, kinds=PLAIN)
        button.string("value", most=2000, required=True)
        button.string("accessibility_label", most=75)


def _static_select(node: Node) -> None:
    node.only(
        "type",
        "action_id",
        "options",
        "option_groups",
        "initial_option",
        "confirm",
        "focus_on_load",
        "placeholder",
    )
    _check_placeholder(node)
    _check_confirm(node)
    options = _options(node)
    _check_initial(node, [node.value.get("initial_option")], "initial_option", options)


def _multi_static_select(node: Node) -> None:
    node.only(
        "type",
        "action_id",
        "options",
        "option_groups",
        "initial_options",
        "confirm",
        "max_selected_items",
        "focus_on_load",
        "placeholder",
    )
    _check_placeholder(node)
    _check_confirm(node)
    node.integer("max_selected_items", least=1, most=100)
    options = _options(node)
    _check_initial(node, node.value.get("initial_options") or [], "initial_options", options)


def _list_select(node: Node) -> None:
    """Users, channels, conversations, and options that the app supplies."""
    _check_placeholder(node)
    _check_confirm(node)
    node.integer("max_selected_items", least=1, most=100)


def _choice(node: Node) -> None:
    initial = "initial_option" if node.type == "radio_buttons" else "initial_options"
    node.only("type", "action_id", "options", initial, "confirm", "focus_on_load")
    _check_confirm(node)
    options = node.children("options", most=10, required=True)
    for option in options:
        _check_option(option, ANY_TEXT)
    given = node.value.get(initial)
    chosen = given if isinstance(given, list) else [given]
    _check_initial(node, chosen, initial, [option.value for option in options])


def _overflow(node: Node) -> None:
    node.only("type", "action_id", "options", "confirm")
    _check_confirm(node)
    for option in node.children("options", most=5, required=True):
        _check_option(option, PLAIN, "url")


def _plain_text_input(node: Node) -> None:
    node.only(
        "type",
        "action_id",
        "initial_value",
        "multiline",
        "min_length",
        "max_length",
        "dispatch_action_config",
        "focus_on_load",
        "placeholder",
    )
    _check_placeholder(node)
    node.integer("min_length", least=0, most=3000)
    node.integer("max_length", least=1, most=3000)
    most = node.value.get("max_length")
    _check_order(node, "min_length", "max_length")
    node.string("initial_value", most=most if isinstance(most, int) else 3000, least=0)
    node.flag("multiline")
    config = node.child("dispatch_action_config")
    if config is not None:
        config.only("trigger_actions_on")


def _typed_input(node: Node) -> None:
    node.only(
        "type",
        "action_id",
        "initial_value",
        "is_decimal_allowed",
        "min_value",
        "max_value",
        "dispatch_action_config",
        "focus_on_load",
        "placeholder",
    )
    _check_placeholder(node)
    node.string("initial_value", least=0, most=3000)
    if node.type == "number_input":
        if not isinstance(node.value.get("is_decimal_allowed"), bool):
            node.error("missing required field: is_decimal_allowed")
        _check_order(node, "min_value", "max_value")


def _check_order(node: Node, least: str, most: str) -> None:
    """The one, where both are given, must not be above the other."""
    try:
        low, high = Decimal(node.value[least]), Decimal(node.value[most])
    except (KeyError, TypeError, ValueError, InvalidOperation):
        return
    if low > high:
        node.error(f"must not be greater than {most}", least)


def _picker(node: Node) -> None:
    initial = {
        "datepicker": "initial_date",
        "timepicker": "initial_time",
        "datetimepicker": "initial_date_time",
    }[node.type]
    node.only("type", "action_id", initial, "confirm", "focus_on_load", "placeholder", "timezone")
    _check_placeholder(node)
    _check_confirm(node)


def _rich_text_input(node: Node) -> None:
    _check_placeholder(node)


def _file_input(node: Node) -> None:
    node.only("type", "action_id", "filetypes", "max_files")
    node.integer("max_files", least=1, most=10)


def _options(node: Node, least: int = 1) -> list[dict[str, Any]]:
    if ("options" in node.value) == ("option_groups" in node.value):
        node.error("must define either `options` or `option_groups`")
        return []
    options = node.children("options", least=least, most=100)
    for group in node.children("option_groups", least=least, most=100):
        group.only("label", "options")
        group.text("label", most=75, required=True, kinds=PLAIN)
        options += group.children("options", most=100, required=True)
    for option in options:
        _check_option(option, PLAIN)
    return [option.value for option in options]


def _check_option(node: Node, kinds: tuple[str, ...], *more: str) -> None:
    node.only("text", "value", "description", *more)
    node.text("text", most=75, required=True, kinds=kinds)
    node.string("value", most=150, required=True)
    node.text("description", most=75, kinds=kinds)
    node.url("url")


def _check_initial(node: Node, chosen: list[Any], name: str, options: list[dict[str, Any]]) -> None:
    if any(choice is not None and choice not in options for choice in chosen):
        node.error("must be one of the given options, word for word", name)


def _check_placeholder(node: Node) -> None:
    node.text("placeholder", most=150, kinds=PLAIN)
    node.flag("focus_on_load")


def _check_users(node: Node) -> None:
    users = node.value.get("visible_to_user_ids")
    if users is not None and (not isinstance(users, list) or not 1 <= len(users) <= 10):
        node.error("must be a list of 1 to 10 user ids", "visible_to_user_ids")


def _check_confirm(node: Node) -> None:
    confirm = node.child("confirm")
    if confirm is None:
        return
    confirm.only("title", "text", "confirm", "deny", "style")
    confirm.text("title", most=100, required=True, kinds=PLAIN)
    confirm.text("text", most=300, required=True)
    confirm.text("confirm", most=30, required=True, kinds=PLAIN)
    confirm.text("deny", most=30, required=True, kinds=PLAIN)
    confirm.one_of("style", ("primary", "danger"))


_EVERYWHERE = (ACTIONS, SECTION, INPUT)
_ELEMENTS: dict[str, tuple[tuple[str, ...], Callable[[Node], None]]] = {
    "button": ((ACTIONS, SECTION, CARD), _button),
    "icon_button": ((CONTEXT_ACTIONS,), _icon_button),
    "feedback_buttons": ((CONTEXT_ACTIONS,), _feedback_buttons),
    "static_select": (_EVERYWHERE, _static_select),
    "external_select": (_EVERYWHERE, _list_select),
    "users_select": (_EVERYWHERE, _list_select),
    "conversations_select": (_EVERYWHERE, _list_select),
    "channels_select": (_EVERYWHERE, _list_select),
    "multi_static_select": ((SECTION, INPUT), _multi_static_select),
    "multi_external_select": ((SECTION, INPUT), _list_select),
    "multi_users_select": ((SECTION, INPUT), _list_select),
    "multi_conversations_select": ((SECTION, INPUT), _list_select),
    "multi_channels_select": ((SECTION, INPUT), _list_select),
    "checkboxes": (_EVERYWHERE, _choice),
    "radio_buttons": (_EVERYWHERE, _choice),
    "overflow": ((ACTIONS, SECTION), _overflow),
    "datepicker": (_EVERYWHERE, _picker),
    "timepicker": (_EVERYWHERE, _picker),
    "datetimepicker": ((ACTIONS, INPUT), _picker),
    "plain_text_input": ((INPUT,), _plain_text_input),
    "email_text_input": ((INPUT,), _typed_input),
    "url_text_input": ((INPUT,), _typed_input),
    "number_input": ((INPUT,), _typed_input),
    "rich_text_input": ((INPUT,), _rich_text_input),
    "file_input": ((INPUT,), _file_input),
}
