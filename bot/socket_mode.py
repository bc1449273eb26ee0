"""Socket Mode as Bolt speaks it, except for what people say among themselves."""

from __future__ import annotations

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from bot.conversation import concerns_us


class SocketMode(AsyncSocketModeHandler):
    """Acknowledges at once what is nothing to the bot: it hears every word in its channels."""

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]
        """Let Bolt handle what concerns the bot."""
        if req.type == "events_api" and not concerns_us(req.payload.get("event", {})):
            await client.send_socket_mode_response(SocketModeResponse(req.envelope_id))
        else:
            await super().handle(client, req)
