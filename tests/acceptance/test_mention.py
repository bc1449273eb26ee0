"""What becomes of a mention: a run, a word about a run, or how to use the bot."""

import pytest

from orchestrator.model.base import Purpose
from tests.acceptance.conftest import (
    PATIENCE_S,
    HeldModel,
    answered,
    approved,
    done,
    has_button,
    is_answer,
    proposed,
    same,
    says,
    told,
)


async def test_planning_is_told_at_once_and_the_note_goes_when_the_plan_is_there(
    start_bot, ada, workspace
):
    model = HeldModel(Purpose.PLAN)
    async with start_bot(model):
        mention = await ada.mention("general", "Compare three databases")
        note = await ada.wait_for(ada.thread(mention), says("planning"))
        assert note.user != ada.id
        model.let_go()
        plan = await ada.wait_for(ada.thread(mention), has_button("Approve"), PATIENCE_S)
        await ada.wait_gone(note)
        assert [m.ts for m in await ada.messages(plan)] == [mention.ts, plan.ts]


async def test_the_plan_mentions_the_requester_and_can_be_read_without_a_click(bot, grace):
    _, plan = await proposed(grace, "Research apples, then write a recommendation")
    assert f"<@{grace.id}>" in plan.words
    for words in ("Research apples", "researcher", "Write a recommendation", "after 1", "about"):
        assert words in plan.words.replace("Recommendation", "recommendation")
    assert plan.buttons == ["Approve", "Edit", "Re-plan", "Reject", "Instructions"]


async def test_the_plan_becomes_the_live_status_and_the_answer_mentions_the_requester(bot, ada):
    mention, plan = await approved(ada, "Research apples, then write about them")
    messages = await done(ada, mention, plan)
    assert [m.user == ada.id for m in messages] == [True, False, False]
    status, answer = messages[1:]
    assert status.ts == plan.ts
    assert "2 of 2 done" in status.words
    assert [block["type"] for block in status.blocks if block["type"] == "plan"] == ["plan"]
    assert status.buttons == ["Details"]
    assert f"<@{ada.id}>" in answer.words
    assert "Offline answer" in answer.words


async def test_a_mention_without_words_is_answered_with_how_to_use_the_bot(bot, ada, rows):
    mention = await ada.mention("general", "")
    await ada.wait_for(ada.thread(mention), says("Tell me what you need", "For example"))
    assert rows("SELECT count(*) FROM run") == [(0,)]


async def test_a_very_long_task_is_taken_and_told_what_is_read_of_it(start_bot, ada):
    model = HeldModel(Purpose.PLAN)
    async with start_bot(model):
        mention = await ada.mention("general", "Compare apples and pears. " * 4_000)
        await ada.wait_for(ada.thread(mention), says("planning", "40,000"))
        model.let_go()
        await ada.wait_for(ada.thread(mention), has_button("Approve"), PATIENCE_S)


async def test_an_event_that_comes_twice_makes_one_run(bot, ada, workspace, rows):
    workspace.workspace.faults.duplicate_events = True
    await proposed(ada, "Compare apples and pears")
    await workspace.workspace.recorder.wait_for(lambda: len(mentions(workspace)) == 2, PATIENCE_S)
    assert rows("SELECT count(*) FROM run") == [(1,)]


def mentions(workspace):
    envelopes = [e for e in workspace.workspace.recorder.envelopes if e.type == "events_api"]
    return [e for e in envelopes if e.payload["event"]["type"] == "app_mention"]


async def test_a_mention_that_is_edited_is_no_second_task(bot, ada, workspace, rows):
    mention, _ = await proposed(ada, "Compare apples and pears")
    await ada.edit(mention, mention.text + " please")
    await workspace.workspace.recorder.wait_for(lambda: len(mentions(workspace)) == 2, PATIENCE_S)
    await proposed(ada, "Another one, so that the first has been looked at")
    assert rows("SELECT count(*) FROM run") == [(2,)]


async def test_an_empty_mention_that_comes_twice_is_answered_once(bot, ada, workspace):
    workspace.workspace.faults.duplicate_events = True
    mention = await ada.mention("general", "")
    await ada.wait_for(ada.thread(mention), says("Tell me what you need"))
    workspace.workspace.faults.duplicate_events = False
    await proposed(ada, "Another one, so that both have been looked at")
    assert len(await ada.messages(ada.thread(mention))) == 2


