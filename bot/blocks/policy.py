"""The dialog that says what holds in a channel, and what was put into it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from bot.blocks import text
from bot.blocks.elements import (
    Element,
    checkboxes,
    input_block,
    multi_select,
    option,
    paragraph,
    plain,
    text_input,
)
from bot.blocks.payload import Block
from bot.starters import Starters
from orchestrator.commands import SetPolicy
from orchestrator.errors import InvalidInput
from orchestrator.store.tables import ChannelPolicy, WhoActs

VIEW = "channel_policy"

Values = Mapping[str, Mapping[str, Mapping[str, Any]]]

_WHO, _PEOPLE, _GROUPS, _USD, _SUBTASKS = "who", "people", "groups", "usd", "subtasks"
_START, _START_PEOPLE, _START_GROUPS = "start", "start_people", "start_groups"
_START_BOTS = "start_bots"
_KINDS = {"guests": "Guests of this workspace", "partners": "People of other companies"}
_MOST_BOTS = 500
_MOST_GROUPS = 100
_MOST_USD = 1_000_000
_MOST_SUBTASKS = 500
_LABELS = {
    WhoActs.REQUESTER: "Whoever asked for it",
    WhoActs.CHANNEL: "Everybody in the channel",
    WhoActs.APPROVERS: "The approvers named below",
}


def form(policy: ChannelPolicy, groups: Mapping[str, str]) -> dict[str, Any]:
    """The dialog for a channel, with what holds there; `groups` has names of user groups by id."""
    return {
        "type": "modal",
        "title": plain("Policy of a channel"),
        "close": plain("Cancel"),
        "submit": plain("Save"),
        "callback_id": VIEW,
        "private_metadata": json.dumps({"channel": policy.channel}),
        "blocks": [
            *_who(policy),
            *_approvers(policy, groups),
            *_starters(policy, groups),
            *_limits(policy),
        ],
    }


def read(channel: str, values: Values) -> SetPolicy:
    """What was put into the dialog. Raises InvalidInput."""
    chosen = _entry(values, _WHO)["selected_option"]["value"]
    people = _entry(values, _PEOPLE).get("selected_users") or []
    groups = _chosen(values, _GROUPS)
    subtasks = _number(values, _SUBTASKS)
    return SetPolicy(
        channel=channel,
        who=WhoActs(chosen),
        approvers=(*people, *groups),
        auto_usd=_number(values, _USD),
        auto_subtasks=None if subtasks is None else int(subtasks),
        starters=_read_starters(values).words,
    )


def _read_starters(values: Values) -> Starters:
    people = _entry(values, _START_PEOPLE).get("selected_users") or []
    bots = re.split(r"[\s,;]+", _entry(values, _START_BOTS).get("value") or "")
    kinds, groups = _chosen(values, _START), _chosen(values, _START_GROUPS)
    return Starters.of([*kinds, *people, *groups, *bots])


def _chosen(values: Values, block_id: str) -> list[str]:
    return [each["value"] for each in _entry(values, block_id).get("selected_options") or []]


def _who(policy: ChannelPolicy) -> list[Block]:
    options = [option(who.value, label) for who, label in _LABELS.items()]
    chosen = next(each for each in options if each["value"] == policy.who.value)
    element = {"type": "radio_buttons", "options": options, "initial_option": chosen}
    return [
        paragraph(f"What holds for runs in <#{text.escape(policy.channel)}>."),
        input_block(
            _WHO,
            "Who approves, edits and answers",
            element,
            hint="The admins of this workspace always may.",
        ),
    ]


def _approvers(policy: ChannelPolicy, groups: Mapping[str, str]) -> list[Block]:
    people: Element = {"type": "multi_users_select"}
    if named := [id_ for id_ in policy.approvers if not id_.startswith("S")]:
        people["initial_users"] = named
    blocks = [input_block(_PEOPLE, "Approvers", people, optional=True)]
    return [*blocks, *_groups(_GROUPS, "User groups that approve", policy.approvers, groups)]


def _groups(
    block_id: str, label: str, chosen: Sequence[str], groups: Mapping[str, str]
) -> list[Block]:
    options = [option(id_, text.line(name, 70)) for id_, name in groups.items()][:_MOST_GROUPS]
    if not options:
        return []
    return [input_block(block_id, label, multi_select(options, chosen), optional=True)]


def _starters(policy: ChannelPolicy, groups: Mapping[str, str]) -> list[Block]:
    """Who may start runs, beside the full members of the workspace."""
    starters = policy.starters or []
    people: Element = {"type": "multi_users_select"}
    if named := [id_ for id_ in starters if id_ not in _KINDS and id_[0] in "UW"]:
        people["initial_users"] = named
    bots = " ".join(id_ for id_ in starters if id_ not in _KINDS and id_.startswith("B"))
    return [
        input_block(
            _START,
            "Who may start runs and act on them, beside members",
            checkboxes([option(kind, label) for kind, label in _KINDS.items()], starters),
            optional=True,
            hint="Runs cost money and use the tools that I have.",
        ),
        input_block(_START_PEOPLE, "Others who may start runs", people, optional=True),
        *_groups(_START_GROUPS, "User groups that may start runs", starters, groups),
        input_block(
            _START_BOTS,
            "Bots that may start runs",
            text_input(bots, most=_MOST_BOTS),
            optional=True,
            hint="Their ids, such as B0123456789. How many runs an hour they start is limited.",
        ),
    ]


def _limits(policy: ChannelPolicy) -> list[Block]:
    hint = "Where both are set, both must hold. Leave both empty to be asked about every plan."
    usd = _number_input(policy.auto_usd, least="0", most=_MOST_USD, decimal=True)
    subtasks = _number_input(policy.auto_subtasks, least="1", most=_MOST_SUBTASKS, decimal=False)
    return [
        input_block(_USD, "Start without approval up to USD", usd, optional=True),
        input_block(
            _SUBTASKS, "Start without approval up to subtasks", subtasks, optional=True, hint=hint
        ),
    ]


def _number_input(value: Decimal | int | None, *, least: str, most: int, decimal: bool) -> Element:
    element: Element = {
        "type": "number_input",
        "is_decimal_allowed": decimal,
        "min_value": least,
        "max_value": str(most),
    }
    if value is None:
        return element
    return {**element, "initial_value": f"{Decimal(value).normalize():f}"}


def _entry(values: Values, block_id: str) -> Mapping[str, Any]:
    return values.get(block_id, {}).get("value", {})


def _number(values: Values, block_id: str) -> Decimal | None:
    typed = _entry(values, block_id).get("value")
    if not typed:
        return None
    try:
        number = Decimal(typed)
    except InvalidOperation as error:
        raise InvalidInput("That is not a number.") from error
    if not number.is_finite() or number < 0:
        raise InvalidInput("That is not a number of at least 0.")
    return number
