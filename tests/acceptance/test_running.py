"""A run at work: its live status, stopping it, and what can be looked at."""

import asyncio
import json

from orchestrator.model.base import Purpose
from tests.acceptance.conftest import (
    PATIENCE_S,
    HeldModel,
    answered,
    approved,
    done,
    has_button,
    same,
    says,
    told,
)


def card(message, number):
    """The card of a subtask in the status."""
    (plan,) = (block for block in message.blocks if block["type"] == "plan")
    return next(task for task in plan["tasks"] if task["title"].startswith(f"{number}. "))


async def test_the_status_shows_each_subtask_as_it_is(bot, ada):
    _, plan = await approved(ada, "Look at apples #subtasks(3) #slow(2,60s)")
    status = await ada.wait_for(plan, same(plan, says("1 of 3 done", "Running")), PATIENCE_S)
    assert [card(status, n)["status"] for n in (1, 2, 3)] == ["complete", "in_progress", "pending"]
    assert status.buttons == ["Stop", "Details"]
    assert "<!date^" in status.words


async def test_the_cards_keep_their_block_id_from_edit_to_edit(bot, ada, workspace):
    mention, plan = await approved(ada, "Look at apples #subtasks(3)")
    await done(ada, mention, plan)
    updates = [call for call in workspace.calls if call.method == "chat.update"]
    ids = {
        block["block_id"]
        for call in updates
        for block in blocks_of(call)
        if block["type"] == "plan"
    }
    assert len(ids) == 1


def blocks_of(call):
    blocks = call.arguments.get("blocks") or []
    return json.loads(blocks) if isinstance(blocks, str) else blocks


async def test_stop_ends_the_work_at_once(bot, ada, rows):
    mention, plan = await approved(ada, "Look at apples #subtasks(2) #slow(1,60s) #slow(2,60s)")
    await ada.wait_for(plan, same(plan, has_button("Stop"), says("🔵 1.")), PATIENCE_S)
    async with asyncio.timeout(1):
        await ada.click(plan, "Stop")
        stopped = await ada.wait_for(plan, same(plan, says("Stopped", ada.id)))
    assert "Stop" not in stopped.buttons
    assert rows("SELECT status FROM run") == [("stopped",)]
    assert [m.ts for m in await ada.messages(plan)] == [mention.ts, plan.ts]


async def test_stop_while_it_is_planned_ends_the_run_and_says_so(start_bot, ada):
    async with start_bot(HeldModel(Purpose.PLAN)):
        mention = await ada.mention("general", "Look at apples")
        note = await ada.wait_for(ada.thread(mention), has_button("Stop"))
        await ada.click(note, "Stop")
        await ada.wait_for(ada.thread(mention), says("Stopped", ada.id), PATIENCE_S)
        await ada.wait_gone(note)


async def test_details_show_what_each_subtask_did(bot, ada):
    mention, plan = await approved(ada, "Look at apples #subtasks(2) #empty(1)")
    await done(ada, mention, plan)
    answer = await answered(ada, mention)
    await ada.click(answer, "Details")
    modal = await ada.modal(PATIENCE_S, lambda view: "of 2 done" in str(view))
    assert modal.view["title"]["text"].startswith("Details")
    for words in ("2 attempts", "(offline)", "Result", "2 of 2 done"):
        assert words in modal.words


async def test_thumbs_are_thanked_for_and_recorded(bot, ada, rows):
    mention, plan = await approved(ada, "Look at apples #subtasks(1)")
    await done(ada, mention, plan)
    answer = await answered(ada, mention)
    await ada.click(answer, "Good answer")
    await told(ada, answer, "Thank you")
    assert rows("SELECT count(*) FROM event WHERE data LIKE '%\"up\"%'") == [(1,)]


async def test_several_runs_in_one_channel_keep_to_their_threads(bot, ada):
    begun = [await approved(ada, f"Look at {what} #subtasks(2)") for what in ("apples", "pears")]
    for (mention, plan), what in zip(begun, ("apples", "pears"), strict=True):
        messages = await done(ada, mention, plan)
        assert len(messages) == 3
        assert all(what in message.words for message in messages)


async def test_a_large_run_is_shown_within_what_slack_takes(start_bot, ada):
    async with start_bot(max_subtasks=120):
        mention, plan = await approved(ada, "Look at apples #subtasks(100)")
        status = (await done(ada, mention, plan))[1]
        assert "100 of 100 done" in status.words


async def test_at_slacks_own_pace_nothing_is_refused(start_bot, ada, workspace):
    workspace.workspace.rates.enabled = True
    async with start_bot(updates_per_minute=40):
        mention, plan = await approved(ada, "Look at apples #subtasks(4)")
        await done(ada, mention, plan)


async def test_a_plan_for_one_is_not_held_up_by_the_edits_of_many(start_bot, ada, grace):
    """Edits are limited for the whole workspace; first replies and plans are not."""
    async with start_bot(updates_per_minute=2, concurrency=20):
        for channel in ("general", "research", "launch", "leadership") * 2:
            await approved(ada, "Look at apples #subtasks(2) #slow(2,60s)", channel)
        message = await grace.post(f"D{grace.id.removeprefix('U')}", "Look at pears")
        await grace.wait_for(message, has_button("Approve"), 2)
