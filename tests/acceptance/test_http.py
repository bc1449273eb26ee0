"""The bot over HTTP in one workspace: signatures, health, and the whole path."""

import asyncio
import io
import socket
import time
from contextlib import asynccontextmanager

import pytest
from yarl import URL

from bot.health import problem, serving_health
from bot.http import served
from bot.listening import listening
from bot.localslack import seed
from orchestrator.model.offline import OfflineModel
from orchestrator.orchestrator import Orchestrator
from orchestrator.roles import Roles
from orchestrator.store.database import Database
from tests.acceptance.conftest import PATIENCE_S, done, has_button, proposed, told
from tests.acceptance.signed import Sender, signed

EVENT = '{"type": "event_callback", "team_id": "T1", "event": {"type": "app_mention"}}'


@pytest.fixture
async def bot(workspace, settings):
    """The bot over HTTP, and who sends it more than the workspace does."""
    changed = {"slack_app_token": None, "slack_signing_secret": seed.SIGNING_SECRET}
    settings = type(settings).model_validate(settings.model_dump() | changed)
    async with serving(settings) as (url, bot):
        await workspace.deliver_to(f"{url}/slack/events")
        yield bot, Sender(workspace.session, url)
        await workspace.deliver_to(None)


@asynccontextmanager
async def serving(settings, model=None):
    """A bot over HTTP: its address and itself."""
    async with served(settings, model or OfflineModel()) as (app, bot):
        listener = socket.create_server(("127.0.0.1", 0))
        host, port = listener.getsockname()
        async with listening(app, listener):
            yield f"http://{host}:{port}", bot


async def test_a_task_is_planned_approved_and_answered_over_http(bot, ada):
    mention, plan = await proposed(ada, "Look at apples #subtasks(2)")
    await ada.click(plan, "Approve")
    await done(ada, mention, plan)


async def test_commands_and_modals_work_over_http(bot, ada):
    await ada.command("/runs", "", channel="general")
    await told(ada, "general", "no runs yet")
    _, plan = await proposed(ada, "Look at apples #subtasks(2)")
    await ada.click(plan, "Re-plan")
    modal = await ada.modal(PATIENCE_S, lambda view: view.get("callback_id") == "replan")
    modal.fill(modal.labels[0], "Pears instead")
    assert (await modal.submit()).closed
    await ada.wait_for(plan, lambda m: has_button("Approve")(m) and m.ts > plan.ts, PATIENCE_S)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Slack-Signature": "v0=" + "0" * 64},
        {"X-Slack-Signature": ""},
        {"X-Slack-Request-Timestamp": "yesterday"},
        {"X-Slack-Request-Timestamp": ""},
        {"X-Slack-Request-Timestamp": "1"},
    ],
)
async def test_a_request_that_slack_did_not_sign_is_refused(bot, rows, headers):
    _, slack = bot
    status, _ = await slack.post(EVENT, **headers)
    assert status == 401
    assert rows("SELECT count(*) FROM processed_event") == [(0,)]


async def test_a_signature_of_ten_minutes_ago_is_refused(bot):
    _, slack = bot
    headers = signed(EVENT)
    old = int(headers["X-Slack-Request-Timestamp"]) - 600
    assert (await slack.post(EVENT, now=old))[0] == 401


async def test_the_signature_of_another_body_is_refused(bot):
    _, slack = bot
    assert (await slack.post(EVENT, **signed(EVENT + " ")))[0] == 401


async def test_slack_may_check_the_address(bot):
    _, slack = bot
    status, said = await slack.post('{"type": "url_verification", "challenge": "abc"}')
    assert (status, "abc" in said) == (200, True)


async def test_a_request_that_is_too_large_is_not_read(bot):
    _, slack = bot
    url = f"{slack.url}/slack/events"
    async with slack.session.post(
        url, data=io.BytesIO(b"x" * 5_000_000), headers=signed("")
    ) as is_:
        assert is_.status == 413


