"""What people do and see, over HTTP: for the workspace's page and for tests."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.localslack import directory, seed
from bot.localslack.composer import typed
from bot.localslack.errors import PersonError
from bot.localslack.shares import shared
from bot.localslack.storage import JsonObject, StoredMessage
from bot.localslack.tenants import Installation
from bot.localslack.workspace import Workspace

Handler = Callable[["Ask"], Awaitable[JsonObject]]
_MOST_MESSAGES = 1000


class Ask:
    """A person's request: what they sent, and who they are."""

    def __init__(self, request: Request, body: JsonObject):
        self.request = request
        self.body = body
        self.workspace: Workspace = request.app.state.workspace

    @property
    def user(self) -> str:
        """The person. Raises `PersonError`."""
        user = self.workspace.directory.user(self.text("user"))
        if user is None or user["is_bot"]:
            raise PersonError("user_not_found", "There is no such person.", 404)
        if user["deleted"]:
            raise PersonError("account_inactive", "This account has been deactivated.", 403)
        return str(user["id"])

    @property
    def bot(self) -> Installation:
        """The bot that is meant by `bot`, or the one the person meets. Raises `PersonError`."""
        named = self.optional("bot")
        found = self.workspace.tenants.of_bot(named) if named else None
        if named and found is None:
            raise PersonError("app_not_found", "There is no such app.", 404)
        return found or self.workspace.directory.bot_of(self.user)

    @property
    def channel(self) -> JsonObject:
        """The channel, which the person must be in. Raises `PersonError`."""
        return self.workspace.directory.visible_channel(self.user, self.text("channel"))

    def text(self, name: str) -> str:
        """A string that must be there. Raises `PersonError`."""
        value = self.body.get(name)
        if not isinstance(value, str) or not value:
            raise PersonError("missing_argument", f"`{name}` is missing.")
        return value

    def optional(self, name: str) -> str | None:
        """A string, or None."""
        return self.text(name) if self.body.get(name) else None

    def saying(self, text: str, *, me: bool) -> Ask:
        """Return the same request with other words."""
        return Ask(self.request, {**self.body, "text": text, "me": me})

    def message(self, channel: JsonObject) -> StoredMessage:
        """The message with that `ts`. Raises `PersonError`."""
        message = self.workspace.messages.visible(channel, self.text("ts"), self.user)
        if message is None:
            raise PersonError("message_not_found", "That message is not there any more.", 404)
        return message


async def workspace_(ask: Ask) -> JsonObject:
    """Who and what is here; with `user`, only the channels that person is in."""
    here = ask.workspace
    user = ask.user if ask.body.get("user") else None
    channels = [c for c in here.directory.channels() if user is None or user in c["members"]]
    team = here.directory.team_of(user) if user else here.tenants.teams()[0]
    bot = here.directory.bot_of(user) if user else here.tenants.installations()[0]
    users = here.directory.colleagues(user) if user else here.directory.users()
    return {
        "team": {"id": team.id, "name": team.name},
        "teams": [{"id": each.id, "name": each.name} for each in here.tenants.teams()],
        "bot": {
            "id": bot.bot_user,
            "user_id": bot.bot_user,
            "bot_id": bot.bot_id,
            "app_id": seed.APP_ID,
            "name": here.directory.person(bot.bot_user)["real_name"],
        },
        "users": [_user(member) for member in users],
        "channels": [directory.for_person(channel) for channel in channels],
        "commands": [_command(command) for command in here.manifest.commands],
        "shortcuts": [
            {name: shortcut.get(name, "") for name in ("callback_id", "name", "type")}
            for shortcut in here.manifest.shortcuts
        ],
        "bot_connected": here.delivery.is_ready,
        "app_installed": bot.is_active,
        "welcome": asdict(here.welcome),
    }


async def messages(ask: Ask) -> JsonObject:
    """A channel, one thread of it, or with `all` everything in it; oldest first."""
    thread_ts = ask.optional("thread_ts")
    found = ask.workspace.messages.seen_by(
        ask.user, ask.channel, thread_ts, everything=ask.body.get("all") == "true"
    )
    before = ask.optional("before")
    if before is not None:
        found = [message for message in found if message.ts < before]
    limit = _limit(ask)
    shown = [ask.workspace.messages.for_person(message) for message in found[-limit:]]
    sessions = ask.workspace.sessions
    session = sessions.shown(sessions.find(ask.channel, thread_ts or ""))
    return {"messages": shown, "has_more": len(found) > limit, "session": session}


