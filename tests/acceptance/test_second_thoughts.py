"""A task that is changed or taken back, and words in a thread at every moment of its run."""

import pytest

from orchestrator.model.base import Purpose
from tests.acceptance.conftest import (
    PATIENCE_S,
    HeldModel,
    approved,
    done,
    has_button,
    proposed,
    same,
    says,
    told,
)

TASK = "Look at apples #subtasks(2)"


@pytest.fixture
def planning():
    """A model that does not plan until it is let go."""
    return HeldModel(Purpose.PLAN)


def another(plan):
    """Whether it is a plan that waits for approval, but not this one."""
    return lambda m: m.ts != plan.ts and has_button("Approve")(m)


async def test_a_mention_edited_while_it_is_planned_is_planned_as_it_reads_now(
    start_bot, planning, ada, rows
):
    async with start_bot(planning):
        mention = await ada.mention("general", TASK)
        await ada.wait_for(mention, says("planning"), PATIENCE_S)
        await ada.edit(mention, mention.text.replace("apples", "pears"))
        await told(ada, "general", "as it reads now")
        planning.let_go()
        plan = await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
        assert "pears" in plan.words
        assert rows("SELECT task, revision FROM run") == [("Look at pears #subtasks(2)", 1)]


async def test_a_mention_edited_while_its_plan_waits_is_planned_again(bot, ada, rows):
    mention, plan = await proposed(ada, TASK)
    await ada.edit(mention, mention.text.replace("(2)", "(3)"))
    new = await ada.wait_for(mention, another(plan), PATIENCE_S)
    assert "3 subtasks" in new.words
    old = await ada.wait_for(mention, same(plan, says("replaced by revision 2")), PATIENCE_S)
    assert old.buttons == []
    assert rows("SELECT count(*) FROM run") == [(1,)]


async def test_a_mention_edited_while_it_runs_changes_nothing_and_its_author_is_told(
    bot, ada, rows
):
    mention, plan = await approved(ada, f"{TASK} #slow(2,60s)")
    await ada.wait_for(mention, same(plan, says("1 of 2 done")), PATIENCE_S)
    await ada.edit(mention, mention.text.replace("apples", "pears"))
    await told(ada, "general", "goes on with the task as it read before")
    ((task, status),) = rows("SELECT task, status FROM run")
    assert "apples" in task
    assert status == "running"


async def test_a_mention_deleted_while_it_is_planned_stops_the_run_and_says_so(
    start_bot, planning, ada, rows
):
    async with start_bot(planning):
        mention = await ada.mention("general", TASK)
        await ada.wait_for(mention, says("planning"), PATIENCE_S)
        await ada.delete(mention)
        await told(ada, "general", "You deleted the task", "Nothing was run")
        assert rows("SELECT status FROM run") == [("stopped",)]


async def test_a_mention_deleted_while_its_plan_waits_stops_the_run(bot, ada, rows):
    mention, plan = await proposed(ada, TASK)
    await ada.delete(mention)
    await told(ada, "general", "You deleted the task")
    stopped = await ada.wait_for(plan, same(plan, says("Stopped")), PATIENCE_S)
    assert "Approve" not in stopped.buttons


async def test_a_mention_deleted_while_it_runs_leaves_the_run_going(bot, ada):
    mention, plan = await approved(ada, f"{TASK} #slow(2,500ms)")
    await ada.wait_for(mention, same(plan, says("1 of 2 done")), PATIENCE_S)
    await ada.delete(mention)
    await ada.wait_for(plan, same(plan, says("Done")), PATIENCE_S)


async def test_an_edit_that_adds_the_mention_is_a_first_one(bot, ada, rows):
    message = await ada.post("general", TASK)
    await ada.edit(message, f"<@U0LOCALBOT1> {TASK}")
    await ada.wait_for(message, has_button("Approve"), PATIENCE_S)
    assert rows("SELECT task FROM run") == [(TASK,)]


async def test_a_direct_message_that_is_edited_is_planned_as_it_reads_now(bot, ada):
    message = await ada.post(f"D{ada.id.removeprefix('U')}", TASK)
    plan = await ada.wait_for(ada.thread(message), has_button("Approve"), PATIENCE_S)
    await ada.edit(message, TASK.replace("(2)", "(3)"))
    await ada.wait_for(ada.thread(message), another(plan), PATIENCE_S)


async def test_what_somebody_else_says_is_nothing_to_the_bot_when_it_is_edited_or_deleted(
    bot, ada, grace, rows
):
    mention, _ = await proposed(ada, TASK)
    reply = await grace.reply(mention, "Apples are fine")
    await grace.edit(reply, "Apples are not fine")
    await grace.delete(reply)
    await proposed(ada, "Another one, so that the others have been looked at")
    assert rows("SELECT status, revision FROM run ORDER BY id")[0] == ("proposed", 1)


async def test_words_in_the_thread_while_it_is_planned_become_part_of_the_task(
    start_bot, planning, ada, rows
):
    async with start_bot(planning):
        mention = await ada.mention("general", "Look at apples")
        await ada.wait_for(mention, says("planning"), PATIENCE_S)
        await ada.mention("general", "#subtasks(4)", thread=mention)
        await told(ada, mention, "as it reads now")
        planning.let_go()
        plan = await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
        assert "4 subtasks" in plan.words
        assert rows("SELECT count(*) FROM run") == [(1,)]


@pytest.mark.parametrize(
    ("word", "answer"),
    [("status", "done, 2 of 2 done"), ("stop", "over already"), ("retry", "no such dead letter")],
)
async def test_a_word_about_a_run_that_is_over_is_no_new_task(bot, ada, rows, word, answer):
    mention, plan = await approved(ada, TASK)
    await done(ada, mention, plan)
    await ada.mention("general", word, thread=mention)
    await told(ada, mention, answer)
    assert rows("SELECT count(*) FROM run") == [(1,)]


async def test_guidance_while_it_runs_is_confirmed_and_reaches_what_has_not_started(bot, ada, rows):
    mention, plan = await approved(ada, f"{TASK} #slow(1,500ms)")
    await ada.wait_for(mention, same(plan, has_button("Stop")), PATIENCE_S)
    await ada.mention("general", "Only the red ones", thread=mention)
    await told(ada, mention, "have not started yet will know")
    await done(ada, mention, plan)
    ((prompt,),) = rows("SELECT prompt FROM attempt WHERE purpose = 'subtask' AND subtask = 2")
    assert "Only the red ones" in prompt


async def test_a_task_after_the_answer_has_the_answer_as_context(bot, ada, rows):
    mention, plan = await approved(ada, TASK)
    await done(ada, mention, plan)
    await ada.mention("general", "Put that into a table", thread=mention)
    await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
    ((context,),) = rows("SELECT context FROM run ORDER BY id DESC LIMIT 1")
    assert context.startswith(f"In Slack @ada is {ada.id}.\nada: {TASK}")
    assert "The answer to “Look at apples" in context
    assert "Offline answer" in context
    assert "On it" not in context


async def test_help_in_the_thread_of_a_run_says_how_to_use_the_bot(bot, ada, rows):
    mention, _ = await proposed(ada, TASK)
    await ada.mention("general", "help", thread=mention)
    await ada.wait_for(mention, says("Tell me what you need"), PATIENCE_S)
    assert rows("SELECT status FROM run") == [("proposed",)]
