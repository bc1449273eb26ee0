"""Whether a bot over Socket Mode is ready: not while Slack does not reach it."""

import socket

import aiohttp
import pytest
from tenacity import AsyncRetrying, retry_if_not_result, stop_after_delay, wait_fixed

from bot.localslack.faults import Fault

PATIENCE_S = 60.0
AWAY = "Slack is not connected"


@pytest.fixture
def port():
    """One that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture
async def ask(port):
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

        async def ask(path):
            async with session.get(path) as answer:
                return answer.status, await answer.text()

        yield ask


async def eventually(ask, status):
    """What `/readyz` answers once it has that status."""
    waiting = AsyncRetrying(
        retry=retry_if_not_result(lambda found: found[0] == status),
        wait=wait_fixed(0.1),
        stop=stop_after_delay(PATIENCE_S),
    )
    return (await waiting(ask, "/readyz"))[1]


async def test_it_is_not_ready_while_slack_does_not_reach_it(
    start_bot, workspace, expected_refusals, port, ask
):
    expected_refusals.add("internal_error")
    async with start_bot(health_port=port):
        await eventually(ask, 200)
        workspace.workspace.faults.add(Fault("apps.connections.open", status=503, times=None))
        await workspace.workspace.sockets.drop()
        assert AWAY in await eventually(ask, 503)
        assert "\norchestrator_slack_connected 0.0" in (await ask("/metrics"))[1]
        assert (await ask("/healthz"))[0] == 200
        workspace.workspace.faults.clear()
        await eventually(ask, 200)
        assert "\norchestrator_slack_connected 1.0" in (await ask("/metrics"))[1]
