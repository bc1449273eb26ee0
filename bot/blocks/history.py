"""Past runs, as `/runs` lists them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches

from bot.blocks import ids, status, text, words
from bot.blocks.elements import Element, actions, button, context, header, link_button, paragraph
from bot.blocks.needs import needs
from bot.blocks.payload import Block, Payload
from bot.view import RunRow, RunView
from orchestrator.history import Page, Wanted
from orchestrator.store.tables import RunStatus
from orchestrator.text import listing, plural

# 50 blocks are a message: a heading, buttons, and one for each run.
MOST_ROWS = 40

_MOST_WORDS = 10
_OWN_WORDS = ("all", "mine", "running", "failed", "dead", "show", "stop", "retry", "help")

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
    wanted: Wanted,
    *,
    page: Page,
    query: str,
    links: Mapping[str, str] | None = None,
) -> Payload:
    """A page of the runs that are wanted. `links` has the addresses of threads by the run's id."""
    blocks = _heading(wanted)
    if not rows:
        return _none(blocks, wanted, query)
    shown, reader = rows[:MOST_ROWS], wanted.actor.user_id
    blocks += [row(item, links, reader) for item in shown]
    buttons = _buttons(page, query)
    if buttons:
        blocks.append(actions(*buttons))
    return Payload(blocks, f"{_title(wanted)}: {plural(len(shown), 'run')}.")


def row(item: RunRow, links: Mapping[str, str] | None = None, reader: str = "") -> Block:
    """A run in a list, with a button to its details; says whose it is where `reader` is not."""
    return paragraph(_said(item, links or {}, reader or item.requester), _details(item))


def waiting_row(item: RunRow, links: Mapping[str, str], reader: str = "") -> list[Block]:
    """A run that waits for a person to do what it needs, with a button to its thread."""
    url = links.get(item.id)
    leads = [link_button("Open thread", ids.OPEN_THREAD, url)] if url else []
    said = _said(item, links, reader or item.requester)
    return [paragraph(said), actions(*leads, _details(item))]


def _details(item: RunRow) -> Element:
    return button("Details", ids.DETAILS, item.id)


def _said(item: RunRow, links: Mapping[str, str], reader: str) -> str:
    # Slack does not look for formatting in what is written on a link.
    name = f"*{text.linked(links.get(item.id), item.name)}*"
    parts = [f"{_mark(item)} {name}", words.run_state(item.status, item.gaps)]
    if item.subtasks:
        parts.append(f"{item.done} of {item.subtasks} done")
    if item.needs and item.status.is_live and item.status is not RunStatus.PROPOSED:
        parts.append(f"✋ needs {needs(item.needs)}")
    parts += [text.date(item.created_at), words.cost(item)]
    if item.channel and item.channel.startswith("C"):
        parts.append(f"<#{text.escape(item.channel)}>")
    if item.requester != reader:
        parts.append(text.mention(item.requester))
    return f"{' · '.join(parts)}\n{text.escape(text.line(item.task, 150))}"


def one(view: RunView) -> Payload:
    """A single run as it stands, for `/runs show`."""
    return status.status(view, native=False)


def usage() -> Payload:
    """How to use `/runs`."""
    return Payload([paragraph(_COMMANDS)], "/runs lists your runs; /runs all lists everybody's.")


def _mark(item: RunRow) -> str:
    return words.run_mark(item.status, item.gaps)


def _heading(wanted: Wanted) -> list[Block]:
    """The title and, where there is more to it, what was looked for."""
    title, narrowed = header(_title(wanted)), list(_narrowed(wanted))
    if wanted.people and wanted.people != {wanted.actor.user_id}:
        narrowed.append(f"asked for by {_either(map(text.mention, sorted(wanted.people)))}")
    return [title, context(" · ".join(narrowed))] if narrowed else [title]


def _title(wanted: Wanted) -> str:
    if wanted.people == {wanted.actor.user_id}:
        return "Your runs"
    return "Runs" if wanted.people or any(_narrowed(wanted)) else "All runs"


def _narrowed(wanted: Wanted) -> Iterator[str]:
    if wanted.states:
        yield _either(sorted(wanted.states))
    if wanted.places:
        yield f"in {_either(f'<#{text.escape(place)}>' for place in sorted(wanted.places))}"
    if wanted.words:
        named = [f"“{text.escape(text.line(word, 40))}”" for word in wanted.words]
        yield f"with {listing(_shortened(named))}"


def _either(names: Iterable[str]) -> str:
    return " or ".join(_shortened(list(names)))


def _shortened(names: list[str]) -> list[str]:
    return names if len(names) <= _MOST_WORDS else [*names[:_MOST_WORDS], "more"]


def _none(heading: list[Block], wanted: Wanted, query: str) -> Payload:
    said = "No run matches that."
    if not query.strip():
        said = "You have no runs yet. Mention me with a task, or type `/orchestrate` and the task."
    blocks = [*heading, paragraph(said)]
    if hint := _hint(wanted.words):
        blocks.append(paragraph(hint))
    return Payload([*blocks, context(_COMMANDS)], said)


def _hint(typed: Iterable[str]) -> str:
    """For who mistyped a word that means something here."""
    for word in typed:
        if close := get_close_matches(word[:40].lower(), _OWN_WORDS, n=1):
            shown = text.escape(text.line(word, 40))
            return f"I looked for “{shown}” in what was asked. Did you mean `{close[0]}`?"
    return ""


def _buttons(page: Page, query: str) -> list[Element]:
    buttons = []
    if page.newer is not None:
        buttons.append(button("Previous", ids.RUNS_PREVIOUS, ids.of_list(page.newer, query)))
    if page.older is not None:
        buttons.append(button("Next", ids.RUNS_NEXT, ids.of_list(page.older, query)))
    return buttons
