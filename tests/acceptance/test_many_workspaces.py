"""Two companies in one bot over HTTP, which install the app themselves."""

import asyncio
import html
import json
import re
import socket
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import yaml
from structlog.testing import capture_logs

from bot.http import served
from bot.listening import listening
from bot.localslack import seed
from bot.localslack.server import DEFAULT_MANIFEST, LocalSlack
from bot.localslack.tenants import Team
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
from tests.acceptance.signed import Sender

# The SDK still signs in to OAuth in the way that aiohttp is about to give up.
pytestmark = pytest.mark.filterwarnings("ignore:BasicAuth is deprecated")

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
OTHER_KEY = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="


@dataclass(frozen=True)
class Tenant:
    """A workspace, and what the bot does there."""

    team: Team
    slack: LocalSlack

    @property
    def installation(self):
        return self.slack.workspace.tenants.home_bot(self.team)

    def person(self, name):
        return self.slack.person(name, company=self.team)

    def count(self, method):
        """How often the bot called a method here, or any where that is None."""
        bot = self.installation.bot_user if self.installation else None
        return sum(call.bot == bot and method in (None, call.method) for call in self.slack.calls)


@pytest.fixture
async def slack(tmp_path):
    """A Slack in which the app is not installed anywhere, though organisations might."""
    manifest = yaml.safe_load(DEFAULT_MANIFEST.read_text())
    manifest["settings"]["org_deploy_enabled"] = True
    path = tmp_path / "manifest.yml"
    path.write_text(yaml.safe_dump(manifest))
    with capture_logs() as logs:
        async with LocalSlack.start(data=tmp_path / "slack", manifest=path) as slack:
            slack.workspace.rates.enabled = False
            slack.companies.forget_installation(slack.companies.home)
            yield slack
    assert [entry for entry in logs if entry["log_level"] == "error"] == []
    assert "xoxb-" not in str(logs)


@pytest.fixture
def tenants(slack):
    """Two workspaces, the second one of an organisation."""
    people = ["Ada Second", "Grace Second"]
    organisation = slack.companies.add_organisation("The organisation")
    second = slack.companies.add_company("Second", people, organisation)
    return Tenant(slack.companies.home, slack), Tenant(second, slack)


@pytest.fixture
def settings(slack, tmp_path):
    return BotSettings(
        _env_file=None,
        database_url=f"sqlite+aiosqlite:///{tmp_path}/orchestrator.db",
        model="offline",
        slack_api_url=slack.api_url,
        slack_client_id=seed.CLIENT_ID,
        slack_client_secret=seed.CLIENT_SECRET,
        slack_signing_secret=seed.SIGNING_SECRET,
        secret_key=KEY,
        updates_per_minute=FAST,
        grace_s=0.2,
    )


@pytest.fixture
def start(slack, settings):
    """Start the bot, which takes what happens in both workspaces."""

    @asynccontextmanager
    async def start(model=None, **changed):
        listener = socket.create_server(("127.0.0.1", 0))
        host, port = listener.getsockname()
        url = f"http://{host}:{port}"
        changed = settings.model_copy(update={"public_url": url, **changed})
        async with (
            served(changed, model or OfflineModel()) as (app, bot),
            listening(app, listener),
        ):
            await slack.deliver_to(f"{url}/slack/events")
            yield bot
            await slack.deliver_to(None)

    return start


@pytest.fixture
async def bot(start):
    async with start() as bot:
        yield bot


@pytest.fixture
def sender(slack, bot):
    return Sender(slack.session, bot.settings.public_url)


@pytest.fixture
async def both(bot, slack, tenants):
    """An admin of each, after the app was installed there."""
    people = [tenant.person("Ada") for tenant in tenants]
    for ada in people:
        await install(bot, ada)
    return people


async def install(bot, person, **said):
    """Go through `Add to Slack` in a browser; the page at the end."""
    link, cookies = await begin(bot, person)
    return await end(person, cookies, await person.add_to_slack(link, **said))


