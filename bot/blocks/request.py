"""What a run needs from a person: a reply in the thread with the buttons to answer it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from bot.blocks import ids, note, text, words
from bot.blocks.elements import Element, actions, button, context, paragraph
from bot.blocks.payload import Block, Payload, fitting
from bot.view import RequestView, RunView, SubtaskView, ToolAsk
from orchestrator.store.tables import Outcome, RequestKind, RequestStatus
from orchestrator.text import plural

_NEEDS = {
    RequestKind.BUDGET: "{name} has come to the end of its budget",
    RequestKind.ACCOUNT: "{name} is paused, because the model's account does not answer it",
    RequestKind.PLAN_CHANGE: "{name} would change its plan after looking at the results",
}
_BEFORE_USE = "Only this one use is decided on; the subtask goes on either way."
_CUT_OFF = "It had begun, so it may have been done or not: have a look before you run it again."
_HELP = (
    "*Retry* tries it again · *Edit and retry* lets you change its instructions first · "
    "*Skip* goes on without it, and the answer says so"
)


@dataclass(frozen=True, slots=True)
class _Extent:
    """How much is shown: characters of titles, of what is asked and of what went wrong.

    And how many dead letters.
    """

    title: int
    asked: int
    error: int
    letters: int


_EXTENTS = (
    _Extent(title=150, asked=2500, error=600, letters=12),
    _Extent(title=100, asked=1200, error=200, letters=12),
    _Extent(title=80, asked=500, error=0, letters=12),
    _Extent(title=60, asked=500, error=0, letters=8),
    _Extent(title=40, asked=300, error=0, letters=6),
)


def request(view: RunView, requests: Sequence[RequestView]) -> Payload:
    """The message of one request, or of several dead letters at once.

    It mentions the requester while something is open. Raises ValueError for no requests.
    """
    if not requests:
        raise ValueError("no requests")
    return fitting(partial(_request, view, requests, extent) for extent in _EXTENTS)


def _request(view: RunView, requests: Sequence[RequestView], extent: _Extent) -> Payload:
    first = requests[0]
    if len(requests) > 1:
        return _dead_letters(view, requests, extent)
    match first.kind:
        case RequestKind.DEAD_LETTER:
            return _dead_letter(view, first, extent)
        case RequestKind.QUESTION:
            return _question(view, first, extent)
        case RequestKind.BREAKDOWN:
            return _breakdown(view, first, extent)
        case RequestKind.TOOL if first.tool is not None:
            return _tool(view, first, first.tool, extent)
    return _other(view, first, extent)


# --- a dead letter -------------------------------------------------------------------------


def _dead_letter(view: RunView, letter: RequestView, extent: _Extent) -> Payload:
    if (number := letter.subtask) is None:
        return _lost_answer(view, letter, extent)
    what = f"Subtask {number} of {view.name} failed"
    blocks = [
        _opening(view, letter, f"❌ {_bold_name(what, view)} and needs you."),
        text.rich_text(*_story(letter, view.subtask(number), extent)),
    ]
    if not letter.is_open:
        return _closed(letter, blocks, what)
    if held := _held_up(view, number):
        blocks.append(context(f"Waiting for it: {held}. Everything else goes on."))
    blocks.append(actions(*_ways_out(view, letter), note.stop_button(view)))
    blocks.append(context(_HELP))
    return Payload(blocks, f"{what}: {words.why(letter.outcome)}. What now?")


def _lost_answer(view: RunView, letter: RequestView, extent: _Extent) -> Payload:
    what = f"The answer of {view.name} could not be written"
    blocks = [
        _opening(view, letter, f"❌ {_bold_name(what, view)}."),
        text.rich_text(*_story(letter, None, extent)),
    ]
    if not letter.is_open:
        return _closed(letter, blocks, what)
    blocks.append(context("The results of the subtasks are kept: see Details."))
    blocks.append(actions(*_ways_out(view, letter), note.stop_button(view), _details_button(view)))
    return Payload(blocks, f"{what}: {words.why(letter.outcome)}. Retry or stop?")


def _story(
    letter: RequestView, subtask: SubtaskView | None, extent: _Extent
) -> Iterator[text.Part]:
    """What failed, how often, why, and what was reported."""
    why = words.why(letter.outcome)
    spans = []
    if letter.subtask is not None:
        title = text.line(subtask.title if subtask else "", extent.title)
        spans.append(text.span(f"{letter.subtask}. {title}\n", bold=True))
    # An interrupted attempt does not count, so their number would be misleading.
    if letter.tries > 1 and letter.outcome is not Outcome.INTERRUPTED:
        spans.append(text.span(f"Tried {letter.tries} times. The last time, {why}."))
    else:
        spans.append(text.span(f"{why[0].upper()}{why[1:]}."))
    yield text.section(*spans)
    reported = letter.text.strip().rstrip(".")
    if reported and extent.error and reported.lower() != why:
        yield text.quote(text.block(letter.text, extent.error))


def _held_up(view: RunView, number: int) -> str:
    """The subtasks that cannot begin without this one."""
    waiting = sorted(view.resting_on(number))
    if not waiting:
        return ""
    return f"subtask{'s' if len(waiting) > 1 else ''} {text.numbers(waiting)}"


def _ways_out(view: RunView, letter: RequestView) -> list[Element]:
    value = ids.of_subtask(view.id, letter.subtask)
    retry = button("Retry", ids.RETRY, value, style="primary")
    if letter.subtask is None:
        return [retry]
    return [
        retry,
        button("Edit and retry", ids.EDIT_RETRY, value),
        button("Skip", ids.SKIP, value),
    ]


def _details_button(view: RunView) -> Element:
    return button("Details", ids.DETAILS, view.id)


# --- several dead letters ------------------------------------------------------------------


def _dead_letters(view: RunView, letters: Sequence[RequestView], extent: _Extent) -> Payload:
    open_ = [letter for letter in letters if letter.is_open]
    what = f"{plural(len(letters), 'dead letter')} in {view.name}"
    if all(letter.subtask is not None for letter in letters):
        what = f"{len(letters)} subtasks of {view.name} failed"
    opening = f"❌ {_bold_name(what, view)}"
    if open_:
        opening = f"{text.mention(view.requester)} {opening} and need you."
    # Those that still wait come first, for not all may fit.
    shown = sorted(letters, key=lambda letter: not letter.is_open)[: extent.letters]
    blocks = [paragraph(opening)]
    for letter in shown:
        blocks += _row(view, letter, extent)
    if hidden := len(letters) - len(shown):
        blocks.append(context(f"…and {hidden} more: see Details."))
    if not open_:
        return Payload(blocks, f"{what}; all have been dealt with.")
    blocks.append(
        actions(
            button("Retry all", ids.RETRY_ALL, view.id),
            button("Answer with what we have", ids.ANSWER_WITH_REST, view.id),
            note.stop_button(view),
            _details_button(view),
        )
    )
    return Payload(blocks, f"{what}; {len(open_)} still open. What now?")


def _row(view: RunView, letter: RequestView, extent: _Extent) -> Iterator[Block]:
    subtask = view.subtask(letter.subtask) if letter.subtask is not None else None
    yield text.rich_text(*_story(letter, subtask, extent))
    yield actions(*_ways_out(view, letter)) if letter.is_open else context(_what_became(letter))


# --- a question, a plan to write, anything else ----------------------------------------------


def _question(view: RunView, question: RequestView, extent: _Extent) -> Payload:
    subtask = view.subtask(question.subtask) if question.subtask is not None else None
    whose = f"Subtask {question.subtask}" if question.subtask is not None else "A worker"
    what = f"{whose} of {view.name} has a question"
    parts = [text.quote(text.block(question.text, extent.asked))]
    if subtask is not None:
        title = text.span(f"{subtask.number}. {text.line(subtask.title, extent.title)}", bold=True)
        parts.insert(0, text.section(title))
    blocks = [_opening(view, question, f"💬 {_bold_name(what, view)}."), text.rich_text(*parts)]
    if not question.is_open:
        return _closed(question, blocks, what)
    offered = _offered(question)
    label = "Another answer…" if offered else "Answer…"
    blocks.append(actions(*offered, button(label, ids.ANSWER_QUESTION, question.id)))
    blocks.append(context("It goes on as soon as you answer; what does not need it runs on."))
    return Payload(blocks, f"{what}: {text.escape(text.line(question.text, 200))}")


def _tool(view: RunView, request_: RequestView, tool: ToolAsk, extent: _Extent) -> Payload:
    """The exact arguments are shown, or behind a button where they are too long."""
    subtask = view.subtask(request_.subtask) if request_.subtask is not None else None
    name = text.line(tool.name, 80)
    what = f"Subtask {request_.subtask} of {view.name} {_wants(tool)}"
    parts = [
        text.section(text.span(name, bold=True)),
        text.preformatted(tool.arguments[: extent.asked]),
    ]
    if subtask is not None:
        title = text.span(f"{subtask.number}. {text.line(subtask.title, extent.title)}")
        parts.insert(0, text.section(title))
    blocks = [_opening(view, request_, f"🔧 {_bold_name(what, view)}."), text.rich_text(*parts)]
    is_cut = len(tool.arguments) > extent.asked
    whole = [button("All arguments", ids.ARGUMENTS, request_.id)] if is_cut else []
    if is_cut:
        blocks.append(context("✂️ Only the beginning is shown here: read all arguments first."))
    if not request_.is_open:
        if whole:
            blocks.append(actions(*whole))
        return _closed(request_, blocks, what)
    blocks.append(actions(*_offered(request_), *whole, note.stop_button(view)))
    blocks.append(context(_CUT_OFF if tool.is_cut_off else _BEFORE_USE))
    return Payload(blocks, f"{what}: {text.escape(name)}")


def _wants(tool: ToolAsk) -> str:
    return "was cut off while it used a tool" if tool.is_cut_off else "wants to use a tool"


def _breakdown(view: RunView, request_: RequestView, extent: _Extent) -> Payload:
    what = f"{view.name} could not be planned"
    sentence = f"🧩 I could not make a plan for *{view.name}*."
    if request_.is_open:
        sentence += " You can write the subtasks yourself, one a line; I'll do the rest."
    blocks = [_opening(view, request_, sentence)]
    if request_.text.strip():
        blocks.append(text.rich_text(text.quote(text.block(request_.text, extent.asked))))
    if not request_.is_open:
        return _closed(request_, blocks, what)
    write = button("Write the subtasks", ids.BREAKDOWN, request_.id, style="primary")
    blocks.append(actions(write, note.stop_button(view)))
    return Payload(blocks, f"{what}: please write the subtasks.")


def _other(view: RunView, request_: RequestView, extent: _Extent) -> Payload:
    what = _NEEDS.get(request_.kind, "{name} needs you").format(name=view.name)
    blocks = [
        _opening(view, request_, f"✋ {_bold_name(what, view)}."),
        text.rich_text(text.quote(text.block(request_.text, extent.asked))),
    ]
    if not request_.is_open:
        return _closed(request_, blocks, what)
    blocks.append(actions(*_offered(request_), note.stop_button(view), _details_button(view)))
    return Payload(blocks, f"{what}: {text.escape(text.line(request_.text, 200))}")


def _offered(request_: RequestView) -> list[Element]:
    return [
        button(
            text.line(option, 70),
            f"{ids.ANSWER_OPTION}{index}",
            ids.of_option(request_.id, index),
        )
        for index, option in enumerate(request_.options[: ids.MOST_OPTIONS])
    ]


# --- what they share -----------------------------------------------------------------------


def _bold_name(sentence: str, view: RunView) -> str:
    return sentence.replace(view.name, f"*{view.name}*", 1)


def _opening(view: RunView, request_: RequestView, sentence: str) -> Block:
    if not request_.is_open:
        return paragraph(sentence.replace(" and needs you.", "."))
    return paragraph(f"{text.mention(view.requester)} {sentence}")


def _closed(request_: RequestView, blocks: list[Block], what: str) -> Payload:
    """The message once nothing is left to do in it: who did what, no buttons."""
    blocks.append(context(_what_became(request_)))
    if request_.status is RequestStatus.ANSWERED and request_.kind is RequestKind.QUESTION:
        answer = text.block(request_.answer_text, 500)
        blocks.append(text.rich_text(text.quote(answer)))
    return Payload(blocks, f"{what}; that has been dealt with.")


def _what_became(request_: RequestView) -> str:
    if request_.status is not RequestStatus.ANSWERED or not request_.answered_by:
        return "No longer needed: the run has moved on."
    who = text.mention(request_.answered_by)
    if request_.kind is RequestKind.QUESTION:
        return f"💬 {who} answered:"
    if request_.kind is RequestKind.BREAKDOWN:
        return f"✅ {who} wrote the subtasks."
    return f"✅ {who} chose {text.escape(text.line(request_.answer or 'an answer', 60))}."
