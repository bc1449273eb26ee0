"""What the app is doing in a thread, as people see it below the messages.

https://docs.slack.dev/ai/agent-sessions
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from bot.localslack.errors import PersonError
from bot.localslack.events import Events
from bot.localslack.feed import Feed
from bot.localslack.messages import Messages
from bot.localslack.storage import JsonObject, Storage

PROCESSING = "processing"
STATES = ("active", PROCESSING, "suspended", "closed")


@dataclass(frozen=True, slots=True)
class Session:
    """One thread. `state` is empty where the app never named one; `words` is its passing status.

    `prompts` are what a person may say next, each a `title` and a `message`.
    """

    channel: str
    thread_ts: str
    state: str = ""
    title: str = ""
    words: str = ""
    prompts: Sequence[JsonObject] = ()


class Sessions:
    """The threads in which the app said what it does."""

    def __init__(self, storage: Storage, feed: Feed, events: Events, messages: Messages):
        self._storage = storage
        self._feed = feed
        self._events = events
        self._messages = messages

    def find(self, channel: JsonObject, thread_ts: str) -> Session:
        """The session of a thread; a blank one where there is none."""
        stored = self._storage.get("session", f"{channel['id']}/{thread_ts}")
        return Session(**stored) if stored else Session(channel["id"], thread_ts)

    def shown(self, session: Session) -> JsonObject:
        """A session as people see it; `can_stop` says whether the app would listen."""
        working = session.state == PROCESSING
        return {**asdict(session), "can_stop": working and self._events.wants_stops}

    def set_state(self, channel: JsonObject, thread_ts: str, state: str, title: str) -> Session:
        """Say whether the app is at work. The title counts when the session is new."""
        before = self.find(channel, thread_ts)
        title = before.title if before.state else title
        return self._save(channel, replace(before, state=state, title=title))

    def rename(self, channel: JsonObject, thread_ts: str, title: str) -> Session:
        """Give it another title."""
        return self._save(channel, replace(self.find(channel, thread_ts), title=title))

    def say(self, channel: JsonObject, thread_ts: str, words: str) -> None:
        """Show a passing status, until the app posts or takes it back with empty words."""
        session = self.find(channel, thread_ts)
        if session.words != words:
            self._save(channel, replace(session, words=words))

    def suggest(self, channel: JsonObject, thread_ts: str, prompts: Sequence[JsonObject]) -> None:
        """Offer what to say next, until the person says something."""
        session = self.find(channel, thread_ts)
        if list(session.prompts) != list(prompts):
            self._save(channel, replace(session, prompts=prompts))

    def stop(self, user: str, channel: JsonObject, thread_ts: str) -> None:
        """A person asks the app to stop. Raises `PersonError`."""
        if not self.shown(self.find(channel, thread_ts))["can_stop"]:
            raise PersonError("not_processing", "Nothing is at work in this thread.")
        stopped = self._messages.end_streams(channel, thread_ts)
        self._events.session_stopped(channel, thread_ts, user, stopped)

    def _save(self, channel: JsonObject, session: Session) -> Session:
        key = f"{session.channel}/{session.thread_ts}"
        self._storage.put("session", key, asdict(session))
        self._feed.publish("session", self.shown(session), channel["members"])
        return session