async def stop(ask: Ask) -> JsonObject:
    """Ask the app to stop what it does in a thread."""
    ask.workspace.sessions.stop(ask.user, ask.channel, ask.text("thread_ts"))
    return {}


async def post(ask: Ask) -> JsonObject:
    """Say something, in a channel or a thread, perhaps with files."""
    here, channel, user = ask.workspace, ask.channel, ask.user
    if channel.get("is_archived"):
        raise PersonError("is_archived", "This channel is archived: nothing can be posted.", 403)
    files = [str(file_id) for file_id in ask.body.get("files") or []]
    if any(here.files.find(file_id) is None for file_id in files):
        raise PersonError("file_not_found", "A file of this message is not there.", 404)
    text = here.directory.as_slack_text(str(ask.body.get("text") or ""), user)
    if not text and not files:
        raise PersonError("no_text", "There is nothing in this message.")
    body: JsonObject = {"user": user, **_written(ask, text)}
    if files:
        body["file_ids"] = files
    return _posted(ask, channel, body)


async def forward(ask: Ask) -> JsonObject:
    """Forward a message to `to`, a channel, with some words of one's own or none."""
    here, user = ask.workspace, ask.user
    source = ask.message(ask.channel)
    author = here.directory.user(str(source.body.get("user")))
    if author is None:
        raise PersonError("cant_forward", "This message has no author to show.")
    attachment = shared(source, ask.channel, author, here.files, here.base_url)
    text = here.directory.as_slack_text(str(ask.body.get("text") or ""), user)
    body = {"user": user, **_written(ask, text), "attachments": [attachment]}
    return _posted(ask, here.directory.visible_channel(user, ask.text("to")), body)


def _posted(ask: Ask, channel: JsonObject, body: JsonObject) -> JsonObject:
    here, thread_ts = ask.workspace, ask.optional("thread_ts")
    if thread_ts and here.messages.find(channel, thread_ts) is None:
        raise PersonError("thread_not_found", "That thread is not there any more.", 404)
    if not thread_ts and here.assistant.answers_in(channel):
        thread_ts = here.assistant.start(ask.user, ask.bot).ts
    here.sessions.suggest(channel, thread_ts or "", [])
    broadcast = bool(thread_ts and ask.body.get("broadcast"))
    message = here.messages.post(channel, body, thread_ts=thread_ts, broadcast=broadcast)
    return {"message": here.messages.for_person(message)}


def _written(ask: Ask, text: str) -> JsonObject:
    """Return what a message says, typed by a person, or sent through an `app` of theirs."""
    if ask.body.get("me"):
        return {"text": text, "subtype": "me_message"}
    if ask.body.get("app"):
        return {**typed(text), **ask.workspace.other_apps.named(ask.text("app")).marks()}
    return {**typed(text), "client_msg_id": str(uuid.uuid4())}


async def edit(ask: Ask) -> JsonObject:
    """Change what one said."""
    channel, user = ask.channel, ask.user
    message = ask.message(channel)
    if message.body.get("user") != user:
        raise PersonError("cant_update_message", "Only its author can edit a message.", 403)
    text = ask.workspace.directory.as_slack_text(ask.text("text"), user)
    ask.workspace.messages.edit(channel, message, user, typed(text))
    return {"message": ask.workspace.messages.for_person(ask.message(channel))}


async def delete(ask: Ask) -> JsonObject:
    """Take back what one said; an ephemeral message is put away by the one who sees it."""
    channel, user = ask.channel, ask.user
    message = ask.message(channel)
    is_admin = ask.workspace.directory.person(user)["is_admin"]
    if message.body.get("user") != user and message.seen_by != user and not is_admin:
        raise PersonError("cant_delete_message", "Only its author can delete a message.", 403)
    ask.workspace.messages.delete(channel, message)
    return {}


async def start_thread(ask: Ask) -> JsonObject:
    """Begin a thread with the assistant, `viewing` a channel or none."""
    root = ask.workspace.assistant.start(ask.user, ask.bot, ask.optional("viewing"))
    return {"message": ask.workspace.messages.for_person(root)}


