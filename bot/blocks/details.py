"""How a run went, and each subtask of it: dialogs to read, in pages where there is much."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from bot.blocks import ids, rich, text, words
from bot.blocks.elements import Element, actions, button, context, divider, header, paragraph, plain
from bot.blocks.payload import Block
from bot.view import AttemptView, RunView, SubtaskHistory, SubtaskView, ToolAsk, ToolCallView
from orchestrator.store.tables import Outcome, RunStatus, SubtaskStatus, ToolCallStatus
from orchestrator.text import plural

View = dict[str, Any]

# Slack takes 100 blocks and 250,000 bytes.
_MOST_SUBTASKS = 20
_MOST_BLOCKS = 80
_MOST_BYTES = 60_000
_MOST_PART = 2_900
_MOST_OF_A_CALL = 6_000
_BEGINNING = 400
_MOST_ARGUMENTS = 150_000
# What nobody reads to the end in a dialog.
_MOST_TEXT = 400_000

_REDOABLE = (SubtaskStatus.SUCCEEDED, SubtaskStatus.SKIPPED)
_AT_WORK = (RunStatus.RUNNING, RunStatus.SYNTHESIZING, RunStatus.COMPLETED)
_OUTCOMES = {
    Outcome.SUCCEEDED: ("✅", "succeeded"),
    Outcome.EMPTY: ("❌", "empty"),
    Outcome.INVALID: ("❌", "not in the form asked for"),
    Outcome.TIMED_OUT: ("❌", "timed out"),
    Outcome.REFUSED: ("❌", "declined by the model"),
    Outcome.ERRORED: ("❌", "error"),
    Outcome.PAUSED: ("✋", "asked somebody"),
    Outcome.INTERRUPTED: ("⚡", "interrupted"),
    Outcome.CANCELLED: ("🚫", "broken off"),
}
_CALLS = {
    ToolCallStatus.WAITING: "waits for approval",
    ToolCallStatus.APPROVED: "approved",
    ToolCallStatus.DENIED: "denied",
    ToolCallStatus.RUNNING: "running",
    ToolCallStatus.CUT_OFF: "cut off",
}


# --- the run -------------------------------------------------------------------------------


def run(view: RunView, page: int = 0) -> View:
    """How the run went, with a button for each subtask to all that is known of it."""
    spread = [
        view.subtasks[first : first + _MOST_SUBTASKS]
        for first in range(0, len(view.subtasks), _MOST_SUBTASKS)
    ] or [()]
    page = min(max(page, 0), len(spread) - 1)
    task = [text.section(text.span("Task", bold=True)), text.quote(text.block(view.task, 1000))]
    blocks = [paragraph(_totals(view)), text.rich_text(*task), divider()]
    for subtask in spread[page]:
        blocks.append(text.rich_text(*_short(subtask)))
        blocks.append(actions(_open(view, subtask)))
    blocks += _turning(view, None, page, len(spread))
    return _view(f"Details of {view.name}", blocks)


def _totals(view: RunView) -> str:
    state = words.run_state(view.status, view.gaps)
    parts = [f"{words.run_mark(view.status, view.gaps)} *{state}*"]
    if view.subtasks and any(subtask.status for subtask in view.subtasks):
        parts.append(words.done(view))
    if (began := words.began(view)) is not None:
        parts.append(f"started {text.date(began)}")
    if took := words.took(view):
        parts.append(f"took {took}")
    parts += [f"{view.tokens:,} tokens", words.cost(view)]
    if view.models:
        parts.append(", ".join(text.escape(text.line(model, 60)) for model in view.models[:8]))
    return " · ".join([*parts, f"asked by {text.mention(view.requester)}"])


def _short(subtask: SubtaskView) -> Iterator[text.Part]:
    title = f"{words.mark(subtask)} {subtask.number}. {text.line(subtask.title, 150)}\n"
    yield text.section(text.span(title, bold=True), text.span(_facts(subtask), italic=True))
    if subtask.error and subtask.status is not SubtaskStatus.SUCCEEDED:
        yield text.section(text.span("What went wrong", bold=True))
        yield text.quote(text.block(subtask.error, _BEGINNING))
    if subtask.output:
        yield text.section(text.span("Result", bold=True))
        yield from rich.parts_of(text.block(subtask.output, _BEGINNING))


def _facts(subtask: SubtaskView) -> str:
    facts = [words.state(subtask), text.line(subtask.role, 60)]
    if subtask.tries:
        facts.append(plural(subtask.tries, "attempt"))
    if subtask.seconds is not None:
        facts.append(text.duration(subtask.seconds))
    if subtask.after:
        facts.append(f"after {text.numbers(subtask.after)}")
    return " · ".join(facts)


def _open(view: RunView, subtask: SubtaskView) -> Element:
    value = ids.of_detail(view.id, subtask.number)
    return button(f"Everything about {subtask.number}", ids.DETAILS_SUBTASK, value)


# --- a subtask -----------------------------------------------------------------------------


def subtask(view: RunView, shown: SubtaskView, history: SubtaskHistory, page: int = 0) -> View:
    """What a subtask was given, what it brought, each attempt at it and each use of a tool."""
    spread = _pages([*_whole(shown, history)])
    page = min(max(page, 0), len(spread) - 1)
    title = f"{words.mark(shown)} {shown.number}. {text.line(shown.title, 150)}\n"
    head = [text.span(title, bold=True), text.span(_facts(shown), italic=True)]
    blocks: list[Block] = [text.rich_text(text.section(*head))]
    if shown.status in _REDOABLE and view.status in _AT_WORK:
        redo = button("Redo with feedback", ids.REDO, ids.of_subtask(view.id, shown.number))
        blocks.append(actions(redo))
    blocks += spread[page]
    blocks += _turning(view, shown.number, page, len(spread))
    return _view(f"Subtask {shown.number} of {view.name}", blocks)


def arguments(tool: ToolAsk) -> View:
    """With what a worker wants to use a tool: all of it, or it is said that it is not all."""
    blocks: list[Block] = [header(text.line(tool.name, 150))]
    blocks += map(text.rich_text, _preformatted(tool.arguments[:_MOST_ARGUMENTS]))
    if len(tool.arguments) > _MOST_ARGUMENTS:
        blocks.append(context(f"✂️ Of {len(tool.arguments):,} characters, which is all that fits."))
    return _view("Arguments", blocks)


def _whole(shown: SubtaskView, history: SubtaskHistory) -> Iterator[Block]:
    yield from _long("Instructions", shown.instructions)
    if history.output:
        yield header("Result")
        yield from rich.blocks(text.block(history.output, _MOST_TEXT))
    if history.attempts:
        yield header("Attempts")
        for number, attempt in enumerate(history.attempts, start=1):
            yield text.rich_text(*_attempt(number, attempt))
            for call in history.calls:
                if call.attempt_id == attempt.id:
                    yield from _call(call)
    if history.given:
        yield from _long("What it was given", history.given)


def _attempt(number: int, attempt: AttemptView) -> Iterator[text.Part]:
    mark, said = _OUTCOMES[attempt.outcome] if attempt.outcome else ("🔵", "running")
    facts = []
    if attempt.model:
        facts.append(text.line(attempt.model, 60))
    if attempt.seconds is not None:
        facts.append(text.duration(attempt.seconds))
    if attempt.tokens:
        facts += [f"{attempt.tokens:,} tokens", text.money(attempt.cost_usd)]
    yield text.section(
        text.span(f"{mark} {number}. {said}", bold=True),
        text.span(f"\n{' · '.join(facts)}" if facts else " "),
    )
    if attempt.error:
        yield text.quote(text.block(attempt.error, 1000))


def _call(call: ToolCallView) -> Iterator[Block]:
    """A use of a tool, with its arguments as they were."""
    said = "🔧 " + text.line(call.name, 80)
    if (state := _CALLS.get(call.status)) is not None:
        said += f" · {state}"
    elif call.is_error:
        said += " · failed"
    parts = [text.section(text.span(said, bold=True))]
    if call.decided_by:
        parts.append(text.section(text.span("Decided by "), text.user(call.decided_by)))
    parts += _preformatted(call.arguments[:_MOST_OF_A_CALL])
    yield text.rich_text(*parts)
    if call.output:
        yield text.rich_text(*_preformatted(text.block(call.output, _MOST_OF_A_CALL)))


def _long(title: str, content: str) -> Iterator[Block]:
    """A text that may be long, whole, in blocks of which each is short enough."""
    yield header(title)
    for part in text.pieces(text.block(content, _MOST_TEXT), _MOST_PART):
        yield text.rich_text(text.section(text.span(part)))


def _preformatted(content: str) -> list[text.Part]:
    return [text.preformatted(part) for part in text.pieces(content, _MOST_PART)]


def _pages(blocks: Sequence[Block]) -> list[list[Block]]:
    pages: list[list[Block]] = [[]]
    used = 0
    for block in blocks:
        size = len(json.dumps(block))
        if pages[-1] and (len(pages[-1]) == _MOST_BLOCKS or used + size > _MOST_BYTES):
            pages.append([])
            used = 0
        pages[-1].append(block)
        used += size
    return pages


# --- what they share -----------------------------------------------------------------------


def _turning(view: RunView, subtask_: int | None, page: int, count: int) -> list[Block]:
    if count == 1:
        return []
    buttons = []
    if page > 0:
        value = ids.of_detail(view.id, subtask_, page - 1)
        buttons.append(button("Previous page", ids.DETAILS_PREVIOUS, value))
    if page < count - 1:
        value = ids.of_detail(view.id, subtask_, page + 1)
        buttons.append(button("Next page", ids.DETAILS_NEXT, value))
    return [divider(), context(f"Page {page + 1} of {count}"), actions(*buttons)]


def _view(title: str, blocks: Sequence[Block]) -> View:
    return {
        "type": "modal",
        "title": plain(text.line(title, 24)),
        "close": plain("Close"),
        "blocks": list(blocks),
    }