async def begin(bot, person):
    """The address at Slack that the page of the app leads to, and the browser's cookies."""
    async with person._session.get(f"{bot.settings.public_url}/slack/install") as answer:
        page = await answer.text()
        assert "Add to Slack" in page
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        return html.unescape(re.search(r'href="(http[^"]+)"', page)[1]), answer.cookies


async def end(person, cookies, address):
    """The page at the address that Slack leads back to."""
    headers = {"Cookie": "; ".join(f"{name}={each.value}" for name, each in cookies.items())}
    async with person._session.get(address, headers=headers) as answer:
        return answer.status, await answer.text()


def back(bot, link, **query):
    """The address of the app with what Slack might say there."""
    state = dict(parse_qsl(urlsplit(link).query))["state"]
    return f"{bot.settings.public_url}/slack/oauth_redirect?{urlencode({'state': state, **query})}"


# --- installing --------------------------------------------------------------------------


async def test_whoever_installs_the_app_can_use_it_at_once(bot, tenants):
    ada = tenants[0].person("Ada")
    status, page = await install(bot, ada)
    assert (status, "Orchestrator is in Local workspace" in page) == (200, True)
    mention, plan = await approved(ada, "Look at apples #subtasks(1)")
    await done(ada, mention, plan)


async def test_the_way_to_slack_names_the_app_and_every_scope(bot, slack, tenants):
    link, _ = await begin(bot, tenants[0].person("Ada"))
    assert link.startswith(f"{slack.url}/oauth/v2/authorize?")
    assert f"client_id={seed.CLIENT_ID}" in link
    assert "app_mentions:read" in link
    assert "usergroups:read" in link


async def test_tokens_are_stored_encrypted(both, rows, tenants):
    stored = rows(
        "SELECT bot_token FROM slack_bots UNION SELECT bot_token FROM slack_installations"
    )
    assert len(stored) == 4
    assert not [token for (token,) in stored if "xoxb" in token]
    for tenant in tenants:
        assert tenant.installation.token not in str(rows("SELECT * FROM slack_bots"))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"code": "unknown"}, "did not take the code"),
        ({}, "sent no code"),
        ({"error": "<script>alert(1)</script>"}, "&lt;script&gt;"),
    ],
)
async def test_what_goes_wrong_at_an_installation_is_said_in_words(bot, tenants, query, words):
    ada = tenants[0].person("Ada")
    link, cookies = await begin(bot, ada)
    _, page = await end(ada, cookies, back(bot, link, **query))
    assert words in page
    assert "Try again" in page
    assert "<script>alert" not in page


async def test_whoever_cancels_has_installed_nothing(bot, tenants, rows):
    _, page = await install(bot, tenants[0].person("Ada"), allow=False)
    assert "was cancelled" in page
    assert "Try again" in page
    assert rows("SELECT count(*) FROM slack_bots") == [(0,)]


async def test_an_installation_cannot_be_ended_in_another_browser_or_twice(bot, tenants):
    ada = tenants[0].person("Ada")
    link, cookies = await begin(bot, ada)
    address = await ada.add_to_slack(link)
    status, page = await end(ada, {}, address)
    assert (status, "in the browser in which it began" in page) == (400, True)
    assert (await end(ada, cookies, address))[0] == 200
    status, page = await end(ada, cookies, address)
    assert (status, "was used before" in page) == (401, True)


# --- apart from one another --------------------------------------------------------------


async def test_each_team_sees_its_own_runs_only(both, tenants):
    first, second = both
    _, plan = await proposed(first, "Look at apples")
    assert await second.messages("general") == []
    await second.command("/runs", "all", channel="general")
    await told(second, "general", "No run matches")
    button = find(plan, "Approve")
    _, shown = await proposed(second, "Look at pears")
    await click_as_it_was(tenants[1].slack, second, shown, button)
    await told(second, shown, "no longer exists")
    assert has_button("Approve")(await first.current(plan))


async def test_the_same_message_in_two_workspaces_makes_two_runs(both, tenants, rows):
    await asyncio.gather(*(proposed(ada, "Look at apples") for ada in both))
    teams = {(tenant.team.id,) for tenant in tenants}
    assert sorted(rows("SELECT team_id FROM run")) == sorted(teams)


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


