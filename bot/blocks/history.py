"""Past runs, as `/runs` lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.blocks import ids, status, text, words
from bot.blocks.elements import Element, actions, button, context, header, link_button, paragraph
from bot.blocks.payload import Block, Payload
from bot.view import RunRow, RunView
from orchestrator.history import Page
from orchestrator.store.tables import RunStatus
from orchestrator.text import plural

# 50 blocks are a message: a heading, buttons, and one for each run.
MOST_ROWS = 40

_COMMANDS = (
    "• `/runs` your runs, `/runs all` everybody's that you can see\n"
    "• `/runs running`, `/runs failed`, `/runs dead` by state, with `mine` only your own\n"
    "• `/runs #channel` of a channel, `/runs @somebody` of a person\n"
    "• `/runs any words` by what was asked, as whole words or their beginnings\n"
    "• Combine them: `/runs failed #research database`\n"
    "• `/runs show R-7F3K`, `/runs stop R-7F3K`, `/runs retry R-7F3K` for one run"
)


def runs(
    rows: Sequence[RunRow],
    *,
    title: str,
    page: Page,
    query: str,
    links: Mapping[str, str] | None = None,
) -> Payload:
    """A page of runs. `links` has the address of a run's thread by the run's id."""
    heading = text.line(title, 140)
    if not rows:
        return _none(heading, query)
    shown = rows[:MOST_ROWS]
    blocks = [header(heading), *(row(item, links) for item in shown)]
    buttons = _buttons(page, query)
    if buttons:
        blocks.append(actions(*buttons))
    return Payload(blocks, f"{text.escape(heading)}: {plural(len(shown), 'run')}.")


def row(item: RunRow, links: Mapping[str, str] | None = None) -> Block:
    """A run in a list, with a button to its details."""
    return paragraph(_said(item, links or {}, "somebody"), _details(item))


def waiting_row(item: RunRow, links: Mapping[str, str], needs: str) -> list[Block]:
    """A run that waits for a person to do what it needs, with a button to its thread."""
    url = links.get(item.id)
    leads = [link_button("Open thread", ids.OPEN_THREAD, url)] if url else []
    return [paragraph(_said(item, links, needs)), actions(*leads, _details(item))]


def _details(item: RunRow) -> Element:
    return button("Details", ids.DETAILS, item.id)


def _said(item: RunRow, links: Mapping[str, str], needs: str) -> str:
    name = text.linked(links.get(item.id), f"*{item.name}*")
    parts = [f"{_mark(item)} {name}", words.run_state(item.status, item.gaps)]
    if item.subtasks:
        parts.append(f"{item.done} of {item.subtasks} done")
    if item.open_requests and item.status.is_live and item.status is not RunStatus.PROPOSED:
        parts.append(f"✋ needs {needs}")
    parts += [text.date(item.created_at), words.cost(item)]
    if item.channel and item.channel.startswith("C"):
        parts.append(f"<#{text.escape(item.channel)}>")
    return f"{' · '.join(parts)}\n{text.escape(text.line(item.task, 150))}"


def one(view: RunView) -> Payload:
    """A single run as it stands, for `/runs show`."""
    return status.status(view, native=False)


def usage() -> Payload:
    """How to use `/runs`."""
    return Payload([paragraph(_COMMANDS)], "/runs lists your runs; /runs all lists everybody's.")


def _mark(item: RunRow) -> str:
    return words.run_mark(item.status, item.gaps)


def _none(heading: str, query: str) -> Payload:
    said = "No run matches that."
    if not query.strip():
        said = "You have no runs yet. Mention me with a task, or type `/orchestrate` and the task."
    return Payload([header(heading), paragraph(said), context(_COMMANDS)], said)


def _buttons(page: Page, query: str) -> list[Element]:
    buttons = []
    if page.newer is not None:
        buttons.append(button("Previous", ids.RUNS_PREVIOUS, ids.of_list(page.newer, query)))
    if page.older is not None:
        buttons.append(button("Next", ids.RUNS_NEXT, ids.of_list(page.older, query)))
    return buttons
