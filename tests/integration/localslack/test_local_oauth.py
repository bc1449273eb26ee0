"""Add to Slack: who lets the app in, the code, and the token it stands for."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import PersonError, seed
from bot.localslack.oauth import LIFE_S
from bot.localslack.server import LocalSlack
from tests.integration.localslack.conftest import Clock

# The SDK still signs in to OAuth in the way that aiohttp is about to give up.
pytestmark = pytest.mark.filterwarnings("ignore:BasicAuth is deprecated")

BACK = "https://app.example.com/slack/oauth_redirect"
CLIENT = {"client_id": seed.CLIENT_ID, "client_secret": seed.CLIENT_SECRET}


def link(workspace, **changed):
    asked = {"client_id": seed.CLIENT_ID, "scope": "chat:write,commands", "state": "s 1"}
    return (
        f"{workspace.url}/oauth/v2/authorize?{urlencode(asked | {'redirect_uri': BACK} | changed)}"
    )


def said(address):
    assert address.startswith(f"{BACK}?")
    return dict(parse_qsl(urlsplit(address).query))


async def access(workspace, code, **changed):
    given = {**CLIENT, "code": code, "redirect_uri": BACK} | changed
    return (await AsyncWebClient(base_url=workspace.api_url).oauth_v2_access(**given)).data


async def refused(workspace, code, **changed):
    with pytest.raises(SlackApiError) as caught:
        await access(workspace, code, **changed)
    return caught.value.response["error"]


async def code_of(workspace, person, **how):
    return said(await person.add_to_slack(link(workspace), **how))["code"]


@pytest.fixture
def partner(workspace):
    return workspace.companies.add_company("Partner", ["Paula Partner"])


@pytest.fixture
def paula(workspace, partner):
    return workspace.person("Paula", company=partner)


@pytest.fixture
def eve(workspace):
    organisation = workspace.companies.add_organisation("Grid")
    east = workspace.companies.add_company("East", ["Eve East", "Ed East"], organisation)
    return workspace.person("Eve", company=east)


async def test_a_person_lets_the_app_into_their_workspace(workspace, partner, paula):
    answer = said(await paula.add_to_slack(link(workspace)))
    assert answer["state"] == "s 1"
    given = await access(workspace, answer["code"])
    bot = workspace.workspace.tenants.of_team(partner.id)
    token = given.pop("access_token")
    assert given == {
        "ok": True,
        "app_id": seed.APP_ID,
        "authed_user": {"id": paula.id},
        "scope": "chat:write,commands",
        "token_type": "bot",
        "bot_user_id": bot.bot_user,
        "team": {"id": partner.id, "name": "Partner"},
        "enterprise": None,
        "is_enterprise_install": False,
    }
    known = await AsyncWebClient(token=token, base_url=workspace.api_url).auth_test()
    assert (known["team_id"], known["user_id"]) == (partner.id, bot.bot_user)
    assert token not in str(workspace.calls)
    assert seed.CLIENT_SECRET not in str(workspace.calls)


async def test_a_person_may_cancel(workspace, partner, paula):
    answer = said(await paula.add_to_slack(link(workspace), allow=False))
    assert answer == {"error": "access_denied", "state": "s 1"}
    assert workspace.workspace.tenants.of_team(partner.id) is None


async def test_a_code_is_good_once(workspace, paula):
    code = await code_of(workspace, paula)
    await access(workspace, code)
    assert await refused(workspace, code) == "invalid_code"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_id": "1.2"}, "invalid_client_id"),
        ({"client_secret": "wrong"}, "bad_client_secret"),
        ({"code": "123.456"}, "invalid_code"),
        ({"redirect_uri": "https://app.example.com/other"}, "bad_redirect_uri"),
    ],
)
async def test_what_is_wrong_is_refused(workspace, paula, changed, error):
    code = await code_of(workspace, paula)
    assert await refused(workspace, **({"code": code} | changed)) == error


async def test_a_code_lives_ten_minutes(tmp_path):
    clock = Clock()
    async with LocalSlack.start(data=tmp_path, manifest=None, clock=clock) as workspace:
        code = await code_of(workspace, workspace.person("Ada"))
        clock.now += LIFE_S + 1
        assert await refused(workspace, code) == "invalid_code"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_id": "1.2"}, "invalid_client_id"),
        ({"redirect_uri": "javascript:alert(1)"}, "bad_redirect_uri"),
        ({"scope": ""}, "no_scopes"),
    ],
)
async def test_a_person_is_not_asked_for_what_is_wrong(workspace, ada, changed, error):
    with pytest.raises(PersonError, match=error):
        await ada.add_to_slack(link(workspace, **changed))


async def test_the_page_escapes_what_it_is_given(workspace):
    address = link(workspace, state='"><script>', scope="<b>chat:write</b>")
    async with workspace.session.get(address) as page:
        text = await page.text()
    assert "<script>" not in text
    assert "<b>" not in text


async def test_an_organisation_installs_as_a_whole(tmp_path):
    async with LocalSlack.start(data=tmp_path, manifest=None) as workspace:
        organisation = workspace.companies.add_organisation("Grid")
        east = workspace.companies.add_company("East", ["Eve East", "Ed East"], organisation)
        eve, ed = (workspace.person(name, company=east) for name in ("Eve", "Ed"))
        with pytest.raises(PersonError, match="Only admins"):
            await ed.add_to_slack(link(workspace), org=True)
        given = await access(workspace, await code_of(workspace, eve, org=True))
        assert (given["team"], given["is_enterprise_install"]) == (None, True)
        assert given["enterprise"] == {"id": organisation.id, "name": "Grid"}


async def test_an_organisation_needs_an_app_that_is_made_for_it(workspace, eve):
    with pytest.raises(PersonError, match="org_deploy_enabled"):
        await eve.add_to_slack(link(workspace), org=True)


async def test_after_a_removal_there_is_another_token(workspace, paula):
    first = (await access(workspace, await code_of(workspace, paula)))["access_token"]
    again = (await access(workspace, await code_of(workspace, paula)))["access_token"]
    assert again == first
    await paula.uninstall_app()
    assert (await access(workspace, await code_of(workspace, paula)))["access_token"] != first
