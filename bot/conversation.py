"""What people say to the bot: their messages as Slack tells of them, and the threads around."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.bot import Place
from orchestrator import text
from orchestrator.commands import Actor, NewFile
from orchestrator.store.tables import Attempt, Run

JsonObject = Mapping[str, Any]

_MENTION = re.compile(r"<@[A-Z0-9]+(?:\|[^>]*)?>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
# Of a thread the first message and the latest ones, in characters.
_MOST_CONTEXT = 40_000
_PAGE = 200
_MOST_PAGES = 5


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a person. `thread` is None outside of threads; `text` is without the mention.

    `files` are those Slack told of: with a mention it may tell of none though there are some.
    """

    actor: Actor
    channel: str
    ts: str
    thread: str | None
    text: str
    files: tuple[NewFile, ...] = ()

    @classmethod
    def of(cls, team_id: str, channel: str, message: JsonObject) -> Said:
        """The message as an event, or Slack's history, has it."""
        thread = message.get("thread_ts")
        return cls(
            actor=Actor(team_id, message["user"]),
            channel=channel,
            ts=message["ts"],
            thread=None if thread == message["ts"] else thread,
            text=task_of(message.get("text", "")),
            files=files_of(message),
        )

    @property
    def key(self) -> str:
        """What tells this message from all others, however often Slack tells of it."""
        return f"{self.channel}:{self.ts}"

    @property
    def root(self) -> str:
        """The thread it is in, or that begins with it."""
        return self.thread or self.ts

    @property
    def place(self) -> Place:
        """Where its author looks for an answer that only they see."""
        return Place(self.channel, self.thread)


def task_of(written: str) -> str:
    """What was written, without the mention of the bot and without Slack's escapes."""
    said = _MENTION.sub("", written, count=1)
    for entity, character in _ENTITIES:
        said = said.replace(entity, character)
    return said.strip()


def files_of(message: JsonObject) -> tuple[NewFile, ...]:
    """The files that are attached to a message."""
    return tuple(
        NewFile(
            name=file.get("name") or "file",
            mimetype=file.get("mimetype") or "application/octet-stream",
            size=int(file.get("size") or 0),
            source=file["id"],
        )
        for file in message.get("files") or ()
    )


def concerns_us(event: JsonObject) -> bool:
    """Whether an event is anything to the bot: of other people's messages only what becomes of
    them, for one of them may have been a task, and of its own that they were deleted."""
    if event.get("type") == "app_mention":
        return _is_by_person(event)
    if event.get("type") != "message":
        return True
    match event.get("subtype"):
        case "message_changed":
            message, previous = event["message"], event["previous_message"]
            return _is_by_person(previous) and message.get("text") != previous.get("text")
        case "message_deleted":
            return "user" in event["previous_message"]
        case None | "file_share" | "thread_broadcast":
            return event.get("channel_type") == "im" and _is_by_person(event)
    return False


def is_deletion(event: JsonObject) -> bool:
    """Whether a message is gone; where there are replies to it, a tombstone takes its place."""
    message = event.get("message", {})
    return event.get("subtype") == "message_deleted" or message.get("subtype") == "tombstone"


def _is_by_person(message: JsonObject) -> bool:
    return "user" in message and "bot_id" not in message


# --- the thread ----------------------------------------------------------------------------


async def latest_run(session: AsyncSession, said: Said) -> Run | None:
    """The run that was begun last in this thread."""
    runs = await _runs(session, said)
    return runs[0] if runs else None


async def begun_by(session: AsyncSession, said: Said) -> Run | None:
    """The run that was begun by this message of its author, as it read then."""
    task = text.block(said.text)
    runs = [run for run in await _runs(session, said) if run.requester == said.actor.user_id]
    by_it = [run for run in runs if run.task == task]
    if not by_it and said.thread is None:
        # Whoever said more while it was planned has changed the task.
        by_it = runs[-1:]
    return by_it[0] if by_it else None


async def _runs(session: AsyncSession, said: Said) -> Sequence[Run]:
    """The runs of the thread, the latest first."""
    query = select(Run).where(
        Run.team_id == said.actor.team_id, Run.channel == said.channel, Run.thread == said.root
    )
    return (await session.exec(query.order_by(col(Run.id).desc()))).all()


async def answer_of(session: AsyncSession, run: Run) -> str:
    """The answer of a run as context for the next one; empty where there is none."""
    attempt = await session.get(Attempt, run.answer_attempt_id or "")
    if attempt is None or not attempt.output:
        return ""
    return f"The answer to “{text.shorten(text.one_line(run.task), 300)}”:\n{attempt.output}"


async def messages_of(client: AsyncWebClient, channel: str, thread: str) -> list[JsonObject]:
    """The messages of a thread, oldest first: of a very long one the first thousand."""
    found: list[JsonObject] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await client.conversations_replies(
            channel=channel, ts=thread, limit=_PAGE, cursor=cursor
        )
        found += page["messages"]
        cursor = (page.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            break
    return found


def context(messages: Sequence[JsonObject], own_user: str | None, answer: str, but: str) -> str:
    """What was said in a thread, and the answer it got, as context for a task.

    The bot's own messages (`own_user`) and the one with the task (`but`) are left out.
    """
    lines = [
        f"{message.get('user', 'bot')}: {task_of(message.get('text', ''))}"
        for message in messages
        if message["ts"] != but and message.get("user") != own_user
    ]
    parts = [*_kept(lines, _MOST_CONTEXT - min(len(answer), _MOST_CONTEXT // 2))]
    if answer:
        parts.append(answer[: _MOST_CONTEXT // 2])
    return "\n".join(parts)


def files_in(
    messages: Sequence[JsonObject], own_user: str | None, first: str
) -> tuple[NewFile, ...]:
    """The files that people attached in a thread: of the message `first`, then the latest."""
    by_people = [m for m in messages if m.get("user") != own_user]
    ordered = sorted(by_people, key=lambda m: (m["ts"] == first, float(m["ts"])), reverse=True)
    return tuple(file for message in ordered for file in files_of(message))


def _kept(lines: Sequence[str], most: int) -> list[str]:
    """The first line and as many of the last as fit into `most` characters."""
    if not lines:
        return []
    first, left = lines[0][: most // 2], most
    left -= len(first)
    kept: list[str] = []
    for line in reversed(lines[1:]):
        if len(line) > left:
            kept.append("…")
            break
        kept.append(line)
        left -= len(line)
    return [first, *reversed(kept)]
