"""A JSON object under inspection, at a place that can be named in an error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

MOST_URL = 3000
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:\S")
PLAIN = ("plain_text",)
ANY_TEXT = ("plain_text", "mrkdwn")


@dataclass(frozen=True, slots=True)
class Node:
    """One object of the JSON; what is wrong with it goes to the shared `problems`."""

    value: dict[str, Any]
    pointer: str
    problems: list[str]

    @property
    def type(self) -> str:
        """The object's `type`, or an empty string."""
        kind = self.value.get("type")
        return kind if isinstance(kind, str) else ""

    def error(self, message: str, *path: str | int) -> None:
        """Note a problem here or at `path` below."""
        place = "".join(f"/{step}" for step in path)
        self.problems.append(f"[ERROR] {message} [json-pointer:{self.pointer}{place}]")

    def only(self, *names: str) -> None:
        """Any other property is a problem, as it is for Slack."""
        for name in self.value:
            if name not in names:
                self.error(f"invalid additional property: {name}")

    def has(self, name: str, *, required: bool) -> bool:
        """Whether there is such a property; its absence is a problem where it is required."""
        if self.value.get(name) is not None:
            return True
        if required:
            self.error(f"missing required field: {name}")
        return False

    def string(
        self, name: str, *, most: int | None = None, least: int = 1, required: bool = False
    ) -> str | None:
        """A string of `least` to `most` characters."""
        if not self.has(name, required=required):
            return None
        value = self.value[name]
        if not isinstance(value, str):
            self.error("must be a string", name)
            return None
        self._length(value, least, most, name)
        return value

    def url(self, name: str, *, required: bool = False) -> None:
        """An address with its scheme, such as `https:` or `mailto:`."""
        value = self.string(name, most=MOST_URL, required=required)
        if value is not None and not _SCHEME.match(value):
            self.error("invalid url", name)

    def text(
        self, name: str, *, most: int, required: bool = False, kinds: Sequence[str] = ANY_TEXT
    ) -> str | None:
        """A text object of at most `most` characters, of one of the `kinds`."""
        node = self.child(name, required=required)
        return None if node is None else node.as_text(most=most, kinds=kinds)

    def as_text(self, *, most: int, kinds: Sequence[str] = ANY_TEXT) -> str | None:
        """This object as a text object."""
        if self.type not in kinds:
            self.error(f"unsupported type, must be one of: {', '.join(kinds)}", "type")
            return None
        extra = "emoji" if self.type == "plain_text" else "verbatim"
        self.only("type", "text", extra)
        return self.string("text", most=most, required=True)

    def one_of(self, name: str, allowed: Iterable[Any], *, required: bool = False) -> None:
        """One of a few fixed values."""
        if not self.has(name, required=required):
            return
        allowed = tuple(allowed)
        if self.value[name] not in allowed:
            words = ", ".join(str(value) for value in allowed)
            self.error(f"must be one of the allowed values: {words}", name)

    def flag(self, name: str) -> None:
        """True or false."""
        if name in self.value and not isinstance(self.value[name], bool):
            self.error("must be a boolean", name)

    def integer(self, name: str, *, least: int, most: int, required: bool = False) -> None:
        """A whole number from `least` to `most`."""
        if not self.has(name, required=required):
            return
        value = self.value[name]
        if not isinstance(value, int) or isinstance(value, bool):
            self.error("must be an integer", name)
        elif not least <= value <= most:
            self.error(f"must be between {least} and {most}", name)

    def child(self, name: str, *, required: bool = False) -> Node | None:
        """The object under `name`."""
        if not self.has(name, required=required):
            return None
        value = self.value[name]
        if not isinstance(value, dict):
            self.error("must be an object", name)
            return None
        return Node(value, f"{self.pointer}/{name}", self.problems)

    def children(
        self, name: str, *, least: int = 1, most: int, required: bool = False
    ) -> list[Node]:
        """The objects in the list under `name`, `least` to `most` of them."""
        if not self.has(name, required=required):
            return []
        return nodes(self.value[name], f"{self.pointer}/{name}", self.problems, least, most)

    def _length(self, value: str, least: int, most: int | None, name: str) -> None:
        if len(value) < least:
            self.error(f"must be more than {least - 1} characters", name)
        if most is not None and len(value) > most:
            self.error(f"must be less than {most + 1} characters", name)


def nodes(value: Any, pointer: str, problems: list[str], least: int, most: int) -> list[Node]:
    """The objects in a list, with how many there may be checked."""
    if not isinstance(value, list):
        problems.append(f"[ERROR] must be an array [json-pointer:{pointer}]")
        return []
    if len(value) < least:
        problems.append(f"[ERROR] must provide at least {least} item(s) [json-pointer:{pointer}]")
    if len(value) > most:
        problems.append(f"[ERROR] no more than {most} items allowed [json-pointer:{pointer}]")
    found = []
    for index, item in enumerate(value):
        if isinstance(item, dict):
            found.append(Node(item, f"{pointer}/{index}", problems))
        else:
            problems.append(f"[ERROR] must be an object [json-pointer:{pointer}/{index}]")
    return found
