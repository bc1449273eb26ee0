"""Who may have the bot work for them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.errors import InvalidInput


class Standing(StrEnum):
    """What somebody is in the workspace, or organisation, in which the app is installed."""

    MEMBER = "member"
    GUEST = "guest"
    PARTNER = "partner"
    BOT = "bot"
    GONE = "gone"


# How settings and dialogs name those who may start runs, beside the ids of single ones.
WORDS = {
    "members": Standing.MEMBER,
    "guests": Standing.GUEST,
    "partners": Standing.PARTNER,
}
_ID = re.compile(r"[UWSCGDB][A-Z0-9]{2,30}")


@dataclass(frozen=True, slots=True)
class Starters:
    """Full members of the workspace, and whom `words` add: `guests`, `partners` (people of other
    companies), and the ids of people, user groups, channels (everybody in them) and bots."""

    words: tuple[str, ...] = ()

    @classmethod
    def of(cls, words: Iterable[str]) -> Starters:
        """Read the words of a setting or dialog. Raises InvalidInput for others."""
        listed = dict.fromkeys(filter(None, (word.strip() for word in words)))
        for word in listed:
            if word not in WORDS and not _ID.fullmatch(word):
                raise InvalidInput(
                    f"“{word[:40]}” is nobody who could start runs: say members, guests, partners, "
                    "or the id of a person, user group, channel or bot."
                )
        return cls(tuple(word for word in listed if word != "members"))

    @property
    def standings(self) -> frozenset[Standing]:
        """Which people may start runs by what they are in the workspace."""
        return frozenset({Standing.MEMBER, *(WORDS[w] for w in self.words if w in WORDS)})

    @property
    def groups(self) -> tuple[str, ...]:
        """The ids of user groups whose people may start runs."""
        return tuple(word for word in self.words if word not in WORDS and word.startswith("S"))

    def names(self, id_: str) -> bool:
        """Return whether it has the id of this person, channel or bot."""
        return id_ in self.words
