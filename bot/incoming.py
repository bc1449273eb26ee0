"""Whose a payload is: the installation that it is for, and the person behind it.

Slack says it in different fields for each kind of payload, and in shared channels the plainest
ones, such as `team_id`, name another company. Bolt's context has the right ones; everything else
takes them from here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slack_bolt.context.async_context import AsyncBoltContext

from orchestrator.commands import Actor

Body = Mapping[str, Any]

_SOURCE, _TEAM = "orchestrator_source", "orchestrator_team"
_MENTION = re.compile(r"<@([A-Z0-9]+)")


@dataclass(frozen=True, slots=True)
class Source:
    """What a payload says of the installation that it is for.

    `team_id` is a workspace's, or an organisation's where that is the installation. `workspace`
    is where in an organisation something happened, if it is known. `addressed` are users, among
    whom may be the bot that it is about.
    """

    enterprise_id: str | None = None
    team_id: str | None = None
    is_org: bool = False
    workspace: str | None = None
    addressed: tuple[str, ...] = ()

    @classmethod
    def of(cls, body: Body, context: AsyncBoltContext) -> Source:
        """Read a payload with what Bolt has found in it."""
        is_org, team_id = bool(context.is_enterprise_install), context.team_id
        return cls(
            enterprise_id=_enterprise(body, context.enterprise_id, is_org=is_org),
            team_id=None if is_org else team_id,
            is_org=is_org,
            workspace=_workspace(body, team_id) if is_org else None,
            addressed=_addressed(body),
        )


def locate(body: Body, context: AsyncBoltContext) -> None:
    """Note in the context what the payload says of its installation, before it is authorized."""
    context[_SOURCE] = Source.of(body, context)


def source_of(context: AsyncBoltContext) -> Source:
    """Return what `locate` has noted."""
    source: Source = context[_SOURCE]
    return source


def note_team(context: AsyncBoltContext, team_id: str) -> None:
    """Note which installation the payload is for, once that is certain."""
    context[_TEAM] = team_id


def is_installed(context: AsyncBoltContext) -> bool:
    """Return whether an installation was found that the payload is for."""
    return _TEAM in context


def team_of(context: AsyncBoltContext) -> str:
    """Return the team whose installation the payload is for: a workspace or an organisation."""
    team_id: str = context[_TEAM]
    return team_id


def actor_of(context: AsyncBoltContext) -> Actor:
    """Return who clicked, typed, submitted or opened something."""
    assert context.user_id is not None
    return Actor(team_of(context), context.user_id)


def is_organisation(team_id: str) -> bool:
    """Return whether a team is an organisation rather than a workspace."""
    return team_id.startswith("E")


def is_shared(body: Body) -> bool:
    """Return whether other companies see the channel of an event as well."""
    return bool(body.get("is_ext_shared_channel"))


def _enterprise(body: Body, found: str | None, *, is_org: bool) -> str | None:
    """Return the organisation of the installation; None where the payload does not say it.

    A dialog names the organisation of who submits it beside the workspace of the installation.
    """
    view = body.get("view")
    is_named = isinstance(view, Mapping) and view.get("app_installed_team_id")
    return found if is_org or not is_named else None


def _workspace(body: Body, found: str | None) -> str | None:
    """Return the workspace in which something happened under an organisation's installation."""
    named = body.get("team_id") or found
    return named if isinstance(named, str) and named.startswith("T") else None


def _addressed(body: Body) -> tuple[str, ...]:
    """Return the users among whom is the bot that a payload is about, where that is not clear by
    itself: in shared channels several installations may see the same, and Slack names any one."""
    event = body.get("event")
    if isinstance(event, Mapping):
        return tuple(_of_event(event)) if is_shared(body) else ()
    author = _at(body, "message.user") if body.get("type") == "block_actions" else None
    return (author,) if isinstance(author, str) else ()


def _of_event(event: Mapping[str, Any]) -> Iterator[str]:
    """Yield who wrote what an event tells of, if that was changed, and who is mentioned in it."""
    for path in ("message", "previous_message"):
        author = _at(event, f"{path}.user")
        if isinstance(author, str):
            yield author
    for path in ("text", "message.text", "previous_message.text"):
        said = _at(event, path)
        if isinstance(said, str):
            yield from _MENTION.findall(said)


# --- the shape of a payload ------------------------------------------------------------------

_CLICK = ("user.id", "trigger_id", "actions.0.action_id")
_VIEW = ("id", "type", "blocks", "title.text", "private_metadata")
_DIALOG = ("user.id", *(f"view.{part}" for part in _VIEW))
_NEEDED = {
    "block_actions": _CLICK,
    "view_submission": (*_DIALOG, "view.state.values"),
    "message_action": ("user.id", "trigger_id", "channel.id", "message.ts"),
    "command": ("user_id", "channel_id", "trigger_id"),
    "workflow_step_edit": ("workflow_step",),
}


def lacking(body: Body) -> list[str]:
    """Return which parts an interactive payload lacks that every one of its kind has."""
    kind = "command" if "command" in body else body.get("type")
    needed = _NEEDED.get(kind, ()) if isinstance(kind, str) else ()
    return [path for path in needed if _at(body, path) in (None, "")]


def _at(found: Any, path: str) -> Any:
    for name in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(name)
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found
