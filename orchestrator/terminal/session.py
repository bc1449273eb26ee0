"""A session: one run followed in the terminal, from its plan to its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from rich.live import Live
from rich.markdown import Markdown
from rich.table import Table

from orchestrator import text
from orchestrator.commands import Approve
from orchestrator.events import Event
from orchestrator.plan import Plan, to_text
from orchestrator.store.clock import now
from orchestrator.store.tables import Request, RequestKind, Run, RunStatus, SubtaskStatus
from orchestrator.terminal.asking import Asking
from orchestrator.terminal.codes import Code
from orchestrator.terminal.leaving import Left
from orchestrator.terminal.person import Person
from orchestrator.terminal.screen import Screen
from orchestrator.terminal.view import View, look, need, plan_table, progress_table

# How soon a change is seen that another process made, or a signal; this one's own changes are
# seen at once.
_LOOK_AGAIN_S = 0.2


@dataclass(slots=True)
class Session:
    """Follows one run to its end, shows how it goes and, where it `asks`, passes answers on."""

    person: Person
    run: Run
    approves: bool = False
    asks: bool = True
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _live: Live | None = None
    _told: dict[int | None, str] = field(default_factory=dict)
    _shown_revision: int = 0
    _put_off: set[str] = field(default_factory=set)

    async def follow(self) -> int:
        """The exit code, of `Code` or of the signal that ended it."""
        unsubscribe = self._subscribe()
        try:
            while True:
                self.person.leaving.check()
                view = await look(self.person.orchestrator.database, self.run.id)
                code = await self._step(view)
                if code is not None:
                    return code
        except Left:
            self._hide()
            self._say_how_to_go_on()
            return self.person.leaving.code
        except EOFError:
            self._say_how_to_go_on()
            return Code.WAITING
        finally:
            self._hide()
            unsubscribe()

    async def _step(self, view: View) -> int | None:
        """Show the run and do what it needs; the exit code once there is nothing more to do."""
        self._show(view)
        if not view.run.status.is_live:
            return self._end(view)
        if self.approves and (request := view.request(RequestKind.APPROVAL)):
            await self.person.do(Approve(self.run.id, request.revision))
            return None
        if self.asks and (request := self._to_be_asked(view)):
            await self._ask(view, request)
            return None
        if view.is_stuck:
            return self._give_up(view)
        await self._change()
        return None

    def _subscribe(self) -> Callable[[], None]:
        if self.person.orchestrator.engine is None:
            return _ignore
        return self.person.orchestrator.subscribe(self._note)

    def _note(self, event: Event) -> None:
        if event.run_id == self.run.id:
            self._changed.set()

    async def _change(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_AGAIN_S):
                await self._changed.wait()
        self._changed.clear()

    # -- asking

    def _to_be_asked(self, view: View) -> Request | None:
        """What to ask about now; what was put off comes again once nothing else goes on."""
        if view.is_stuck and self._put_off.issuperset(request.id for request in view.requests):
            self._put_off.clear()
        return next((r for r in view.requests if r.id not in self._put_off), None)

    async def _ask(self, view: View, request: Request) -> None:
        self._hide()
        can_wait = not view.is_stuck or len(view.requests) > 1
        if not await Asking(self.person, view, request, can_wait).settle():
            self._put_off.add(request.id)

    # -- showing

    @property
    def _screen(self) -> Screen:
        return self.person.screen

    def _show(self, view: View) -> None:
        if view.plan and view.run.revision != self._shown_revision:
            self._shown_revision = view.run.revision
            self._show_plan(view, view.plan)
        if self._screen.is_live and view.subtasks:
            self._show_live(progress_table(view, now()))
        else:
            self._tell(view)

    def _show_plan(self, view: View, plan: Plan) -> None:
        self._hide()
        self._screen.say(f"{view.run.name}, revision {view.run.revision} of the plan:")
        if self._screen.is_live:
            self._screen.say(plan_table(plan))
        else:
            self._screen.say(f"{plan.goal}\n{to_text(plan)}")
        for repair in view.revision.repairs if view.revision else ():
            self._screen.say(f"Repaired: {repair}")

    def _show_live(self, table: Table) -> None:
        if self._live is None:
            self._live = Live(console=self._screen.out, auto_refresh=False)
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
            self._screen.say(line)

    # -- ending

    def _end(self, view: View) -> int:
        self._hide()
        if view.run.status is not RunStatus.COMPLETED:
            return Code.UNFINISHED
        if view.run.gaps:
            self._screen.say(f"Without {text.plural(view.run.gaps, 'subtask')}.")
        answer = text.clean(view.answer or "")
        self._screen.out.print(Markdown(answer) if self._screen.is_live else answer)
        return Code.COMPLETED

    def _give_up(self, view: View) -> int:
        self._hide()
        self._screen.say(f"{view.run.name} cannot go on without a person:")
        for request in view.requests:
            self._screen.say(f"- {need(view, request)}")
        self._say_how_to_go_on()
        return Code.WAITING

    def _say_how_to_go_on(self) -> None:
        name = self.run.name
        self._screen.say(
            f"{name} stays as it is. Look at it: python -m orchestrator show {name}\n"
            f"Go on with it in a terminal: python -m orchestrator resume {name}"
        )


def _ignore() -> None:
    """There is nothing to unsubscribe from."""
