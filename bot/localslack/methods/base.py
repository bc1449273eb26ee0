"""What every Web API method is given, and how methods are declared."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from bot.localslack import directory
from bot.localslack.errors import ApiError
from bot.localslack.rates import TIER_3, Rate
from bot.localslack.storage import JsonObject, StoredMessage
from bot.localslack.tenants import Installation, Team
from bot.localslack.workspace import Workspace

Item = TypeVar("Item")
_SCOPED = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}
_SOME = 100
_MOST = 1000


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call of a method: its arguments, however they were sent."""

    workspace: Workspace
    method: str
    arguments: JsonObject
    caller: Installation | None = None

    @property
    def bot(self) -> Installation:
        """The installation whose token the call was made with."""
        assert self.caller is not None, "methods for bots are called with a bot's token"
        return self.caller

    @property
    def team(self) -> Team:
        """The workspace the call is about: the token of an organisation has to name it."""
        if self.bot.team_id is not None:
            return self.workspace.tenants.team(self.bot.team_id)
        team_id = self.optional("team_id")
        if team_id is None:
            raise ApiError("missing_argument", extra={"arg": "team_id"})
        team = self.workspace.tenants.find_team(team_id)
        if team is None or not self.bot.covers(team):
            raise ApiError("team_not_found")
        return team

    def required(self, name: str) -> str:
        """A string that must be there."""
        value = self.optional(name)
        if value is None:
            raise ApiError("invalid_arguments", [f"[ERROR] missing required field: {name}"])
        return value

    def optional(self, name: str) -> str | None:
        """A string, or None where it is missing or empty."""
        value = self.arguments.get(name)
        return None if value in (None, "") else str(value)

    def flag(self, name: str) -> bool:
        """A truth value, in any of the forms it is sent in."""
        return str(self.arguments.get(name, "")).lower() in ("1", "true")

    def number(self, name: str, default: int) -> int:
        """Return a whole number."""
        try:
            return int(self.optional(name) or default)
        except ValueError as error:
            raise ApiError("invalid_arguments", [f"[ERROR] {name} must be a number"]) from error

    def json(self, name: str, wrong: str = "invalid_json") -> Any:
        """Something sent as JSON, inside JSON or as a string in a form."""
        value = self.arguments.get(name)
        if not isinstance(value, str) or not value:
            return value if value != "" else None
        try:
            return json.loads(value)
        except ValueError as error:
            raise ApiError(wrong) from error

    def objects(self, name: str, wrong: str) -> list[JsonObject] | None:
        """A list of JSON objects."""
        value = self.json(name, wrong)
        if value is None:
            return None
        if not isinstance(value, list):
            raise ApiError(wrong)
        return value

    def seen_channel(self, area: str = "", *, name: str = "channel") -> JsonObject:
        """Return the channel the call is about, which the bot must see.

        `area` is what is done there (`read`, `history`), for the scope it needs.
        """
        channel = self.workspace.directory.channel_of(self.bot, self.required(name))
        if channel is None or (channel["is_private"] and not self.bot.is_in(channel)):
            raise ApiError("channel_not_found")
        if area:
            self.needs(f"{_SCOPED[directory.kind_of(channel)]}:{area}")
        return channel

    def channel(
        self, area: str = "", *, name: str = "channel", outside: str = "not_in_channel"
    ) -> JsonObject:
        """Return the channel the call is about, which the bot must be in, else `outside`."""
        channel = self.seen_channel(area, name=name)
        if not self.bot.is_in(channel):
            raise ApiError(outside)
        return channel

    def writable_channel(
        self, *, outside: str = "not_in_channel", archived: str = "is_archived"
    ) -> JsonObject:
        """Return a channel the bot may post in; else the error is `outside` or `archived`."""
        return _open(self.channel(outside=outside), archived)

    def postable_channel(self) -> JsonObject:
        """Return a channel the bot may post in: with `chat:write.public` any public one."""
        channel = self.seen_channel()
        is_anybodys = "chat:write.public" in (self.workspace.manifest.scopes or ())
        if not self.bot.is_in(channel) and not is_anybodys:
            raise ApiError("not_in_channel")
        return _open(channel, "is_archived")

    def message(self, channel: JsonObject, ts: str) -> StoredMessage:
        """A message of that channel."""
        message = self.workspace.messages.find(channel, ts)
        if message is None or message.body.get("subtype") == "tombstone":
            raise ApiError("message_not_found")
        return message

    def own_message(self, channel: JsonObject, ts: str, otherwise: str) -> StoredMessage:
        """A message that this bot wrote; of any other the error is `otherwise`."""
        message = self.message(channel, ts)
        if message.body.get("bot_id") != self.bot.bot_id:
            raise ApiError(otherwise)
        return message

    def shown(self, message: StoredMessage, *, metadata: bool = False) -> JsonObject:
        """A message as the caller sees it."""
        return self.workspace.messages.for_api(message, self.bot, metadata=metadata)

    def needs(self, *scopes: str) -> None:
        """The app must have one of these scopes."""
        if not self.workspace.manifest.allows(*scopes):
            provided = ",".join(sorted(self.workspace.manifest.scopes or ()))
            raise ApiError(
                "missing_scope", extra={"needed": ",".join(scopes), "provided": provided}
            )

    def limit(self, most: int) -> int:
        """Return how many of a list are wanted, at least 1 and at most `most`."""
        return min(max(1, self.number("limit", min(_SOME, most))), most)

    def strict_limit(self) -> int:
        """Return how many of a list are wanted, where too many are refused.

        https://docs.slack.dev/reference/methods/conversations.list
        """
        limit = self.number("limit", _SOME)
        if not 0 < limit <= _MOST:
            raise ApiError("invalid_limit")
        return limit

    def page(self, items: Sequence[Item], limit: int) -> tuple[list[Item], str]:
        """Return the next `limit` of `items`, and the cursor of what follows."""
        start = self._cursor()
        end = start + limit
        return list(items[start:end]), make_cursor(str(end)) if end < len(items) else ""

    def _cursor(self) -> int:
        value = read_cursor(self.optional("cursor"))
        if value and not value.isdigit():
            raise ApiError("invalid_cursor")
        return int(value or 0)


def _open(channel: JsonObject, archived: str) -> JsonObject:
    """Return the channel; where it is archived the error is `archived`."""
    if channel.get("is_archived"):
        raise ApiError(archived)
    return channel


def make_cursor(place: str) -> str:
    """An opaque cursor."""
    return base64.urlsafe_b64encode(f"next:{place}".encode()).decode()


def read_cursor(cursor: str | None) -> str:
    """The place a cursor stands for. Raises `ApiError`."""
    if not cursor:
        return ""
    try:
        place = base64.urlsafe_b64decode(cursor).decode()
    except (binascii.Error, ValueError) as error:
        raise ApiError("invalid_cursor") from error
    if not place.startswith("next:"):
        raise ApiError("invalid_cursor")
    return place.removeprefix("next:")


@dataclass(frozen=True, slots=True)
class Method:
    """A method: what runs, at which rate, and the scopes of which it needs one.

    Without `json` it reads forms and addresses only, and overlooks a JSON body.
    """

    name: str
    run: Callable[[ApiCall], JsonObject]
    rate: Rate = TIER_3
    scopes: tuple[str, ...] = ()
    caller: Literal["bot", "app"] | None = "bot"
    json: bool = True
