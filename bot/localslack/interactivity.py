"""What people do with buttons, dialogs, commands and shortcuts, as the bot is told of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from bot.localslack import elements, seed
from bot.localslack.controls import Control, controls, find_control
from bot.localslack.delivery import Delivery
from bot.localslack.directory import Directory
from bot.localslack.errors import ApiError, PersonError
from bot.localslack.ids import Timestamps
from bot.localslack.inputs import State, entered, initial_state, problem_with
from bot.localslack.manifest import Manifest
from bot.localslack.messages import Messages
from bot.localslack.recorder import Call, Recorder
from bot.localslack.response_urls import ResponseUrls
from bot.localslack.storage import JsonObject, StoredMessage
from bot.localslack.tenants import Installation, Team, Tenants
from bot.localslack.triggers import Triggers
from bot.localslack.views import Views

# https://docs.slack.dev/reference/block-kit/block-elements/select-menu-element#external_select
MIN_QUERY = 3

Values = dict[str, dict[str, Any]]
"""Block id, action id, and what a person put there."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submission: closed, or the errors by block id, or another view."""

    closed: bool
    errors: dict[str, str]


@dataclass(frozen=True, slots=True)
class Interactivity:
    """Turns what a person does into payloads, and the bot's answers into what they see."""

    tenants: Tenants
    directory: Directory
    messages: Messages
    views: Views
    triggers: Triggers
    response_urls: ResponseUrls
    delivery: Delivery
    manifest: Manifest
    timestamps: Timestamps
    recorder: Recorder

    async def act_on_message(
        self, user: str, channel_id: str, ts: str, block_id: str, action_id: str, value: Any
    ) -> None:
        """A click or choice in a message. Raises `PersonError`."""
        bot, blocks, payload = self._of_message("block_actions", user, channel_id, ts)
        control = _control(blocks, block_id, action_id)
        state = initial_state(blocks, {})
        payload |= {
            "trigger_id": self.triggers.issue(bot, user),
            "state": {"values": state},
            "response_url": self.response_urls.issue(bot, user, channel_id, ts),
            "actions": [self._action(control, value, state)],
        }
        await self._ask(bot, "interactive", payload)

    async def act_on_view(
        self,
        user: str,
        view_id: str,
        block_id: str,
        action_id: str,
        value: Any,
        values: Values,
    ) -> None:
        """A click or choice in a modal or Home tab, with what else was typed so far."""
        view = self.views.find(user, view_id)
        bot = self._bot(view["bot_id"])
        control = _control(view["blocks"], block_id, action_id)
        state = _with_values(view, values)
        action = self._action(control, value, state)
        view = self.views.keep_state(user, view, state)
        source = view_id if view["type"] == "modal" else None
        payload = {
            **self._of_view("block_actions", bot, user),
            "container": {"type": "view", "view_id": view_id},
            "trigger_id": self.triggers.issue(bot, user, source),
            "view": view,
            "actions": [action],
        }
        await self._ask(bot, "interactive", payload)

    async def suggest_in_message(
        self, user: str, channel_id: str, ts: str, block_id: str, action_id: str, typed: str
    ) -> JsonObject:
        """Ask for the options of a select in a message. Return them. Raises `PersonError`."""
        bot, blocks, payload = self._of_message("block_suggestion", user, channel_id, ts)
        control = _control(blocks, block_id, action_id)
        return await self._suggested(bot, control, typed, payload)

    async def suggest_in_view(
        self, user: str, view_id: str, block_id: str, action_id: str, typed: str
    ) -> JsonObject:
        """Ask for the options of a select in a view. Return them. Raises `PersonError`."""
        view = self.views.find(user, view_id)
        bot = self._bot(view["bot_id"])
        control = _control(view["blocks"], block_id, action_id)
        payload = {
            **self._of_view("block_suggestion", bot, user),
            "container": {"type": "view", "view_id": view_id},
            "view": view,
        }
        return await self._suggested(bot, control, typed, payload)

    async def _suggested(
        self, bot: Installation, control: Control, typed: str, payload: JsonObject
    ) -> JsonObject:
        """Return `options`, none of them where too little was typed for the app to be asked."""
        if len(typed) < control.element.get("min_query_length", MIN_QUERY):
            return {"options": []}
        named = {"block_id": control.block_id, "action_id": control.action_id, "value": typed}
        answer = await self._ask(bot, "interactive", payload | named) or {}
        try:
            return {"options": elements.suggested_options(answer)}
        except ApiError as error:
            raise self._unusable("block_suggestion", answer, error) from error

    async def submit(self, user: str, view_id: str, values: Values) -> Submitted:
        """Submit a modal with what is in it. Raises `PersonError`."""
        view = self.views.find(user, view_id)
        bot = self._bot(view["bot_id"])
        state = _with_values(view, values)
        view = self.views.keep_state(user, view, state)
        errors = _incomplete(view, state)
        if errors:
            return Submitted(closed=False, errors=errors)
        payload = {
            **self._of_view("view_submission", bot, user),
            "trigger_id": self.triggers.issue(bot, user, view_id),
            "view": view,
            "response_urls": self._response_urls(bot, user, view, state),
        }
        answer = await self._ask(bot, "interactive", payload)
        return self._respond(bot, user, view, answer or {})

    async def close(self, user: str, view_id: str) -> None:
        """Close a modal without submitting it."""
        cleared = self.views.find(user, view_id)["clear_on_close"]
        closed = self.views.close(user, self.views.stack(user)[0]["id"] if cleared else view_id)
        for view in closed:
            if view["notify_on_close"]:
                bot = self._bot(view["bot_id"])
                payload = {**self._of_view("view_closed", bot, user), "view": view}
                payload["is_cleared"] = cleared
                await self._ask(bot, "interactive", payload)

    async def command(self, user: str, channel_id: str, command: str, text: str) -> None:
        """Type a slash command. Raises `PersonError`."""
        channel = self.directory.visible_channel(user, channel_id)
        declared = self.manifest.command(command)
        bot = self._at_home(user)
        if declared is None or bot is None:
            raise PersonError("unknown_command", f"{command} is not a command of this workspace.")
        person = self.directory.person(user)
        if declared.get("should_escape"):
            text = self.directory.as_slack_text(text, user)
        team = self.tenants.team(person["team_id"])
        payload = {
            "token": "local",
            "team_id": team.id,
            "team_domain": team.domain,
            **self._command_enterprise(team),
            "channel_id": channel["id"],
            "channel_name": _channel(channel)["name"],
            "user_id": user,
            "user_name": person["name"],
            "command": command,
            "text": text,
            "api_app_id": seed.APP_ID,
            "is_enterprise_install": "true" if bot.is_org else "false",
            "response_url": self.response_urls.issue(bot, user, channel["id"]),
            "trigger_id": self.triggers.issue(bot, user),
        }
        answer = await self._ask(bot, "slash_commands", payload)
        if answer:
            self._show(bot, user, channel["id"], answer)

    async def shortcut(self, user: str, callback_id: str, channel_id: str, ts: str) -> None:
        """Use a shortcut, on a message where it is a message shortcut. Raises `PersonError`."""
        declared = self.manifest.shortcut(callback_id)
        bot = self._at_home(user)
        if declared is None or bot is None:
            raise PersonError("unknown_shortcut", f"There is no shortcut {callback_id}.")
        payload = {
            **self._common("shortcut", bot, user),
            "callback_id": callback_id,
            "action_ts": self.timestamps.next(),
            "trigger_id": self.triggers.issue(bot, user),
        }
        if declared.get("type") == "message":
            channel = self.directory.visible_channel(user, channel_id)
            message = self._message(user, channel, ts)
            payload |= {
                "type": "message_action",
                "channel": _channel(channel),
                "message_ts": ts,
                "message": self.messages.for_api(message, bot),
                "response_url": self.response_urls.issue(bot, user, channel["id"], ts),
            }
        await self._ask(bot, "interactive", payload)

    def _response_urls(
        self, bot: Installation, user: str, view: JsonObject, state: State
    ) -> list[JsonObject]:
        """Return URLs to respond to in the channels that were chosen for that."""
        found = []
        for control in controls(view["blocks"]):
            if not control.element.get("response_url_enabled"):
                continue
            entry = state.get(control.block_id, {}).get(control.action_id, {})
            chosen = entry.get("selected_conversation") or entry.get("selected_channel")
            if chosen:
                channel = self.directory.visible_channel(user, chosen)["id"]
                url = self.response_urls.issue(bot, user, channel)
                named = {"block_id": control.block_id, "action_id": control.action_id}
                found.append({**named, "channel_id": channel, "response_url": url})
        return found

    def _at_home(self, user: str) -> Installation | None:
        """The app that offers a person commands and shortcuts: only their own workspace's does."""
        return self.tenants.home_bot(self.directory.team_of(user))

    def _bot(self, bot_id: str | None) -> Installation:
        bot = self.tenants.of_bot(bot_id) if bot_id else None
        if bot is None:
            raise PersonError("action_not_found", "That is not there any more.", 404)
        return bot

    async def _ask(self, bot: Installation, kind: str, payload: JsonObject) -> JsonObject | None:
        if not bot.is_active:
            raise PersonError("app_not_installed", "The app is not installed any more.", 410)
        return await self.delivery.request(kind, payload)

    def _message(self, user: str, channel: JsonObject, ts: str) -> StoredMessage:
        message = self.messages.visible(channel, ts, user)
        if message is None:
            raise PersonError("message_not_found", "That message is not there any more.", 404)
        return message

    def _common(self, kind: str, bot: Installation, user: str) -> JsonObject:
        """What happens in a message carries the workspace of the installation, whoever does it;
        of an organisation's it carries none (slackapi/java-slack-sdk#1041)."""
        team = None if bot.team_id is None else self.tenants.team(bot.team_id)
        return self._payload(kind, bot, user, team)

    def _of_message(
        self, kind: str, user: str, channel_id: str, ts: str
    ) -> tuple[Installation, list[JsonObject], JsonObject]:
        """Return whose message it is, its blocks, and what a payload says of it."""
        channel = self.directory.visible_channel(user, channel_id)
        message = self._message(user, channel, ts)
        bot = self._bot(message.body.get("bot_id"))
        is_ephemeral = message.seen_by is not None
        payload = {
            **self._common(kind, bot, user),
            "container": {
                "type": "message",
                "message_ts": ts,
                "channel_id": channel["id"],
                "is_ephemeral": is_ephemeral,
                **({"thread_ts": message.thread_ts} if message.thread_ts else {}),
            },
            "channel": _channel(channel),
        }
        if not is_ephemeral:
            payload["message"] = self.messages.for_api(message, bot)
        return bot, message.body.get("blocks") or [], payload

    def _of_view(self, kind: str, bot: Installation, user: str) -> JsonObject:
        """What happens in a view carries the workspace of the person, of another company, too;
        the view says where the app is installed (slackapi/bolt-js#1614)."""
        team = self.directory.team_of(user)
        return self._payload(kind, bot, user, None if bot.is_org and bot.covers(team) else team)

    def _payload(self, kind: str, bot: Installation, user: str, team: Team | None) -> JsonObject:
        person = self.directory.person(user)
        enterprise_id = bot.enterprise_id if team is None else team.enterprise_id
        return {
            "type": kind,
            "token": "local",
            "api_app_id": seed.APP_ID,
            "team": None if team is None else self._team(team),
            "user": {
                "id": user,
                "username": person["name"],
                "name": person["name"],
                "team_id": person["team_id"],
            },
            "enterprise": None if enterprise_id is None else self._enterprise(enterprise_id),
            "is_enterprise_install": bot.is_org,
        }

    def _team(self, team: Team) -> JsonObject:
        known = {"id": team.id, "domain": team.domain}
        if team.enterprise_id is None:
            return known
        name = self.tenants.organisation(team.enterprise_id).name
        return {**known, "enterprise_id": team.enterprise_id, "enterprise_name": name}

    def _enterprise(self, enterprise_id: str) -> JsonObject:
        return {"id": enterprise_id, "name": self.tenants.organisation(enterprise_id).name}

    def _command_enterprise(self, team: Team) -> JsonObject:
        if team.enterprise_id is None:
            return {}
        known = self._enterprise(team.enterprise_id)
        return {"enterprise_id": known["id"], "enterprise_name": known["name"]}

    def _action(self, control: Control, value: Any, state: State) -> JsonObject:
        element = control.element
        action = {
            "type": element["type"],
            "action_id": control.action_id,
            "block_id": control.block_id,
            "action_ts": self.timestamps.next(),
        }
        if element["type"] in ("button", "icon_button"):
            shown = ("text", "value", "style", "url", "confirm")
            return action | {name: element[name] for name in shown if name in element}
        if element["type"] == "feedback_buttons":
            return action | _feedback(element, value)
        if element["type"] == "overflow":
            as_select = {**element, "type": "static_select"}
            return action | {**entered(as_select, value), "type": "overflow"}
        entry = entered(element, value)
        state.setdefault(control.block_id, {})[control.action_id] = entry
        return action | entry

    def _respond(
        self, bot: Installation, user: str, view: JsonObject, answer: JsonObject
    ) -> Submitted:
        try:
            return self._follow(bot, user, view, answer)
        except ApiError as error:
            raise self._unusable("view_submission", answer, error) from error

    def _follow(
        self, bot: Installation, user: str, view: JsonObject, answer: JsonObject
    ) -> Submitted:
        action = answer.get("response_action")
        if action is None:
            # The bot may have closed or replaced it in the meantime by a call of its own.
            with contextlib.suppress(PersonError):
                self.views.close(user, view["id"])
            return Submitted(closed=True, errors={})
        if action == "clear":
            self.views.clear(user)
            return Submitted(closed=True, errors={})
        if action == "errors":
            return Submitted(closed=False, errors=_checked_errors(view, answer.get("errors")))
        if action == "update":
            self.views.update(bot, view["id"], answer.get("view") or {})
        elif action == "push":
            self.views.push(bot, user, answer.get("view") or {})
        else:
            raise ApiError("invalid_arguments", [f"[ERROR] unknown response_action: {action}"])
        return Submitted(closed=False, errors={})

    def _show(self, bot: Installation, user: str, channel_id: str, answer: JsonObject) -> None:
        try:
            self.response_urls.answer(bot, user, channel_id, answer)
        except ApiError as error:
            raise self._unusable("slash_commands", answer, error) from error

    def _unusable(self, kind: str, answer: JsonObject, error: ApiError) -> PersonError:
        """Record an acknowledgement Slack would not take; gives what the person is told."""
        at = float(self.timestamps.next())
        self.recorder.add(Call(f"{kind}:ack", answer, at, error.code, error.problems))
        return PersonError("bot_error", "The app answered with something Slack cannot show.", 502)


