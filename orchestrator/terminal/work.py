"""What commands do with a run: begin it, go on with it, or tell it something in passing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import typer

from orchestrator.commands import Answer, Choose, Command, Create
from orchestrator.errors import AlreadyRunning, InvalidInput, NotFound
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings
from orchestrator.store.tables import Request, RequestKind
from orchestrator.terminal.codes import Code
from orchestrator.terminal.leaving import Leaving
from orchestrator.terminal.person import Person, actor
from orchestrator.terminal.screen import Screen
from orchestrator.terminal.session import Session
from orchestrator.terminal.view import View, find, look

# What a command makes of the run as it stands. Raises Refused.
Decision = Callable[[View], Command]

_ANSWERABLE = (
    RequestKind.QUESTION,
    RequestKind.TOOL,
    RequestKind.BUDGET,
    RequestKind.ACCOUNT,
    RequestKind.PLAN_CHANGE,
)


async def begin(task: str, settings: Settings, *, yes: bool) -> int:
    """Create a run and follow it; the exit code."""
    screen = Screen()
    if not yes and not screen.can_ask:
        screen.say(
            "There is no terminal here to ask in whether the plan is right. "
            "Add --yes to approve it unseen, or run this in a screen."
        )
        return Code.MISUSED
    async with _attended(settings, screen) as person:
        if person.leaving.has_been_told:
            return person.leaving.code
        done = await person.orchestrator.do(Create(task), person.actor)
        return await _follow(person, done.run_id, yes=yes)


async def go_on(name: str, settings: Settings, *, yes: bool, first: Decision | None = None) -> int:
    """Give a command on the run, if there is one, and follow it; the exit code."""
    async with _attended(settings, Screen()) as person:
        found = await find(person.orchestrator.database, name)
        if first is not None and not person.leaving.has_been_told:
            view = await look(person.orchestrator.database, found.id)
            done = await person.orchestrator.do(first(view), person.actor)
            person.screen.say(done.sentence)
        return await _follow(person, found.id, yes=yes)


async def tell(name: str, settings: Settings, command: Decision) -> int:
    """Give a command on the run and leave it to whoever works on it; the exit code."""
    async with Orchestrator.open(settings, works=False) as orchestrator:
        found = await find(orchestrator.database, name)
        view = await look(orchestrator.database, found.id)
        done = await orchestrator.do(command(view), actor())
    typer.echo(done.sentence)
    return Code.COMPLETED


def answering(view: View, typed: str, subtask: int | None) -> Command:
    """The command that answers what the run asks. Raises NotFound and InvalidInput."""
    asked = [r for r in view.requests if r.kind in _ANSWERABLE and subtask in (None, r.subtask)]
    if not asked:
        raise NotFound(f"{view.run.name} asks nothing that could be answered so.")
    if len(asked) > 1:
        subtasks = ", ".join(str(r.subtask) for r in asked)
        raise InvalidInput(f"{view.run.name} asks several things: add --subtask ({subtasks}).")
    request = asked[0]
    if request.kind is RequestKind.QUESTION:
        return Answer(request.id, typed)
    return Choose(request.id, _option(request, typed))


def _option(request: Request, typed: str) -> int:
    """The position of the option, by its number or its label."""
    known = {option.casefold(): position for position, option in enumerate(request.options)}
    known |= {str(position + 1): position for position in range(len(request.options))}
    if typed.strip().casefold() not in known:
        choices = "; ".join(f"{n}. {option}" for n, option in enumerate(request.options, start=1))
        raise InvalidInput(f"Choose one of these: {choices}.")
    return known[typed.strip().casefold()]


@asynccontextmanager
async def _attended(settings: Settings, screen: Screen) -> AsyncIterator[Person]:
    """A person before an orchestrator at work here, or one that watches where another is."""
    async with AsyncExitStack() as stack:
        leaving = stack.enter_context(Leaving())
        try:
            opened = await stack.enter_async_context(Orchestrator.open(settings))
        except AlreadyRunning:
            screen.say("Another process is at work on this database and does the run.")
            watching = Orchestrator.open(settings, works=False)
            opened = await stack.enter_async_context(watching)
        yield Person(opened, screen, leaving)


async def _follow(person: Person, run_id: str, *, yes: bool) -> int:
    view = await look(person.orchestrator.database, run_id)
    return await Session(person, view.run, yes, person.screen.can_ask and not yes).follow()
