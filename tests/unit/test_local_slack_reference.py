"""The methods of the local workspace have the codes, rates and forms of Slack's reference."""

import pytest

from bot.localslack.methods import METHODS
from bot.localslack.rates import POST, SPECIAL, TIER_2, TIER_3, TIER_4
from tests.raised_codes import UNKNOWN, codes_of
from tests.slack_reference import METHODS as REFERENCE
from tests.slack_reference import REFERENCE as WHOLE

# What Slack answers though a method's list of codes does not have it.
_OF_ALL = {
    "invalid_arguments": "what Slack says of arguments of any method that are missing or odd"
}
_OF_SOME = {
    "api.test": {UNKNOWN: "it answers the code it is given"},
    "chat.postMessage": {
        "invalid_attachments": "chat.update and chat.postEphemeral list it",
        "msg_too_long": "chat.update and chat.postEphemeral list it",
        "thread_not_found": "of a reply to what is gone (slackapi/bolt-js#2307)",
    },
    "chat.postEphemeral": {"thread_not_found": "as chat.postMessage"},
    "chat.startStream": {
        "msg_too_long": "measured: a stream takes about 10,600 bytes",
        "thread_not_found": "as chat.postMessage",
    },
    "chat.appendStream": {"msg_too_long": "as chat.startStream"},
    "chat.stopStream": {"msg_too_long": "as chat.startStream"},
    "files.completeUploadExternal": {"invalid_thread_ts": "no listed code is about its thread_ts"},
    "users.conversations": {
        "team_not_found": "as team.info, of a foreign team_id",
        "user_not_found": "no listed code is about its user",
    },
    "conversations.list": {"team_not_found": "as team.info, of a foreign team_id"},
    "usergroups.list": {"team_not_found": "as team.info, of a foreign team_id"},
    "users.list": {"team_not_found": "as team.info, of a foreign team_id"},
    "team.info": {"missing_argument": "as conversations.list, without team_id"},
    "usergroups.users.list": {
        "missing_argument": "as usergroups.list, without team_id",
        "team_not_found": "as team.info, of a foreign team_id",
    },
}
_RATES = {"t2": {TIER_2}, "t3": {TIER_3}, "t4": {TIER_4}, "t5": {POST, SPECIAL}}


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_method_answers_no_code_that_its_reference_lacks(method):
    listed = {*WHOLE["common"], *REFERENCE[method]["errors"]}
    assert codes_of(method) - listed - _OF_ALL.keys() == _OF_SOME.get(method, {}).keys()


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_method_has_the_rate_of_its_reference(method):
    assert METHODS[method].rate in _RATES[REFERENCE[method]["rate"]]


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_method_takes_json_where_its_reference_says_so(method):
    assert METHODS[method].json is REFERENCE[method]["json"]


def test_codes_are_found_behind_helpers_classes_and_arguments():
    assert {"cant_update_message", "is_inactive", "msg_too_long"} <= codes_of("chat.update")
    assert {"not_in_channel", "msg_blocks_too_long"} <= codes_of("chat.postMessage")
    assert {"push_limit_reached", "expired_trigger_id"} <= codes_of("views.push")
    assert "bad_redirect_uri" in codes_of("oauth.v2.access")
