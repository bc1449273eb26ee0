"""The form in which a plan is edited: its pages, its fields, and reading them back.

A field's block id is the subtask's number and what it is (`3:title`), so that what was typed
stays with its subtask. What differs from the plan is a draft, by block id; it goes with the form
from page to page, so that nothing is lost when one is turned.
"""

from __future__ import annotations

import base64
import json
import zlib
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
from orchestrator.plan import DEFAULT_PRIORITY, DEFAULT_ROLE, MAX_TITLE, Plan, Subtask

Values = Mapping[str, Mapping[str, Mapping[str, Any]]]
Draft = Mapping[str, Any]

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


def fields(
    plan: Plan, subtask: Subtask, roles: Sequence[str], *, is_removed: bool = False
) -> Iterator[Block]:
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
    yield input_block(f"{subtask.id}:priority", "Priority", _priorities(subtask.priority))
    box = checkbox(_REMOVE, "Remove this subtask", is_ticked=is_removed)
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
    priority = _priorities(DEFAULT_PRIORITY)
    yield input_block(f"{number}:priority", "Priority", priority, optional=True)


def _priorities(chosen: int) -> Element:
    options = [option(str(number), label) for number, label in _PRIORITIES.items()]
    return select(options, str(min(max(chosen, 1), 5)))


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


def typed(plan: Plan, values: Values, before: Draft) -> dict[str, Any]:
    """The draft, once what the fields say now has taken the place of what they said `before`."""
    draft = {block_id: value for block_id, value in before.items() if block_id not in values}
    known = {subtask.id: subtask for subtask in plan.subtasks}
    for block_id, entry in values.items():
        id_, _, name = block_id.partition(":")
        value = _value(entry.get("value", {}))
        if value != _own(known.get(id_) or Subtask(id=id_), name):
            draft[block_id] = value
    return draft


def _value(field: Mapping[str, Any]) -> Any:
    """What a field says: a text, the one choice, or all that are chosen, in the plan's order."""
    if "selected_options" in field:
        return sorted((item["value"] for item in field["selected_options"] or ()), key=_in_order)
    if "selected_option" in field:
        chosen = field["selected_option"]
        return chosen["value"] if chosen else None
    return field.get("value") or ""


def _own(subtask: Subtask, name: str) -> Any:
    """What the field says where nobody has changed anything."""
    match name:
        case "after":
            return sorted(subtask.depends_on, key=_in_order)
        case "priority":
            return str(min(max(subtask.priority, 1), 5))
        case "remove":
            return []
    return getattr(subtask, name, None)


def _in_order(id_: str) -> tuple[int, str]:
    return (int(id_), "") if id_.isdecimal() else (0, id_)


def drafted(plan: Plan, draft: Draft) -> Plan:
    """The plan as the form shows it: with what was typed, and with what is to be removed."""
    known = {subtask.id for subtask in plan.subtasks}
    titled = {
        block_id.partition(":")[0] for block_id, value in draft.items() if _names(block_id, value)
    }
    added = [Subtask(id=id_) for id_ in sorted(titled - known, key=_in_order)]
    subtasks = tuple(_entered(subtask, draft) for subtask in (*plan.subtasks, *added))
    return plan.model_copy(update={"subtasks": subtasks})


def _names(block_id: str, value: Any) -> bool:
    """Whether it gives a title: what has none is not added."""
    return block_id.endswith(":title") and isinstance(value, str) and bool(value.strip())


def edited(plan: Plan, draft: Draft) -> Plan:
    """The plan with what was typed; nothing is checked, the gate does that.

    A removed subtask is no longer waited for. An added one gets a number never used in `plan`.
    """
    shown = drafted(plan, draft)
    gone = {subtask.id for subtask in shown.subtasks if is_removed(draft, subtask.id)}
    kept = tuple(_without(subtask, gone) for subtask in shown.subtasks if subtask.id not in gone)
    return plan.model_copy(update={"subtasks": kept})


def is_removed(draft: Draft, id_: str) -> bool:
    """Whether the subtask is to be removed."""
    return bool(draft.get(f"{id_}:{_REMOVE}"))


def _entered(subtask: Subtask, draft: Draft) -> Subtask:
    said = {name: draft.get(f"{subtask.id}:{name}") for name in ("title", "instructions", "role")}
    entered = {name: value for name, value in said.items() if value is not None}
    if priority := draft.get(f"{subtask.id}:priority"):
        entered["priority"] = int(priority)
    if (after := draft.get(f"{subtask.id}:after")) is not None:
        # In the plan's own order where it had one.
        kept = [need for need in subtask.depends_on if need in after]
        entered["depends_on"] = tuple(dict.fromkeys([*kept, *after]))
    if not entered:
        return subtask
    # Validated anew, so that what was typed is cleaned as everything in a plan is.
    return Subtask.model_validate({**subtask.model_dump(by_alias=True), **entered})


def _without(subtask: Subtask, gone: set[str]) -> Subtask:
    needs = tuple(need for need in subtask.depends_on if need not in gone)
    return subtask.model_copy(update={"depends_on": needs})


def difference(plan: Plan, other: Plan) -> dict[str, Any]:
    """The draft that makes `other` of `plan`."""
    draft: dict[str, Any] = {}
    known = {subtask.id: subtask for subtask in plan.subtasks}
    for subtask in other.subtasks:
        before = known.pop(subtask.id, Subtask(id=subtask.id))
        for name in ("title", "instructions", "role", "after", "priority"):
            if (value := _own(subtask, name)) != _own(before, name):
                draft[f"{subtask.id}:{name}"] = value
    return draft | {f"{id_}:{_REMOVE}": [_REMOVE] for id_ in known}


# --- the draft on its way ----------------------------------------------------------------------


def packed(draft: Draft) -> str:
    """The draft as text that is as short as can be; empty for none."""
    if not draft:
        return ""
    content = json.dumps(draft, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(zlib.compress(content.encode(errors="replace"), 9)).decode()


def unpacked(content: str) -> dict[str, Any]:
    """The draft that was packed."""
    if not content:
        return {}
    draft: dict[str, Any] = json.loads(zlib.decompress(base64.urlsafe_b64decode(content)))
    return draft


def _next_number(plan: Plan) -> int:
    return 1 + max((int(s.id) for s in plan.subtasks if s.id.isdecimal()), default=0)
