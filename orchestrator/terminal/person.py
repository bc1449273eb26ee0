"""The person at the terminal."""

from __future__ import annotations

import getpass
from dataclasses import dataclass, field

from orchestrator.commands import Actor, Command
from orchestrator.errors import InvalidInput, Refused
from orchestrator.orchestrator import Orchestrator
from orchestrator.terminal.leaving import Leaving
from orchestrator.terminal.screen import Screen
from orchestrator.terminal.view import TEAM


def actor() -> Actor:
    """Who uses this terminal, by the name of their account."""
    return Actor(TEAM, getpass.getuser())


@dataclass(frozen=True, slots=True)
class Person:
    """Gives commands, and is told what came of them."""

    orchestrator: Orchestrator
    screen: Screen
    leaving: Leaving
    actor: Actor = field(default_factory=actor)

    async def do(self, command: Command) -> None:
        """Give the command. Raises InvalidInput; what else is refused is only said."""
        try:
            done = await self.orchestrator.do(command, self.actor)
        except InvalidInput:
            raise
        except Refused as refused:
            self.screen.say(str(refused))
        else:
            self.screen.say(done.sentence)
