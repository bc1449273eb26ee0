"""The Home tab: what waits for a person, what runs, and what was."""

import sqlite3
from decimal import Decimal

from orchestrator.commands import Actor, SetPolicy
from orchestrator.store.tables import WhoActs
from tests.acceptance.conftest import PATIENCE_S, approved, done, has_button, proposed, same, says


def shows(*words):
    """Whether everything is in the tab."""
    return lambda view: all(word in str(view) for word in words)


async def test_home_of_somebody_new_says_how_to_begin(bot, grace):
    home = await grace.open_home(PATIENCE_S, shows("Nothing here yet"))
    assert "Offline" in home.words


async def test_home_shows_what_waits_what_runs_and_what_was(bot, ada):
    mention, plan = await approved(ada, "Look at apples #subtasks(1)")
    await done(ada, mention, plan)
    _, plan = await approved(ada, "Look at pears #subtasks(1) #slow(1,60s)", "research")
    await ada.wait_for(plan, same(plan, says("🔵 1.")), PATIENCE_S)
    await proposed(ada, "Look at plums", "launch")
    mention, _ = await approved(ada, "Look at figs #subtasks(1) #fail(1)", "leadership")
    await ada.wait_for(mention, has_button("Retry"), PATIENCE_S)
    home = await ada.open_home(PATIENCE_S, shows("apples", "pears", "plums", "figs"))
    headings = [home.words.index(h) for h in ("Waiting for you", "Running\n", "Recent")]
    assert headings == sorted(headings)
    order = [home.words.index(word) for word in ("figs", "plums", "pears", "apples")]
    assert order == sorted(order)


async def test_home_shows_nobody_elses_runs(bot, ada, grace):
    await proposed(ada, "Look at apples")
    home = await grace.open_home(PATIENCE_S)
    assert "apples" not in home.words


async def test_details_open_from_home(bot, ada):
    await proposed(ada, "Look at apples")
    home = await ada.open_home(PATIENCE_S, shows("apples"))
    await home.click("Details")
    await ada.modal(PATIENCE_S, shows("Details of", "Look at apples"))


async def test_details_of_a_run_that_is_gone_say_so(bot, ada, tmp_path):
    await proposed(ada, "Look at apples")
    home = await ada.open_home(PATIENCE_S, shows("apples"))
    with sqlite3.connect(tmp_path / "orchestrator.db") as connection:
        for table in ("event", "message", "request", "attempt", "plan_revision", "run"):
            connection.execute(f"DELETE FROM {table}")
    connection.close()
    await home.click("Details")
    await ada.modal(PATIENCE_S, shows("no longer exists"))


async def test_the_messages_tab_publishes_nothing(bot, ada, workspace):
    await ada._post("home", {"tab": "messages"})
    await proposed(ada, "A task, so that the other has been looked at")
    assert "views.publish" not in {call.method for call in workspace.calls}


async def test_a_plan_that_waits_leads_to_its_thread(bot, ada, workspace):
    mention, _ = await proposed(ada, "Look at apples")
    home = await ada.open_home(PATIENCE_S, shows("Waiting for approval"))
    assert home.buttons == ["Open thread", "Details"]
    assert f"/archives/{mention.channel}/p{mention.ts.replace('.', '')}" in str(home.blocks)
    await home.click("Open thread")
    assert await ada.views() == []


async def test_home_lists_dead_letters_by_subtask(bot, grace):
    mention, _ = await approved(grace, "Look at figs #subtasks(1) #fail(1)")
    await grace.wait_for(mention, has_button("Retry"), PATIENCE_S)
    home = await grace.open_home(PATIENCE_S, shows("Dead letters", "subtask 1"))
    assert "✋ needs a decision" in home.words
    assert "told to fail" in home.words


async def test_home_shows_what_waits_for_those_a_policy_names(bot, ada, grace, linus):
    policy = SetPolicy("C0LOCALGEN1", WhoActs.APPROVERS, approvers=(grace.id,))
    await bot.orchestrator.do(policy, Actor("T0LOCAL0001", ada.id))
    await proposed(linus, "Look at apples")
    theirs = await grace.open_home(PATIENCE_S, shows("Look at apples"))
    assert "Nothing waits for you" not in theirs.words
    own = await linus.open_home(PATIENCE_S, shows("Look at apples"))
    assert "Nothing waits for you" in own.words


async def test_home_does_not_call_admins_for_what_others_decide(bot, ada, grace):
    await proposed(grace, "Look at apples")
    home = await ada.open_home(PATIENCE_S)
    assert "apples" not in home.words


async def test_only_admins_see_what_was_spent_today(start_bot, ada, grace):
    async with start_bot(team_usd_per_day=Decimal(20)):
        home = await ada.open_home(PATIENCE_S, shows("$0.00 of $20.00"))
        assert "today (UTC)" in home.words
        assert "Spent" not in (await grace.open_home(PATIENCE_S)).words
