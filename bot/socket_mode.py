"""Socket Mode as Bolt speaks it, except for what people say among themselves."""

from __future__ import annotations

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from bot.connections import open_session
from bot.conversation import JsonObject, concerns_us, mention_with_files


class SocketMode(AsyncSocketModeHandler):
    """Acknowledges at once what is nothing to the bot: it hears every word in its channels."""

    async def connect_async(self) -> None:
        """Connect over a session of ours: proxies and certificates count as everywhere else."""
        await self.client.aiohttp_client_session.close()
        self.client.aiohttp_client_session = open_session()
        await super().connect_async()  # type: ignore[no-untyped-call] # Bolt has no types here

    async def problem(self) -> str | None:
        """Return why Slack does not reach the bot; None while it does."""
        return None if await self.client.is_connected() else "Slack is not connected"

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]
        """Let Bolt handle what concerns the bot."""
        if req.type == "events_api" and not _may_concern_us(req.payload.get("event", {})):
            await client.send_socket_mode_response(SocketModeResponse(req.envelope_id))
        else:
            await super().handle(client, req)


def _may_concern_us(event: JsonObject) -> bool:
    """Return whether the event is for the bot, or about a message that mentions somebody."""
    return concerns_us(event) or mention_with_files(event) is not None
