"""Dialogs. `private_metadata` says in JSON what a dialog is about: ids only.

Where something typed cannot be used, `refused` says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from bot.blocks import edit_form, ids, text
from bot.blocks.edit_form import Draft, Values
from bot.blocks.elements import (
    MOST_INPUT,
    Element,
    actions,
    button,
    can_be_option,
    context,
    divider,
    input_block,
    paragraph,
    plain,
    text_input,
)
from bot.blocks.payload import Block
from bot.view import RequestView, RevisionView, RunView, SubtaskView
from orchestrator.errors import InvalidInput, Outdated
from orchestrator.plan import Plan, to_text
from orchestrator.text import plural

__all__ = [
    "answer",
    "breakdown",
    "draft_of",
    "edit",
    "edit_and_retry",
    "edit_as_text",
    "instructions",
    "loading",
    "named",
    "notice",
    "redo",
    "replan",
    "rewritten",
    "save_playbook",
    "typed",
]

View = dict[str, Any]

_MOST_TITLE = 24
_MOST_METADATA = 3000
_OLD = "I was changed since this dialog was opened. Close it, and open it again."
_NO_DRAFT: Draft = {}
# Slack takes 250,000.
_MOST_BYTES = 150_000
_MOST_SUBTASKS = 90
_TEXT = "text"
_INSTRUCTIONS = "instructions"
_ROLE = "role"
_NAME = "name"
_MOST_NAME = 63


# --- to read -------------------------------------------------------------------------------


def loading(title: str) -> View:
    """What is shown while the real dialog is made."""
    return _view(title, [paragraph("⏳ One moment…")])


def notice(title: str, sentence: str, kept: str = "") -> View:
    """A sentence for one person, who may find names in it, and what they had typed."""
    blocks = [text.rich_text(text.section(*text.spans(sentence)))]
    if kept.strip():
        blocks.append(context("What you typed, to copy:"))
        blocks.append(text.rich_text(text.preformatted(text.block(kept, MOST_INPUT))))
    return _view(title, blocks)


def instructions(view: RunView) -> View:
    """The whole plan: every subtask's instructions, what was repaired, and on which feedback."""
    return _fitting(partial(_instructions, view, limit) for limit in (MOST_INPUT, 1000, 300, 80))


def _instructions(view: RunView, limit: int) -> View:
    revision = next((r for r in view.revisions if r.number == view.revision), None)
    goal = [text.span("Goal: ", bold=True), text.span(text.line(view.goal, 1000))]
    blocks = [text.rich_text(text.section(*goal)), *_about(revision, limit), divider()]
    shown = view.subtasks[:_MOST_SUBTASKS]
    blocks += [text.rich_text(*_instructed(subtask, limit)) for subtask in shown]
    return _view(f"Plan of {view.name}", [*blocks, *_more(view)])


def _about(revision: RevisionView | None, limit: int) -> Iterator[Block]:
    if revision is None:
        return
    if revision.feedback:
        heading = text.section(text.span("Feedback for this plan", bold=True))
        yield text.rich_text(heading, text.quote(text.block(revision.feedback, limit)))
    if revision.repairs:
        heading = text.section(text.span("Put right in the plan", bold=True))
        repairs = [text.line(repair, 300) for repair in revision.repairs[:50]]
        yield text.rich_text(heading, text.bullets(repairs))


def _instructed(subtask: SubtaskView, limit: int) -> Iterator[text.Part]:
    yield text.section(
        text.span(f"{subtask.number}. {text.line(subtask.title, 150)}\n", bold=True),
        text.span(f"{_facts(subtask)}\n", italic=True),
        text.span(text.block(subtask.instructions, limit)),
    )


def _facts(subtask: SubtaskView) -> str:
    facts = [text.line(subtask.role, 60)]
    if subtask.after:
        facts.append(f"after {text.numbers(subtask.after)}")
    return " · ".join([*facts, f"priority {subtask.priority}"])


def _more(view: RunView) -> list[Block]:
    hidden = len(view.subtasks) - _MOST_SUBTASKS
    return [context(f"…and {plural(hidden, 'more subtask')}.")] if hidden > 0 else []


# --- to fill in ----------------------------------------------------------------------------


