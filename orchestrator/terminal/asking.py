"""Asking the person at the terminal what a run needs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlmodel import select

from orchestrator.commands import (
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
from orchestrator.errors import InvalidInput
from orchestrator.plan import Plan, from_text, to_text
from orchestrator.store.tables import Request, RequestKind, RequestStatus
from orchestrator.terminal.person import Person
from orchestrator.terminal.view import View, need

_EXAMPLE = """\
1. Title | role
    What to do.
2. Another title | role | after: 1
"""
# How soon it is seen that a signal came, or that somebody else has answered.
_LOOK_AGAIN_S = 0.2


class _Overtaken(Exception):
    """It need not be asked any more."""


class _Later(Exception):
    """The person wants to be asked later."""


@dataclass(frozen=True, slots=True)
class Asking:
    """One request of a run, put to the person. What else the run does goes on meanwhile."""

    person: Person
    view: View
    request: Request
    can_wait: bool = False

    async def settle(self) -> bool:
        """Ask, and do what the person says; False where they want to be asked later.

        Raises Left, and EOFError at the end of the input.
        """
        self.person.screen.say(need(self.view, self.request))
        try:
            await _QUESTIONS[self.request.kind](self)
        except InvalidInput as refused:
            self.person.screen.say(str(refused))
        except _Overtaken:
            self.person.screen.say("\nThat is no longer asked.")
        except _Later:
            return False
        return True

    # -- what is asked, by the kind of the request

    async def _decide(self) -> None:
        run_id, revision = self.view.run.id, self.request.revision
        match await self._choose(a="Approve", e="Edit", p="Re-plan", r="Reject"):
            case "a":
                await self.person.do(Approve(run_id, revision))
            case "e":
                await self._edit_plan()
            case "p":
                feedback = await self._ask("What should be different?")
                await self.person.do(Replan(run_id, revision, feedback))
            case _:
                await self.person.do(Reject(run_id, revision))

    async def _edit_plan(self) -> None:
        assert self.view.plan is not None
        edited = partial(_edited, self.view.run.id, self.request.revision, self.view.plan)
        await self._by_editing(to_text(self.view.plan), edited)

    async def _break_down(self) -> None:
        if await self._choose(w="Write the subtasks", s="Stop") == "s":
            await self._stop()
        else:
            await self._by_editing(_EXAMPLE, partial(Breakdown, self.request.id))

    async def _reply(self) -> None:
        say = self.person.screen.say
        options = self._numbered()
        for number, option in options.items():
            say(f"  {number}. {option}")
        if self.can_wait:
            say("  Nothing but Enter: later")
        typed = await self._ask("Answer:")
        if self.can_wait and not typed:
            raise _Later
        await self.person.do(Answer(self.request.id, options.get(typed, typed)))

    async def _pick(self) -> None:
        match await self._choose(**self._numbered(), s="Stop", **self._later()):
            case "l":
                raise _Later
            case "s":
                await self._stop()
            case picked:
                await self.person.do(Choose(self.request.id, int(picked) - 1))

    async def _retry_or_give_up(self) -> None:
        run_id, number = self.view.run.id, self.request.subtask
        of_subtask = {"e": "Edit and retry", "k": "Skip"} if number is not None else {}
        choices = {"r": "Retry", **of_subtask, "s": "Stop", **self._later()}
        match await self._choose(**choices), number:
            case "r", _:
                await self.person.do(Retry(run_id, number))
            case "e", int():
                await self._edit_instructions(number)
            case "k", int():
                await self.person.do(Skip(run_id, number))
            case "l", _:
                raise _Later
            case _:
                await self._stop()

    async def _edit_instructions(self, number: int) -> None:
        assert self.view.plan is not None
        instructions = self.view.plan.subtask(number).instructions
        await self._by_editing(instructions, partial(_rewritten, self.view.run.id, number))

    # -- how it is asked

    async def _stop(self) -> None:
        await self.person.do(Stop(self.view.run.id))

    def _numbered(self) -> dict[str, str]:
        return {str(n): option for n, option in enumerate(self.request.options, start=1)}

    def _later(self) -> dict[str, str]:
        return {"l": "Later"} if self.can_wait else {}

    async def _by_editing(self, content: str, command: Callable[[str], Command]) -> None:
        """Let `content` be edited until what comes of it is taken, or the person leaves it."""
        while True:
            with self.person.leaving.lent():
                content = await self.person.screen.edit(content)
            self.person.leaving.check()
            try:
                await self.person.do(command(content))
            except InvalidInput as refused:
                self.person.screen.say(str(refused))
            else:
                return
            if await self._choose(e="Edit again", l="Leave it") == "l":
                return

    async def _choose(self, **choices: str) -> str:
        """The key of the choice that was typed, by its key or its label."""
        question = "  ".join(f"[{key}] {label}" for key, label in choices.items())
        keys = {label.casefold(): key for key, label in choices.items()}
        keys |= {key: key for key in choices}
        while (typed := (await self._ask(f"{question}:")).casefold()) not in keys:
            continue
        return keys[typed]

    async def _ask(self, question: str) -> str:
        """The line typed in answer, unless the person leaves or somebody else answers."""
        typed = asyncio.create_task(self.person.screen.ask(question))
        try:
            while not (await asyncio.wait({typed}, timeout=_LOOK_AGAIN_S))[0]:
                self.person.leaving.check()
                if not await self._is_open():
                    raise _Overtaken
            return typed.result()
        finally:
            typed.cancel()
            await asyncio.gather(typed, return_exceptions=True)

    async def _is_open(self) -> bool:
        async with self.person.orchestrator.database.read() as session:
            found = await session.exec(select(Request.status).where(Request.id == self.request.id))
        return found.first() is RequestStatus.OPEN


def _edited(run_id: str, revision: int, plan: Plan, typed: str) -> Command:
    return Edit(run_id, revision, from_text(typed, plan))


def _rewritten(run_id: str, number: int, instructions: str) -> Command:
    return Retry(run_id, number, instructions=instructions)


_QUESTIONS: dict[RequestKind, Callable[[Asking], Coroutine[Any, Any, None]]] = {
    RequestKind.APPROVAL: Asking._decide,
    RequestKind.BREAKDOWN: Asking._break_down,
    RequestKind.QUESTION: Asking._reply,
    RequestKind.DEAD_LETTER: Asking._retry_or_give_up,
    RequestKind.TOOL: Asking._pick,
    RequestKind.BUDGET: Asking._pick,
    RequestKind.ACCOUNT: Asking._pick,
    RequestKind.PLAN_CHANGE: Asking._pick,
}
