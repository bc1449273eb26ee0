"""What holds in a channel: set by admins, for who may act and for what starts by itself."""

import pytest

from bot.localslack import seed
from bot.localslack.faults import Fault
from tests.acceptance.conftest import (
    PATIENCE_S,
    answered,
    approved,
    has_button,
    is_answer,
    named,
    proposed,
    told,
)

LEADS = "S0LOCALLEA1"


async def set_policy(admin, channel="general", **filled):
    """Fill in the dialog and save it; what became of it."""
    await admin.command("/orchestrate", "policy", channel=channel)
    modal = await admin.modal(PATIENCE_S, named("channel_policy"))
    for name, value in filled.items():
        modal.fill(name, value)
    return await modal.submit()


async def test_by_default_only_the_requester_and_admins_act(bot, ada, grace, linus):
    _, plan = await proposed(grace, "Look at apples")
    await linus.click(plan, "Approve")
    await told(linus, plan, "only they")


async def test_everybody_in_the_channel_may_act_where_that_holds(bot, ada, grace, linus):
    assert (await set_policy(ada, who="channel")).closed
    await told(ada, "general", "From now on that holds")
    mention, plan = await proposed(grace, "Look at apples #subtasks(1)")
    await linus.click(plan, "Approve")
    await answered(grace, mention)


async def test_a_policy_is_for_its_channel_only(bot, ada, grace, linus):
    await set_policy(ada, who="channel")
    _, plan = await proposed(grace, "Look at apples", "research")
    await linus.click(plan, "Approve")
    await told(linus, plan, "only they")


async def test_only_named_approvers_act_and_others_are_told_who_they_are(bot, ada, grace, linus):
    await set_policy(ada, who="approvers", people=[linus.id])
    mention, plan = await proposed(grace, "Look at apples #subtasks(1)")
    await grace.click(plan, "Approve")
    await told(grace, plan, f"<@{linus.id}>", "the admins")
    await linus.click(plan, "Approve")
    await answered(grace, mention)


async def test_a_user_group_approves_and_is_not_notified(bot, ada, grace, linus):
    await set_policy(ada, who="approvers", groups=[LEADS])
    mention, plan = await proposed(linus, "Look at apples #subtasks(1)")
    await linus.click(plan, "Approve")
    await told(linus, plan, "@leads", "the admins")
    await grace.click(plan, "Approve")
    await answered(linus, mention)


async def test_who_is_in_a_group_is_asked_again_after_slack_could_not_say(
    bot, ada, grace, linus, workspace, expected_refusals
):
    expected_refusals.add("internal_error")
    await set_policy(ada, who="approvers", groups=[LEADS])
    mention, plan = await proposed(linus, "Look at apples #subtasks(1)")
    workspace.workspace.faults.add(Fault("usergroups.users.list", "internal_error"))
    await grace.click(plan, "Approve")
    await told(grace, plan, "Please try again")
    await grace.click(plan, "Approve")
    await answered(linus, mention)


async def test_admins_act_whoever_approves(bot, ada, grace, linus):
    await set_policy(ada, who="approvers", people=[linus.id])
    mention, plan = await proposed(grace, "Look at apples #subtasks(1)")
    await ada.click(plan, "Approve")
    await answered(grace, mention)


async def test_whoever_asked_may_withdraw_it_whoever_approves(bot, ada, grace, linus, rows):
    await set_policy(ada, who="approvers", people=[linus.id])
    mention, plan = await approved_by(ada, grace)
    await grace.mention("general", "stop", thread=mention)
    await grace.wait_for(plan, lambda m: "Stopped" in m.words, PATIENCE_S)
    _, plan = await proposed(grace, "Look at pears")
    await grace.click(plan, "Reject")
    await grace.wait_for(plan, lambda m: "Rejected" in m.words, PATIENCE_S)


async def approved_by(approver, requester):
    mention, plan = await proposed(requester, "Look at apples #question(1)")
    await approver.click(plan, "Approve")
    await requester.wait_for(mention, has_button("Quality"), PATIENCE_S)
    return mention, plan


async def test_approvers_without_a_name_are_refused_and_nothing_is_lost(bot, ada, rows):
    submission = await set_policy(ada, who="approvers", subtasks="2")
    (sentence,) = submission.errors.values()
    assert "at least one" in sentence
    assert rows("SELECT count(*) FROM channel_policy") == [(0,)]


async def test_only_admins_set_a_policy(bot, ada, grace):
    await grace.command("/orchestrate", "policy", channel="general")
    await told(grace, "general", "Only the admins")
    assert await grace.views() == []


async def test_there_is_no_policy_of_direct_messages(bot, ada):
    await ada.command("/orchestrate", "policy", channel=f"D{ada.id.removeprefix('U')}")
    await told(ada, f"D{ada.id.removeprefix('U')}", "is for channels")


async def test_a_small_plan_starts_by_itself_where_that_holds(bot, ada, grace):
    await set_policy(ada, subtasks="2")
    mention = await grace.mention("general", "Look at apples #subtasks(2)")
    await answered(grace, mention)
    assert not [m for m in await grace.messages(mention) if "Approve" in m.buttons]
    await proposed(grace, "Look at pears #subtasks(3)")
    await proposed(grace, "Look at plums #subtasks(1)", "research")


async def test_a_plan_asked_for_again_is_shown_before_it_starts(bot, ada, grace):
    mention, plan = await proposed(grace, "Look at apples #subtasks(2)")
    await set_policy(ada, subtasks="5")
    await grace.click(plan, "Re-plan")
    modal = await grace.modal(PATIENCE_S, named("replan"))
    modal.fill(modal.labels[0], "Less of it")
    assert (await modal.submit()).closed
    await grace.wait_for(mention, lambda m: m.ts > plan.ts and has_button("Approve")(m), PATIENCE_S)
    assert not [m for m in await grace.messages(mention) if is_answer(m)]


async def test_the_dialog_shows_what_was_set(bot, ada):
    await set_policy(ada, who="approvers", people=[seed.LINUS], groups=[LEADS], usd="0.5")
    await ada.command("/orchestrate", "policy", channel="general")
    modal = await ada.modal(PATIENCE_S, named("channel_policy"))
    assert modal.value("who") == "approvers"
    assert modal.value("people") == [seed.LINUS]
    assert modal.value("groups") == [LEADS]
    assert modal.value("usd") == "0.5"


async def test_the_dialog_shows_the_settings_where_nothing_was_set(start_bot, ada):
    async with start_bot(auto_approve_subtasks=2):
        await ada.command("/orchestrate", "policy", channel="general")
        modal = await ada.modal(PATIENCE_S, named("channel_policy"))
        assert modal.value("who") == "requester"
        assert modal.value("subtasks") == "2"


@pytest.mark.parametrize("subtasks", ["0", "two"])
async def test_what_is_no_number_of_subtasks_is_refused(bot, ada, subtasks):
    assert not (await set_policy(ada, subtasks=subtasks)).closed


async def test_the_settings_hold_where_there_is_no_policy(start_bot, ada):
    async with start_bot(auto_approve_subtasks=2):
        mention = await ada.mention("general", "Look at apples #subtasks(2)")
        await answered(ada, mention)
        assert (await set_policy(ada, subtasks="")).closed
        await approved(ada, "Look at pears #subtasks(2)")
