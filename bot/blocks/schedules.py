"""Schedules, as `/schedules` and the Home tab list them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.blocks import ids, text
from bot.blocks.elements import actions, button, confirm, context, header, paragraph
from bot.blocks.payload import Block, Payload
from bot.schedules import ScheduleView
from orchestrator.schedules import EXAMPLE
from orchestrator.text import plural

# Two blocks each, and 50 are a message. Of so many a message only has room for the essence.
MOST = 20
_MANY = 8

_EXAMPLE = f'`/schedules add "{EXAMPLE}" Summarise what is new about our competitors`'
_COMMANDS = (
    "• `/schedules` your schedules, with buttons to pause and remove them\n"
    f"• {_EXAMPLE} begins that task in this channel, every weekday at nine your time\n"
    "• The five parts are minute, hour, day of the month, month and day of the week: "
    '`"30 7 * * mon"` is Monday at 07:30, `"0 9 1 * *"` the first of each month at 09:00\n'
    "• `/schedules pause S-4KQ2`, `resume S-4KQ2`, `remove S-4KQ2` for one of them"
)


def schedules(views: Sequence[ScheduleView]) -> Payload:
    """The schedules of a person."""
    if not views:
        said = "You have no schedules yet."
        return Payload([header("Your schedules"), paragraph(said), context(_COMMANDS)], said)
    blocks = [header("Your schedules"), *rows(views)]
    if (hidden := len(views) - MOST) > 0:
        blocks.append(context(f"…and {hidden} more."))
    return Payload(blocks, f"You have {plural(len(views), 'schedule')}.")


def added(view: ScheduleView) -> Payload:
    """What was understood of a schedule that was just made."""
    said = f"{view.name} is made: it is due {view.words}."
    return Payload(
        [paragraph("✅ I will begin this here by myself:"), *rows([view])], text.escape(said)
    )


def rows(views: Iterable[ScheduleView]) -> list[Block]:
    """Each schedule with its buttons; the briefer, the more there are."""
    shown = list(views)[:MOST]
    is_brief = len(shown) > _MANY
    return [block for view in shown for block in _row(view, is_brief=is_brief)]


def _row(view: ScheduleView, *, is_brief: bool = False) -> list[Block]:
    words = text.line(view.words, 100 if is_brief else 300)
    when = text.escape(f"{words} ({view.timezone})")
    mark = "⏸️" if view.is_paused else "🗓️"
    lines = [
        f"{mark} *{view.name}* · {when}{_where(view.channel)}",
        text.escape(text.line(view.task, 60 if is_brief else 200)),
        _next(view, 1 if is_brief else len(view.times)),
    ]
    switch = button("Pause", ids.PAUSE_SCHEDULE, view.name)
    if view.is_paused:
        switch = button("Resume", ids.RESUME_SCHEDULE, view.name)
    asks = confirm(f"Remove {view.name}?", "The runs it began stay.", "Remove", "Keep it")
    remove = button("Remove", ids.REMOVE_SCHEDULE, view.name, style="danger", confirm=asks)
    return [paragraph("\n".join(lines)), actions(switch, remove)]


def _where(channel: str) -> str:
    return f" · <#{text.escape(channel)}>" if channel.startswith("C") else ""


def _next(view: ScheduleView, times: int) -> str:
    if view.is_paused:
        return f"Paused: {text.escape(_trouble(view))}" if view.trouble else "Paused."
    if not view.times:
        return "Not due any more."
    return f"Next: {', '.join(map(text.date, view.times[:times]))}"


def _trouble(view: ScheduleView) -> str:
    return text.line(view.trouble, 150)


def usage(sentence: str = "") -> Payload:
    """How to use `/schedules`, after what was wrong with what was typed."""
    blocks = [paragraph(_COMMANDS)]
    if sentence:
        blocks.insert(0, text.rich_text(text.section(*text.spans(sentence))))
    said = "/schedules lists your schedules; /schedules help says how to make one."
    return Payload(blocks, f"{text.escape(sentence)} {said}".strip())


def stopped(view: ScheduleView) -> Payload:
    """The message to its maker that a schedule cannot go on."""
    said = f"I have paused your schedule {view.name}: {_trouble(view)}"
    blocks = [
        paragraph(f"⏸️ I have paused your schedule *{view.name}*."),
        *_row(view),
        context("Resume lets it go on when that is put right; what it missed is not made up for."),
    ]
    return Payload(blocks, text.escape(said))
