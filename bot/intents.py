"""The rows of messages: intended before they are posted, and what became of them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot import messages
from bot.steps import Step
from bot.view import RunView, bare_view
from orchestrator.store.tables import Message, MessageStatus, Run, new_row

message: sa.Table = Message.__table__  # type: ignore[attr-defined]
run: sa.Table = Run.__table__  # type: ignore[attr-defined]


def intend(connection: Connection, view: RunView, key: str) -> Message:
    """The row of a message that is about to be posted."""
    assert view.channel is not None
    return intend_at(connection, view.id, key, view.channel, view.thread)


def intend_at(
    connection: Connection, run_id: str, key: str, channel: str, thread: str | None = None
) -> Message:
    """The row of a message that is about to be posted in that channel."""
    values = new_row(Message, run_id=run_id, key=key, channel=channel, thread=thread)
    connection.execute(sa.insert(message), [values])
    return Message(**values)


def intend_first(connection: Connection, run_id: str) -> tuple[RunView, Step] | None:
    """The first message of a run that is new, intended; None for any other."""
    found = connection.execute(
        sa.select(run).where(run.c.id == run_id, run.c.channel.is_not(None), run.c.revision == 0)
    ).first()
    if found is None:
        return None
    view = bare_view(found)
    wanted = messages.wanted(view)[0]
    return view, Step(intend(connection, view, wanted.key), wanted, is_fresh=True)


def save(connection: Connection, id_: str, values: dict[str, Any]) -> None:
    connection.execute(sa.update(message).where(message.c.id == id_).values(values))


def lose(
    connection: Connection, known: Message, *, is_needed: bool, error: str | None = None
) -> bool:
    """The message is not there any more, or cannot be edited because of `error`; it is intended
    again where it is needed."""
    status = MessageStatus.INTENT if is_needed else MessageStatus.GONE
    lost = connection.execute(
        sa.update(message)
        .where(message.c.id == known.id, message.c.ts == known.ts)
        .values(status=status, ts=None, payload_hash="", error=error)
    )
    if is_needed and lost.rowcount:
        behind = run.c.version - 1
        connection.execute(
            sa.update(run).where(run.c.id == known.run_id).values(shown_version=behind)
        )
    return bool(lost.rowcount)


def set_thread(connection: Connection, run_id: str, thread: str) -> None:
    connection.execute(
        sa.update(run).where(run.c.id == run_id, run.c.thread.is_(None)).values(thread=thread)
    )


def mark_shown(connection: Connection, run_id: str, version: int) -> None:
    connection.execute(
        sa.update(run)
        .where(run.c.id == run_id, run.c.shown_version < version)
        .values(shown_version=version)
    )
