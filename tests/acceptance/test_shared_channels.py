"""Channels that several companies share, hosted by either, and organisations with workspaces."""

import pytest

from bot.localslack import seed
from tests.acceptance.conftest import (
    PATIENCE_S,
    approved,
    done,
    has_button,
    proposed,
)


@pytest.fixture
def partner(workspace):
    return workspace.companies.add_company("Partner", ["Paula Partner"])


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
