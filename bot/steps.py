"""What is to be done next so that a thread shows what it should: one call at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot import messages, streaming
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
    def is_change(self) -> bool:
        """Whether it edits or deletes what is shown, of which Slack allows only so much."""
        return self.row is not None and self.row.status is MessageStatus.SHOWN

    @property
    def is_urgent(self) -> bool:
        """Whether somebody waits for it."""
        return isinstance(self.wanted, Wanted) and self.wanted.urgent


def next_post(view: RunView, rows: Mapping[str, Message]) -> Step | None:
    """The first message or file that is missing in the thread."""
    missing: list[Wanted | Attachment] = [*messages.wanted(view), *messages.attachments(view)]
    for item in missing:
        known = rows.get(item.key)
        if known is None or known.status is MessageStatus.INTENT:
            return Step(known, item)
    return None


def next_change(view: RunView, rows: Mapping[str, Message]) -> Step | None:
    """The first message in the thread that is not as it should be, or that should not be."""
    wanted = messages.wanted(view)
    for item in wanted:
        known = rows.get(item.key)
        is_shown = known is not None and known.status is MessageStatus.SHOWN
        if known and is_shown and known.payload_hash != messages.digest(item.payload):
            return Step(known, item)
    return _superfluous(view, wanted, rows)


def _superfluous(
    view: RunView, wanted: Sequence[Wanted], rows: Mapping[str, Message]
) -> Step | None:
    keys = {item.key for item in wanted}
    for key, known in rows.items():
        is_there = known.status in (MessageStatus.SHOWN, MessageStatus.INTENT)
        passes = messages.is_passing(key) or _is_left(view, known)
        if passes and key not in keys and is_there:
            return Step(known, None)
    return None


def _is_left(view: RunView, known: Message) -> bool:
    """Whether it is what was written of an answer that did not come to its end."""
    is_unfinished = known.status is MessageStatus.INTENT or streaming.is_draft(known)
    is_answer = known.key.startswith(messages.ANSWER)
    return is_answer and is_unfinished and not streaming.may_be_written(view)
