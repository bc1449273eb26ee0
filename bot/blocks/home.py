"""The Home tab: what waits for a person, what runs, what failed, what was, what is to come."""

from __future__ import annotations

from collections.abc import Sequence

from bot.blocks import ids, schedules, text
from bot.blocks.elements import button, context, divider, header, paragraph
from bot.blocks.history import row, waiting_row
from bot.blocks.payload import Block
from bot.home import SHOWN, HomeView, Letter, Spending
from bot.view import RunRow

# 100 blocks are a Home tab; each schedule takes two.
_MOST_SCHEDULES = 10


def home(view: HomeView) -> list[Block]:
    """The blocks of the Home tab."""
    blocks = [header("Orchestrator"), context(_HOW)]
    if view.offline:
        blocks.append(context("🔌 Offline: answers are samples, made without a model."))
    if view.spending is not None:
        blocks.append(context(_spent(view.spending)))
    if not (view.waiting or view.running or view.recent or view.schedules):
        return [*blocks, divider(), paragraph(_EMPTY)]
    blocks += _part("✋ Waiting for you", [_waiting(view, item) for item in view.waiting])
    blocks += _part("🔵 Running", [[row(item, view.links)] for item in view.running])
    if view.letters:
        blocks += _part("❌ Dead letters", [[_letter(view, letter)] for letter in view.letters])
    blocks += _part("🗂️ Recent", [[row(item, view.links)] for item in view.recent])
    return [*blocks, *_schedules(view)]


_HOW = (
    "Mention me in a channel with a task, write to me in *Messages*, or type `/orchestrate` and "
    "the task. `/runs` finds past runs, `/schedules` makes tasks begin by themselves."
)
_EMPTY = (
    "*Nothing here yet.*\nTell me what you need, for example: “Compare three job queues for "
    "Python and recommend one.” I'll show you a plan, and start when you approve it."
)
_NONE = {
    "✋ Waiting for you": "Nothing waits for you.",
    "🔵 Running": "Nothing is running. Mention me with a task to change that.",
    "🗂️ Recent": "Nothing is finished yet.",
}


def _part(title: str, items: Sequence[list[Block]]) -> list[Block]:
    shown = [block for item in items[:SHOWN] for block in item] or [context(_NONE[title])]
    if len(items) > SHOWN:
        shown.append(context("…and more: type `/runs`."))
    return [divider(), header(title), *shown]


def _waiting(view: HomeView, item: RunRow) -> list[Block]:
    return waiting_row(item, view.links, view.reader)


def _letter(view: HomeView, letter: Letter) -> Block:
    name = text.linked(view.links.get(letter.run.id), letter.run.name)
    what = "the answer" if letter.subtask is None else f"subtask {letter.subtask}"
    title = f": {text.escape(text.line(letter.title, 100))}" if letter.title else ""
    reason = text.escape(text.line(letter.reason, 150))
    details = button("Details", ids.DETAILS, letter.run.id)
    return paragraph(f"❌ *{name}* · {what}{title}\n{reason}", details)


def _schedules(view: HomeView) -> list[Block]:
    shown = schedules.rows(view.schedules[:_MOST_SCHEDULES])
    if not shown:
        shown = [context("You have no schedules. `/schedules help` says how to make one.")]
    if len(view.schedules) > _MOST_SCHEDULES:
        shown.append(context("…and more: type `/schedules`."))
    return [divider(), header("🗓️ Schedules"), *shown]


def _spent(spending: Spending) -> str:
    spent = text.money(spending.usd)
    if spending.limit is None:
        return f"💰 Spent in this workspace today (UTC): {spent}. There is no daily limit."
    return f"💰 Spent in this workspace today (UTC): {spent} of {text.money(spending.limit)}."
