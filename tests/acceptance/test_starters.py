"""Who may have the bot work for them: members of the workspace, and whom an admin adds."""

import pytest

from bot.localslack.faults import Fault
from tests.acceptance.conftest import (
    PATIENCE_S,
    approved,
    done,
    has_button,
    named,
    proposed,
    says,
    told,
)

TASK = "Look at apples #subtasks(1)"


@pytest.fixture
def partner(workspace):
    return workspace.companies.add_company("Partner", ["Paula Partner"])


@pytest.fixture
def paula(workspace, partner):
    return workspace.person("Paula", company=partner)


@pytest.fixture
def shared(workspace, partner):
    """A channel of ours that people of the partner are in."""
    home = workspace.companies.home
    people = ["Ada", "Grace", "Paula"]
    return workspace.companies.add_channel(home, "project", people, shared_with=[partner])["id"]


@pytest.fixture
def guest(workspace):
    """A guest of our workspace, who is in #general."""
    companies = workspace.companies
    user = companies.add_person(companies.home, "Gus Guest", guest="multi_channel")
    companies.invite(workspace.workspace.directory.channel("C0LOCALGEN1"), user)
    return workspace.person("Gus")


def runs(rows):
    return rows("SELECT count(*) FROM run")[0][0]


async def allow(admin, channel, **filled):
    """Let others start runs in the channel."""
    await admin.command("/orchestrate", "policy", channel=channel)
    modal = await admin.modal(PATIENCE_S, named("channel_policy"))
    for name, value in filled.items():
        modal.fill(name, value)
    assert (await modal.submit()).closed
    await told(admin, channel, "From now on that holds")


async def test_people_of_another_company_are_refused_in_words_only_they_see(
    bot, ada, paula, shared, rows
):
    await paula.mention(shared, TASK)
    await told(paula, shared, "you are from another one", "/orchestrate policy")
    assert runs(rows) == 0
    assert not any(m.is_ephemeral for m in await ada.messages(shared))


async def test_guests_are_refused_by_mention_and_directly(bot, guest, rows):
    await guest.mention("general", TASK)
    await told(guest, "general", "you are a guest")
    await guest.post("dm", TASK)
    await told(guest, "dm", "you are a guest")
    assert runs(rows) == 0


async def test_guests_start_nothing_by_command_or_schedule(bot, guest, rows):
    await guest.command("/orchestrate", TASK, channel="general")
    await told(guest, "general", "you are a guest")
    await guest.command("/schedules", f'add "0 9 * * *" {TASK}', channel="general")
    await guest.wait_for("general", lambda m: m.is_ephemeral and "guest" in m.words, PATIENCE_S)
    assert (runs(rows), rows("SELECT count(*) FROM schedule")) == (0, [(0,)])


async def test_who_may_not_start_runs_does_not_act_on_those_of_others(
    bot, ada, grace, paula, shared, rows
):
    await allow(ada, shared, who="channel")
    mention, plan = await proposed(grace, TASK, shared)
    for button in ("Approve", "Reject", "Instructions"):
        await paula.click(await paula.wait_for(mention, has_button(button)), button)
        if button != "Instructions":
            await told(paula, plan, "you are from another one")
    await paula.mention(shared, "do less", thread=mention)
    await paula.wait_for(mention, lambda m: m.is_ephemeral, PATIENCE_S)
    assert rows("SELECT status, revision FROM run") == [("proposed", 1)]


@pytest.mark.parametrize("filled", [{"start": ["partners"]}, "people"])
async def test_an_admin_lets_people_of_another_company_start_runs_in_a_channel(
    bot, ada, paula, shared, filled
):
    filled = {"start_people": [paula.id]} if filled == "people" else filled
    await allow(ada, shared, **filled)
    mention, plan = await approved(paula, TASK, shared)
    await done(paula, mention, plan)


async def test_an_admin_lets_guests_start_runs_in_one_channel_only(bot, ada, guest, workspace):
    await allow(ada, "general", start=["guests"])
    mention, plan = await approved(guest, TASK)
    await done(guest, mention, plan)
    await guest.post("dm", TASK)
    await told(guest, "dm", "you are a guest")


async def test_what_is_allowed_everywhere_is_a_setting(start_bot, guest):
    async with start_bot(starters="members,guests"):
        await proposed(guest, TASK)


async def test_a_channel_can_be_stricter_than_the_setting(start_bot, ada, guest, rows):
    async with start_bot(starters="members,guests"):
        await allow(ada, "general", start=[])
        await guest.mention("general", TASK)
        await told(guest, "general", "you are a guest")
        assert runs(rows) == 0


async def test_who_cannot_be_found_out_is_refused(bot, grace, workspace, expected_refusals, rows):
    expected_refusals.add("internal_error")
    workspace.workspace.faults.add(Fault("users.info", "internal_error", times=None))
    await grace.mention("general", TASK)
    await told(grace, "general", "could not find out who you are")
    assert runs(rows) == 0
    workspace.workspace.faults.clear()
    await proposed(grace, TASK)


async def test_a_member_who_became_a_guest_may_still_stop_their_run(
    start_bot, grace, workspace, rows
):
    async with start_bot():
        _, plan = await proposed(grace, TASK)
    directory = workspace.workspace.directory
    directory.put_user({**directory.user(grace.id), "is_restricted": True})
    async with start_bot():
        await grace.click(plan, "Approve")
        await told(grace, plan, "you are a guest")
        await grace.click(plan, "Reject")
        await grace.wait_for(plan, says("Rejected"), PATIENCE_S)


async def test_a_bot_that_is_named_starts_so_many_runs_an_hour(start_bot, ada, workspace, rows):
    async with start_bot(bot_runs_per_hour=2):
        said = await workspace.app_posts("general", f"<@U0LOCALBOT1> {TASK}", app="Alerts")
        await allow(ada, "general", start_bots=said.data["bot_id"])
        for number in range(4):
            await workspace.app_posts("general", f"<@U0LOCALBOT1> {TASK} {number}", app="Alerts")
        await ada.mention("general", TASK)
        await ada.wait_for("general", lambda m: m.data.get("reply_count"), PATIENCE_S)
        await proposed(ada, "Another one, so that all have been looked at")
        assert rows("SELECT count(*) FROM run WHERE requester != 'U0LOCALADA1'") == [(2,)]
