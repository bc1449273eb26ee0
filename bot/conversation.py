"""What people say to the bot: their messages as Slack tells of them, and the threads around."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot import markup
from bot.bot import Place
from bot.contents import JsonObject as JsonObject
from bot.contents import Thread, author_of, content_of, time_of
from bot.markup import Piece, Words
from bot.names import Names
from orchestrator import text
from orchestrator.commands import Actor, NewFile
from orchestrator.store.tables import Attempt, Run

_PLAIN_MESSAGES = (None, "file_share", "thread_broadcast", "me_message", "message_share")
# Of a thread the first message and the latest ones, in characters.
_MOST_CONTEXT = 40_000
_MOST_LINE = 8_000


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a person. `thread` is None outside of threads.

    `text` is all that it says, without the mention of the bot and with names in the place of ids;
    `written` is what its author wrote of that, `legend` which ids the names stand for. `files`
    are those Slack told of: with a mention it may tell of none though there are some.
    """

    actor: Actor
    channel: str
    ts: str
    thread: str | None
    text: str
    written: str
    files: tuple[NewFile, ...] = ()
    legend: str = ""

    @property
    def key(self) -> str:
        """What tells this message from all others, however often Slack tells of it."""
        return f"{self.channel}:{self.ts}"

    @property
    def word(self) -> str:
        """What its author wrote as a word of command; what came along with it is none."""
        word = word_of(self.written)
        return word if word or self.text == self.written else self.text

    @property
    def root(self) -> str:
        """The thread it is in, or that begins with it."""
        return self.thread or self.ts

    @property
    def place(self) -> Place:
        """Where its author looks for an answer that only they see."""
        return Place(self.channel, self.thread)