def edit(
    view: RunView,
    plan: Plan,
    roles: Sequence[str],
    page: int = 0,
    draft: Draft = _NO_DRAFT,
) -> View:
    """The plan as a form, with what was typed into it so far; large plans have several pages.

    Raises InvalidInput where more was typed than can be taken along from page to page.
    """
    shown = edit_form.drafted(plan, draft)
    spread = edit_form.pages(shown)
    page = min(max(page, 0), len(spread) - 1)
    blocks: list[Block] = [paragraph(f"Saving makes revision {view.revision + 1} of the plan.")]
    if len(spread) > 1:
        blocks.append(context(f"Page {page + 1} of {len(spread)}. Saving saves all pages."))
    blocks += _switches(view, shown, page)
    for subtask in spread[page]:
        is_removed = edit_form.is_removed(draft, subtask.id)
        blocks += edit_form.fields(shown, subtask, roles, is_removed=is_removed)
    if page == len(spread) - 1:
        blocks += edit_form.new_fields(shown, roles)
        blocks.append(actions(_page_button("Add another", view, page + 1)))
    else:
        blocks.append(actions(_page_button("Next page", view, page + 1)))
    about = {"run_id": view.id, "revision": view.revision, "page": page}
    if draft:
        about["draft"] = edit_form.packed(draft)
    if len(json.dumps(about)) > _MOST_METADATA:
        raise InvalidInput(
            "That is more than I can take along to another page. Save what you have changed, "
            "then go on with the new revision."
        )
    return _form(f"Edit {view.name}", blocks, ids.EDIT_VIEW, about, submit="Save")


class About(dict[str, Any]):
    """What a dialog is about. Raises Outdated for what it does not say."""

    def __missing__(self, key: str) -> Any:
        raise Outdated(_OLD)


def about(view: Mapping[str, Any]) -> About:
    """Return what an open or submitted dialog is about. Raises Outdated for one that another
    version of the bot has opened."""
    try:
        found = json.loads(view["private_metadata"])
    except ValueError as error:
        raise Outdated(_OLD) from error
    if not isinstance(found, dict):
        raise Outdated(_OLD)
    return About(found)


