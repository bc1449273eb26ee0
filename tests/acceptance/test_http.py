"""The bot over HTTP in one workspace: signatures, health, and the whole path."""

import io
import socket
from contextlib import asynccontextmanager

import pytest

from bot.health import problem, serving_health
from bot.http import served
from bot.listening import listening
from orchestrator.model.offline import OfflineModel
from orchestrator.orchestrator import Orchestrator
from orchestrator.roles import Roles
from orchestrator.store.database import Database
from tests.acceptance.conftest import PATIENCE_S, done, has_button, proposed, told
from tests.acceptance.http_slack import SECRET, HttpSlack, Tenant, signed

EVENT = '{"type": "event_callback", "team_id": "T1", "event": {"type": "app_mention"}}'


@pytest.fixture
def tenant(workspace):
    return Tenant("T1", workspace)


@pytest.fixture
async def bot(tenant, settings):
    """The bot over HTTP, with Slack in front of it."""
    async with HttpSlack.open(tenant) as slack:
        changed = {
            "slack_api_url": slack.api_url,
            "slack_bot_token": tenant.new_token(),
            "slack_app_token": None,
            "slack_signing_secret": SECRET,
        }
        settings = type(settings).model_validate(settings.model_dump() | changed)
        async with serving(settings) as (url, bot), slack.delivering(url):
            yield bot, slack


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
    url = f"{slack.bot_url}/slack/events"
    async with slack.session.post(
        url, data=io.BytesIO(b"x" * 5_000_000), headers=signed("")
    ) as is_:
        assert is_.status == 413


async def test_it_is_healthy_and_ready(bot):
    _, slack = bot
    for path in ("healthz", "readyz"):
        async with slack.session.get(f"{slack.bot_url}/{path}") as answer:
            assert (answer.status, (await answer.json())["ok"]) == (200, True)


async def test_it_tells_what_it_measures(bot, ada):
    here, slack = bot
    await proposed(ada, "A secret task")
    async with slack.session.get(f"{slack.bot_url}/metrics") as answer:
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
    async with slack.session.get(f"{slack.bot_url}/readyz") as answer:
        assert answer.status == 503
        assert "looked for work" in (await answer.json())["problem"]


async def test_it_is_not_ready_without_its_database(settings):
    unreachable = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    orchestrator = Orchestrator(unreachable, Roles.load(None), settings, None)
    assert await problem(orchestrator) == "the database cannot be reached"
    await unreachable.close()


async def test_there_is_nothing_to_install_in_one_workspace(bot):
    _, slack = bot
    async with slack.session.get(f"{slack.bot_url}/slack/install") as answer:
        assert answer.status == 404
