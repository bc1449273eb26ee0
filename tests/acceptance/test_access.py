"""Who may act on a run, and who may see it."""

import re
import sqlite3

from bot.localslack import seed
from tests.acceptance.conftest import (
    PATIENCE_S,
    approved,
    done,
    has_button,
    named,
    proposed,
    same,
    says,
    told,
)


async def test_somebody_elses_click_changes_nothing_and_tells_only_them_who_may(
    bot, ada, grace, rows
):
    _, plan = await proposed(ada, "Look at apples")
    await grace.click(plan, "Approve")
    note = await told(grace, plan, f"<@{ada.id}>")
    assert "only they" in note.words
    assert await ada.ephemerals(plan) == []
    assert rows("SELECT status FROM run") == [("proposed",)]


async def test_an_admin_may_act_on_everybodys_runs(bot, ada, grace):
    mention, plan = await proposed(grace, "Look at apples #subtasks(1)")
    await ada.click(plan, "Approve")
    await done(grace, mention, plan)


async def test_somebody_else_cannot_edit_a_plan(bot, ada, grace):
    _, plan = await proposed(ada, "Look at apples")
    await grace.click(plan, "Edit")
    modal = await grace.modal(PATIENCE_S, lambda view: ada.id in str(view["blocks"]))
    assert modal.labels == []
    assert "only they" in modal.words


async def test_somebody_else_cannot_answer_a_question(bot, ada, grace):
    mention, _ = await approved(ada, "Look at apples #subtasks(2) #question(1)")
    question = await ada.wait_for(mention, has_button("Quality"), PATIENCE_S)
    await grace.click(question, "Quality")
    await told(grace, question, "only they")
    await ada.click(question, "Speed")
    await ada.wait_for(question, same(question, says(f"<@{ada.id}> answered")), PATIENCE_S)


async def test_somebody_else_cannot_retry_a_dead_letter_or_stop(bot, ada, grace):
    mention, _ = await approved(ada, "Look at apples #subtasks(2) #fail(1)")
    letter = await ada.wait_for(mention, has_button("Retry"), PATIENCE_S)
    for label in ("Retry", "Skip", "Stop"):
        await grace.click(letter, label)
        note = await told(grace, letter, "only they")
        await grace.delete(note)
    await grace.mention("general", "stop", thread=mention)
    await told(grace, letter, "only they")
    assert has_button("Retry")(await ada.current(letter))


async def test_somebody_else_may_look_at_the_details(bot, ada, grace):
    mention, plan = await approved(ada, "Look at apples #subtasks(1)")
    messages = await done(ada, mention, plan)
    await grace.click(messages[-1], "Details")
    await grace.modal(PATIENCE_S, lambda view: "Look at apples" in str(view))


async def test_runs_of_a_private_channel_are_for_its_members_only(bot, ada, grace, linus):
    await proposed(ada, "Look at secret apples", "leadership")
    name = re.search(r"R-\w+", (await runs(ada, "general", "")).words)[0]
    assert "secret apples" in (await runs(grace, "general", "all")).words
    assert "No run matches" in (await runs(linus, "general", "all")).words
    for verb in ("show", "stop", "retry"):
        await linus.command("/runs", f"{verb} {name}", channel="general")
        note = await told(linus, "general", f"There is no run named {name}.")
        await linus.delete(note)


async def runs(person, channel, query):
    """The list that `/runs` shows."""
    await person.command("/runs", query, channel=channel)
    list_ = await person.wait_for(
        channel, lambda m: m.is_ephemeral and m.blocks[0]["type"] == "header", PATIENCE_S
    )
    await person.delete(list_)
    return list_


async def test_others_direct_messages_are_not_listed(bot, ada, grace):
    message = await grace.post(f"D{grace.id.removeprefix('U')}", "Look at secret apples")
    await grace.wait_for(message, has_button("Approve"), PATIENCE_S)
    assert "No run matches" in (await runs(ada, "general", "all")).words


async def test_another_teams_runs_cannot_be_reached(bot, ada, rows, tmp_path):
    _, plan = await proposed(ada, "Look at apples")
    with sqlite3.connect(tmp_path / "orchestrator.db") as connection:
        connection.execute("INSERT INTO team (id, name, created_at) VALUES ('T2', '', '2026')")
        connection.execute("UPDATE run SET team_id = 'T2'")
    connection.close()
    await ada.click(plan, "Approve")
    await told(ada, plan, "no longer exists")
    assert rows("SELECT status FROM run") == [("proposed",)]


async def test_a_form_of_somebody_who_lost_the_right_is_refused_with_what_was_typed(
    bot, ada, grace, workspace
):
    _, plan = await proposed(grace, "Look at apples")
    await ada.click(plan, "Edit")
    modal = await ada.modal(PATIENCE_S, named("edit_plan"))
    modal.fill("1:title", "What I typed")
    storage = workspace.workspace.directory._storage
    storage.put(
        "user", ada.id, {**storage.get("user", ada.id), "is_admin": False, "is_owner": False}
    )
    bot.people._known.forget((seed.TEAM_ID, ada.id))
    (sentence,) = (await modal.submit()).errors.values()
    assert "only they" in sentence
    assert "What I typed" in str((await ada.views())[-1]["state"])
