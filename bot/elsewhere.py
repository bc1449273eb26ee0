"""What cannot be shown in the thread of a run is told to who asked for it, in a direct message.

Such a message has a row of its own beside that of the thread, and is kept as it should be: what
was decided meanwhile loses its buttons there, too. The thread is tried again all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot import intents, messages, posted
from bot.blocks import note
from bot.blocks.payload import Payload
from bot.messages import Wanted
from bot.refusals import code_of
from bot.view import RunView
from orchestrator.store.database import Database
from orchestrator.store.tables import Message, MessageStatus

log = structlog.get_logger(__name__)

Rows = Mapping[str, Message]

_PREFIX = "elsewhere:"


class Elsewhere:
    """Writes to people directly what their threads do not show."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(
        self, client: AsyncWebClient, view: RunView, rows: Rows, refused: Collection[str]
    ) -> None:
        """Tell what is needed of the `refused` messages, and keep up what was told before."""
        for item in messages.everything_needed(view):
            known = rows.get(_PREFIX + item.key)
            if known is None and item.key not in refused:
                continue
            try:
                await self._show(client, view, item, known)
            except SlackApiError as error:
                log.warning("person_not_told", run=view.id, error=code_of(error))

    async def _show(
        self, client: AsyncWebClient, view: RunView, item: Wanted, known: Message | None
    ) -> None:
        payload = note.elsewhere(view, item.payload)
        digest = messages.digest(payload)
        if known is None or known.status is MessageStatus.INTENT:
            await self._post(client, view, item.key, known, payload)
        elif known.status is MessageStatus.SHOWN and known.payload_hash != digest:
            ts = known.ts or ""
            await client.chat_update(
                channel=known.channel, ts=ts, text=payload.text, blocks=payload.blocks
            )
            await self._note(known, payload_hash=digest)

    async def _post(
        self,
        client: AsyncWebClient,
        view: RunView,
        key: str,
        known: Message | None,
        payload: Payload,
    ) -> None:
        """Post what is intended in a row, unless it is there already."""
        found = await posted.find(client, known, view) if known else None
        intent = known or await self._intend(client, view, key)
        shown = found or await client.chat_postMessage(
            channel=intent.channel,
            text=payload.text,
            blocks=payload.blocks,
            metadata=posted.mark(intent),
            unfurl_links=False,
            unfurl_media=False,
        )
        digest = "" if found else messages.digest(payload)
        await self._note(intent, ts=shown["ts"], status=MessageStatus.SHOWN, payload_hash=digest)

    async def _intend(self, client: AsyncWebClient, view: RunView, key: str) -> Message:
        opened = await client.conversations_open(users=view.requester)
        channel = opened["channel"]["id"]
        work = partial(intents.intend_at, run_id=view.id, key=_PREFIX + key, channel=channel)
        return await self._database.write(work)

    async def _note(self, known: Message, **values: Any) -> None:
        await self._database.write(partial(intents.save, id_=known.id, values=values))


def is_told(rows: Rows) -> bool:
    """Return whether anything of a run was told elsewhere."""
    return any(key.startswith(_PREFIX) for key in rows)
