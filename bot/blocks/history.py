"""Past runs, as `/runs` lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.blocks import ids, status, text, words
from bot.blocks.elements import Element, actions, button, context, header, paragraph
from bot.blocks.payload import Block, Payload
from bot.view import RunRow, RunView
from orchestrator.store.tables import RunStatus

# 50 blocks are a message: a heading, buttons, and one for each run.
MOST_ROWS = 40

_COMMANDS = (
    "• `/runs` your runs, `/runs all` everybody's that you can see\n"
    "• `/runs running`, `/runs failed`, `/runs dead` by state\n"
    "• `/runs #channel` of a channel, `/runs any words` by what was asked\n"
    "• `/runs show R-7F3K`, `/runs stop R-7F3K`, `/runs retry R-7F3K` for one run"
)


def runs(
    rows: Sequence[RunRow],
    *,
    title: str,
    offset: int,
    page_size: int,
    has_more: bool,
    query: str,
    links: Mapping[str, str] | None = None,
) -> Payload:
    """A page of runs. `links` has the address of a run's thread by the run's id."""
    heading = text.line(title, 140)
    if not rows:
        return _none(heading, query, offset, page_size)
    shown = rows[:MOST_ROWS]
    blocks = [header(heading), *(row(item, links) for item in shown)]
    buttons = _buttons(offset, page_size, query, has_more=has_more)
    if buttons:
        blocks.append(actions(*buttons))
    first, last = offset + 1, offset + len(shown)
    which = f"{first} to {last}" if last > first else f"{first}"
    return Payload(blocks, f"{text.escape(heading)}: {which}.")


def row(item: RunRow, links: Mapping[str, str] | None = None) -> Block:
    """A run in a list, with a button to its details."""
    name = text.linked((links or {}).get(item.id), f"*{item.name}*")
    parts = [f"{_mark(item)} {name}", words.run_state(item.status, item.gaps)]
    if item.subtasks:
        parts.append(f"{item.done} of {item.subtasks} done")
    if item.open_requests and item.status.is_live and item.status is not RunStatus.PROPOSED:
        parts.append("✋ needs somebody")
    parts += [text.date(item.created_at), words.cost(item)]
    if item.channel and item.channel.startswith("C"):
        parts.append(f"<#{text.escape(item.channel)}>")
    task = text.escape(text.line(item.task, 150))
    details = button("Details", ids.DETAILS, item.id)
    return paragraph(f"{' · '.join(parts)}\n{task}", details)


def one(view: RunView) -> Payload:
    """A single run as it stands, for `/runs show`."""
    return status.status(view, native=False)


def usage() -> Payload:
    """How to use `/runs`."""
    return Payload([paragraph(_COMMANDS)], "/runs lists your runs; /runs all lists everybody's.")


def _mark(item: RunRow) -> str:
    return words.run_mark(item.status, item.gaps)


def _none(heading: str, query: str, offset: int, page_size: int) -> Payload:
    if offset > 0:
        said = "There are no more runs."
    elif query.strip():
        said = "No run matches that."
    else:
        said = "You have no runs yet. Mention me with a task, or type `/orchestrate` and the task."
    blocks = [header(heading), paragraph(said), context(_COMMANDS)]
    if offset > 0:
        blocks.append(actions(*_buttons(offset, page_size, query, has_more=False)))
    return Payload(blocks, said)


def _buttons(offset: int, page_size: int, query: str, *, has_more: bool) -> list[Element]:
    buttons = []
    if offset > 0:
        before = ids.of_list(offset - page_size, query)
        buttons.append(button("Previous", ids.RUNS_PREVIOUS, before))
    if has_more:
        after = ids.of_list(offset + page_size, query)
        buttons.append(button("Next", ids.RUNS_NEXT, after))
    return buttons
