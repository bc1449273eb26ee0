"""Channels that several companies share, hosted by either, and organisations with workspaces."""

import pytest
from pydantic import SecretStr

from bot.localslack import seed
from orchestrator.model.base import Purpose
from tests.acceptance.conftest import (
    PATIENCE_S,
    HeldModel,
    answered,
    approved,
    done,
    has_button,
    proposed,
    says,
    told,
)


@pytest.fixture
def partner(workspace):
    return workspace.companies.add_company("Partner", ["Paula Partner"])


@pytest.fixture
def settings(settings):
    """People of other companies may start runs."""
    return settings.model_copy(update={"starters": "members,partners"})


@pytest.fixture
def theirs(workspace, partner):
    """A channel that the partner hosts."""
    home = workspace.companies.home
    return workspace.companies.add_channel(partner, "deal", ["Paula", "Ada"], shared_with=[home])


async def test_a_task_in_a_channel_of_another_company_is_answered(bot, ada, theirs, rows):
    mention, plan = await approved(ada, "Look at apples #subtasks(1)", theirs["id"])
    await done(ada, mention, plan)
    assert rows("SELECT team_id, status FROM run") == [(seed.TEAM_ID, "completed")]


async def test_a_dialog_of_the_other_company_is_taken(bot, workspace, partner, theirs):
    paula = workspace.person("Paula", company=partner)
    mention, plan = await proposed(paula, "Look at apples #subtasks(1)", theirs["id"])
    await paula.click(plan, "Re-plan")
    modal = await paula.modal(PATIENCE_S, lambda view: view.get("callback_id") == "replan")
    modal.fill(modal.labels[0], "Less of it")
    assert (await modal.submit()).closed
    await paula.wait_for(
        paula.thread(mention), lambda m: m.ts > plan.ts and has_button("Approve")(m), PATIENCE_S
    )


async def test_an_answer_to_a_partner_grows_for_a_reader_of_their_own_workspace(
    start_bot, workspace, partner, theirs
):
    paula = workspace.person("Paula", company=partner)
    model = HeldModel(Purpose.SYNTHESIS, begins="Apples are ")
    async with start_bot(model):
        mention, _ = await approved(paula, "Look at apples #subtasks(1)", theirs["id"])
        await paula.wait_for(paula.thread(mention), says("Apples are"), PATIENCE_S)
        model.let_go()
        await answered(paula, mention)


# --- an organisation that installs the app for all of its workspaces ----------------------


@pytest.fixture
def grid(workspace):
    """An organisation with two workspaces, a channel of both, and the token of its app."""
    companies = workspace.companies
    organisation = companies.add_organisation("Grid")
    east = companies.add_company("East", ["Eve East"], organisation)
    west = companies.add_company("West", ["Will West"], organisation)
    both = companies.add_channel(east, "both", ["Eve", "Will"], shared_with=[west])
    eve = workspace.person("Eve", company=east)
    will = workspace.person("Will", company=west)
    return companies.install(organisation), organisation, both["id"], eve, will


async def test_an_organisations_people_work_on_one_run_from_any_of_its_workspaces(
    start_bot, workspace, grid, rows
):
    installation, organisation, both, eve, will = grid
    async with start_bot(slack_bot_token=SecretStr(installation.token)):
        mention, plan = await approved(eve, "Look at apples #subtasks(2) #slow(1,1s)", both)
        await will.mention(both, "status", thread=mention)
        await told(will, mention, "running")
        await done(eve, mention, plan)
        await eve.command("/runs", "all", channel=both)
        await told(eve, both, "apples")
    assert rows("SELECT team_id, status FROM run") == [(organisation.id, "completed")]


async def test_whoever_asked_acts_on_their_run_in_the_channel_of_another_workspace(
    start_bot, grid, rows
):
    installation, organisation, both, _, will = grid
    async with start_bot(slack_bot_token=SecretStr(installation.token)):
        mention, plan = await proposed(will, "Look at apples #subtasks(1)", both)
        await will.click(plan, "Re-plan")
        modal = await will.modal(PATIENCE_S, lambda view: view.get("callback_id") == "replan")
        modal.fill(modal.labels[0], "Less of it")
        assert (await modal.submit()).closed
        plan = await will.wait_for(
            will.thread(mention), lambda m: m.ts > plan.ts and has_button("Approve")(m), PATIENCE_S
        )
        await will.click(plan, "Approve")
        await done(will, mention, plan)
    assert rows("SELECT team_id, status FROM run") == [(organisation.id, "completed")]
