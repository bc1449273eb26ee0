"""Trigger ids: each opens one view, within three seconds of what the person did."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from bot.localslack.errors import ApiError
from bot.localslack.ids import Clock
from bot.localslack.tenants import Installation

LIFE_S = 3.0
_KEPT_S = 600.0


@dataclass(slots=True)
class Trigger:
    """`bot` is the installation that may use it, `view_id` the modal the person was in, if any."""

    bot: Installation
    user: str
    made: float
    view_id: str | None = None
    used: bool = False


class Triggers:
    """Hands out triggers and exchanges each once."""

    def __init__(self, clock: Clock, life_s: float = LIFE_S):
        self.life_s = life_s
        self._clock = clock
        self._triggers: dict[str, Trigger] = {}

    def issue(self, bot: Installation, user: str, view_id: str | None = None) -> str:
        """A trigger for what this person just did."""
        now = self._clock()
        self._triggers = {
            key: trigger for key, trigger in self._triggers.items() if trigger.made > now - _KEPT_S
        }
        trigger_id = f"{int(now * 1000)}.{secrets.randbelow(10**10)}.{secrets.token_hex(16)}"
        self._triggers[trigger_id] = Trigger(bot, user, now, view_id)
        return trigger_id

    def exchange(self, bot: Installation, trigger_id: str) -> Trigger:
        """Use a trigger up. Raises `ApiError`."""
        trigger = self._triggers.get(trigger_id)
        if trigger is None or trigger.bot.bot_user != bot.bot_user:
            raise ApiError("invalid_trigger_id")
        if trigger.used:
            raise ApiError("exchanged_trigger_id")
        if trigger.made + self.life_s < self._clock():
            raise ApiError("expired_trigger_id")
        trigger.used = True
        return trigger
