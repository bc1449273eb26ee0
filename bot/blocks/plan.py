"""The plan as it waits for approval, readable as a whole without a click."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from bot.blocks import ids, text
from bot.blocks.elements import actions, button, confirm, context, paragraph
from bot.blocks.payload import Block, Payload, fitting
from bot.blocks.stages import stages
from bot.view import RevisionView, RunView, SubtaskView
from orchestrator.plan import DEFAULT_PRIORITY, Pattern
from orchestrator.store.tables import RevisionSource, RunStatus
from orchestrator.text import plural

_PATTERNS = {
    Pattern.LINEAR: "one after the other",
    Pattern.FAN_OUT: "all at the same time",
    Pattern.STAGED: "in stages, with a look at the results after each",
    Pattern.DYNAMIC: "may be adjusted as results come in",
}
_BY_HAND = {RevisionSource.EDIT: "Edited", RevisionSource.BREAKDOWN: "Written"}


@dataclass(frozen=True, slots=True)
class _Extent:
    """How much is shown: characters of titles, goal and repairs, and numbers of both."""

    title: int
    goal: int
    subtasks: int
    repair: int
    repairs: int


_EXTENTS = (
    _Extent(title=150, goal=600, subtasks=500, repair=300, repairs=8),
    _Extent(title=150, goal=300, subtasks=500, repair=160, repairs=4),
    _Extent(title=100, goal=200, subtasks=500, repair=120, repairs=3),
    _Extent(title=70, goal=200, subtasks=500, repair=100, repairs=2),
    _Extent(title=50, goal=150, subtasks=60, repair=80, repairs=2),
    _Extent(title=50, goal=150, subtasks=30, repair=80, repairs=2),
    _Extent(title=40, goal=100, subtasks=15, repair=60, repairs=1),
)


def proposal(view: RunView) -> Payload:
    """The plan with the buttons to decide on it; mentions the requester."""
    return fitting(partial(_proposal, view, extent) for extent in _EXTENTS)


def replaced(view: RunView, revision: int) -> Payload:
    """What stands where revision `revision` was proposed, once it is no longer the plan."""
    name = f"*{view.name}*"
    if view.revision > revision:
        said = f"This plan of {name} was replaced by revision {view.revision}"
    elif view.status is RunStatus.PLANNING:
        said = f"This plan of {name} is being replaced: re-planning"
    else:
        said = f"This plan of {name} is no longer up for approval"
    return Payload([context(f"🗂️ {said}.")], f"{said.replace('*', '')}.")


def _proposal(view: RunView, extent: _Extent) -> Payload:
    again = f", revision {view.revision}" if view.revision > 1 else ""
    count = plural(len(view.subtasks), "subtask")
    blocks: list[Block] = [
        paragraph(
            f"{text.mention(view.requester)} Here is the plan for *{view.name}*{again}. "
            "Nothing runs until you approve it."
        ),
        _plan(view, extent),
    ]
    blocks += _repairs(_current(view), extent)
    if view.missing:
        blocks.append(context(f"🧵 {view.missing}"))
    blocks.append(context(_estimates(view)))
    blocks.append(_buttons(view))
    return Payload(blocks, f"The plan of {view.name}{again} is ready: {count}. Please approve it.")


def _current(view: RunView) -> RevisionView | None:
    return next((r for r in view.revisions if r.number == view.revision), None)


def _plan(view: RunView, extent: _Extent) -> Block:
    goal = [text.span("Goal: ", bold=True), text.span(text.line(view.goal, extent.goal))]
    lines = _staged(view, extent) if view.pattern is Pattern.STAGED else _flat(view, extent)
    spans = [*_origin(_current(view)), *goal, text.span("\n"), *lines]
    if (hidden := len(view.subtasks) - extent.subtasks) > 0:
        spans.append(text.span(f"\n…and {hidden} more: see Instructions.", italic=True))
    return text.rich_text(text.section(*spans))


def _origin(revision: RevisionView | None) -> list[text.Span]:
    """Where this revision comes from, if there is something to say about it."""
    if revision is None:
        return []
    if revision.source in _BY_HAND and revision.author:
        done = _BY_HAND[revision.source]
        return [text.span(f"{done} by "), text.user(revision.author), text.span("\n")]
    if not revision.feedback:
        return []
    feedback = text.line(revision.feedback, 200)
    return [text.span("Your feedback: ", bold=True), text.span(f"{feedback}\n")]


def _flat(view: RunView, extent: _Extent) -> Iterator[text.Span]:
    for subtask in view.subtasks[: extent.subtasks]:
        yield from _line(subtask, extent)


def _staged(view: RunView, extent: _Extent) -> Iterator[text.Span]:
    left = extent.subtasks
    for stage, subtasks in stages(view.subtasks):
        if left <= 0:
            return
        yield text.span(f"\nStage {stage}", italic=True)
        for subtask in subtasks[:left]:
            yield from _line(subtask, extent)
        left -= len(subtasks)


def _line(subtask: SubtaskView, extent: _Extent) -> Sequence[text.Span]:
    notes = [text.line(subtask.role, 40)]
    if subtask.after:
        notes.append(f"after {text.numbers(subtask.after, 6)}")
    if subtask.priority != DEFAULT_PRIORITY:
        notes.append(f"priority {subtask.priority}")
    title = text.line(subtask.title, extent.title)
    # Bold costs more bytes than many titles: large plans go without.
    if extent.title < _EXTENTS[0].title:
        return [text.span(f"\n{subtask.number}. {title} · {' · '.join(notes)}")]
    return [
        text.span(f"\n{subtask.number}. "),
        text.span(title, bold=True),
        text.span(f" · {' · '.join(notes)}"),
    ]


def _repairs(revision: RevisionView | None, extent: _Extent) -> list[Block]:
    if revision is None or not revision.repairs:
        return []
    shown = [text.line(repair, extent.repair) for repair in revision.repairs[: extent.repairs]]
    if hidden := len(revision.repairs) - len(shown):
        shown.append(f"…and {hidden} more: see Instructions.")
    heading = text.section(text.span("🔧 I put this right in the plan:"))
    return [text.rich_text(heading, text.bullets(shown))]


def _estimates(view: RunView) -> str:
    cost = text.money(view.expected_usd)
    parts = [
        plural(len(view.subtasks), "subtask"),
        f"about {text.duration(view.expected_s)}",
        cost if view.expected_usd is None else f"about {cost}",
    ]
    if pattern := _PATTERNS.get(view.pattern):
        parts.append(pattern)
    return " · ".join(parts)


def _buttons(view: RunView) -> Block:
    value = ids.of_revision(view.id, view.revision)
    sure = confirm(f"Reject the plan of {view.name}?", "Nothing will be run.", "Reject", "Keep it")
    return actions(
        button("Approve", ids.APPROVE, value, style="primary"),
        button("Edit", ids.EDIT, value),
        button("Re-plan", ids.REPLAN, value),
        button("Reject", ids.REJECT, value, style="danger", confirm=sure),
        button("Instructions", ids.INSTRUCTIONS, value),
    )