# Which field says for whom a payload is; all others may name anybody in shared channels.
DECIDES = {
    "events_api": {"authorizations.0.team_id", "authorizations.0.enterprise_id"},
    "slash_commands": {"team_id", "enterprise_id"},
    "interactive": {"team.id", "team.enterprise_id", "view.app_installed_team_id"},
}


async def mentioned(ada):
    await proposed(ada, "Look at apples")


async def written_to(ada):
    await ada.post("dm", "Look at apples")
    await ada.wait_for("dm", has_button("Approve"), PATIENCE_S)


async def commanded(ada):
    await ada.command("/orchestrate", "Look at apples", channel="general")
    await ada.wait_for("general", has_button("Approve"), PATIENCE_S)


async def clicked(ada):
    _, plan = await proposed(ada, "Look at apples")
    await ada.click(plan, "Re-plan")
    await ada.modal(PATIENCE_S, lambda view: view.get("callback_id") == "replan")


async def submitted(ada):
    mention, plan = await proposed(ada, "Look at apples")
    await ada.click(plan, "Re-plan")
    modal = await ada.modal(PATIENCE_S, lambda view: view.get("callback_id") == "replan")
    modal.fill(modal.labels[0], "Less of it")
    await modal.submit()
    await ada.wait_for(mention, lambda m: m.ts > plan.ts and has_button("Approve")(m), PATIENCE_S)


async def chosen_from_a_menu(ada):
    said = await ada.post("general", "Somebody should look at apples")
    await ada.shortcut("orchestrate_this", said)
    await ada.modal(PATIENCE_S)


async def opened(ada):
    await ada.open_home()


def paths_to(found, value, path=()):
    """Every place in a payload that has the value."""
    if found == value:
        yield path
    if isinstance(found, dict | list):
        for key, inside in found.items() if isinstance(found, dict) else enumerate(found):
            yield from paths_to(inside, value, (*path, key))


def altered(payload, path, value, number):
    """A payload that says something else in one place, and is another event."""
    changed = json.loads(json.dumps(payload))
    *before, last = path
    reduce(getitem, before, changed)[last] = value
    if "event" in changed:
        event, ts = changed["event"], f"{time.time() - 60 - number:.6f}"
        changed["event_id"] = f"Ev{number}"
        event |= {name: ts for name in ("ts", "event_ts") if name in event}
    return changed


def kind_of(payload):
    """What a payload is about."""
    return payload.get("event", payload).get("type", "command")


def by_whom(payload):
    """The fields that may name the person."""
    said = payload.get("event", payload)
    return said.get("user_id"), said.get("user"), (payload.get("user") or {}).get("id")


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (mentioned, "app_mention"),
        (written_to, "message"),
        (commanded, "command"),
        (clicked, "block_actions"),
        (submitted, "view_submission"),
        (chosen_from_a_menu, "message_action"),
        (opened, "app_home_opened"),
    ],
)
async def test_a_payload_reaches_nobody_but_whom_it_is_for(
    both, sender, slack, tenants, rows, act, kind
):
    first, second = tenants
    await act(both[1])
    sent = [
        each
        for each in slack.workspace.recorder.envelopes
        if kind_of(each.payload) == kind and both[1].id in by_whom(each.payload)
    ]
    envelope = sent[-1]
    others = {second.team.id: first.team.id, second.team.enterprise_id: "E0ANOTHER00"}
    places = [
        (path, other)
        for own, other in others.items()
        for path in paths_to(envelope.payload, own)
        if ".".join(map(str, path)) not in DECIDES[envelope.type]
    ]
    for number, (path, other) in enumerate(places):
        before = [each.count(None) for each in tenants]
        payload = altered(envelope.payload, path, other, number)
        status, said = await sender.payload(envelope.type, payload)
        assert (status, "no longer exists" in said) == (200, False), path
        if kind != "view_submission":
            await until(lambda seen=before[1]: second.count(None) > seen)
        assert first.count(None) == before[0], path
    assert rows("SELECT count(*) FROM run WHERE team_id = ?", first.team.id) == [(0,)]


