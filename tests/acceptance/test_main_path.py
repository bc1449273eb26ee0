"""From a mention to an answer, by a person in the local workspace."""

from tests.acceptance.conftest import PATIENCE_S, answered, has_button, proposed, says


async def test_a_mention_is_planned_approved_done_and_answered(bot, ada, workspace):
    mention, plan = await proposed(ada, "Compare three databases and then write a recommendation")
    assert ada.id in str(plan.blocks)
    await ada.click(plan, "Approve")
    answer = await answered(ada, mention)
    assert "offline" in answer.words.lower()
    status = await ada.wait_for(ada.thread(mention), lambda m: m.ts == plan.ts and says("Done")(m))
    assert any(block["type"] == "plan" for block in status.blocks)
    assert not has_button("Approve")(status)


async def test_a_dead_letter_is_retried_from_the_thread_and_the_answer_follows(bot, ada):
    mention, plan = await proposed(ada, "Look at apples, then pears #fail(2,3) #subtasks(3)")
    await ada.click(plan, "Approve")
    letter = await ada.wait_for(ada.thread(mention), has_button("Edit and retry"), PATIENCE_S)
    await ada.click(letter, "Retry")
    await answered(ada, mention)
    await ada.wait_for(
        ada.thread(mention), lambda m: m.ts == letter.ts and not has_button("Retry")(m), PATIENCE_S
    )
