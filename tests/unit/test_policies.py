from decimal import Decimal

import pytest

from bot.blocks import policy as dialog
from orchestrator.commands import SetPolicy
from orchestrator.errors import InvalidInput
from orchestrator.policies import EVERY_PLAN, AutoApproval, Proposal, within
from orchestrator.store.tables import ChannelPolicy, WhoActs


@pytest.mark.parametrize(
    ("limits", "proposal", "starts"),
    [
        (AutoApproval(usd=Decimal(1)), Proposal(50, Decimal(1)), True),
        (AutoApproval(usd=Decimal(1)), Proposal(1, Decimal("1.01")), False),
        (AutoApproval(usd=Decimal(1)), Proposal(1, None), False),
        (AutoApproval(subtasks=3), Proposal(3, None), True),
        (AutoApproval(subtasks=3), Proposal(4, Decimal(0)), False),
        (AutoApproval(Decimal(1), 3), Proposal(3, Decimal(1)), True),
        (AutoApproval(Decimal(1), 3), Proposal(4, Decimal(1)), False),
        (AutoApproval(Decimal(1), 3), Proposal(3, Decimal(2)), False),
        (AutoApproval(Decimal(0)), Proposal(1, Decimal(0)), True),
        (EVERY_PLAN, Proposal(500, None), True),
        (EVERY_PLAN, None, True),
        (AutoApproval(Decimal(1)), None, False),
    ],
)
def test_a_plan_starts_by_itself_within_every_limit_that_is_set(limits, proposal, starts):
    assert limits.covers(proposal) is starts


def test_without_any_limit_no_plan_starts_by_itself():
    assert within(None, None) is None
    assert within(None, 3) == AutoApproval(None, 3)


def values(who, people=(), groups=(), usd=None, subtasks=None):
    return {
        "who": {"value": {"selected_option": {"value": who}}},
        "people": {"value": {"selected_users": list(people)}},
        "groups": {"value": {"selected_options": [{"value": group} for group in groups]}},
        "usd": {"value": {"value": usd}},
        "subtasks": {"value": {"value": subtasks}},
    }


def test_what_was_put_into_the_dialog_is_read():
    typed = values("approvers", ["U1", "W2"], ["S1"], "0.50", "3")
    assert dialog.read("C1", typed) == SetPolicy(
        "C1", WhoActs.APPROVERS, ("U1", "W2", "S1"), Decimal("0.50"), 3, starters=()
    )


def test_what_was_left_empty_is_no_limit():
    assert dialog.read("C1", values("channel")) == SetPolicy("C1", WhoActs.CHANNEL, starters=())


def test_the_dialog_shows_what_holds():
    policy = ChannelPolicy(
        team_id="T1",
        channel="C1",
        who=WhoActs.APPROVERS,
        approvers=["U1", "S1"],
        auto_usd=Decimal("0.500000"),
        auto_subtasks=3,
    )
    view = dialog.form(policy, {"S1": "@leads", "S2": "@others"})
    elements = {b["block_id"]: b["element"] for b in view["blocks"] if b["type"] == "input"}
    assert elements["who"]["initial_option"]["value"] == "approvers"
    assert elements["people"]["initial_users"] == ["U1"]
    assert [o["value"] for o in elements["groups"]["initial_options"]] == ["S1"]
    assert elements["usd"]["initial_value"] == "0.5"
    assert elements["subtasks"]["initial_value"] == "3"


@pytest.mark.parametrize("typed", ["a lot", "NaN", "-1", "Infinity"])
def test_what_is_no_amount_is_refused(typed):
    with pytest.raises(InvalidInput):
        dialog.read("C1", values("channel", usd=typed))
