"""A partner company: channels shared with it, its people, and what its own app sees.

The shapes are those recorded by others: bolt-python's tests of requests in Slack Connect,
java-slack-sdk#629 and #1041, bolt-js#1614 and #1948.
"""

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import PersonError, seed

OURS = seed.TEAM_ID
BUTTON = {
    "type": "actions",
    "block_id": "b",
    "elements": [
        {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
    ],
}
MODAL = {
    "type": "modal",
    "callback_id": "m",
    "title": {"type": "plain_text", "text": "Title"},
    "submit": {"type": "plain_text", "text": "Send"},
    "close": {"type": "plain_text", "text": "Close"},
    "notify_on_close": True,
    "blocks": [{"type": "section", "text": {"type": "plain_text", "text": "Hello"}}],
}


@pytest.fixture
def partner(workspace):
    """A company without the app."""
    return workspace.companies.add_company("Partner", ["Paula Partner", "Pete Partner"])


@pytest.fixture
def paula(workspace, partner):
    return workspace.person("Paula", company=partner)


@pytest.fixture
def theirs(workspace, partner):
    """A channel that the partner hosts."""
    home = workspace.companies.home
    return workspace.companies.add_channel(partner, "deal", ["Paula", "Ada"], shared_with=[home])


@pytest.fixture
def ours(workspace, partner):
    """A channel that our company hosts."""
    home = workspace.companies.home
    return workspace.companies.add_channel(home, "project", ["Ada", "Paula"], shared_with=[partner])


@pytest.fixture
async def app(bot):
    """The bot, which collects whatever it is sent."""

    async def take(body, ack):
        await ack()
        await bot.seen.put(body)

    for name in ("app_mention", "message", "reaction_added", "app_home_opened"):
        bot.app.event(name)(take)
    bot.app.action("go")(take)
    bot.app.view("m")(take)
    bot.app.view_closed("m")(take)
    await bot.connect()
    return bot


async def next_of(app, kind):
    """The next thing of that kind, whatever else comes."""
    while True:
        body = await app.next()
        if kind in (body["type"], body.get("event", {}).get("type")):
            return body


def client_of(workspace, token):
    return AsyncWebClient(token=token, base_url=workspace.api_url)


async def refused(call):
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value.response["error"]


# --- events ------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["Ada", "Paula"])
@pytest.mark.parametrize("hosted", ["theirs", "ours"])
async def test_an_event_names_the_host_and_the_installation(
    app, workspace, partner, theirs, ours, who, hosted
):
    channel, host = (theirs, partner.id) if hosted == "theirs" else (ours, OURS)
    for kind in ("app_mention", "message"):
        await workspace.person(who).mention(channel["id"], "hello")
        body = await next_of(app, kind)
        assert (body["team_id"], body["context_team_id"]) == (host, OURS)
        assert body["authorizations"] == [
            {
                "enterprise_id": None,
                "team_id": OURS,
                "user_id": seed.BOT_USER,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ]
        assert body["is_ext_shared_channel"] is True


async def test_a_mention_by_the_other_company_names_it_beside_our_team(app, partner, paula, theirs):
    await paula.mention("deal", "hello")
    event = (await next_of(app, "app_mention"))["event"]
    assert (event["team"], event["user"]) == (OURS, paula.id)
    assert event["user_team"] == event["source_team"] == partner.id
    assert event["user_profile"]["team"] == partner.id


async def test_a_message_of_the_other_company_has_its_team_and_no_more(app, partner, paula, theirs):
    await paula.post("deal", "hello")
    event = (await next_of(app, "message"))["event"]
    assert event["team"] == partner.id
    assert not {"user_team", "source_team", "user_profile"} & set(event)


async def test_our_own_people_are_not_marked(app, ada, theirs):
    await ada.mention("deal", "hello")
    event = (await next_of(app, "app_mention"))["event"]
    assert event["team"] == OURS
    assert not {"user_team", "source_team", "user_profile"} & set(event)


async def test_a_reaction_has_no_team(app, partner, paula, theirs):
    said = await paula.post("deal", "hello")
    await paula.react(said, "eyes")
    body = await next_of(app, "reaction_added")
    assert (body["team_id"], body["authorizations"][0]["team_id"]) == (partner.id, OURS)
    assert not {"team", "user_team"} & set(body["event"])


async def test_an_unshared_channel_is_as_before(app, ada, theirs):
    await ada.mention("general", "hello")
    body = await next_of(app, "app_mention")
    assert (body["team_id"], body["is_ext_shared_channel"]) == (OURS, False)


async def test_the_history_says_whose_people_wrote(client, partner, paula, theirs):
    await paula.post("deal", "hello")
    [message] = (await client.conversations_history(channel=theirs["id"]))["messages"]
    assert message["team"] == message["user_team"] == message["source_team"] == partner.id
    assert message["user_profile"]["real_name"] == "Paula Partner"
    assert message["user_profile"]["is_restricted"] is False


async def test_a_file_of_the_other_company_comes_by_its_id(app, client, workspace, paula, theirs):
    file_id = await paula.attach(("figures.csv", b"a,b\n1,2\n"))
    await paula.post("deal", "look", files=[file_id])
    [file] = (await next_of(app, "message"))["event"]["files"]
    assert file == {"id": file_id, "mode": "file_access", "file_access": "check_file_info"}
    known = (await client.files_info(file=file_id))["file"]
    assert (known["name"], known["file_access"]) == ("figures.csv", "visible")
    headers = {"Authorization": f"Bearer {workspace.bot_token}"}
    async with workspace.session.get(known["url_private"], headers=headers) as response:
        assert await response.read() == b"a,b\n1,2\n"


# --- what people do ----------------------------------------------------------------------


async def test_a_click_carries_our_team_and_the_persons(app, client, partner, paula, theirs):
    await client.chat_postMessage(channel=theirs["id"], text="Go?", blocks=[BUTTON])
    shown = await paula.wait_for("deal", lambda message: message.buttons)
    await paula.click(shown, "Go")
    body = await next_of(app, "block_actions")
    assert body["team"] == {"id": OURS, "domain": "local"}
    assert body["user"]["team_id"] == partner.id
    assert (body["enterprise"], body["is_enterprise_install"]) == (None, False)


@pytest.mark.parametrize("kind", ["view_submission", "view_closed"])
async def test_a_dialog_carries_the_persons_team(app, client, partner, paula, theirs, kind):
    await client.chat_postMessage(channel=theirs["id"], text="Go?", blocks=[BUTTON])
    await paula.click(await paula.wait_for("deal", lambda message: message.buttons), "Go")
    trigger = (await next_of(app, "block_actions"))["trigger_id"]
    await client.views_open(trigger_id=trigger, view=MODAL)
    modal = await paula.modal()
    await (modal.submit() if kind == "view_submission" else modal.close())
    body = await next_of(app, kind)
    assert body["team"] == {"id": partner.id, "domain": "partner"}
    assert body["user"]["team_id"] == body["view"]["team_id"] == partner.id
    assert body["view"]["app_installed_team_id"] == OURS


async def test_commands_and_shortcuts_are_for_our_people_only(app, paula, theirs):
    with pytest.raises(PersonError, match="unknown_command"):
        await paula.command("/runs", channel="deal")
    with pytest.raises(PersonError, match="unknown_shortcut"):
        await paula.shortcut("orchestrate_this", await paula.post("deal", "hello"))


async def test_the_other_company_writes_to_the_bot_and_opens_its_home(
    app, client, partner, paula, theirs
):
    await paula.post("dm", "hello")
    body = await next_of(app, "message")
    assert body["event"]["channel_type"] == "im"
    assert (body["authorizations"][0]["team_id"], body["event"]["team"]) == (OURS, partner.id)
    assert body["is_ext_shared_channel"] is True
    view = {"type": "home", "blocks": MODAL["blocks"]}
    await client.views_publish(user_id=paula.id, view=view)
    assert (await paula.open_home()).words
    body = await next_of(app, "app_home_opened")
    assert (body["team_id"], body["authorizations"][0]["team_id"]) == (partner.id, OURS)


# --- what the Web API says ---------------------------------------------------------------


async def test_a_person_of_the_other_company_is_known_by_their_team(client, partner, paula, ours):
    user = (await client.users_info(user=paula.id))["user"]
    assert (user["team_id"], user["profile"]["team"]) == (partner.id, partner.id)
    # Whoever is in a channel with the bot is no stranger.
    assert user["is_stranger"] is False
    assert "email" not in user["profile"]
    assert not {"is_admin", "is_owner"} & set(user)


async def test_whoever_is_in_no_channel_of_the_bot_is_a_stranger(
    client, workspace, partner, theirs
):
    pete = workspace.person("Pete", company=partner)
    assert (await client.users_info(user=pete.id))["user"]["is_stranger"] is True


async def test_nobody_knows_of_a_company_that_shares_nothing(client, paula):
    assert await refused(client.users_info(user=paula.id)) == "user_not_found"


async def test_the_other_company_is_not_in_our_list(client, paula, theirs):
    members = (await client.users_list())["members"]
    assert paula.id not in {member["id"] for member in members}


@pytest.mark.parametrize("guest", ["multi_channel", "single_channel"])
async def test_a_guest_is_restricted(client, workspace, guest):
    companies = workspace.companies
    guest_id = companies.add_person(companies.home, "Gus Guest", guest=guest)
    user = (await client.users_info(user=guest_id))["user"]
    assert (user["team_id"], user["is_restricted"]) == (OURS, True)
    assert user["is_ultra_restricted"] is (guest == "single_channel")
    companies.invite(workspace.workspace.directory.channel("C0LOCALGEN1"), guest_id)
    assert (await workspace.person("Gus").post("general", "hello")).text == "hello"


async def test_a_shared_channel_says_so(client, partner, theirs, ours):
    channel = (await client.conversations_info(channel=theirs["id"]))["channel"]
    assert (channel["is_shared"], channel["is_ext_shared"], channel["is_org_shared"]) == (
        True,
        True,
        False,
    )
    assert channel["connected_team_ids"] == [partner.id]
    assert channel["internal_team_ids"] == [OURS]
    assert channel["shared_team_ids"] == [partner.id, OURS]
    assert (channel["conversation_host_id"], channel["context_team_id"]) == (partner.id, OURS)
    assert (await client.conversations_info(channel="C0LOCALGEN1"))["channel"]["is_shared"] is False


async def test_a_stream_is_for_a_reader_of_their_own_team(client, workspace, partner, paula, ours):
    workspace.workspace.rates.enabled = False
    said = await paula.post("project", "hello")
    place = {"channel": ours["id"], "thread_ts": said.ts, "recipient_user_id": paula.id}
    start = client.chat_startStream
    assert await refused(start(**place, recipient_team_id=OURS)) == "team_not_found"
    assert (await start(**place, recipient_team_id=partner.id))["ok"]


# --- their own app -----------------------------------------------------------------------


@pytest.fixture
def installed(workspace, partner, theirs):
    """The same app in the partner's workspace."""
    return workspace.companies.install(partner)


async def test_each_token_is_of_its_own_workspace(client, workspace, partner, installed):
    mine = await client.auth_test()
    other = await client_of(workspace, installed.token).auth_test()
    assert (mine["team_id"], mine["user_id"]) == (OURS, seed.BOT_USER)
    assert (other["team_id"], other["user_id"]) == (partner.id, installed.bot_user)
    assert other["bot_id"] != mine["bot_id"]


async def test_a_token_sees_nothing_of_another_workspace(workspace, client, ada, installed):
    other = client_of(workspace, installed.token)
    secret = await ada.post("general", "our secret")
    dm = workspace.workspace.directory.direct_message(ada.id, seed.BOT_USER)["id"]
    for channel in (secret.channel, "general-of-nobody", dm):
        for call in (
            other.conversations_info(channel=channel),
            other.conversations_history(channel=channel),
            other.conversations_replies(channel=channel, ts=secret.ts),
            other.conversations_members(channel=channel),
            other.conversations_join(channel=channel),
            other.chat_postMessage(channel=channel, text="hello"),
            other.chat_getPermalink(channel=channel, message_ts=secret.ts),
            other.reactions_add(channel=channel, name="eyes", timestamp=secret.ts),
        ):
            assert await refused(call) == "channel_not_found"
    theirs = {c["id"] for c in (await other.conversations_list())["channels"]}
    ours = {c["id"] for c in (await client.conversations_list())["channels"]}
    assert len(theirs & ours) == 1
    assert {user["team_id"] for user in (await other.users_list())["members"]} == {
        installed.team_id
    }
    assert (await other.usergroups_list())["usergroups"] == []


async def test_a_token_changes_nothing_of_another_bot(workspace, client, theirs, installed):
    other = client_of(workspace, installed.token)
    said = await client.chat_postMessage(channel=theirs["id"], text="ours")
    place = {"channel": theirs["id"], "ts": said["ts"]}
    assert await refused(other.chat_update(**place, text="theirs")) == "cant_update_message"
    assert await refused(other.chat_delete(**place)) == "cant_delete_message"


async def test_a_trigger_and_a_view_are_of_one_installation(
    app, workspace, client, ada, theirs, installed
):
    other = client_of(workspace, installed.token)
    await client.chat_postMessage(channel=theirs["id"], text="Go?", blocks=[BUTTON])
    await ada.click(await ada.wait_for("deal", lambda message: message.buttons), "Go")
    trigger = (await next_of(app, "block_actions"))["trigger_id"]
    assert await refused(other.views_open(trigger_id=trigger, view=MODAL)) == "invalid_trigger_id"
    view_id = (await client.views_open(trigger_id=trigger, view=MODAL))["view"]["id"]
    assert await refused(other.views_update(view_id=view_id, view=MODAL)) == "not_found"


async def test_each_mention_is_of_the_bot_it_names(app, paula, ada, theirs, installed):
    for person, bot in ((ada, seed.BOT_USER), (paula, installed.bot_user), (ada, None)):
        await person.mention("deal", "hello", bot=bot)
        body = await next_of(app, "app_mention")
        named = bot or seed.BOT_USER
        assert body["authorizations"][0]["user_id"] == named
        expected = OURS if named == seed.BOT_USER else installed.team_id
        assert body["authorizations"][0]["team_id"] == body["context_team_id"] == expected


async def test_one_message_is_one_event_however_many_installations_see_it(
    app, workspace, paula, ada, theirs, installed
):
    await paula.post("deal", "first")
    await ada.post("deal", "second")
    bodies = [await next_of(app, "message") for _ in range(2)]
    assert [body["event"]["text"] for body in bodies] == ["first", "second"]
    # Slack names any one of them, whoever wrote it.
    assert {body["authorizations"][0]["team_id"] for body in bodies} == {OURS}


async def test_a_revoked_token_is_told_apart_from_a_removed_app(workspace, paula, installed):
    workspace.companies.revoke_token(installed)
    other = client_of(workspace, installed.token)
    assert await refused(other.auth_test()) == "token_revoked"
    fresh = workspace.workspace.tenants.of_bot(installed.bot_user)
    await paula.uninstall_app()
    assert await refused(client_of(workspace, fresh.token).auth_test()) == "account_inactive"


# --- organisations -----------------------------------------------------------------------


@pytest.fixture
def grid(workspace):
    """An organisation with two workspaces, which installed the app as a whole."""
    companies = workspace.companies
    organisation = companies.add_organisation("Grid")
    east = companies.add_company("East", ["Eve East"], organisation)
    west = companies.add_company("West", ["Will West"], organisation)
    companies.add_channel(east, "both", ["Eve", "Will"], shared_with=[west])
    return organisation, east, west, companies.install(organisation)


async def test_an_organisation_installs_for_all_its_workspaces(app, workspace, grid):
    organisation, east, west, installation = grid
    for team, who in ((east, "Eve"), (west, "Will")):
        await workspace.person(who, company=team).mention("general", "hello")
        body = await next_of(app, "app_mention")
        assert (body["team_id"], body["enterprise_id"]) == (team.id, organisation.id)
        assert body["authorizations"] == [
            {
                "enterprise_id": organisation.id,
                "team_id": None,
                "user_id": installation.bot_user,
                "is_bot": True,
                "is_enterprise_install": True,
            }
        ]
        assert body["is_ext_shared_channel"] is False


async def test_the_token_of_an_organisation_names_the_workspace(workspace, grid):
    organisation, east, west, installation = grid
    org = client_of(workspace, installation.token)
    known = await org.auth_test()
    assert (known["is_enterprise_install"], known["enterprise_id"]) == (True, organisation.id)
    for method in (
        "conversations.list",
        "users.conversations",
        "users.list",
        "usergroups.list",
        "usergroups.users.list",
    ):
        given = {"usergroup": "S1"} if "users.list" in method else {}
        assert await refused(org.api_call(method, params=given)) == "missing_argument"
        wrong = {**given, "team_id": OURS}
        assert await refused(org.api_call(method, params=wrong)) == "team_not_found"
    names = {}
    for team in (east, west):
        found = await org.conversations_list(team_id=team.id)
        names[team.id] = sorted(channel["name"] for channel in found["channels"])
    assert names == {east.id: ["both", "general"], west.id: ["both", "general"]}


async def test_a_click_from_the_other_workspace_has_no_team(app, workspace, grid):
    organisation, east, west, installation = grid
    org, will = client_of(workspace, installation.token), workspace.person("Will", company=west)
    both = await org.conversations_list(team_id=east.id)
    [channel] = [c for c in both["channels"] if c["name"] == "both"]
    assert (channel["is_org_shared"], channel["is_ext_shared"]) == (True, False)
    await org.chat_postMessage(channel=channel["id"], text="Go?", blocks=[BUTTON])
    await will.click(await will.wait_for("both", lambda message: message.buttons), "Go")
    body = await next_of(app, "block_actions")
    assert (body["team"], body["is_enterprise_install"]) == (None, True)
    assert body["enterprise"] == {"id": organisation.id, "name": "Grid"}
    assert (body["user"]["team_id"], body["message"]["team"]) == (west.id, east.id)
    await org.views_open(trigger_id=body["trigger_id"], view=MODAL)
    await (await will.modal()).submit()
    body = await next_of(app, "view_submission")
    assert (body["team"], body["user"]["team_id"], body["view"]["team_id"]) == (
        None,
        west.id,
        west.id,
    )
    # docs.slack.dev shows the organisation's id here.
    assert body["view"]["app_installed_team_id"] == organisation.id


async def test_a_person_of_an_organisation_is_known_by_it_elsewhere(app, client, workspace, grid):
    organisation, east, _, _ = grid
    home = workspace.companies.home
    shared = workspace.companies.add_channel(home, "joint", ["Ada", "Eve"], shared_with=[east])
    eve = workspace.person("Eve", company=east)
    await eve.mention("joint", "hello", bot=seed.BOT_USER)
    body = await next_of(app, "app_mention")
    assert body["event"]["user_team"] == organisation.id
    assert body["authorizations"][0]["team_id"] == OURS
    channel = (await client.conversations_info(channel=shared["id"]))["channel"]
    assert channel["connected_team_ids"] == [organisation.id]
    user = (await client.users_info(user=eve.id))["user"]
    assert (user["team_id"], user["enterprise_user"]["enterprise_id"]) == (
        east.id,
        organisation.id,
    )
