"""Messages: posting, editing, deleting, reacting; people and bot are told of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from bot.localslack import seed
from bot.localslack.composer import compose
from bot.localslack.controls import with_ids
from bot.localslack.events import Events
from bot.localslack.feed import Feed
from bot.localslack.files import Files
from bot.localslack.ids import Timestamps
from bot.localslack.markdown import with_trees
from bot.localslack.perspective import Perspective
from bot.localslack.storage import JsonObject, Storage, StoredMessage
from bot.localslack.tenants import Installation, team_ids_of

_INTERNAL = ("metadata", "file_ids", "channel", "is_ephemeral", "streaming")
_TOMBSTONE = "This message was deleted."


class Messages:
    """The messages of all channels."""

    def __init__(
        self,
        storage: Storage,
        files: Files,
        timestamps: Timestamps,
        feed: Feed,
        events: Events,
        perspective: Perspective,
    ):
        self._storage = storage
        self._files = files
        self._timestamps = timestamps
        self._feed = feed
        self._events = events
        self._perspective = perspective

    def post(
        self,
        channel: JsonObject,
        body: JsonObject,
        *,
        thread_ts: str | None = None,
        broadcast: bool = False,
        is_told: bool = True,
    ) -> StoredMessage:
        """Post to a channel or into a thread of it; the app is sent an event where `is_told`."""
        message = self._new(channel, body, thread_ts, broadcast=broadcast)
        self._files.share(message.body.get("file_ids", []), channel["id"], message.ts)
        self._storage.put_message(message)
        parent = self._count_replies(channel, thread_ts) if thread_ts else None
        shown = self.for_person(message)
        if parent is not None:
            shown["parent"] = self.for_person(parent)
        self._feed.publish("message", shown, channel["members"])
        if is_told:
            self._events.posted(channel, partial(self.for_event, message))
        return message

    def post_ephemeral(
        self, channel: JsonObject, user: str, body: JsonObject, *, thread_ts: str | None = None
    ) -> StoredMessage:
        """Show something to one person only."""
        message = self._new(channel, {**body, "is_ephemeral": True}, thread_ts)
        message = replace(message, seen_by=user)
        self._storage.put_message(message)
        self._feed.publish("message", self.for_person(message), [user])
        return message

    def update(
        self, channel: JsonObject, message: StoredMessage, changes: JsonObject
    ) -> JsonObject:
        """Change a message; a change to None takes a field away. Gives the new body."""
        body = _without_nulls({**message.body, **changes})
        if body.get("blocks"):
            body["blocks"] = with_ids(body["blocks"], message.body.get("blocks") or [])
        changed = replace(message, body=body)
        self._storage.put_message(changed)
        self._feed.publish("message_changed", self.for_person(changed), _audience(channel, changed))
        if changed.seen_by is None:
            self._tell_changed(channel, changed, message)
        return body

    def edit(
        self, channel: JsonObject, message: StoredMessage, user: str, changes: JsonObject
    ) -> JsonObject:
        """Change what a message says, and let it show that it was edited."""
        edited = {"user": user, "ts": self._timestamps.next()}
        return self.update(channel, message, {**changes, "edited": edited})

    def delete(self, channel: JsonObject, message: StoredMessage) -> None:
        """Take a message away; one that has replies leaves a note in its place."""
        if message.body.get("reply_count"):
            self._bury(channel, message)
            return
        self._storage.delete_message(channel["id"], message.ts)
        gone = {"channel": channel["id"], "ts": message.ts, "thread_ts": message.thread_ts}
        self._feed.publish("message_deleted", gone, _audience(channel, message))
        if message.seen_by is None:
            self._events.deleted(channel, partial(self.for_event, message))
        if message.thread_ts:
            parent = self._count_replies(channel, message.thread_ts)
            if parent is not None:
                self._feed.publish("message_changed", self.for_person(parent), channel["members"])

    def end_streams(self, channel: JsonObject, thread_ts: str) -> list[str]:
        """End the messages of a thread that are still being written; gives their times."""
        writing = [m for m in self.thread(channel, thread_ts) if m.body.get("streaming")]
        for message in writing:
            self.update(channel, message, {"streaming": None})
        return [message.ts for message in writing]

    def react(self, channel: JsonObject, message: StoredMessage, user: str, name: str) -> bool:
        """Add a reaction, or take it back where it is there. Gives whether it is there now."""
        reactions = {r["name"]: list(r["users"]) for r in message.body.get("reactions", [])}
        users = reactions.setdefault(name, [])
        added = user not in users
        if added:
            users.append(user)
        else:
            users.remove(user)
        listed = [
            {"name": key, "users": who, "count": len(who)} for key, who in reactions.items() if who
        ]
        changed = replace(message, body={**message.body, "reactions": listed})
        self._storage.put_message(changed)
        self._feed.publish("reaction", self.for_person(changed), channel["members"])
        self._events.reacted(channel, changed.body, user, name, added=added)
        return added

    def find(self, channel: JsonObject, ts: str) -> StoredMessage | None:
        """A message everyone in the channel sees."""
        message = self._storage.message(channel["id"], ts)
        return None if message is None or message.seen_by is not None else message

    def visible(self, channel: JsonObject, ts: str, user: str) -> StoredMessage | None:
        """A message this person sees."""
        message = self._storage.message(channel["id"], ts)
        return message if message is not None and message.seen_by in (None, user) else None

    def history(self, channel: JsonObject) -> list[StoredMessage]:
        """What everyone sees in the channel itself, oldest first."""
        return _shared(self._storage.top_level(channel["id"]))

    def thread(self, channel: JsonObject, ts: str) -> list[StoredMessage]:
        """A thread: its parent, then the replies; empty where there is none."""
        parent = self.find(channel, ts)
        if parent is None:
            return []
        return [parent, *_shared(self._storage.replies(channel["id"], ts))]

    def seen_by(
        self, user: str, channel: JsonObject, thread_ts: str | None = None, *, everything: bool
    ) -> list[StoredMessage]:
        """What one person sees of a channel, of one thread, or everything; oldest first."""
        if thread_ts is not None:
            parent = self.visible(channel, thread_ts, user)
            found = [] if parent is None else [parent]
            found += self._storage.replies(channel["id"], thread_ts)
        elif everything:
            found = self._storage.all_messages(channel["id"])
        else:
            found = self._storage.top_level(channel["id"])
        return [message for message in found if message.seen_by in (None, user)]

    def for_api(
        self, message: StoredMessage, viewer: Installation, *, metadata: bool = False
    ) -> JsonObject:
        """A message as the Web API shows it to an installation."""
        hidden = _INTERNAL[1:] if metadata else _INTERNAL
        shown = {key: value for key, value in message.body.items() if key not in hidden}
        shown |= _composed(message.body)
        shown |= self._perspective.author(viewer, message.body.get("user", ""))
        if message.broadcast and message.thread_ts:
            shown |= self._root(message.channel, message.thread_ts, viewer)
        files = self._files_of(message.body)
        if files:
            shown["files"] = [self._file_for(viewer, file) for file in files]
        return shown

    def for_event(self, message: StoredMessage, viewer: Installation) -> JsonObject:
        """Return a message as events show it: the app's own with what it attached to it."""
        is_own = message.body.get("bot_id") == viewer.bot_id
        return self.for_api(message, viewer, metadata=is_own)

    def for_person(self, message: StoredMessage) -> JsonObject:
        """A message as a person's page shows it."""
        hidden = ("metadata", "file_ids", "bot_profile", "app_id", "team", "type")
        shown = {key: value for key, value in message.body.items() if key not in hidden}
        shown |= _app_name(message.body)
        if shown.get("thread_ts") == message.ts:
            del shown["thread_ts"]
        if shown.get("blocks"):
            shown["blocks"] = with_trees(shown["blocks"])
        files = self._files_of(message.body)
        if files:
            shown["files"] = [self._files.shown(file) for file in files]
        return shown

    def _root(self, channel_id: str, thread_ts: str, viewer: Installation) -> JsonObject:
        parent = self._storage.message(channel_id, thread_ts)
        return {} if parent is None else {"root": self.for_api(parent, viewer)}

    def _files_of(self, body: JsonObject) -> list[JsonObject]:
        found = [self._files.find(file_id) for file_id in body.get("file_ids", [])]
        return [file for file in found if file is not None]

    def _file_for(self, viewer: Installation, file: JsonObject) -> JsonObject:
        """A file of another company comes by its id only; files.info knows the rest."""
        if self._perspective.is_foreign(viewer, file["user"]):
            return {"id": file["id"], "mode": "file_access", "file_access": "check_file_info"}
        return self._files.shown(file)

    def _tell_changed(
        self, channel: JsonObject, changed: StoredMessage, before: StoredMessage
    ) -> None:
        now, then = partial(self.for_event, changed), partial(self.for_event, before)
        self._events.changed(channel, now, then)

    def _new(
        self,
        channel: JsonObject,
        body: JsonObject,
        thread_ts: str | None,
        *,
        broadcast: bool = False,
    ) -> StoredMessage:
        ts = self._timestamps.next()
        team = self._team_of(channel, body.get("user", ""))
        whole = {"type": "message", "team": team, **_without_nulls(body)}
        whole |= {"channel": channel["id"], "ts": ts}
        if "bot_id" in whole and "bot_profile" not in whole:
            whole["bot_profile"] = self._bot_profile(whole["user"])
        if whole.get("blocks"):
            whole["blocks"] = with_ids(whole["blocks"], [])
        if thread_ts:
            parent = self._storage.message(channel["id"], thread_ts)
            whole |= {"thread_ts": thread_ts, **_parent_user(parent)}
        if broadcast:
            whole["subtype"] = "thread_broadcast"
        return StoredMessage(channel["id"], ts, whole, thread_ts, broadcast)

    def _team_of(self, channel: JsonObject, user_id: str) -> str:
        """The workspace of an author; for the bot of an organisation the one of the channel."""
        user = self._storage.get("user", user_id)
        bot = self._storage.get("installation", user_id)
        if user is None or (bot is not None and bot["team_id"] is None):
            return team_ids_of(channel)[0]
        return str(user["team_id"])

    def _bot_profile(self, user_id: str) -> JsonObject:
        bot = self._storage.get("user", user_id)
        assert bot is not None, "a bot has an account before it posts"
        profile, team_id = bot["profile"], bot["team_id"]
        known = profile["bot_id"], profile["api_app_id"], user_id, bot["real_name"]
        return seed.bot_profile(*known, team_id=team_id)

    def _count_replies(self, channel: JsonObject, thread_ts: str) -> StoredMessage | None:
        parent = self._storage.message(channel["id"], thread_ts)
        if parent is None:
            return None
        replies = _shared(self._storage.replies(channel["id"], thread_ts))
        users = list(dict.fromkeys(map(_author, replies)))
        counted = {
            "thread_ts": thread_ts,
            "reply_count": len(replies),
            "reply_users_count": len(users),
            "latest_reply": replies[-1].ts if replies else None,
            "reply_users": users,
            "is_locked": False,
            "subscribed": False,
        }
        body = {**parent.body, **counted}
        if not replies:
            body = {key: value for key, value in parent.body.items() if key not in counted}
        changed = replace(parent, body=body)
        self._storage.put_message(changed)
        return changed

    def _bury(self, channel: JsonObject, message: StoredMessage) -> None:
        kept = ("type", "channel", "ts", "thread_ts", "user", "team", "reply_count", "latest_reply")
        body = {key: message.body[key] for key in kept if key in message.body}
        body |= {"subtype": "tombstone", "text": _TOMBSTONE, "hidden": True}
        body["reply_users"] = message.body["reply_users"]
        buried = replace(message, body=body)
        self._storage.put_message(buried)
        self._feed.publish("message_changed", self.for_person(buried), channel["members"])
        self._tell_changed(channel, buried, message)


