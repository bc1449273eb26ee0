"""The form in which a plan is edited: its pages, its fields, and reading them back.

A field's block id is the subtask's number and what it is (`3:title`), so that what was typed
stays with its subtask. What a page does not show is kept as the plan has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.blocks import text
from bot.blocks.elements import (
    MOST_INPUT,
    Element,
    can_be_option,
    checkbox,
    context,
    divider,
    header,
    input_block,
    multi_select,
    option,
    select,
    text_input,
)
from bot.blocks.payload import Block
from orchestrator.plan import DEFAULT_ROLE, MAX_TITLE, Plan, Subtask

Values = Mapping[str, Mapping[str, Mapping[str, Any]]]

# 100 blocks are a modal: seven for a subtask, and a dozen around them.
MOST_ON_PAGE = 12
_MOST_PAGE_BYTES = 120_000
_MOST_OPTIONS = 100
_MOST_LABEL = 60
_REMOVE = "remove"
_PRIORITIES = {1: "1 – first", 2: "2", 3: "3 – normal", 4: "4", 5: "5 – last"}


def pages(plan: Plan) -> list[tuple[Subtask, ...]]:
    """The subtasks as they are spread over the pages of the form."""
    choices = _size([_label(subtask) for subtask in plan.subtasks])
    found: list[tuple[Subtask, ...]] = []
    page: list[Subtask] = []
    used = 0
    for subtask in plan.subtasks:
        needs = choices + _size(subtask.instructions[:MOST_INPUT])
        if page and (len(page) == MOST_ON_PAGE or used + needs > _MOST_PAGE_BYTES):
            found.append(tuple(page))
            page, used = [], 0
        page.append(subtask)
        used += needs
    return [*found, tuple(page)]


def _size(value: Any) -> int:
    return len(json.dumps(value))


# --- the fields ----------------------------------------------------------------------------


def fields(plan: Plan, subtask: Subtask, roles: Sequence[str]) -> Iterator[Block]:
    """The fields of a subtask."""
    yield header(f"Subtask {subtask.id}"[:150])
    title = text_input(subtask.title, most=MAX_TITLE)
    yield input_block(f"{subtask.id}:title", "Title", title)
    yield _instructions(subtask)
    if can_be_option(subtask.role):
        yield input_block(f"{subtask.id}:role", "Role", role_select(roles, subtask.role))
    others = [other for other in plan.subtasks if other.id != subtask.id]
    if others:
        yield _waits_for(f"{subtask.id}:after", others, subtask.depends_on)
    priorities = [option(str(number), label) for number, label in _PRIORITIES.items()]
    priority = select(priorities, str(min(max(subtask.priority, 1), 5)))
    yield input_block(f"{subtask.id}:priority", "Priority", priority)
    box = checkbox(_REMOVE, "Remove this subtask")
    yield input_block(f"{subtask.id}:remove", "Remove", box, optional=True)


def new_fields(plan: Plan, roles: Sequence[str]) -> Iterator[Block]:
    """The fields of a subtask to add."""
    number = _next_number(plan)
    yield divider()
    yield header("Add a subtask")
    title = text_input(most=MAX_TITLE, placeholder="Leave empty to add none")
    yield input_block(f"{number}:title", "Title", title, optional=True)
    instructions = text_input(multiline=True)
    yield input_block(f"{number}:instructions", "Instructions", instructions, optional=True)
    yield input_block(f"{number}:role", "Role", role_select(roles, DEFAULT_ROLE), optional=True)
    if plan.subtasks:
        yield _waits_for(f"{number}:after", plan.subtasks, ())


def _instructions(subtask: Subtask) -> Block:
    if len(subtask.instructions) > MOST_INPUT:
        return context(
            f"The instructions have {len(subtask.instructions):,} characters, which is too long "
            "for this form; they stay as they are."
        )
    field = text_input(subtask.instructions, multiline=True)
    return input_block(f"{subtask.id}:instructions", "Instructions", field, optional=True)


def role_select(roles: Sequence[str], role: str) -> Element:
    """A menu of the roles, with `role` chosen."""
    names = dict.fromkeys(name for name in (role, *roles) if can_be_option(name))
    listed = sorted(list(names)[:_MOST_OPTIONS])
    return select([option(name, text.line(name, 70)) for name in listed], role)


def _waits_for(block_id: str, others: Sequence[Subtask], chosen: Sequence[str]) -> Block:
    # Those chosen must be among the options, of which there can be no more than a hundred.
    first = sorted(others, key=lambda other: other.id not in chosen)[:_MOST_OPTIONS]
    listed = [other for other in others if other in first]
    options = [option(other.id, _label(other)) for other in listed]
    return input_block(
        block_id, "Waits for", multi_select(options, chosen, "Nothing"), optional=True
    )


def _label(subtask: Subtask) -> str:
    return text.line(f"{subtask.id}. {subtask.title}", _MOST_LABEL)


# --- what was entered ------------------------------------------------------------------------


def edited(plan: Plan, values: Values, page: int = 0) -> Plan:
    """The plan with what the fields of `page` say; nothing is checked, the gate does that.

    A removed subtask is no longer waited for. An added one gets a number never used in `plan`.
    """
    shown = {subtask.id for subtask in _page(plan, page)}
    gone = {id_ for id_ in shown if _is_removed(values, id_)}
    subtasks = [
        _entered(subtask, values) if subtask.id in shown else subtask
        for subtask in plan.subtasks
        if subtask.id not in gone
    ]
    added = Subtask(id=str(_next_number(plan)))
    if _text(values, added.id, "title", "").strip():
        subtasks.append(_entered(added, values))
    kept = tuple(_without(subtask, gone) for subtask in subtasks)
    return plan.model_copy(update={"subtasks": kept})


def _page(plan: Plan, page: int) -> tuple[Subtask, ...]:
    spread = pages(plan)
    return spread[page] if page < len(spread) else ()


def _entered(subtask: Subtask, values: Values) -> Subtask:
    id_ = subtask.id
    chosen = _field(values, id_, "after").get("selected_options")
    entered = {
        "title": _text(values, id_, "title", subtask.title),
        "instructions": _text(values, id_, "instructions", subtask.instructions),
        "role": _choice(values, id_, "role") or subtask.role,
        "priority": int(_choice(values, id_, "priority") or subtask.priority),
    }
    if chosen is not None:
        entered["depends_on"] = _in_order(subtask, [item["value"] for item in chosen])
    # Validated anew, so that what was typed is cleaned as everything in a plan is.
    return Subtask.model_validate({**subtask.model_dump(by_alias=True), **entered})


def _in_order(subtask: Subtask, chosen: Sequence[str]) -> tuple[str, ...]:
    """What is chosen, in the plan's own order: Slack's is that of the clicks."""
    kept = [need for need in subtask.depends_on if need in chosen]
    return tuple(dict.fromkeys([*kept, *chosen]))


def _without(subtask: Subtask, gone: set[str]) -> Subtask:
    needs = tuple(need for need in subtask.depends_on if need not in gone)
    return subtask.model_copy(update={"depends_on": needs})


def _field(values: Values, id_: str, name: str) -> Mapping[str, Any]:
    return values.get(f"{id_}:{name}", {}).get("value", {})


def _text(values: Values, id_: str, name: str, kept: str) -> str:
    """What is in a text field: empty when it was emptied, `kept` where it was not shown."""
    field = _field(values, id_, name)
    return (field["value"] or "") if "value" in field else kept


def _choice(values: Values, id_: str, name: str) -> str | None:
    chosen = _field(values, id_, name).get("selected_option")
    return chosen["value"] if chosen else None


def _is_removed(values: Values, id_: str) -> bool:
    return bool(_field(values, id_, "remove").get("selected_options"))


def _next_number(plan: Plan) -> int:
    return 1 + max((int(s.id) for s in plan.subtasks if s.id.isdecimal()), default=0)
