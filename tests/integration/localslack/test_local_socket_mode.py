"""Socket Mode of the local workspace: delivery, redelivery, restarts, troubles on demand."""

from __future__ import annotations

import asyncio
import json
from socket import create_server

import aiohttp
import pytest

from bot.localslack.person import Person
from bot.localslack.seed import ADA
from bot.localslack.server import LocalSlack, serve


class RawSocket:
    """A Socket Mode client that acknowledges nothing by itself."""

    def __init__(self, socket):
        self._socket = socket

    async def next(self) -> dict:
        return json.loads((await self._socket.receive(timeout=5)).data)

    async def ack(self, envelope, payload=None) -> None:
        answer = {"envelope_id": envelope["envelope_id"]}
        await self._socket.send_json(answer | ({"payload": payload} if payload else {}))

    async def close(self) -> None:
        await self._socket.close()


async def connect(workspace, session) -> RawSocket:
    headers = {"Authorization": f"Bearer {workspace.app_token}"}
    url = f"{workspace.api_url}apps.connections.open"
    async with session.post(url, headers=headers) as response:
        address = (await response.json())["url"]
    return RawSocket(await session.ws_connect(address))


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as opened:
        yield opened


async def test_a_connection_starts_with_hello(workspace, session):
    first = await connect(workspace, session)
    second = await connect(workspace, session)
    assert (await first.next())["num_connections"] == 1
    assert (await second.next())["num_connections"] == 2


async def test_each_envelope_goes_to_one_of_the_connections(workspace, session, ada):
    sockets = [await connect(workspace, session) for _ in range(2)]
    for socket in sockets:
        assert (await socket.next())["type"] == "hello"
    await ada.post("#general", "one")
    await ada.post("#general", "two")
    texts = [(await socket.next())["payload"]["event"]["text"] for socket in sockets]
    assert sorted(texts) == ["one", "two"]


async def test_a_ticket_opens_one_connection(workspace, session):
    ticket = workspace.workspace.sockets.issue_ticket()
    address = f"{workspace.url}/link/?ticket={ticket}"
    await session.ws_connect(address)
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await session.ws_connect(address)


async def test_an_event_not_acknowledged_is_sent_three_times_more(workspace, session, ada):
    workspace.workspace.sockets.ack_timeout_s = 0.05
    socket = await connect(workspace, session)
    await socket.next()
    await ada.post("#general", "hello")
    envelopes = [await socket.next() for _ in range(4)]
    assert [envelope["retry_attempt"] for envelope in envelopes] == [0, 1, 2, 3]
    assert {envelope["retry_reason"] for envelope in envelopes[1:]} == {"timeout"}
    assert len({envelope["payload"]["event_id"] for envelope in envelopes}) == 1
    assert len({envelope["envelope_id"] for envelope in envelopes}) == 4


async def test_an_acknowledged_event_is_not_sent_again(workspace, session, ada):
    socket = await connect(workspace, session)
    await socket.next()
    await ada.post("#general", "one")
    await socket.ack(await socket.next())
    recorder = workspace.workspace.recorder
    await recorder.wait_for(lambda: any(e.acked for e in recorder.envelopes), 5)
    assert workspace.workspace.storage.events(0) == []


async def test_what_happened_while_the_bot_was_away_comes_when_it_connects(workspace, session, ada):
    await ada.mention("#general", "are you there?")
    socket = await connect(workspace, session)
    await socket.next()
    kinds = {(await socket.next())["payload"]["event"]["type"] for _ in range(2)}
    assert kinds == {"app_mention", "message"}


async def test_what_the_bot_left_unanswered_comes_again_on_its_next_connection(
    workspace, session, ada
):
    socket = await connect(workspace, session)
    await socket.next()
    await ada.post("#general", "hello")
    first = await socket.next()
    await socket.close()
    again = await connect(workspace, session)
    await again.next()
    second = await again.next()
    assert second["payload"]["event_id"] == first["payload"]["event_id"]
    assert second["retry_attempt"] == 1


