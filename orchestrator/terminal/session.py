"""A session: one run followed in the terminal, from its plan to its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rich.live import Live
from rich.markdown import Markdown
from rich.table import Table

from orchestrator import text
from orchestrator.commands import (
    Actor,
    Answer,
    Approve,
    Breakdown,
    Choose,
    Command,
    Edit,
    Reject,
    Replan,
    Retry,
    Skip,
    Stop,
)
from orchestrator.errors import InvalidInput, Refused
from orchestrator.events import Event
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan, from_text, to_text
from orchestrator.store.tables import Request, RequestKind, Run, RunStatus, SubtaskStatus, now
from orchestrator.terminal.screen import Screen
from orchestrator.terminal.view import View, look, need, plan_table, progress_table

UNFINISHED = 1
_EXAMPLE = """\
1. Title | role
    What to do.
2. Another title | role | after: 1
"""
# How soon a change is seen that another process made; this one's own are seen at once.
_LOOK_AGAIN_S = 0.2


@dataclass(slots=True)
class Session:
    """Follows one run to its end, shows how it goes and, where it `asks`, passes answers on."""

    orchestrator: Orchestrator
    screen: Screen
    actor: Actor
    run: Run
    approves: bool = False
    asks: bool = True
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _live: Live | None = None
    _told: dict[int | None, str] = field(default_factory=dict)
    _shown_revision: int = 0

    async def follow(self) -> int:
        """The exit code: 0 when the run is completed."""
        unsubscribe = self._subscribe()
        try:
            while True:
                view = await look(self.orchestrator.database, self.run.id)
                code = await self._step(view)
                if code is not None:
                    return code
                _notice_cancellation()
        except asyncio.CancelledError:
            self._hide()
            self._say_how_to_go_on()
            raise
        except EOFError:
            self._say_how_to_go_on()
            return UNFINISHED
        finally:
            self._hide()
            unsubscribe()

    async def _step(self, view: View) -> int | None:
        """Show the run and do what it needs; the exit code once there is nothing more to do."""
        self._show(view)
        if not view.run.status.is_live:
            return self._end(view)
        for request in view.requests:
            if self.approves and request.kind is RequestKind.APPROVAL:
                await self._do(Approve(self.run.id, request.revision))
                return None
            if self.asks and request.kind in _ANSWERS:
                self._hide()
                await self._answer(view, request)
                return None
        if view.is_stuck:
            return self._give_up(view)
        await self._change()
        return None

    def _subscribe(self) -> Callable[[], None]:
        if self.orchestrator.engine is None:
            return _ignore
        return self.orchestrator.subscribe(self._note)

    def _note(self, event: Event) -> None:
        if event.run_id == self.run.id:
            self._changed.set()

    async def _change(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_AGAIN_S):
                await self._changed.wait()
        self._changed.clear()

    async def _do(self, command: Command) -> None:
        try:
            done = await self.orchestrator.do(command, self.actor)
        except InvalidInput:
            raise
        except Refused as refused:
            self.screen.say(str(refused))
        else:
            self.screen.say(done.sentence)

    # -- showing

    def _show(self, view: View) -> None:
        if view.plan and view.run.revision != self._shown_revision:
            self._shown_revision = view.run.revision
            self._show_plan(view, view.plan)
        if self.screen.is_live and view.subtasks:
            self._show_live(progress_table(view, now()))
        else:
            self._tell(view)

    def _show_plan(self, view: View, plan: Plan) -> None:
        self._hide()
        self.screen.say(f"{view.run.name}, revision {view.run.revision} of the plan:")
        if self.screen.is_live:
            self.screen.say(plan_table(plan))
        else:
            self.screen.say(f"{plan.goal}\n{to_text(plan)}")
        for repair in view.revision.repairs if view.revision else ():
            self.screen.say(f"Repaired: {repair}")

    def _show_live(self, table: Table) -> None:
        if self._live is None:
            self._live = Live(console=self.screen.out, auto_refresh=False)
            self._live.start()
        self._live.update(table, refresh=True)

    def _hide(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _tell(self, view: View) -> None:
        """A line for each thing that has changed."""
        self._tell_once(None, f"{view.run.name} is {view.run.status.value}.")
        for number, row in view.subtasks.items():
            if row.status is not SubtaskStatus.WAITING:
                latest = view.latest(number)
                tries = f", attempt {latest.number}" if latest and latest.number > 1 else ""
                self._tell_once(number, f"{view.title(number)}: {row.status.value}{tries}")

    def _tell_once(self, key: int | None, line: str) -> None:
        if self._told.get(key) != line:
            self._told[key] = line
            self.screen.say(line)

    def _end(self, view: View) -> int:
        self._hide()
        if view.run.status is not RunStatus.COMPLETED:
            return UNFINISHED
        if view.run.gaps:
            self.screen.say(f"Without {text.plural(view.run.gaps, 'subtask')}.")
        answer = text.clean(view.answer or "")
        self.screen.out.print(Markdown(answer) if self.screen.is_live else answer)
        return 0

    def _give_up(self, view: View) -> int:
        self._hide()
        self.screen.say(f"{view.run.name} cannot go on without a person:")
        for request in view.requests:
            self.screen.say(f"- {need(view, request)}")
        self._say_how_to_go_on()
        return UNFINISHED

    def _say_how_to_go_on(self) -> None:
        name = self.run.name
        self.screen.say(
            f"{name} stays as it is. Look at it: python -m orchestrator show {name}\n"
            f"Go on with it in a terminal: python -m orchestrator resume {name}"
        )

    # -- asking

    async def _answer(self, view: View, request: Request) -> None:
        self.screen.say(need(view, request))
        try:
            await _ANSWERS[request.kind](self, view, request)
        except InvalidInput as refused:
            self.screen.say(str(refused))

    async def _decide(self, view: View, request: Request) -> None:
        run_id, revision = self.run.id, request.revision
        match await self.screen.choose(a="Approve", e="Edit", p="Re-plan", r="Reject"):
            case "a":
                await self._do(Approve(run_id, revision))
            case "e":
                await self._edit_plan(view, revision)
            case "p":
                feedback = await self.screen.ask("What should be different?")
                await self._do(Replan(run_id, revision, feedback))
            case _:
                await self._do(Reject(run_id, revision))

    async def _edit_plan(self, view: View, revision: int) -> None:
        plan = view.plan
        assert plan is not None

        def edited(typed: str) -> Command:
            return Edit(self.run.id, revision, from_text(typed, plan))

        await self._by_editing(to_text(plan), edited)

    async def _break_down(self, _: View, request: Request) -> None:
        if await self.screen.choose(w="Write the subtasks", s="Stop") == "s":
            await self._do(Stop(self.run.id))
        else:
            await self._by_editing(_EXAMPLE, partial(Breakdown, request.id))

    async def _by_editing(self, content: str, command: Callable[[str], Command]) -> None:
        """Let `content` be edited until what comes of it is taken, or the person leaves it."""
        while True:
            content = await self.screen.edit(content)
            try:
                await self._do(command(content))
            except InvalidInput as refused:
                self.screen.say(str(refused))
            else:
                return
            if await self.screen.choose(e="Edit again", l="Leave it") == "l":
                return

    async def _reply(self, _: View, request: Request) -> None:
        for position, option in enumerate(request.options, start=1):
            self.screen.say(f"  {position}. {option}")
        typed = await self.screen.ask("Answer:")
        numbered = dict(zip(map(str, range(1, 10)), request.options, strict=False))
        await self._do(Answer(request.id, numbered.get(typed, typed)))

    async def _pick(self, _: View, request: Request) -> None:
        options = {str(n): option for n, option in enumerate(request.options, start=1)}
        picked = await self.screen.choose(**options, s="Stop")
        if picked == "s":
            await self._do(Stop(self.run.id))
        else:
            await self._do(Choose(request.id, int(picked) - 1))

    async def _bury_or_retry(self, view: View, request: Request) -> None:
        number = request.subtask
        choices = {"r": "Retry", "e": "Edit and retry", "k": "Skip", "s": "Stop"}
        if number is None:
            choices = {"r": "Retry", "s": "Stop"}
        match await self.screen.choose(**choices):
            case "r":
                await self._do(Retry(self.run.id, number))
            case "e":
                assert view.plan is not None
                assert number is not None
                instructions = await self.screen.edit(view.plan.subtask(number).instructions)
                await self._do(Retry(self.run.id, number, instructions=instructions))
            case "k":
                await self._do(Skip(self.run.id, number))
            case _:
                await self._do(Stop(self.run.id))


_ANSWERS: dict[RequestKind, Callable[[Session, View, Request], Coroutine[Any, Any, None]]] = {
    RequestKind.APPROVAL: Session._decide,
    RequestKind.BREAKDOWN: Session._break_down,
    RequestKind.QUESTION: Session._reply,
    RequestKind.DEAD_LETTER: Session._bury_or_retry,
    RequestKind.BUDGET: Session._pick,
    RequestKind.ACCOUNT: Session._pick,
    RequestKind.PLAN_CHANGE: Session._pick,
}


def _ignore() -> None:
    """There is nothing to unsubscribe from."""


def _notice_cancellation() -> None:
    """A library on the way may have swallowed a Ctrl-C; the task still knows of it."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
