"""A service in the same process, to be asked by a driven clock."""

import asyncio
import json

import httpx2

from orchestrator.model.anthropic import AnthropicModel
from tests.messages_service import events_of


def model_for(answer, base_url="http://service.test", **options):
    """A model whose every request is answered by the coroutine function `answer`."""
    client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    return AnthropicModel("sk-secret", base_url, http_client=client, **options)


def streamed(answer, *, lasts_s=0.0, headers=None, begun=lambda: None, ended=lambda: None):
    """A response that streams `answer`, its end `lasts_s` seconds after its beginning."""

    async def body():
        for event in events_of(answer):
            if event["type"] == "message_start":
                begun()
            if event["type"] == "message_delta":
                await asyncio.sleep(lasts_s)
                ended()
            yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()

    kind = {"content-type": "text/event-stream"}
    return httpx2.Response(200, content=body(), headers={**kind, **(headers or {})})