async def look_at(ask: Ask) -> JsonObject:
    """Look at another channel beside such a thread."""
    place = ask.channel, ask.text("thread_ts")
    ask.workspace.assistant.look_at(ask.user, ask.bot, *place, ask.text("viewing"))
    return {}


async def react(ask: Ask) -> JsonObject:
    """Add a reaction, or take it back."""
    channel = ask.channel
    message = ask.message(channel)
    ask.workspace.messages.react(channel, message, ask.user, ask.text("name").strip(":"))
    return {}


async def act(ask: Ask) -> JsonObject:
    """Click a button or choose from a menu."""
    container = ask.body.get("container")
    if not isinstance(container, dict):
        raise PersonError("missing_argument", "`container` is missing.")
    interactivity, user = ask.workspace.interactivity, ask.user
    block_id, action_id, value = ask.text("block_id"), ask.text("action_id"), ask.body.get("value")
    if container.get("type") == "view":
        view_id, values = str(container.get("view_id")), ask.body.get("values") or {}
        await interactivity.act_on_view(user, view_id, block_id, action_id, value, values)
    else:
        channel, ts = str(container.get("channel")), str(container.get("ts"))
        await interactivity.act_on_message(user, channel, ts, block_id, action_id, value)
    return {}


async def suggest(ask: Ask) -> JsonObject:
    """Ask the app for the options of a select that fit what was typed, in `value`."""
    container = ask.body.get("container")
    if not isinstance(container, dict):
        raise PersonError("missing_argument", "`container` is missing.")
    interactivity, typed_so_far = ask.workspace.interactivity, str(ask.body.get("value") or "")
    named = ask.text("block_id"), ask.text("action_id")
    if container.get("type") == "view":
        view_id = str(container.get("view_id"))
        found = await interactivity.suggest_in_view(ask.user, view_id, *named, typed_so_far)
    else:
        place = str(container.get("channel")), str(container.get("ts"))
        found = await interactivity.suggest_in_message(ask.user, *place, *named, typed_so_far)
    return found


async def command(ask: Ask) -> JsonObject:
    """Type a slash command, which works in a channel and not in a thread."""
    if ask.body.get("thread_ts"):
        raise PersonError("not_in_thread", "Slash commands do not work in threads.")
    text = str(ask.body.get("text") or "").strip()
    name = ask.text("command")
    if name == "/me":
        return await post(ask.saying(text, me=True))
    await ask.workspace.interactivity.command(ask.user, ask.text("channel"), name, text)
    return {}


async def shortcut(ask: Ask) -> JsonObject:
    """Use a shortcut."""
    channel, ts = str(ask.body.get("channel") or ""), str(ask.body.get("message_ts") or "")
    callback_id = ask.text("callback_id")
    await ask.workspace.interactivity.shortcut(ask.user, callback_id, channel, ts)
    return {}


async def views(ask: Ask) -> JsonObject:
    """The open modals, the top last."""
    return {"views": ask.workspace.views.stack(ask.user)}


async def submit(ask: Ask) -> JsonObject:
    """Submit a modal; the answer is the bot's."""
    values = ask.body.get("values") or {}
    done = await ask.workspace.interactivity.submit(ask.user, ask.text("view_id"), values)
    return {"closed": done.closed, **({"errors": done.errors} if done.errors else {})}


async def close(ask: Ask) -> JsonObject:
    """Close a modal."""
    await ask.workspace.interactivity.close(ask.user, ask.text("view_id"))
    return {}


async def open_home(ask: Ask) -> JsonObject:
    """Open the bot's page."""
    user, tab = ask.user, ask.optional("tab") or "home"
    if tab not in ("home", "messages"):
        raise PersonError("unknown_tab", "There is no such tab.")
    bot, here = ask.bot, ask.workspace
    channel = here.directory.direct_message(user, bot.bot_user)
    if channel is None:
        raise PersonError("app_not_found", "There is no such app for you.", 404)
    here.events.home_opened(user, bot, channel, tab, here.views.home(user, bot))
    return {"bot_id": bot.bot_id}


async def home(ask: Ask) -> JsonObject:
    """The Home tab as it is."""
    return {"view": ask.workspace.views.home(ask.user, ask.bot)}


