"""Messages: posting, editing, deleting, reacting; people and bot are told of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bot.localslack import seed
from bot.localslack.controls import with_ids
from bot.localslack.events import Events
from bot.localslack.feed import Feed
from bot.localslack.files import Files
from bot.localslack.ids import Timestamps
from bot.localslack.markdown import with_trees
from bot.localslack.storage import JsonObject, Storage, StoredMessage

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
    ):
        self._storage = storage
        self._files = files
        self._timestamps = timestamps
        self._feed = feed
        self._events = events

    def post(
        self,
        channel: JsonObject,
        body: JsonObject,
        *,
        thread_ts: str | None = None,
        broadcast: bool = False,
    ) -> StoredMessage:
        """Post to a channel or into a thread of it."""
        message = self._new(channel, body, thread_ts, broadcast=broadcast)
        self._files.share(message.body.get("file_ids", []), channel["id"], message.ts)
        self._storage.put_message(message)
        parent = self._count_replies(channel, thread_ts) if thread_ts else None
        shown = self.for_person(message)
        if parent is not None:
            shown["parent"] = self.for_person(parent)
        self._feed.publish("message", shown, channel["members"])
        self._events.posted(channel, self.for_api(message))
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
            self._events.changed(channel, self.for_api(changed), self.for_api(message))
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
            self._events.deleted(channel, self.for_api(message))
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

    def for_api(self, message: StoredMessage, *, metadata: bool = False) -> JsonObject:
        """A message as the Web API and events show it."""
        hidden = _INTERNAL[1:] if metadata else _INTERNAL
        shown = {key: value for key, value in message.body.items() if key not in hidden}
        return self._with_files(shown, message.body)

    def for_person(self, message: StoredMessage) -> JsonObject:
        """A message as a person's page shows it."""
        hidden = ("metadata", "file_ids", "bot_profile", "app_id", "team", "type", "root")
        shown = {key: value for key, value in message.body.items() if key not in hidden}
        shown |= _app_name(message.body)
        if shown.get("thread_ts") == message.ts:
            del shown["thread_ts"]
        if shown.get("blocks"):
            shown["blocks"] = with_trees(shown["blocks"])
        return self._with_files(shown, message.body)

    def _with_files(self, shown: JsonObject, body: JsonObject) -> JsonObject:
        found = [self._files.find(file_id) for file_id in body.get("file_ids", [])]
        if found:
            shown["files"] = [self._files.shown(file) for file in found if file is not None]
        return shown

    def _new(
        self,
        channel: JsonObject,
        body: JsonObject,
        thread_ts: str | None,
        *,
        broadcast: bool = False,
    ) -> StoredMessage:
        ts = self._timestamps.next()
        whole = {"type": "message", "team": seed.TEAM_ID, **_without_nulls(body)}
        whole |= {"channel": channel["id"], "ts": ts}
        if "bot_id" in whole:
            whole.setdefault("bot_profile", self._bot_profile())
        if whole.get("blocks"):
            whole["blocks"] = with_ids(whole["blocks"], [])
        parent = self._storage.message(channel["id"], thread_ts) if thread_ts else None
        if thread_ts:
            whole |= {"thread_ts": thread_ts, **_parent_user(parent)}
        if broadcast and parent is not None:
            whole |= {"subtype": "thread_broadcast", "root": self.for_api(parent)}
        return StoredMessage(channel["id"], ts, whole, thread_ts, broadcast)

    def _bot_profile(self) -> JsonObject:
        bot = self._storage.get("user", seed.BOT_USER)
        assert bot is not None, "the bot is there from the start"
        return seed.bot_profile(seed.BOT_ID, seed.APP_ID, seed.BOT_USER, bot["real_name"])

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
        self._events.changed(channel, self.for_api(buried), self.for_api(message))


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