def _channel(channel: JsonObject) -> JsonObject:
    name = "directmessage" if channel["is_im"] else channel["name"]
    return {"id": channel["id"], "name": name}


def _control(blocks: list[JsonObject], block_id: str, action_id: str) -> Control:
    control = find_control(blocks, block_id, action_id)
    if control is None:
        raise PersonError("action_not_found", "That is not there any more.", 404)
    return control


def _feedback(element: JsonObject, value: Any) -> JsonObject:
    for name in ("positive", "negative"):
        button = element[f"{name}_button"]
        if value in (name, button["value"]):
            return {"text": button["text"], "value": button["value"]}
    raise PersonError("no_such_option", "Choose one of the two.")


def _with_values(view: JsonObject, values: Values) -> State:
    state: State = {block: dict(actions) for block, actions in view["state"]["values"].items()}
    for control in controls(view["blocks"]):
        given = values.get(control.block_id, {})
        if control.action_id in given and control.block_id in state:
            entry = entered(control.element, given[control.action_id])
            state[control.block_id][control.action_id] = entry
    return state


def _incomplete(view: JsonObject, state: State) -> dict[str, str]:
    errors = {}
    for block in view["blocks"]:
        if block["type"] != "input":
            continue
        entry = state.get(block["block_id"], {}).get(block["element"]["action_id"])
        problem = problem_with(block, entry) if entry is not None else None
        if problem:
            errors[block["block_id"]] = problem
    return errors


def _checked_errors(view: JsonObject, errors: Any) -> dict[str, str]:
    inputs = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors:
        raise ApiError("invalid_arguments", ["[ERROR] errors must name input blocks"])
    unknown = set(errors) - inputs
    if unknown:
        words = ", ".join(sorted(unknown))
        raise ApiError("invalid_arguments", [f"[ERROR] no input block with block_id {words}"])
    return {str(block): str(text) for block, text in errors.items()}