async def test_a_restart_keeps_messages_and_unanswered_events(tmp_path, manifest, session):
    async with LocalSlack.start(data=tmp_path / "data", manifest=manifest) as workspace:
        ada = workspace.person("Ada")
        socket = await connect(workspace, session)
        await socket.next()
        said = await ada.mention("#general", "before")
        event_ids = {(await socket.next())["payload"]["event_id"] for _ in range(2)}
        port = workspace.port
    async with LocalSlack.start(port, tmp_path / "data", manifest=manifest) as workspace:
        ada = workspace.person("Ada")
        assert [m.ts for m in await ada.messages("#general")] == [said.ts]
        later = await ada.post("#general", "after")
        assert later.ts > said.ts
        socket = await connect(workspace, session)
        await socket.next()
        again = {(await socket.next())["payload"]["event_id"] for _ in range(3)}
        assert event_ids < again


async def test_the_person_sees_when_the_bot_comes_and_goes(workspace, session, ada):
    url = f"{workspace.url}/local/workspace"
    socket = await connect(workspace, session)
    await socket.next()
    async with session.get(url) as response:
        assert (await response.json())["bot_connected"] is True
    seen = asyncio.create_task(_bot_goes(workspace, session, ada))
    await asyncio.wait_for(seen, 5)


async def _bot_goes(workspace, session, ada):
    async with session.get(f"{workspace.url}/local/events", params={"user": ada.id}) as stream:
        await stream.content.readline()
        await workspace.workspace.sockets.drop()
        async for line in stream.content:
            if line == b'data: {"connected": false}\n':
                return


async def test_duplicate_events_on_demand(workspace, session, ada):
    await fault(workspace, duplicate_events=True)
    socket = await connect(workspace, session)
    await socket.next()
    await ada.post("#general", "hello")
    pair = [await socket.next() for _ in range(2)]
    assert pair[0]["payload"] == pair[1]["payload"]
    assert pair[0]["envelope_id"] != pair[1]["envelope_id"]


async def test_a_bolt_app_reconnects_after_its_socket_was_dropped(workspace, bot, ada):
    @bot.app.event("message")
    async def on_message(event):
        await bot.seen.put(event)

    bot._handler.client.ping_interval = 0.05
    await bot.connect()
    await fault(workspace, drop_socket=True)
    await ada.post("#general", "hello")
    assert (await bot.next())["text"] == "hello"


async def test_a_bolt_app_reconnects_when_it_is_asked_to(workspace, bot, ada):
    @bot.app.event("message")
    async def on_message(event):
        await bot.seen.put(event)

    await bot.connect()
    await fault(workspace, disconnect=True)
    await workspace.wait_for_call("apps.connections.open", lambda c: c is not workspace.calls[0])
    await ada.post("#general", "hello")
    assert (await bot.next())["text"] == "hello"


async def test_unsubscribed_events_are_not_sent(tmp_path, session):
    path = tmp_path / "manifest.yml"
    path.write_text("settings: {event_subscriptions: {bot_events: [app_mention]}}")
    async with LocalSlack.start(manifest=path) as workspace:
        socket = await connect(workspace, session)
        await socket.next()
        await workspace.person("Ada").mention("#general", "hello")
        assert (await socket.next())["payload"]["event"]["type"] == "app_mention"
        assert len(workspace.workspace.storage.events(0)) == 1


async def fault(workspace, **body):
    url = f"{workspace.url}/local/faults"
    async with workspace.session.post(url, json=body) as response:
        assert (await response.json())["ok"]


async def test_a_cancelled_server_lets_go_of_the_bot_and_the_port(tmp_path, session):
    port = free_port()
    serving = asyncio.create_task(serve(port, tmp_path, None))
    await asyncio.sleep(0)  # its first step listens
    url = f"http://127.0.0.1:{port}"
    ada = Person(url, ADA, "Ada", session)
    await ada.post("#general", "hello")
    async with session.get(f"{url}/local/events", params={"user": ADA}) as stream:
        await stream.content.readline()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        rest = await asyncio.wait_for(stream.content.read(), 5)
        assert rest.strip() == b""
    async with LocalSlack.start(port, tmp_path) as workspace:
        assert len(await workspace.person("Ada").messages("#general")) == 1


def free_port() -> int:
    with create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
