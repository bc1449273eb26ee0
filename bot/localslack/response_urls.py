"""Response URLs: five answers within half an hour to something a person did."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from bot.localslack import limits
from bot.localslack.directory import Directory
from bot.localslack.errors import ApiError
from bot.localslack.ids import Clock
from bot.localslack.messages import Messages
from bot.localslack.storage import JsonObject
from bot.localslack.tenants import Installation

MOST_USES = 5
LIFE_S = 1800.0


@dataclass(frozen=True, slots=True)
class _Target:
    bot: Installation
    user: str
    channel: str
    made: float
    source_ts: str | None = None
    uses: int = 0


class ResponseUrls:
    """Hands out the URLs and does what is posted to them."""

    def __init__(self, directory: Directory, messages: Messages, clock: Clock, base_url: str):
        self._directory = directory
        self._messages = messages
        self._clock = clock
        self._base_url = base_url
        self._targets: dict[str, _Target] = {}

    def issue(
        self, bot: Installation, user: str, channel: str, source_ts: str | None = None
    ) -> str:
        """A URL for answers to this person in this channel, or about that message."""
        now = self._clock()
        self._targets = {k: t for k, t in self._targets.items() if t.made > now - LIFE_S}
        key = secrets.token_urlsafe(18)
        self._targets[key] = _Target(bot, user, channel, now, source_ts)
        return f"{self._base_url}/actions/{bot.team_id or bot.enterprise_id}/{key}"

    def respond(self, key: str, body: JsonObject) -> None:
        """Do what the bot posted to a URL. Raises `ApiError` used_url or expired_url."""
        target = self._targets.get(key)
        if target is None or target.made + LIFE_S < self._clock():
            raise ApiError("expired_url", status=404)
        if target.uses >= MOST_USES:
            raise ApiError("used_url", status=404)
        self._targets[key] = replace(target, uses=target.uses + 1)
        self.answer(target.bot, target.user, target.channel, body, target.source_ts)

    def answer(
        self,
        bot: Installation,
        user: str,
        channel_id: str,
        body: JsonObject,
        source_ts: str | None = None,
    ) -> None:
        """Show an answer: only to that person, to the channel, or in place of the source."""
        channel = self._directory.channel(channel_id)
        assert channel is not None, "channels are not removed"
        source = self._messages.visible(channel, source_ts, user) if source_ts else None
        if body.get("delete_original"):
            if source is not None:
                self._messages.delete(channel, source)
            return
        content = _content(body)
        if body.get("replace_original") and source is not None:
            self._messages.edit(channel, source, bot.bot_user, content)
            return
        posted = {**bot.author, **content}
        thread_ts = body.get("thread_ts")
        if body.get("response_type") == "in_channel":
            self._messages.post(channel, posted, thread_ts=thread_ts)
        else:
            self._messages.post_ephemeral(channel, user, posted, thread_ts=thread_ts)


def _content(body: JsonObject) -> JsonObject:
    text = limits.cut_text(body.get("text") or "")
    blocks = body.get("blocks") or None
    attachments = body.get("attachments") or None
    # Blocks that chat.postMessage finds too long together are taken here (slackapi/bolt-js#2867).
    limits.check_message(text, blocks, attachments, too_long=None)
    limits.check_metadata(body.get("metadata"))
    return {
        "text": text,
        "blocks": blocks,
        "attachments": attachments,
        "metadata": body.get("metadata") or None,
    }
