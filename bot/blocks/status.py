"""A run's live status: where it stands, each subtask, and cards with the details."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from bot.blocks import ids, note, text, words
from bot.blocks.elements import actions, button, paragraph
from bot.blocks.payload import Block, Payload, fitting
from bot.blocks.stages import stages
from bot.view import RunView, SubtaskView
from orchestrator.store.tables import RunStatus, SubtaskStatus
from orchestrator.text import plural

_FLAT = 20
_MOST_CARDS = 50

_CARD = {
    SubtaskStatus.RUNNING: "in_progress",
    SubtaskStatus.PAUSED: "in_progress",
    SubtaskStatus.SUCCEEDED: "complete",
    SubtaskStatus.DEAD: "error",
    SubtaskStatus.SKIPPED: "error",
}


@dataclass(frozen=True, slots=True)
class _Extent:
    """How much is shown, in characters; and how many lines and cards at most.

    `brief` leaves remarks out and gives a finished stage a single line.
    """

    title: int = 150
    instructions: int = 0
    output: int = 0
    card_title: int = 150
    cards: int = _MOST_CARDS
    lines: int = 1_000
    brief: bool = False


# Instructions go first, then outputs, then the length of titles.
_EXTENTS = (
    _Extent(instructions=500, output=600),
    _Extent(instructions=200, output=600),
    _Extent(instructions=100, output=400),
    _Extent(output=300),
    _Extent(output=150, title=100, card_title=100),
    _Extent(output=80, title=80, card_title=60),
    _Extent(title=80, card_title=60),
    _Extent(title=60, card_title=30, brief=True),
    _Extent(title=40, card_title=20, brief=True),
    _Extent(title=40, card_title=20, brief=True, cards=25),
    _Extent(title=30, card_title=20, brief=True, cards=12),
    _Extent(title=30, card_title=20, brief=True, cards=6, lines=15),
)


def status(view: RunView, *, native: bool = True) -> Payload:
    """Where the run stands; without `native`, for workspaces that refuse the plan block."""
    return fitting(partial(_status, view, extent, native=native) for extent in _EXTENTS)


def _status(view: RunView, extent: _Extent, *, native: bool) -> Payload:
    blocks = [paragraph(_headline(view))]
    if view.goal or view.subtasks:
        blocks.append(_checklist(view, extent))
    if native and (cards := _cards(view, extent)):
        blocks.append(
            {
                "type": "plan",
                "block_id": f"plan-{view.name}",
                "title": f"Subtasks and results: {words.done(view)}",
                "tasks": cards,
            }
        )
    blocks.append(_buttons(view))
    return Payload(blocks, note.progress_of(view))


# --- the headline --------------------------------------------------------------------------


def _headline(view: RunView) -> str:
    state = words.run_state(view.status, view.gaps)
    parts = [f"{words.run_mark(view.status, view.gaps)} *{view.name}* · *{state}*{_by(view)}"]
    parts += _counts(view)
    if view.status.is_live:
        if (began := words.began(view)) is not None:
            parts.append(f"started {text.date(began)}")
        parts.append(f"{words.cost(view)} so far" if view.cost_known else "price unknown")
    else:
        if took := words.took(view):
            parts.append(f"took {took}")
        parts.append(words.cost(view))
    headline = " · ".join(parts)
    needed = words.attention(view) if view.status.is_live else None
    if needed:
        return f"{headline}\n✋ *Needs somebody:* {needed} (see below in the thread)."
    return headline


def _by(view: RunView) -> str:
    if view.status is RunStatus.EXPIRED:
        return ", nobody approved it in time"
    by = f" by {text.mention(view.ended_by)}" if view.ended_by else ""
    return f"{by}, nothing was run" if view.status is RunStatus.REJECTED else by


def _counts(view: RunView) -> list[str]:
    if not view.subtasks or view.status in (RunStatus.REJECTED, RunStatus.EXPIRED):
        return []
    counts = [
        (SubtaskStatus.DEAD, "failed"),
        (SubtaskStatus.SKIPPED, "skipped"),
    ]
    numbers = [(words.count(view, status_), word) for status_, word in counts]
    return [words.done(view), *(f"{number} {word}" for number, word in numbers if number)]


def _buttons(view: RunView) -> Block:
    details = button("Details", ids.DETAILS, view.id)
    return actions(note.stop_button(view), details) if view.status.is_live else actions(details)


# --- the checklist -------------------------------------------------------------------------


def _checklist(view: RunView, extent: _Extent) -> Block:
    goal = text.span(text.line(view.goal, min(extent.title, 150)), italic=True)
    lines = "".join(f"\n{line}" for line in _lines(view, extent))
    return text.rich_text(text.section(goal, *([text.span(lines)] if lines else [])))


def _lines(view: RunView, extent: _Extent) -> Iterator[str]:
    subtasks = view.subtasks
    if len(subtasks) > max(_FLAT, extent.lines):
        yield from _most_important(subtasks, extent)
        return
    by_stage = stages(subtasks) if len(subtasks) > _FLAT else []
    # Headings of single subtasks say nothing: a long chain goes without.
    if not by_stage or len(by_stage) > len(subtasks) // 2:
        yield from (_line(subtask, extent) for subtask in subtasks)
        return
    for stage, members in by_stage:
        finished = sum(s.status is SubtaskStatus.SUCCEEDED for s in members)
        yield f"▸ Stage {stage} · {finished} of {len(members)} done"
        if not (extent.brief and all(words.is_finished(s) for s in members)):
            yield from (_line(subtask, extent) for subtask in members)


def _most_important(subtasks: Sequence[SubtaskView], extent: _Extent) -> Iterator[str]:
    """What is going on or needs somebody; the others by number."""
    active = [s for s in subtasks if words.is_active(s)][: extent.lines]
    yield from (_line(subtask, extent) for subtask in active)
    yield f"…and {plural(len(subtasks) - len(active), 'other subtask')}: see Details."


def _line(subtask: SubtaskView, extent: _Extent) -> str:
    title = text.line(subtask.title, extent.title)
    said = f"{words.mark(subtask)} {subtask.number}. {title}"
    remark = "" if extent.brief else _remark(subtask)
    return f"{said} · {remark}" if remark else said


def _remark(subtask: SubtaskView) -> str:
    match subtask.status:
        case SubtaskStatus.SUCCEEDED:
            return "" if subtask.seconds is None else text.duration(subtask.seconds)
        case SubtaskStatus.RUNNING:
            return f"attempt {subtask.tries + 1}" if subtask.tries else ""
        case SubtaskStatus.WAITING:
            return f"after {text.numbers(subtask.after, 4)}" if subtask.after else ""
        case SubtaskStatus.DEAD if subtask.tries:
            return f"{words.state(subtask)} after {plural(subtask.tries, 'attempt')}"
        case SubtaskStatus.READY | None:
            return ""
    return words.state(subtask)


# --- the cards -----------------------------------------------------------------------------


def _cards(view: RunView, extent: _Extent) -> list[Block]:
    shown = list(view.subtasks)
    most = min(extent.cards, _MOST_CARDS)
    if len(shown) > most:
        open_ = [s for s in shown if s.status is not SubtaskStatus.SUCCEEDED]
        shown = sorted(open_, key=lambda s: not words.is_active(s))[:most]
        shown.sort(key=lambda s: s.number)
    return [_card(subtask, extent) for subtask in shown]


def _card(subtask: SubtaskView, extent: _Extent) -> Block:
    title = f"{subtask.number}. {text.line(subtask.title, extent.card_title)}"
    if not extent.brief and subtask.status in (SubtaskStatus.SKIPPED, SubtaskStatus.CANCELLED):
        title = f"{title} ({words.state(subtask)})"
    card: Block = {
        "type": "task_card",
        "task_id": f"s{subtask.number}",
        "title": title,
        "status": _CARD.get(subtask.status, "pending") if subtask.status else "pending",
    }
    if extent.instructions:
        card["details"] = _details(subtask, extent)
    if extent.output and (output := _output(subtask, extent)):
        card["output"] = output
    return card


def _details(subtask: SubtaskView, extent: _Extent) -> Block:
    role = text.line(subtask.role, 40)
    tried = f" · tried {plural(subtask.tries, 'time')}" if subtask.tries > 1 else ""
    instructions = text.block(subtask.instructions, extent.instructions)
    return text.rich_text(text.section(text.span(f"{role}{tried}\n{instructions}")))


def _output(subtask: SubtaskView, extent: _Extent) -> Block | None:
    shown = subtask.output or subtask.error
    if not shown:
        return None
    return text.rich_text(text.section(text.span(text.block(shown, extent.output))))