def draft_of(plan: Plan, view: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed into the form so far, on this page and on others."""
    before = edit_form.unpacked(about(view).get("draft", ""))
    return edit_form.typed(plan, view["state"]["values"], before)


def _switches(view: RunView, plan: Plan, page: int) -> list[Block]:
    buttons = [_page_button("Previous page", view, page - 1)] if page > 0 else []
    if text.units(to_text(plan)) <= MOST_INPUT:
        value = ids.of_page(view.id, view.revision)
        buttons.append(button("Edit as text", ids.EDIT_TEXT, value))
    return [actions(*buttons)] if buttons else []


def _page_button(label: str, view: RunView, page: int) -> Element:
    return button(label, ids.EDIT_PAGE, ids.of_page(view.id, view.revision, page))


def edit_as_text(view: RunView, plan: Plan) -> View:
    """The plan as text to type in; a plan too long for that is told to use the form."""
    typed_plan = to_text(plan)
    back = button("Edit in a form", ids.EDIT_FORM, ids.of_page(view.id, view.revision))
    if len(typed_plan) > MOST_INPUT:
        said = paragraph("This plan is too long to be edited as text.")
        return _view(f"Edit {view.name}", [said, actions(back)])
    return _form(
        f"Edit {view.name}",
        [
            paragraph(f"Saving makes revision {view.revision + 1} of the plan."),
            actions(back),
            input_block(_TEXT, "The plan", text_input(typed_plan, multiline=True), hint=_FORMAT),
        ],
        ids.EDIT_TEXT_VIEW,
        {"run_id": view.id, "revision": view.revision},
        submit="Save",
    )


_FORMAT = (
    "One line a subtask: number. title | role | after: numbers | priority: 1 to 5. "
    "Its instructions stand below, indented. A line you delete is a subtask removed."
)


def replan(view: RunView) -> View:
    """What the next plan should do differently."""
    field = text_input(
        multiline=True, focus=True, placeholder="For example: fewer steps, and check the licences."
    )
    return _form(
        "Re-plan",
        [input_block(_TEXT, "What should the new plan do differently?", field)],
        ids.REPLAN_VIEW,
        {"run_id": view.id, "revision": view.revision},
        submit="Re-plan",
    )


def breakdown(view: RunView, request: RequestView) -> View:
    """A plan written by hand."""
    task = [text.section(text.span("Task", bold=True)), text.quote(text.block(view.task, 1000))]
    field = text_input(
        multiline=True, focus=True, placeholder="1. Find the facts\n2. Write it up | after: 1"
    )
    return _form(
        "Write the subtasks",
        [
            text.rich_text(*task),
            input_block(_TEXT, "The subtasks, one a line", field, hint=_BREAKDOWN_FORMAT),
        ],
        ids.BREAKDOWN_VIEW,
        {"request_id": request.id},
        submit="Propose",
    )


_BREAKDOWN_FORMAT = (
    "Titles are enough. If you like: number. title | role | after: numbers | priority: 1 to 5, "
    "and instructions below it, indented. You will see the plan before anything runs."
)


def edit_and_retry(view: RunView, subtask: SubtaskView, roles: Sequence[str]) -> View:
    """The instructions and role with which a failed subtask is tried again."""
    title = text.span(f"{subtask.number}. {text.line(subtask.title, 150)}", bold=True)
    parts = [text.section(title)]
    if subtask.error:
        parts.append(text.quote(text.block(subtask.error, 600)))
    blocks = [text.rich_text(*parts)]
    if len(subtask.instructions) > MOST_INPUT:
        blocks.append(context("The instructions are too long to be edited here; they stay."))
    else:
        field = text_input(subtask.instructions, multiline=True)
        blocks.append(input_block(_INSTRUCTIONS, "Instructions", field))
    if can_be_option(subtask.role) or roles:
        menu = edit_form.role_select(roles, subtask.role)
        blocks.append(input_block(_ROLE, "Role", menu))
    return _form(
        "Edit and retry",
        blocks,
        ids.EDIT_RETRY_VIEW,
        {"run_id": view.id, "subtask": subtask.number},
        submit="Retry",
    )


def answer(view: RunView, request: RequestView) -> View:
    """A person's answer to a worker's question."""
    field = text_input(multiline=True, focus=True)
    return _form(
        f"Answer {view.name}",
        [
            text.rich_text(text.quote(text.block(request.text, 2500))),
            input_block(_TEXT, "Your answer", field),
        ],
        ids.ANSWER_VIEW,
        {"request_id": request.id},
        submit="Answer",
    )


def redo(view: RunView, subtask: SubtaskView) -> View:
    """What should be different when a finished subtask is done again, and what else is done."""
    title = text.span(f"{subtask.number}. {text.line(subtask.title, 150)}", bold=True)
    held = sorted(view.resting_on(subtask.number))
    too = f" So is what rests on it: {_subtasks(held)}." if held else ""
    field = text_input(
        multiline=True, focus=True, placeholder="For example: use figures of this year."
    )
    return _form(
        f"Redo {subtask.number} of {view.name}",
        [
            text.rich_text(text.section(title)),
            paragraph(f"It is done again.{too} Then the answer is written anew."),
            input_block(_TEXT, "What should be different?", field, optional=True),
        ],
        ids.REDO_VIEW,
        {"run_id": view.id, "subtask": subtask.number},
        submit="Redo",
    )


def _subtasks(numbers: Sequence[int]) -> str:
    return f"{'subtask' if len(numbers) == 1 else 'subtasks'} {text.numbers(numbers)}"


def save_playbook(view: RunView) -> View:
    """The name under which the plan can be used again."""
    return _form(
        "Save as playbook",
        [
            paragraph(
                "The plan is kept under this name. Whoever begins a task with "
                "`use playbook` and the name gets it again."
            ),
            input_block(
                _NAME,
                "Name",
                text_input(_as_name(view.goal), most=_MOST_NAME, focus=True),
                hint="Small letters, digits and hyphens, for example market-report.",
            ),
            input_block(
                _TEXT,
                "What it is for",
                text_input(text.line(view.goal, 300), most=300),
                optional=True,
            ),
        ],
        ids.SAVE_PLAYBOOK_VIEW,
        {"run_id": view.id},
        submit="Save",
    )


def _as_name(goal: str) -> str:
    words_ = re.findall(r"[a-z0-9]+", goal.lower())
    return "-".join(words_[:4])[:_MOST_NAME]


# --- what was entered ------------------------------------------------------------------------


def typed(values: Values) -> str:
    """What was typed into a dialog with one field for text."""
    return _value(values, _TEXT) or ""


def named(values: Values) -> str:
    """The name that was typed."""
    return _value(values, _NAME) or ""


def rewritten(values: Values) -> tuple[str | None, str | None]:
    """Instructions and role for another try; None for what the dialog did not ask."""
    chosen = values.get(_ROLE, {}).get("value", {}).get("selected_option")
    return _value(values, _INSTRUCTIONS), chosen["value"] if chosen else None


def _value(values: Values, block_id: str) -> str | None:
    return values.get(block_id, {}).get("value", {}).get("value")


def refused(view: Mapping[str, Any], sentence: str) -> dict[str, Any]:
    """Answer a submitted dialog with why it changes nothing: at its first field, so that it stays
    open with what was typed, or in its place where it has no field."""
    for block in view["blocks"]:
        if block["type"] == "input":
            return {"response_action": "errors", "errors": {str(block["block_id"]): sentence}}
    title = view["title"]["text"]
    return {"response_action": "update", "view": notice(title, sentence)}


# --- what they share -----------------------------------------------------------------------


def _view(title: str, blocks: Iterable[Block]) -> View:
    return {
        "type": "modal",
        "title": plain(text.line(title, _MOST_TITLE)),
        "close": plain("Close"),
        "blocks": list(blocks),
    }


def _form(
    title: str, blocks: Iterable[Block], callback_id: str, about: Mapping[str, Any], submit: str
) -> View:
    return {
        **_view(title, blocks),
        "close": plain("Cancel"),
        "submit": plain(submit),
        "callback_id": callback_id,
        "private_metadata": json.dumps(about),
    }


def _fitting(versions: Iterable[Callable[[], View]]) -> View:
    view: View = {}
    for version in versions:
        view = version()
        if len(json.dumps(view)) <= _MOST_BYTES:
            break
    return view
