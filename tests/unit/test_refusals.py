"""Every refusal that Slack documents is known by its kind, and no other without a reason."""

import re
from pathlib import Path

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.refusals import CODES, Kind, asked_to_wait, code_of, kind_of
from tests.slack_reference import METHODS, REFERENCE

ROOT = Path(__file__).parents[2]

# What is not in the reference, and why it is in the table.
UNDOCUMENTED = {
    "feature_not_enabled": "seen where a workspace has no streams (facts of GovSlack)",
    "invalid_arguments": "what views.* say of a view that is not taken",
    "invalid_json": "what methods say of an argument that is no JSON",
    "team_not_supported": "seen where a workspace has no streams (facts of GovSlack)",
}


def called_methods():
    """The methods of the Web API that the bot calls, read from its source."""
    names = {name.replace(".", "_"): name for name in METHODS}
    found = {"files.getUploadURLExternal", "files.completeUploadExternal"}
    for file in (ROOT / "bot").rglob("*.py"):
        if "localslack" in file.parts:
            continue
        source = file.read_text()
        found |= {names[word] for word in re.findall(r"\.([a-z]+_\w+)\(", source) if word in names}
        found |= set(re.findall(r'api_call\(\s*"([\w.]+)"', source))
    return sorted(found)


def documented():
    return set(REFERENCE["common"]).union(*(method["errors"] for method in METHODS.values()))


def refusal(code, status=200, headers=None):
    response = AsyncSlackResponse(
        client=None,
        http_verb="POST",
        api_url="chat.postMessage",
        req_args={},
        data={"ok": False, "error": code},
        headers=headers or {},
        status_code=status,
    )
    return SlackApiError("refused", response)


@pytest.mark.parametrize("method", called_methods())
def test_every_documented_code_of_a_method_is_in_the_table(method):
    codes = {*REFERENCE["common"], *METHODS[method]["errors"]}
    assert codes - CODES.keys() == set()


def test_the_bot_calls_what_it_is_known_to_call():
    assert {"chat.postMessage", "chat.update", "chat.startStream", "views.open"} <= {
        *called_methods()
    }


def test_every_code_in_the_table_is_documented_or_has_a_reason():
    assert CODES.keys() - documented() == UNDOCUMENTED.keys()


def test_no_code_has_two_kinds():
    from bot import refusals

    words = " ".join(refusals._CODES.values()).split()
    assert len(words) == len(set(words))


def test_a_code_that_nobody_knows_passes():
    assert kind_of(refusal("something_new")) is Kind.PASSING
    assert kind_of(TimeoutError()) is Kind.PASSING


def test_the_status_counts_before_the_code():
    assert kind_of(refusal("is_archived", 503)) is Kind.PASSING
    assert kind_of(refusal("is_archived", 429)) is Kind.WAIT
    assert kind_of(refusal("is_archived")) is Kind.PLACE


@pytest.mark.parametrize(("said", "seconds"), [("30", 30.0), ("soon", None), ("", None)])
def test_what_slack_asks_to_wait_is_read_where_it_is_a_number(said, seconds):
    assert asked_to_wait(refusal("ratelimited", 429, {"Retry-After": said})) == seconds


def test_what_is_not_slacks_has_no_code():
    assert code_of(ValueError()) == ""