async def test_it_is_healthy_and_ready(bot):
    _, slack = bot
    for path in ("healthz", "readyz"):
        async with slack.session.get(f"{slack.url}/{path}") as answer:
            assert (answer.status, (await answer.json())["ok"]) == (200, True)


async def test_it_tells_what_it_measures(bot, ada):
    here, slack = bot
    await proposed(ada, "A secret task")
    async with slack.session.get(f"{slack.url}/metrics") as answer:
        said = await answer.text()
        assert answer.content_type == "text/plain"
    assert 'orchestrator_runs{status="proposed"} 1.0' in said
    assert 'orchestrator_slack_calls_total{method="chat.postMessage",result="ok"}' in said
    assert "secret" not in said
    # As a worker or a bot over Socket Mode has it.
    alone = here.settings.model_copy(update={"health_port": 0})
    async with serving_health(here.orchestrator, alone) as port:
        for path in ("healthz", "readyz", "metrics"):
            async with slack.session.get(f"http://127.0.0.1:{port}/{path}") as answer:
                assert answer.status == 200


async def test_it_is_not_ready_when_the_engine_has_stopped_looking_for_work(bot):
    here, slack = bot
    await here.orchestrator.engine.stop()
    here.orchestrator.engine.swept_at -= 3600
    async with slack.session.get(f"{slack.url}/readyz") as answer:
        assert answer.status == 503
        assert "looked for work" in (await answer.json())["problem"]


async def test_it_is_not_ready_without_its_database(settings):
    unreachable = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    orchestrator = Orchestrator(unreachable, Roles.load(None), settings, None)
    assert await problem(orchestrator) == "the database cannot be reached"
    await unreachable.close()


async def test_there_is_nothing_to_install_in_one_workspace(bot):
    _, slack = bot
    async with slack.session.get(f"{slack.url}/slack/install") as answer:
        assert answer.status == 404


async def test_slack_may_check_the_certificate_without_a_signature(bot):
    _, slack = bot
    url = f"{slack.url}/slack/events"
    async with slack.session.get(url, params={"ssl_check": "1", "token": "t"}) as answer:
        assert (answer.status, await answer.text()) == (200, "")
    async with slack.session.post(url, data={"ssl_check": "1", "token": "t"}) as answer:
        assert (answer.status, await answer.text()) == (200, "")
    async with slack.session.get(url) as answer:
        assert answer.status == 401
    async with slack.session.post(url, data={"ssl_check": "0", "command": "/runs"}) as answer:
        assert answer.status == 401


@pytest.mark.parametrize("signature", [b"v0=\xe9", "v0=é".encode(), b"v0=" + b"\xff" * 64])
async def test_a_signature_that_is_not_ascii_is_refused(bot, signature):
    _, slack = bot
    lines = [
        b"POST /slack/events HTTP/1.1",
        b"Host: localhost",
        b"Content-Length: 2",
        b"Connection: close",
        b"X-Slack-Request-Timestamp: %d" % int(time.time()),
        b"X-Slack-Signature: " + signature,
    ]
    reader, writer = await asyncio.open_connection("127.0.0.1", URL(slack.url).port)
    writer.write(b"\r\n".join([*lines, b"", b"{}"]))
    assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
    writer.close()


@pytest.mark.parametrize(
    "body",
    [
        *("", "null", "[]", "3", '"text"', "{", "{]", "no JSON", "[" * 60_000, '{"a":' * 60_000),
        '{"type": "event_callback", "event": "\ud800"}'.encode("utf-8", "surrogatepass"),
        '{"text": "für"}'.encode("latin-1"),
    ],
)
async def test_what_is_signed_and_cannot_be_read_is_told_so(bot, body):
    _, slack = bot
    assert (await slack.post(body))[0] == 400


@pytest.mark.parametrize("payload", ["payload=", "payload=null", "payload=%5B", "payload=%ff%fe"])
async def test_a_form_that_cannot_be_read_is_told_so(bot, payload):
    _, slack = bot
    assert (await slack.post(payload, "application/x-www-form-urlencoded"))[0] == 400