async def test_a_mention_in_somebody_elses_thread_takes_the_thread_as_context(
    bot, ada, grace, rows
):
    said = await grace.post("general", "The launch moves to the 7th of May")
    await grace.reply(said, "And the venue is Vienna")
    mention = await ada.mention("general", "Draft an announcement", thread=said)
    await ada.wait_for(ada.thread(said), has_button("Approve"), PATIENCE_S)
    ((context, prompt),) = rows(
        "SELECT context, (SELECT prompt FROM attempt WHERE purpose = 'plan') FROM run"
    )
    assert mention.thread_ts == said.ts
    for words in ("7th of May", "Vienna"):
        assert words in context
        assert words in prompt


async def test_a_direct_message_works_as_a_mention_does(bot, grace):
    message = await grace.post(grace_dm(grace), "Compare apples and pears")
    plan = await grace.wait_for(grace.thread(message), has_button("Approve"), PATIENCE_S)
    await grace.click(plan, "Approve")
    await answered(grace, message)


def grace_dm(person):
    return f"D{person.id.removeprefix('U')}"


async def test_what_bots_and_people_say_to_each_other_is_nothing_to_the_bot(bot, ada, grace, rows):
    await ada.post("general", "Good morning")
    await grace.post("general", "Good morning, @Ada Lovelace")
    await proposed(ada, "A task, so that the others have been looked at")
    assert rows("SELECT count(*) FROM run") == [(1,)]


async def test_stop_in_the_thread_stops_the_run(bot, ada):
    mention, plan = await approved(ada, "Look at apples #subtasks(2) #slow(1,60s) #slow(2,60s)")
    await ada.wait_for(ada.thread(mention), same(plan, has_button("Stop")), PATIENCE_S)
    await ada.mention("general", "Stop!", thread=mention)
    await told(ada, ada.thread(mention), "was stopped")
    await ada.wait_for(ada.thread(mention), same(plan, says("Stopped")), PATIENCE_S)


async def test_status_in_the_thread_says_how_far_the_run_is(bot, ada):
    mention, plan = await approved(ada, "Look at apples #subtasks(2) #slow(2,60s)")
    await ada.wait_for(ada.thread(mention), same(plan, says("1 of 2 done")), PATIENCE_S)
    await ada.mention("general", "status", thread=mention)
    await told(ada, ada.thread(mention), "running", "1 of 2 done")


async def test_retry_in_the_thread_retries_every_dead_letter(bot, ada, succeeded):
    mention, plan = await approved(ada, "Look at apples #subtasks(2) #fail(1,3)")
    await ada.wait_for(ada.thread(mention), has_button("Edit and retry"), PATIENCE_S)
    await ada.mention("general", "retry", thread=mention)
    await told(ada, ada.thread(mention), "will be tried again")
    await done(ada, mention, plan)


async def test_words_in_the_thread_of_a_waiting_plan_are_feedback_for_it(bot, ada):
    mention, plan = await proposed(ada, "Look at apples #subtasks(2)")
    await ada.mention("general", "Look at 4 steps instead", thread=mention)
    again = await ada.wait_for(
        ada.thread(mention), lambda m: m.ts != plan.ts and has_button("Approve")(m), PATIENCE_S
    )
    assert "Look at 4 steps instead" in again.words
    assert "4 subtasks" in again.words


async def test_words_after_the_answer_are_a_new_run_with_the_thread_as_context(bot, ada, rows):
    mention, plan = await approved(ada, "Look at apples #subtasks(1)")
    await done(ada, mention, plan)
    await ada.mention("general", "Now look at pears", thread=mention)
    await ada.wait_for(ada.thread(mention), has_button("Approve"), PATIENCE_S)
    first, second = rows("SELECT context FROM run ORDER BY id")
    assert first == ("",)
    assert "Look at apples" in second[0]


@pytest.mark.parametrize("task", ["#fail(1)", "-", "1. 2. 3.", "🍎", "<https://example.com>"])
async def test_odd_tasks_get_a_plan_as_well(bot, ada, task):
    await proposed(ada, task)


async def test_attempts_that_come_to_nothing_are_made_again(bot, ada, rows):
    task = "Look at apples #subtasks(2) #empty(1) #invalid(2)"
    mention, plan = await approved(ada, task)
    messages = await done(ada, mention, plan)
    assert len(messages) == 3
    assert is_answer(messages[-1])
    outcomes = rows("SELECT subtask, outcome FROM attempt WHERE purpose = 'subtask' ORDER BY id")
    assert sorted(outcomes) == [(1, "empty"), (1, "succeeded"), (2, "invalid"), (2, "succeeded")]
