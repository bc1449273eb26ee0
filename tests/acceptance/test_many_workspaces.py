"""Two workspaces with the same people and channels, in one bot over HTTP."""

import asyncio
import re
import socket
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from bot.http import served
from bot.listening import listening
from bot.localslack import seed
from bot.localslack.server import LocalSlack
from bot.settings import BotSettings
from orchestrator.model.base import Purpose
from orchestrator.model.offline import OfflineModel
from tests.acceptance.conftest import (
    FAST,
    PATIENCE_S,
    HeldModel,
    answered,
    approved,
    click_as_it_was,
    done,
    find,
    has_button,
    proposed,
    told,
    until,
)
from tests.acceptance.http_slack import CLIENT, SECRET, HttpSlack, Tenant

# The SDK still signs in to OAuth in the way that aiohttp is about to give up.
pytestmark = pytest.mark.filterwarnings("ignore:BasicAuth is deprecated")

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
OTHER_KEY = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="


@pytest.fixture
async def tenants(tmp_path):
    """Two workspaces, the second one of an organisation."""
    with capture_logs() as logs:
        async with (
            LocalSlack.start(data=tmp_path / "one") as one,
            LocalSlack.start(data=tmp_path / "two") as two,
        ):
            for slack in (one, two):
                slack.workspace.rates.enabled = False
            yield Tenant("T1", one), Tenant("T2", two, "E2")
    assert [entry for entry in logs if entry["log_level"] == "error"] == []
    assert "xoxb-" not in str(logs)


@pytest.fixture
async def slack(tenants):
    async with HttpSlack.open(*tenants) as slack:
        yield slack


@pytest.fixture
def settings(slack, tmp_path):
    return BotSettings(
        _env_file=None,
        database_url=f"sqlite+aiosqlite:///{tmp_path}/orchestrator.db",
        model="offline",
        slack_api_url=slack.api_url,
        slack_client_id=CLIENT[0],
        slack_client_secret=CLIENT[1],
        slack_signing_secret=SECRET,
        secret_key=KEY,
        updates_per_minute=FAST,
        grace_s=0.2,
    )


@pytest.fixture
def start(slack, settings):
    """Start the bot, which takes what happens in both workspaces."""

    @asynccontextmanager
    async def start(model=None, **changed):
        changed = settings.model_copy(update=changed)
        async with served(changed, model or OfflineModel()) as (app, bot):
            listener = socket.create_server(("127.0.0.1", 0))
            host, port = listener.getsockname()
            async with listening(app, listener), slack.delivering(f"http://{host}:{port}"):
                yield bot

    return start


@pytest.fixture
async def bot(start):
    async with start() as bot:
        yield bot


@pytest.fixture
async def both(bot, slack, tenants):
    """An admin of each, after the app was installed there."""
    for tenant in tenants:
        await install(slack, tenant)
    return [tenant.person("Ada") for tenant in tenants]


async def install(slack, tenant):
    """Go through `Add to Slack` in a browser; the page at the end."""
    link, cookie = await begin(slack)
    code = f"code-{tenant.team_id}-{len(tenant.tokens)}"
    slack.codes[code] = tenant
    return await end(slack, cookie, code=code, state=re.search(r"state=([^&]+)", link)[1])


async def begin(slack):
    async with slack.session.get(f"{slack.bot_url}/slack/install") as answer:
        page = await answer.text()
        assert "Add to Slack" in page
        return re.search(r'href="(http[^"]+)"', page)[1], answer.cookies


async def end(slack, cookies, **query):
    headers = {"Cookie": "; ".join(f"{name}={each.value}" for name, each in cookies.items())}
    url = f"{slack.bot_url}/slack/oauth_redirect"
    async with slack.session.get(url, params=query, headers=headers) as answer:
        return answer.status, await answer.text()


# --- installing --------------------------------------------------------------------------


async def test_whoever_installs_the_app_can_use_it_at_once(bot, slack, tenants):
    status, page = await install(slack, tenants[0])
    assert (status, "Orchestrator is in Workspace T1" in page) == (200, True)
    ada = tenants[0].person("Ada")
    mention, plan = await approved(ada, "Look at apples #subtasks(1)")
    await done(ada, mention, plan)


async def test_the_way_to_slack_names_the_app_and_every_scope(bot, slack):
    link, _ = await begin(slack)
    assert link.startswith(f"{slack.url}/oauth/v2/authorize?")
    assert f"client_id={CLIENT[0]}" in link
    assert "app_mentions:read" in link
    assert "usergroups:read" in link