async def add_file(request: Request) -> Response:
    """Bring a file; it is seen once it is posted."""
    try:
        ask = Ask(request, dict(request.query_params))
        kind = request.headers.get("content-type", "application/octet-stream")
        content = await request.body()
        file = ask.workspace.files.add(ask.user, ask.text("name"), kind, content)
    except PersonError as error:
        return refusal(error)
    shown = ask.workspace.files.shown(file)
    kept = ("id", "name", "mimetype", "size", "url_private")
    return JSONResponse({"ok": True, "file": {name: shown[name] for name in kept}})


async def get_file(request: Request) -> Response:
    """A file's bytes."""
    workspace: Workspace = request.app.state.workspace
    file = workspace.files.find(request.path_params["id"])
    if file is None:
        return refusal(PersonError("file_not_found", "That file is not there.", 404))
    # What people upload is shown as a picture or saved, never run as part of the page.
    inline = file["mimetype"].startswith("image/") and "svg" not in file["mimetype"]
    return FileResponse(
        workspace.files.content(file),
        media_type=file["mimetype"],
        filename=file["name"],
        content_disposition_type="inline" if inline else "attachment",
        headers={"X-Content-Type-Options": "nosniff"},
    )


async def events(request: Request) -> Response:
    """Everything this person sees, as it happens."""
    try:
        ask = Ask(request, dict(request.query_params))
        stream = ask.workspace.feed.stream(ask.user)
    except PersonError as error:
        return refusal(error)
    headers = {"Cache-Control": "no-store"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


def refusal(error: PersonError) -> Response:
    """An error as people's programs get it."""
    body = {"ok": False, "error": error.code, "message": error.message}
    return JSONResponse(body, error.status)


def answering(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint out of a handler: its arguments read, its errors worded."""

    async def endpoint(request: Request) -> Response:
        try:
            answer = await handler(Ask(request, await _body(request)))
        except PersonError as error:
            return refusal(error)
        return JSONResponse({"ok": True, **answer})

    return endpoint


async def _body(request: Request) -> JsonObject:
    if request.method == "GET":
        return dict(request.query_params)
    try:
        body: Any = json.loads(await request.body())
    except ValueError as error:
        raise PersonError("invalid_json", "This is not JSON.") from error
    if not isinstance(body, dict):
        raise PersonError("invalid_json", "This is not a JSON object.")
    return body


def _limit(ask: Ask) -> int:
    value = str(ask.body.get("limit") or 200)
    if not value.isdigit() or not int(value):
        raise PersonError("invalid_limit", "`limit` is a number above 0.")
    return min(int(value), _MOST_MESSAGES)


def _user(user: JsonObject) -> JsonObject:
    kept = ("id", "team_id", "name", "real_name", "is_admin", "is_bot", "deleted", "tz")
    return {**{name: user[name] for name in kept}, "color": f"#{user['color']}"}


def _command(command: JsonObject) -> JsonObject:
    return {name: command.get(name, "") for name in ("command", "description", "usage_hint")}


def _route(path: str, handler: Handler, method: str) -> Route:
    return Route(path, answering(handler), methods=[method])


ROUTES = [
    _route("/local/workspace", workspace_, "GET"),
    _route("/local/messages", messages, "GET"),
    _route("/local/messages", post, "POST"),
    _route("/local/messages/forward", forward, "POST"),
    _route("/local/messages/edit", edit, "POST"),
    _route("/local/messages/delete", delete, "POST"),
    _route("/local/assistant/threads", start_thread, "POST"),
    _route("/local/assistant/context", look_at, "POST"),
    _route("/local/reactions", react, "POST"),
    _route("/local/stop", stop, "POST"),
    _route("/local/actions", act, "POST"),
    _route("/local/suggestions", suggest, "POST"),
    _route("/local/commands", command, "POST"),
    _route("/local/shortcuts", shortcut, "POST"),
    _route("/local/views", views, "GET"),
    _route("/local/views/submit", submit, "POST"),
    _route("/local/views/close", close, "POST"),
    _route("/local/home", open_home, "POST"),
    _route("/local/home", home, "GET"),
    Route("/local/files", add_file, methods=["POST"]),
    Route("/local/files/{id}", get_file, methods=["GET"]),
    Route("/local/events", events, methods=["GET"]),
]
