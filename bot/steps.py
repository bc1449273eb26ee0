"""What is to be done next so that a thread shows what it should: one call at a time."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from bot import messages, streaming
from bot.blocks import note
from bot.blocks.fallback import Form
from bot.messages import Attachment, Wanted
from bot.view import RunView
from orchestrator.store.tables import Message, MessageStatus


@dataclass(frozen=True, slots=True)
class Step:
    """One call to make: post, edit or delete, by what is there."""

    row: Message | None
    wanted: Wanted | Attachment | None
    is_fresh: bool = False  # the row was made just now, so nothing can have been posted for it

    @property
    def key(self) -> str:
        """The key of the message or file within its run."""
        if self.wanted is not None:
            return self.wanted.key
        assert self.row is not None
        return self.row.key

    @property
    def is_change(self) -> bool:
        """Whether it edits or deletes what is shown, of which Slack allows only so much."""
        return self.row is not None and self.row.status is MessageStatus.SHOWN

    @property
    def is_urgent(self) -> bool:
        """Whether somebody waits for it."""
        return isinstance(self.wanted, Wanted) and self.wanted.urgent


def next_post(view: RunView, rows: Mapping[str, Message], skip: Container[str] = ()) -> Step | None:
    """The first message or file that is missing in the thread, but for those to `skip`."""
    files = _files(view, rows)
    missing: list[Wanted | Attachment] = [
        *messages.wanted(view),
        *files,
        *_unattached(view, files, rows),
    ]
    for item in missing:
        known = rows.get(item.key)
        if item.key not in skip and (known is None or known.status is MessageStatus.INTENT):
            return Step(known, item)
    return None


def _files(view: RunView, rows: Mapping[str, Message]) -> list[Attachment]:
    return messages.attachments(view, {key: Form.of(row.error) for key, row in rows.items()})


def _unattached(
    view: RunView, files: Sequence[Attachment], rows: Mapping[str, Message]
) -> list[Wanted]:
    """Return the messages that stand for files which Slack does not take, for now or for good."""
    return [
        Wanted(f"{messages.UNATTACHED}{file.key}", note.unattached(view, file.name))
        for file in files
        if (row := rows.get(file.key)) is not None and _is_not_taken(row)
    ]


def _is_not_taken(file: Message) -> bool:
    is_away = file.status is MessageStatus.INTENT and file.error is not None
    return is_away or file.status is MessageStatus.REFUSED


def next_change(
    view: RunView, rows: Mapping[str, Message], skip: Container[str] = ()
) -> Step | None:
    """The first message in the thread that is not as it should be, or that should not be, but
    for those to `skip`."""
    wanted = [*messages.wanted(view), *_unattached(view, _files(view, rows), rows)]
    for item in wanted:
        known = rows.get(item.key)
        if known is None or known.status is not MessageStatus.SHOWN or item.key in skip:
            continue
        if known.payload_hash != messages.digest(item.payload):
            return Step(known, item)
    return _superfluous(view, wanted, rows, skip)


def _superfluous(
    view: RunView, wanted: Sequence[Wanted], rows: Mapping[str, Message], skip: Container[str]
) -> Step | None:
    keys = {item.key for item in wanted}
    for key, known in rows.items():
        is_there = known.status in (MessageStatus.SHOWN, MessageStatus.INTENT)
        passes = messages.is_passing(key) or _is_left(view, known)
        if passes and key not in keys and key not in skip and is_there:
            return Step(known, None)
    return None


def _is_left(view: RunView, known: Message) -> bool:
    """Whether it is what was written of an answer that did not come to its end."""
    is_unfinished = known.status is MessageStatus.INTENT or streaming.is_draft(known)
    is_answer = known.key.startswith(messages.ANSWER)
    return is_answer and is_unfinished and not streaming.may_be_written(view)