@pytest.fixture(params=[0, 1], ids=["hosted by the first", "hosted by the second"])
async def shared(both, slack, tenants, request):
    """A channel of two companies in which each has a bot of its own: people and channel."""
    teams = [tenant.team for tenant in tenants]
    host, guest = teams[request.param], teams[1 - request.param]
    people = [person.id for person in both]
    channel = slack.companies.add_channel(host, "deal", people, shared_with=[guest])
    return both, channel["id"]


async def test_each_companys_bot_answers_its_own_people_in_a_channel_they_share(
    shared, tenants, rows
):
    people, channel = shared
    for ada, tenant in zip(people, tenants, strict=True):
        mention, plan = await approved(ada, "Look at apples #subtasks(1)", channel)
        await done(ada, mention, plan)
        assert rows("SELECT team_id FROM run ORDER BY id")[-1] == (tenant.team.id,)


async def test_what_changes_in_a_shared_channel_is_for_the_bot_that_was_asked(
    shared, tenants, rows
):
    people, channel = shared
    for ada in people:
        mention, plan = await proposed(ada, "Look at apples", channel)
        await ada.edit(mention, f"{mention.text.split()[0]} Look at pears")
        plan = await ada.wait_for(
            ada.thread(mention),
            lambda m, old=plan: m.ts > old.ts and has_button("Approve")(m),
            PATIENCE_S,
        )
        await ada.delete(mention)
        await ada.wait_for(
            ada.thread(mention), lambda m: "stopped" in m.words.casefold(), PATIENCE_S
        )
    said = rows("SELECT team_id, task, status FROM run ORDER BY id")
    assert said == [(tenant.team.id, "Look at pears", "stopped") for tenant in tenants]


# --- tokens ------------------------------------------------------------------------------


async def test_a_burst_of_events_tries_the_token_once_a_team(both, tenants, rows):
    before = [tenant.count("auth.test") for tenant in tenants]
    await asyncio.gather(*(ada.mention("general", f"Task {n}") for ada in both for n in range(21)))
    await until(lambda: rows("SELECT count(*) FROM run") == [(42,)])
    after = [tenant.count("auth.test") for tenant in tenants]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1]


async def test_tokens_are_tried_at_the_start_and_serve_without_an_event(start, tenants):
    model = HeldModel(Purpose.SYNTHESIS)
    async with start(model) as bot:
        ada = tenants[1].person("Ada")
        await install(bot, ada)
        mention, _ = await approved(ada, "Look at apples #subtasks(1)")
        await asyncio.wait_for(model.asked.wait(), PATIENCE_S)
    before = tenants[1].count("auth.test")
    async with start():
        await answered(ada, mention)
    assert tenants[1].count("auth.test") == before + 1


async def test_a_new_key_takes_over_from_the_old_one(start, tenants):
    async with start() as bot:
        await install(bot, tenants[0].person("Ada"))
    async with start(secret_key=BotSettings(secret_key=f"{OTHER_KEY},{KEY}").secret_key):
        await proposed(tenants[0].person("Ada"), "Look at apples")


# --- organisations -----------------------------------------------------------------------


@pytest.fixture
async def organisation(bot, tenants):
    """A workspace of an organisation that has installed the app as a whole."""
    assert "in The organisation" in (await install(bot, tenants[1].person("Ada"), org=True))[1]
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
    team = organisation.team
    assert rows("SELECT team_id FROM run") == [(team.enterprise_id,)]
    known = rows("SELECT enterprise_id FROM team WHERE id = ?", team.id)
    assert known == [(team.enterprise_id,)]
    assert rows("SELECT enterprise_id, team_id FROM slack_bots") == [(team.enterprise_id, None)]


async def test_the_token_of_an_organisation_serves_without_an_event(start, tenants):
    model = HeldModel(Purpose.SYNTHESIS)
    async with start(model) as bot:
        ada = tenants[1].person("Ada")
        await install(bot, ada, org=True)
        mention, _ = await approved(ada, "Look at apples #subtasks(1)")
        await asyncio.wait_for(model.asked.wait(), PATIENCE_S)
    async with start():
        await answered(ada, mention)


