"""A reminder of what a run has been waiting for."""

from __future__ import annotations

from collections.abc import Sequence

from bot.blocks import text
from bot.blocks.elements import paragraph
from bot.blocks.needs import needs
from bot.blocks.payload import Payload
from bot.view import RequestView, RunView


def reminder(view: RunView, requests: Sequence[RequestView]) -> Payload:
    """The message in the thread, which goes when nothing of it waits any more.

    Raises ValueError for no requests.
    """
    since = min(request.created_at for request in requests)
    wanted = needs(request.kind for request in requests)
    return Payload(
        [
            paragraph(
                f"⏰ {text.mention(view.requester)} *{view.name}* still needs {wanted}, "
                f"since {text.date(since)}."
            )
        ],
        f"{view.name} still needs {wanted}.",
    )
