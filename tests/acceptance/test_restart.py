"""The bot ends in good order and is started again under the same workspace."""

import asyncio

from bot.localslack.faults import Fault
from orchestrator.model.base import Purpose
from tests.acceptance.conftest import (
    PATIENCE_S,
    HeldModel,
    approved,
    done,
    has_button,
    named,
    proposed,
    same,
    says,
)


async def test_a_task_sent_while_the_bot_was_away_is_taken_up_when_it_is_back(start_bot, ada):
    async with start_bot():
        pass
    mention = await ada.mention("general", "Look at apples #subtasks(1)")
    async with start_bot():
        await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)


async def test_buttons_of_before_the_restart_work(start_bot, ada):
    async with start_bot():
        mention, plan = await proposed(ada, "Look at apples #subtasks(2) #fail(1) #question(2)")
    async with start_bot():
        await ada.click(plan, "Approve")
        letter = await ada.wait_for(mention, has_button("Skip"), PATIENCE_S)
    async with start_bot():
        await ada.click(letter, "Skip")
        question = await ada.wait_for(mention, has_button("Quality"), PATIENCE_S)
    async with start_bot():
        await ada.click(question, "Quality")
        messages = await done(ada, mention, plan)
    async with start_bot():
        await ada.click(messages[-1], "Details")
        await ada.modal(PATIENCE_S, lambda view: view["title"]["text"].startswith("Details"))


async def test_a_form_of_before_the_restart_can_be_sent(start_bot, ada):
    async with start_bot():
        _, plan = await proposed(ada, "Look at apples #subtasks(2)")
        await ada.click(plan, "Edit")
        modal = await ada.modal(PATIENCE_S, named("edit_plan"))
    modal.fill("1:title", "Look at red apples")
    async with start_bot():
        assert (await modal.submit()).closed
        await ada.wait_for(plan, same(plan, says("Look at red apples")), PATIENCE_S)


async def test_a_form_sent_while_the_bot_is_away_keeps_what_was_typed(start_bot, ada):
    async with start_bot():
        _, plan = await proposed(ada, "Look at apples #subtasks(2)")
        await ada.click(plan, "Re-plan")
        modal = await ada.modal(PATIENCE_S, named("replan"))
    modal.fill("text", "Fewer steps")
    await ada.wait_for(plan, has_button("Approve"))
    async with start_bot():
        assert (await modal.submit()).closed


async def test_work_under_way_is_made_again_and_what_was_done_is_not(start_bot, ada, succeeded):
    model = HeldModel(Purpose.SYNTHESIS)
    async with start_bot(model):
        mention, plan = await approved(ada, "Look at apples #subtasks(3)")
        await ada.wait_for(plan, same(plan, says("3 of 3 done")), PATIENCE_S)
        await model.asked.wait()
    async with start_bot():
        await done(ada, mention, plan)
    assert set(succeeded().values()) == {1}


async def test_what_was_posted_but_not_recorded_is_found_after_a_restart(start_bot, ada, workspace):
    async with start_bot():
        mention, plan = await proposed(ada, "Look at apples #subtasks(1)")
        workspace.workspace.faults.add(Fault("chat.postMessage", status=500, lose_answer=True))
        await ada.click(plan, "Approve")
        await ada.wait_for(mention, has_button("Good answer"), PATIENCE_S)
    async with start_bot():
        assert len(await done(ada, mention, plan)) == 3


async def test_a_thread_that_is_behind_is_shown_after_a_restart(start_bot, ada, workspace):
    async with start_bot(updates_per_minute=1):
        for _ in range(2):
            mention, plan = await approved(ada, "Look at apples #subtasks(3)")
            await ada.wait_for(mention, has_button("Good answer"), PATIENCE_S)
    async with start_bot():
        await done(ada, mention, plan)


async def test_the_bot_ends_although_something_happens_at_the_same_moment(bot, ada):
    await proposed(ada, "Look at apples #subtasks(1)")
    bot.publisher.wake()
    async with asyncio.timeout(PATIENCE_S):
        await bot.publisher.stop()