async def test_all_workspaces_of_an_organisation_end_with_its_installation(organisation, rows):
    ada = organisation.person("Ada")
    await proposed(ada, "Look at apples")
    await ada.uninstall_app()
    await until(lambda: rows("SELECT status FROM run") == STOPPED)
    assert rows("SELECT count(*) FROM slack_bots") == [(0,)]


# --- leaving -----------------------------------------------------------------------------


async def test_what_is_live_ends_with_the_installation(both, tenants, rows):
    first, second = both
    gone, stays = (tenant.team.id for tenant in tenants)
    _, plan = await proposed(first, "Look at apples")
    await approved(first, "Look at pears #subtasks(2) #question(1)")
    await proposed(second, "Look at plums")
    await first.uninstall_app()
    query = "SELECT DISTINCT status FROM run WHERE team_id = ?"
    await until(lambda: rows(query, gone) == STOPPED)
    assert rows("SELECT DISTINCT ended_by FROM run WHERE team_id = ?", gone) == [
        ("the removal of the app",)
    ]
    assert rows("SELECT team_id FROM slack_bots") == [(stays,)]
    assert rows("SELECT team_id FROM slack_installations") == [(stays,)]
    assert rows(query, stays) == [("proposed",)]
    behind = "SELECT count(*) FROM run WHERE team_id = ? AND shown_version < version"
    assert rows(behind, gone) == [(0,)]
    assert has_button("Approve")(await first.current(plan))


STOPPED = [("stopped",)]
STORED = "SELECT count(*) FROM slack_bots WHERE team_id = ?"


async def test_a_reinstallation_starts_clean(both, bot, tenants, rows):
    ada, _ = both
    team = tenants[0].team.id
    await proposed(ada, "Look at apples")
    await ada.uninstall_app()
    await until(lambda: rows(STORED, team) == [(0,)])
    assert (await install(bot, ada))[0] == 200
    mention, plan = await approved(ada, "Look at pears #subtasks(1)")
    await done(ada, mention, plan)
    assert rows("SELECT left_at FROM team WHERE id = ?", team) == [(None,)]
    assert rows("SELECT status FROM run WHERE team_id = ? ORDER BY id", team) == [
        ("stopped",),
        ("completed",),
    ]


async def test_a_token_that_slack_no_longer_knows_ends_the_installation(both, tenants, rows):
    ada, _ = both
    _, plan = await proposed(ada, "Look at apples #question(1)")
    tenants[0].slack.companies.revoke_token(tenants[0].installation)
    await ada.click(plan, "Approve")
    team = tenants[0].team.id
    await until(lambda: rows(STORED, team) == [(0,)])
    await until(lambda: rows("SELECT status FROM run WHERE team_id = ?", team) == STOPPED)


async def test_the_removal_of_before_the_reinstallation_changes_nothing(
    both, sender, tenants, rows
):
    first, second = (tenant.team for tenant in tenants)
    event = {"type": "app_uninstalled"}
    assert (await sender.event(first, event, event_time=1_000_000_000))[0] == 200
    assert (await sender.event(second, event, event_time=4_000_000_000))[0] == 200
    await until(lambda: rows("SELECT team_id FROM slack_bots") == [(first.id,)])


async def test_the_tokens_of_people_may_be_revoked_alone(both, sender, tenants, rows):
    first, second = (tenant.team for tenant in tenants)
    people = {"type": "tokens_revoked", "tokens": {"oauth": [seed.ADA], "bot": []}}
    assert (await sender.event(first, people))[0] == 200
    bots = {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [seed.BOT_USER]}}
    assert (await sender.event(second, bots))[0] == 200
    await until(lambda: rows("SELECT team_id FROM slack_bots") == [(first.id,)])


async def test_what_comes_from_a_team_without_the_app_does_nothing(bot, sender, tenants, rows):
    event = {
        "type": "app_mention",
        "user": seed.ADA,
        "text": "hello",
        "channel": "C1",
        "ts": "1.1",
        "event_ts": "1.1",
    }
    assert (await sender.event(tenants[0].team, event))[0] == 200
    assert rows("SELECT count(*) FROM run") == [(0,)]
