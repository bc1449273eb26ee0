"""Whose a payload is. The shapes are those that the public SDKs are tested with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_bolt.request.async_request import AsyncBoltRequest

from bot.incoming import Source, is_organisation, lacking
from bot.people import Person
from bot.starters import Standing

OURS = {
    "enterprise_id": "E-ours",
    "team_id": "T-ours",
    "user_id": "UBOT",
    "is_bot": True,
    "is_enterprise_install": False,
}
ORGANISATION = {**OURS, "team_id": None, "is_enterprise_install": True}


def source(body):
    return Source.of(body, AsyncBoltRequest(body=body, mode="socket_mode").context)


def event(authorization, **more):
    said = {"type": "app_mention", "user": "U1", "text": "<@UBOT> hi", "channel": "C1"}
    return {
        "type": "event_callback",
        "team_id": "T-host",
        "enterprise_id": "E-host",
        "event": said,
        "authorizations": [authorization],
        **more,
    }


def test_an_event_in_a_channel_of_another_company_is_for_the_installation_that_sees_it():
    found = source(event(OURS, is_ext_shared_channel=True))
    assert (found.team_id, found.enterprise_id, found.is_org) == ("T-ours", "E-ours", False)


def test_an_event_in_a_shared_channel_says_whom_it_mentions():
    assert source(event(OURS, is_ext_shared_channel=True)).addressed == ("UBOT",)
    assert source(event(OURS)).addressed == ()


@pytest.mark.parametrize(
    ("said", "addressed"),
    [
        ({"subtype": "message_changed", "message": {"user": "U1", "text": "<@UBOT> a"}}, "UBOT"),
        ({"subtype": "message_changed", "previous_message": {"text": "<@UBOT|it> a"}}, "UBOT"),
        ({"subtype": "message_deleted", "previous_message": {"user": "UBOT"}}, "UBOT"),
        ({"subtype": "file_share", "text": "see <@UBOT>"}, "UBOT"),
        ({"subtype": "message_deleted", "previous_message": None, "text": ["<@UBOT>"]}, None),
    ],
)
def test_what_happens_to_a_message_in_a_shared_channel_is_about_its_bot(said, addressed):
    body = {**event(OURS, is_ext_shared_channel=True), "event": {"type": "message", **said}}
    assert (addressed in source(body).addressed) is (addressed is not None)


def test_a_click_on_a_message_is_for_the_bot_that_wrote_it():
    body = {**CLICK, "team": {"id": "T-partner"}, "message": {"user": "UBOT", "ts": "1.2"}}
    assert source(body).addressed == ("UBOT",)


def test_an_event_for_an_organisation_names_the_workspace_beside_it():
    found = source(event(ORGANISATION, team_id="T-one", enterprise_id="E-ours"))
    assert (found.enterprise_id, found.team_id, found.workspace) == ("E-ours", None, "T-one")


def test_a_click_of_the_other_company_is_for_the_workspace_of_the_message():
    body = {
        "type": "block_actions",
        "team": {"id": "T-ours", "domain": "ours"},
        "user": {"id": "U2", "team_id": "T-partner"},
        "actions": [{}],
    }
    assert source(body).team_id == "T-ours"


def test_a_dialog_of_the_other_company_is_for_the_workspace_that_has_the_app():
    body = {
        "type": "view_submission",
        "team": {"id": "T-partner", "enterprise_id": "E-partner"},
        "user": {"id": "W1", "team_id": "T-partner"},
        "view": {"id": "V1", "team_id": "T-partner", "app_installed_team_id": "T-ours"},
        "enterprise": {"id": "E-partner"},
    }
    found = source(body)
    # The organisation in it is that of the person.
    assert (found.team_id, found.enterprise_id) == ("T-ours", None)


@pytest.mark.parametrize("kind", ["block_actions", "view_submission"])
def test_what_is_done_in_an_organisation_is_for_the_organisation(kind):
    body = {
        "type": kind,
        "team": None,
        "user": {"id": "W1", "team_id": "T-two"},
        "enterprise": {"id": "E-ours"},
        "is_enterprise_install": True,
        "view": {"id": "V1", "team_id": "T-two", "app_installed_team_id": "T-one"},
    }
    found = source(body)
    assert (found.enterprise_id, found.team_id, found.is_org) == ("E-ours", None, True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["view", "event", "team_id", "text"]), JSON))
def test_any_payload_that_bolt_reads_has_a_source(body):
    try:
        context = AsyncBoltRequest(body=body, mode="socket_mode").context
    except Exception:  # noqa: BLE001 - Bolt answers such a request before it comes to us
        return
    assert isinstance(Source.of(body, context), Source)


CLICK = {
    "type": "block_actions",
    "user": {"id": "U1"},
    "trigger_id": "1.2.a",
    "actions": [{"action_id": "go"}],
}
COMMAND = {"command": "/runs", "user_id": "U1", "channel_id": "C1", "trigger_id": "1.2.a"}
SHORTCUT = {
    "type": "message_action",
    "user": {"id": "U1"},
    "trigger_id": "1.2.a",
    "channel": {"id": "C1"},
    "message": {"ts": "1.2"},
}


@pytest.mark.parametrize("body", [CLICK, COMMAND, SHORTCUT, event(OURS), {"type": "view_closed"}])
def test_whole_payloads_lack_nothing(body):
    assert lacking(body) == []


@pytest.mark.parametrize(
    ("body", "lacks"),
    [
        ({**CLICK, "user": None}, ["user.id"]),
        ({**CLICK, "actions": []}, ["actions.0.action_id"]),
        ({**CLICK, "actions": [None], "trigger_id": ""}, ["trigger_id", "actions.0.action_id"]),
        ({**COMMAND, "trigger_id": ""}, ["trigger_id"]),
        ({**SHORTCUT, "message": "gone"}, ["message.ts"]),
        ({**SHORTCUT, "channel": ["C1"]}, ["channel.id"]),
    ],
)
def test_a_payload_lacks_what_others_of_its_kind_have(body, lacks):
    assert lacking(body) == lacks


@given(JSON, st.sampled_from(["type", "command", "user", "actions", "view", "message"]))
def test_any_payload_can_be_looked_over(value, key):
    for body in (CLICK, COMMAND, SHORTCUT):
        assert isinstance(lacking({**body, key: value}), list)


def test_teams_are_told_apart_from_organisations():
    assert is_organisation("E111")
    assert not is_organisation("T111")


# --- people --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "standing"),
    [
        ({"team_id": "T1"}, Standing.MEMBER),
        ({"team_id": "T1", "is_restricted": True}, Standing.GUEST),
        ({"team_id": "T1", "is_ultra_restricted": True}, Standing.GUEST),
        ({"team_id": "T9", "is_stranger": True}, Standing.PARTNER),
        ({"team_id": "T9"}, Standing.PARTNER),
        ({}, Standing.PARTNER),
        ({"team_id": "T1", "is_bot": True}, Standing.BOT),
        ({"team_id": "T1", "deleted": True}, Standing.GONE),
        ({"team_id": "T9", "enterprise_user": {"teams": ["T9", "T1"]}}, Standing.MEMBER),
    ],
)
def test_people_are_what_slack_says_they_are_in_a_workspace(user, standing):
    assert Person.of({"id": "U1", **user}).standing_in("T1") is standing


def test_slacks_own_account_is_a_bot():
    assert Person.of({"id": "USLACKBOT", "team_id": "T1"}).standing_in("T1") is Standing.BOT


def test_everybody_of_an_organisation_is_at_home_in_it():
    user = {"id": "W1", "team_id": "T2", "enterprise_user": {"enterprise_id": "E1", "teams": []}}
    assert Person.of(user).standing_in("E1") is Standing.MEMBER