def _composed(body: JsonObject) -> JsonObject:
    """Return the blocks that Slack makes of an app's text where the app gave none.

    slack_bolt relies on them: the Assistant keeps its context by editing such a message.
    """
    is_plain = "bot_id" in body and "user" in body and "subtype" not in body
    if not is_plain or body.get("blocks") or not body.get("text"):
        return {}
    block_id = body["ts"].partition(".")[2]
    return {"blocks": [{**block, "block_id": block_id} for block in compose(body["text"])]}


def _parent_user(parent: StoredMessage | None) -> dict[str, Any]:
    # What no user posted has none: webhooks and workflows.
    user = None if parent is None else parent.body.get("user")
    return {} if user is None else {"parent_user_id": user}


def _app_name(body: JsonObject) -> dict[str, str]:
    """Return the name people see of another app that posted by itself."""
    profile = body.get("bot_profile") or {}
    by_itself = profile.get("user_id") == body.get("user") and body.get("user") != seed.BOT_USER
    return {"username": profile["name"]} if profile and by_itself else {}


def _author(message: StoredMessage) -> str:
    return str(message.body.get("user") or message.body["bot_id"])


def _without_nulls(body: JsonObject) -> JsonObject:
    return {key: value for key, value in body.items() if value is not None}


def _shared(messages: Iterable[StoredMessage]) -> list[StoredMessage]:
    return [message for message in messages if message.seen_by is None]


def _audience(channel: JsonObject, message: StoredMessage) -> list[str]:
    return [message.seen_by] if message.seen_by is not None else channel["members"]