async def test_tokens_are_stored_encrypted(both, rows, tenants):
    stored = rows(
        "SELECT bot_token FROM slack_bots UNION SELECT bot_token FROM slack_installations"
    )
    assert len(stored) == 4
    assert not [token for (token,) in stored if "xoxb" in token]
    assert not [t for t in tenants[0].tokens if t in str(rows("SELECT * FROM slack_bots"))]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"error": "access_denied"}, "was cancelled"),
        ({"code": "unknown"}, "did not take the code"),
        ({}, "sent no code"),
        ({"error": "<script>alert(1)</script>"}, "&lt;script&gt;"),
    ],
)
async def test_what_goes_wrong_at_an_installation_is_said_in_words(bot, slack, query, words):
    link, cookie = await begin(slack)
    state = re.search(r"state=([^&]+)", link)[1]
    _, page = await end(slack, cookie, state=state, **query)
    assert words in page
    assert "Try again" in page
    assert "<script>alert" not in page


async def test_an_installation_cannot_be_ended_in_another_browser_or_twice(bot, slack, tenants):
    link, cookie = await begin(slack)
    state = re.search(r"state=([^&]+)", link)[1]
    slack.codes["a"] = tenants[0]
    status, page = await end(slack, {}, code="a", state=state)
    assert (status, "in the browser in which it began" in page) == (400, True)
    assert (await end(slack, cookie, code="a", state=state))[0] == 200
    status, page = await end(slack, cookie, code="a", state=state)
    assert (status, "was used before" in page) == (401, True)


# --- apart from one another --------------------------------------------------------------


async def test_each_team_sees_its_own_runs_only(both, tenants):
    first, second = both
    assert first.id == second.id
    _, plan = await proposed(first, "Look at apples")
    assert await second.messages("general") == []
    await second.command("/runs", "all", channel="general")
    await told(second, "general", "No run matches")
    button = find(plan, "Approve")
    _, shown = await proposed(second, "Look at pears")
    await click_as_it_was(tenants[1].slack, second, shown, button)
    await told(second, shown, "no longer exists")
    assert has_button("Approve")(await first.current(plan))


async def test_the_same_message_in_two_workspaces_makes_two_runs(both, rows):
    await asyncio.gather(*(proposed(ada, "Look at apples") for ada in both))
    assert rows("SELECT team_id FROM run ORDER BY team_id") == [("T1",), ("T2",)]


async def test_a_policy_holds_in_its_own_workspace(both, tenants):
    first, _ = both
    await set_policy(first, who="Everybody in the channel")
    for tenant, may in zip(tenants, (True, False), strict=True):
        ada, grace = tenant.person("Ada"), tenant.person("Grace")
        mention, plan = await proposed(ada, "Look at apples #subtasks(1)")
        await grace.click(plan, "Approve")
        if may:
            await answered(ada, mention)
        else:
            await told(grace, plan, "only they")


async def set_policy(person, **filled):
    await person.command("/orchestrate", "policy", channel="general")
    modal = await person.modal(PATIENCE_S, lambda view: view.get("callback_id") == "channel_policy")
    for name, value in filled.items():
        modal.fill(name, value)
    assert (await modal.submit()).closed


# --- tokens ------------------------------------------------------------------------------


async def test_a_burst_of_events_tries_the_token_once_a_team(both, tenants, rows):
    before = [tenant.count("auth.test") for tenant in tenants]
    await asyncio.gather(*(ada.mention("general", f"Task {n}") for ada in both for n in range(21)))
    await until(lambda: rows("SELECT count(*) FROM run") == [(42,)])
    after = [tenant.count("auth.test") for tenant in tenants]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1]


async def test_tokens_are_tried_at_the_start_and_serve_without_an_event(start, slack, tenants):
    model = HeldModel(Purpose.SYNTHESIS)
    async with start(model):
        await install(slack, tenants[1])
        ada = tenants[1].person("Ada")
        mention, _ = await approved(ada, "Look at apples #subtasks(1)")
        await asyncio.wait_for(model.asked.wait(), PATIENCE_S)
    before = tenants[1].count("auth.test")
    async with start():
        await answered(ada, mention)
    assert tenants[1].count("auth.test") == before + 1


async def test_a_new_key_takes_over_from_the_old_one(start, slack, tenants):
    async with start():
        await install(slack, tenants[0])
    async with start(secret_key=BotSettings(secret_key=f"{OTHER_KEY},{KEY}").secret_key):
        await proposed(tenants[0].person("Ada"), "Look at apples")


# --- organisations -----------------------------------------------------------------------


@pytest.fixture
async def organisation(bot, slack, tenants):
    """A workspace of an organisation that has installed the app as a whole."""
    tenants[1].is_org = True
    assert "in The organisation" in (await install(slack, tenants[1]))[1]
    return tenants[1]


async def test_an_organisation_installs_the_app_for_all_its_workspaces(organisation, rows):
    ada = organisation.person("Ada")
    mention, plan = await proposed(ada, "Look at apples #subtasks(1)")
    await ada.click(plan, "Re-plan")
    modal = await ada.modal(PATIENCE_S, lambda view: view.get("callback_id") == "replan")
    modal.fill(modal.labels[0], "Less of it")
    assert (await modal.submit()).closed
    plan = await ada.wait_for(
        mention, lambda m: m.ts > plan.ts and has_button("Approve")(m), PATIENCE_S
    )
    await ada.click(plan, "Approve")
    await done(ada, mention, plan)
    assert rows("SELECT team_id FROM run") == [("E2",)]
    assert rows("SELECT enterprise_id FROM team WHERE id = 'T2'") == [("E2",)]
    assert rows("SELECT enterprise_id, team_id FROM slack_bots") == [("E2", None)]