class Reader:
    """Reads messages in a workspace, in which the bot is `own_user`."""

    def __init__(self, names: Names, team_id: str, own_user: str | None) -> None:
        self._names = names
        self._team_id = team_id
        self._own_user = own_user

    async def said(self, channel: str, message: JsonObject) -> Said:
        """Read a message of a person, as an event or Slack's history has it."""
        content = content_of(message)
        own, whole = self._without_us(content.own), self._without_us(content.said)
        names = await self._names.of(self._team_id, markup.references(whole))
        ts, thread = message["ts"], message.get("thread_ts")
        return Said(
            actor=Actor(self._team_id, speaker_of(message)),
            channel=channel,
            ts=ts,
            thread=None if thread == ts else thread,
            text=markup.plain(whole, names),
            written=markup.plain(own, names),
            files=content.files,
            legend=legend(whole, names),
        )

    async def task(self, typed: str) -> tuple[str, str]:
        """Read what was typed after a command; return it and the legend of its names."""
        return await self._with_legend(markup.parse(typed))

    async def message(self, message: JsonObject) -> tuple[str, str]:
        """Read a message of anybody, also of an app; return it and the legend of its names."""
        return await self._with_legend(content_of(message).everything)

    async def _with_legend(self, said: Words) -> tuple[str, str]:
        words = self._without_us(said)
        names = await self._names.of(self._team_id, markup.references(words))
        return markup.plain(words, names), legend(words, names)

    async def context(self, thread: Thread, answer: str, but: str) -> str:
        """Write what was said in a thread, and the answer it got, as context for a task.

        The bot's own messages and the one with the task (`but`) are left out.
        """
        said = [
            (author_of(message), self._without_us(content_of(message).everything))
            for message in thread.messages
            if message.get("ts") != but and message.get("user") != self._own_user
        ]
        words: Words = tuple(piece for one in reversed(said) for piece in (one[0], *one[1]))
        names = await self._names.of(self._team_id, markup.references(words))
        lines = [f"{_author(who, names)}: {markup.plain(what, names)}" for who, what in said]
        most = _MOST_CONTEXT - min(len(answer), _MOST_CONTEXT // 2)
        kept, cut = _kept(lines, most, thread)
        parts = [thread.note(cut), legend(words, names), *kept]
        return "\n".join(part for part in [*parts, answer[: _MOST_CONTEXT // 2]] if part)

    def files(self, thread: Thread, first: str) -> tuple[NewFile, ...]:
        """Return the files of a thread: of the message `first`, then the latest."""
        ordered = sorted(
            (m for m in thread.messages if m.get("user") != self._own_user),
            key=lambda message: (message.get("ts") == first, time_of(message)),
            reverse=True,
        )
        return tuple(file for message in ordered for file in content_of(message).files)

    def _without_us(self, words: Words) -> Words:
        return markup.without(words, self._own_user)


def legend(words: Words, names: Mapping[str, str]) -> str:
    """Say which ids the names in `words` stand for; empty where there is none."""
    named = {item.id: markup.named(item, names) for item in markup.references(words)}
    told = [f"{name} is {id_}" for id_, name in named.items() if id_ not in name]
    return f"In Slack {', '.join(told)}." if told else ""


def _author(who: Piece, names: Mapping[str, str]) -> str:
    return who if isinstance(who, str) else markup.named(who, names).removeprefix("@")


def _kept(lines: Sequence[str], most: int, thread: Thread) -> tuple[list[str], int]:
    """The first line and as many of the last as fit into `most` characters, and how many do not."""
    if not lines:
        return [], 0
    first, left = text.shorten(lines[0], most // 2), most
    left -= len(first)
    kept: list[str] = []
    for line in reversed(lines[1:]):
        beginning = text.shorten(line, _MOST_LINE)
        if len(beginning) > left:
            break
        kept.append(beginning)
        left -= len(beginning)
    cut = len(lines) - 1 - len(kept)
    between = cut + (0 if thread.ends_early else thread.left_out)
    after = thread.left_out if thread.ends_early else 0
    return [first, *_left_out(between), *reversed(kept), *_left_out(after)], cut


def _left_out(messages: int) -> list[str]:
    return [f"… {text.plural(messages, 'message')} left out …"] if messages else []


def files_of(message: JsonObject) -> tuple[NewFile, ...]:
    """The files that come with a message."""
    return content_of(message).files


# --- what a message is -----------------------------------------------------------------------


def concerns_us(event: JsonObject) -> bool:
    """Return whether an event is anything to the bot: of other people's messages only what
    becomes of them, for one of them may have been a task, and of its own that they were deleted."""
    if event.get("type") not in ("app_mention", "message"):
        return True
    if not isinstance(event.get("channel"), str):
        return False
    if event["type"] == "app_mention":
        return _is_said(event) or _is_said_by_bot(event)
    match event.get("subtype"):
        case "message_changed":
            return _is_changed(event)
        case "message_deleted":
            return isinstance(_gone(event).get("ts"), str)
        case subtype if subtype in _PLAIN_MESSAGES:
            return event.get("channel_type") == "im" and _is_said(event)
    return False


def _is_changed(event: JsonObject) -> bool:
    """Whether its author has written something else: links that unfold change nothing."""
    message, previous = _inner(event, "message"), _inner(event, "previous_message")
    if not _is_said(previous) or message.get("ts") != previous.get("ts"):
        return False
    if is_deletion(event):
        return True
    return _is_said(message) and content_of(message).own != content_of(previous).own


def _is_said(message: JsonObject) -> bool:
    """Whether it has an author and a place in time, as messages of people do.

    Who posts through an app is named beside the app, as are the bots of apps (`through_app`).
    """
    named = (message.get("user"), message.get("ts"))
    return all(isinstance(name, str) and name for name in named) and (
        message.get("subtype") != "bot_message"
    )


def _is_said_by_bot(message: JsonObject) -> bool:
    """Whether a bot without a user, such as a webhook, said it."""
    return all(isinstance(message.get(key), str) and message[key] for key in ("bot_id", "ts"))


def speaker_of(message: JsonObject) -> str:
    """Return the id of who said it: a user's, or a bot's that is none."""
    speaker: str = message.get("user") or message["bot_id"]
    return speaker


def _inner(event: JsonObject, key: str) -> JsonObject:
    found = event.get(key)
    return found if isinstance(found, Mapping) else {}


def _gone(event: JsonObject) -> JsonObject:
    """The message that an event of a deletion is about, as far as it says."""
    return _inner(event, "previous_message") or {"ts": event.get("deleted_ts")}


def mention_with_files(event: JsonObject, own_user: str | None = None) -> JsonObject | None:
    """Return the message in a channel of which the event tells, if it mentions the bot, or
    anybody where `own_user` is not known. The event of the mention itself may lack the files."""
    if event.get("type") != "message" or event.get("channel_type") == "im":
        return None
    is_edit = event.get("subtype") == "message_changed"
    message = _inner(event, "message") if is_edit else event
    is_new = is_edit or event.get("subtype") in (None, "file_share", "thread_broadcast")
    is_mention = f"<@{own_user or ''}" in str(message.get("text"))
    is_whole = isinstance(event.get("channel"), str) and isinstance(message.get("ts"), str)
    return message if is_new and is_mention and is_whole else None


def is_deletion(event: JsonObject) -> bool:
    """Whether a message is gone; where there are replies to it, a tombstone takes its place."""
    is_buried = _inner(event, "message").get("subtype") == "tombstone"
    return event.get("subtype") == "message_deleted" or is_buried


def deleted(event: JsonObject) -> JsonObject:
    """Return the message that is gone: at least its `ts`, without author where Slack names none."""
    return _gone(event)


def through_app(message: JsonObject) -> bool:
    """Whether an app posted it: for itself, or for the person that is named as its author."""
    return "bot_id" in message or "bot_profile" in message


_SIGNS = re.compile(r"[*_~`\"'\u201c\u201d\u2018\u2019]+")
_POLITE = re.compile(
    r"^(?:(?:hey|hi|hello|ok|okay|please|pls)\b[\s,.!]*)+"
    r"|(?:[\s,.!]*\b(?:please|pls|thanks|thank you))+$"
)


def word_of(said: str) -> str:
    """Return what was said as a word of command: without formatting, punctuation and courtesies."""
    if len(said) > _MOST_WORD:
        return said
    bare = _SIGNS.sub("", said).lower().strip(_PUNCTUATION)
    return " ".join(_POLITE.sub("", bare).strip(_PUNCTUATION).split())


_MOST_WORD = 100
_PUNCTUATION = " \t\n.,:;!?\u2026"


# --- the runs of a thread --------------------------------------------------------------------


async def latest_run(session: AsyncSession, said: Said) -> Run | None:
    """The run that was begun last in this thread."""
    runs = await _runs(session, said)
    return runs[0] if runs else None


async def begun_by(session: AsyncSession, said: Said) -> Run | None:
    """The run that was begun by this message of its author, as it read then."""
    runs = [run for run in await _runs(session, said) if run.requester == said.actor.user_id]
    by_it = [run for run in runs if states(run, said)]
    if not by_it and said.thread is None:
        # Whoever said more while it was planned has changed the task.
        by_it = runs[-1:]
    return by_it[0] if by_it else None


def states(run: Run, said: Said) -> bool:
    """Return whether the task of the run is what this message says."""
    return bool(said.text) and run.task in (text.block(said.text), text.block(said.written))


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
