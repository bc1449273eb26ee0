"""A loop whose clock jumps to the next thing to do, and a service inside it."""

import asyncio
import json
import selectors

import httpx2

from orchestrator.model.anthropic import AnthropicModel
from tests.messages_service import events_of


class _Jumping(selectors.DefaultSelector):
    """Never waits: it lets the clock jump over what it was to wait for."""

    def __init__(self):
        super().__init__()
        self.now = 0.0

    def select(self, timeout=None):
        found = super().select(0 if timeout is not None else None)
        if not found and timeout:
            self.now += timeout
        return found


class DrivenLoop(asyncio.SelectorEventLoop):
    """Seconds pass at once, as soon as nothing else is to be done."""

    def __init__(self):
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self):
        return self._jumping.now

    def run_in_executor(self, executor, func, *args):
        """At once: the clock would not wait for a thread."""
        done = self.create_future()
        done.set_result(func(*args))
        return done


def drive(coroutine):
    """Run `coroutine` to its end in a loop of its own."""
    with asyncio.Runner(loop_factory=DrivenLoop) as runner:
        return runner.run(coroutine)


def now():
    """The seconds that have passed in the loop."""
    return asyncio.get_running_loop().time()


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