async def test_the_token_of_an_organisation_serves_without_an_event(start, slack, tenants):
    tenants[1].is_org = True
    model = HeldModel(Purpose.SYNTHESIS)
    async with start(model):
        await install(slack, tenants[1])
        ada = tenants[1].person("Ada")
        mention, _ = await approved(ada, "Look at apples #subtasks(1)")
        await asyncio.wait_for(model.asked.wait(), PATIENCE_S)
    async with start():
        await answered(ada, mention)


async def test_all_workspaces_of_an_organisation_end_with_its_installation(
    organisation, slack, rows
):
    await proposed(organisation.person("Ada"), "Look at apples")
    event = {"type": "app_uninstalled"}
    org = [{"enterprise_id": "E2", "team_id": None, "is_enterprise_install": True}]
    assert (await slack.event(organisation, event, authorizations=org))[0] == 200
    await until(lambda: rows("SELECT status FROM run") == STOPPED)
    assert rows("SELECT count(*) FROM slack_bots") == [(0,)]


# --- leaving -----------------------------------------------------------------------------


async def test_what_is_live_ends_with_the_installation(both, tenants, rows):
    first, second = both
    _, plan = await proposed(first, "Look at apples")
    await approved(first, "Look at pears #subtasks(2) #question(1)")
    await proposed(second, "Look at plums")
    await first.uninstall_app()
    await until(lambda: rows("SELECT DISTINCT status FROM run WHERE team_id = 'T1'") == STOPPED)
    assert rows("SELECT DISTINCT ended_by FROM run WHERE team_id = 'T1'") == [
        ("the removal of the app",)
    ]
    assert rows("SELECT team_id FROM slack_bots") == [("T2",)]
    assert rows("SELECT team_id FROM slack_installations") == [("T2",)]
    assert rows("SELECT status FROM run WHERE team_id = 'T2'") == [("proposed",)]
    assert rows("SELECT count(*) FROM run WHERE team_id = 'T1' AND shown_version < version") == [
        (0,)
    ]
    assert has_button("Approve")(await first.current(plan))


STOPPED = [("stopped",)]


async def test_a_reinstallation_starts_clean(both, slack, tenants, rows):
    ada, _ = both
    await proposed(ada, "Look at apples")
    await ada.uninstall_app()
    await until(lambda: rows("SELECT count(*) FROM slack_bots WHERE team_id = 'T1'") == [(0,)])
    await ada.install_app()
    assert (await install(slack, tenants[0]))[0] == 200
    mention, plan = await approved(ada, "Look at pears #subtasks(1)")
    await done(ada, mention, plan)
    assert rows("SELECT left_at FROM team WHERE id = 'T1'") == [(None,)]
    assert rows("SELECT status FROM run WHERE team_id = 'T1' ORDER BY id") == [
        ("stopped",),
        ("completed",),
    ]


async def test_a_token_that_slack_no_longer_knows_ends_the_installation(both, tenants, rows):
    ada, _ = both
    _, plan = await proposed(ada, "Look at apples #question(1)")
    tenants[0].revoked |= set(tenants[0].tokens)
    await ada.click(plan, "Approve")
    await until(lambda: rows("SELECT count(*) FROM slack_bots WHERE team_id = 'T1'") == [(0,)])
    await until(lambda: rows("SELECT status FROM run WHERE team_id = 'T1'") == STOPPED)


async def test_the_removal_of_before_the_reinstallation_changes_nothing(both, slack, tenants, rows):
    event = {"type": "app_uninstalled"}
    assert (await slack.event(tenants[0], event, event_time=1_000_000_000))[0] == 200
    assert (await slack.event(tenants[1], event, event_time=4_000_000_000))[0] == 200
    await until(lambda: rows("SELECT team_id FROM slack_bots") == [("T1",)])


async def test_the_tokens_of_people_may_be_revoked_alone(both, slack, tenants, rows):
    people = {"type": "tokens_revoked", "tokens": {"oauth": [seed.ADA], "bot": []}}
    assert (await slack.event(tenants[0], people))[0] == 200
    bots = {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [seed.BOT_USER]}}
    assert (await slack.event(tenants[1], bots))[0] == 200
    await until(lambda: rows("SELECT team_id FROM slack_bots") == [("T1",)])


async def test_what_comes_from_a_team_without_the_app_does_nothing(bot, slack, tenants, rows):
    event = {
        "type": "app_mention",
        "user": seed.ADA,
        "text": "hello",
        "channel": "C1",
        "ts": "1.1",
        "event_ts": "1.1",
    }
    assert (await slack.event(tenants[0], event))[0] == 200
    assert rows("SELECT count(*) FROM run") == [(0,)]
