"""A plan that waits for approval: approve, edit, re-plan and reject it."""

import asyncio

import pytest

from tests.acceptance.conftest import (
    PATIENCE_S,
    click_as_it_was,
    done,
    find,
    has_button,
    named,
    proposed,
    same,
    says,
    told,
)

TASK = "Research apples, then research pears, then write about them"
EDIT, TEXT, REPLAN = named("edit_plan"), named("edit_plan_text"), named("replan")


async def form(person, plan):
    await person.click(plan, "Edit")
    return await person.modal(PATIENCE_S, EDIT)


async def as_text(person, plan):
    await (await form(person, plan)).click("Edit as text")
    return await person.modal(PATIENCE_S, TEXT)


async def edited(person, plan, *words):
    """The same message, with another revision."""
    return await person.wait_for(plan, same(plan, says("revision 2", *words)), PATIENCE_S)


async def test_saving_the_form_changes_the_plan_in_the_same_message(bot, ada, rows):
    mention, plan = await proposed(ada, TASK)
    modal = await form(ada, plan)
    modal.fill("1:title", "Find apples")
    modal.fill("1:instructions", "Only red ones")
    modal.fill("2:role", "analyst")
    modal.fill("2:priority", "1")
    modal.fill("3:after", ["1"])
    assert (await modal.submit()).closed
    shown = await edited(ada, plan, "Find apples", "analyst", "priority 1", f"{ada.id}")
    await ada.click(shown, "Approve")
    await done(ada, mention, plan)
    ((prompt,),) = rows("SELECT prompt FROM attempt WHERE purpose = 'subtask' AND subtask = 1")
    assert "Only red ones" in prompt
    assert rows("SELECT source FROM plan_revision ORDER BY number") == [("planner",), ("edit",)]


async def test_a_subtask_is_removed_and_no_longer_waited_for(bot, ada):
    _, plan = await proposed(ada, TASK)
    modal = await form(ada, plan)
    modal.fill("2:remove", ["remove"])
    assert (await modal.submit()).closed
    shown = await edited(ada, plan, "2 subtasks")
    assert "Research pears" not in shown.words
    assert "after 2" not in shown.words


async def test_a_subtask_is_added_with_a_number_of_its_own(bot, ada):
    _, plan = await proposed(ada, TASK)
    modal = await form(ada, plan)
    modal.fill("4:title", "Check the text")
    modal.fill("4:role", "reviewer")
    modal.fill("4:after", ["3"])
    assert (await modal.submit()).closed
    await edited(ada, plan, "Check the text", "reviewer · after 3")


async def test_the_plan_is_edited_as_text(bot, ada):
    _, plan = await proposed(ada, TASK)
    modal = await as_text(ada, plan)
    assert modal.value("text").startswith("1. Research apples | researcher")
    modal.fill("text", "1. Research plums\n2. Write about plums | writer | after: 1 | priority: 2")
    assert (await modal.submit()).closed
    shown = await edited(ada, plan, "Research plums", "writer · after 1 · priority 2", "2 subtasks")
    assert "Research pears" not in shown.words


async def test_text_that_is_no_plan_is_told_at_the_field_and_stays_there(bot, ada):
    _, plan = await proposed(ada, TASK)
    modal = await as_text(ada, plan)
    modal.fill("text", "1. Research plums | after: yesterday")
    submission = await modal.submit()
    assert submission.errors == {"The plan": "Subtask 1: “after: yesterday” needs numbers."}
    kept = await ada.modal(PATIENCE_S, TEXT)
    assert kept.value("text") == "1. Research plums | after: yesterday"


async def test_saving_without_a_change_is_told_at_the_field(bot, ada):
    _, plan = await proposed(ada, TASK)
    submission = await (await form(ada, plan)).submit()
    assert list(submission.errors.values()) == ["Nothing was changed."]


async def test_a_circle_somebody_makes_is_broken_and_told(bot, ada):
    _, plan = await proposed(ada, TASK)
    modal = await form(ada, plan)
    modal.fill("1:after", ["3"])
    assert (await modal.submit()).closed
    await edited(ada, plan, "I put this right", "in a circle")


async def test_a_circle_the_planner_makes_is_broken_and_told(bot, ada):
    mention, plan = await proposed(ada, TASK + " #cycle")
    assert "I put this right" in plan.words
    await ada.click(plan, "Approve")
    await done(ada, mention, plan)


async def test_a_large_plan_is_edited_page_by_page(start_bot, ada):
    async with start_bot(max_subtasks=40):
        _, plan = await proposed(ada, "Look at apples #subtasks(30)")
        modal = await form(ada, plan)
        await modal.click("Next page")
        modal = await ada.modal(PATIENCE_S, lambda view: "Page 2" in str(view))
        modal.fill("13:title", "On the second page")
        assert (await modal.submit()).closed
        await edited(ada, plan, "On the second page", "30 subtasks")


async def test_what_was_typed_on_one_page_is_saved_from_another(start_bot, ada):
    async with start_bot(max_subtasks=40):
        _, plan = await proposed(ada, "Look at apples #subtasks(30)")
        modal = await form(ada, plan)
        modal.fill("1:title", "On the first page")
        modal.fill("2:remove", ["remove"])
        await modal.click("Next page")
        modal = await ada.modal(PATIENCE_S, lambda view: "Page 2" in str(view))
        modal.fill("13:title", "On the second page")
        await modal.click("Previous page")
        modal = await ada.modal(PATIENCE_S, lambda view: "Page 1" in str(view))
        assert modal.value("1:title") == "On the first page"
        await modal.click("Next page")
        modal = await ada.modal(PATIENCE_S, lambda view: "Page 2" in str(view))
        assert modal.value("13:title") == "On the second page"
        assert (await modal.submit()).closed
        await edited(ada, plan, "On the first page", "On the second page", "29 subtasks")


async def test_what_was_typed_goes_along_from_the_form_to_the_text_and_back(bot, ada):
    _, plan = await proposed(ada, TASK)
    modal = await form(ada, plan)
    modal.fill("1:title", "Typed in the form")
    await modal.click("Edit as text")
    modal = await ada.modal(PATIENCE_S, TEXT)
    assert "1. Typed in the form" in modal.value("text")
    modal.fill("text", modal.value("text") + "\n4. Typed as text | writer | after: 3")
    await modal.click("Edit in a form")
    modal = await ada.modal(PATIENCE_S, EDIT)
    assert modal.value("4:title") == "Typed as text"
    await modal.click("Add another")
    modal = await ada.modal(PATIENCE_S, lambda view: "5:title" in str(view))
    modal.fill("5:title", "Added last")
    assert (await modal.submit()).closed
    await edited(ada, plan, "Typed in the form", "Typed as text", "Added last", "5 subtasks")


async def test_instructions_shows_the_rest_of_the_plan(bot, ada):
    _, plan = await proposed(ada, TASK)
    await ada.click(plan, "Instructions")
    modal = await ada.modal(PATIENCE_S, lambda view: view["title"]["text"].startswith("Plan of"))
    assert "This is a part of:" in modal.words


async def test_replan_proposes_anew_and_the_old_message_says_so(bot, ada, rows):
    mention, plan = await proposed(ada, TASK)
    await ada.click(plan, "Re-plan")
    modal = await ada.modal(PATIENCE_S, REPLAN)
    modal.fill("text", "Look at the prices")
    assert (await modal.submit()).closed
    new = await ada.wait_for(
        plan, lambda m: m.ts != plan.ts and has_button("Approve")(m), PATIENCE_S
    )
    assert "Look at the prices" in new.words
    assert "Consider: Look at the prices" in new.words
    old = await ada.wait_for(plan, same(plan, says("replaced by revision 2")), PATIENCE_S)
    assert old.buttons == []
    await ada.click(new, "Approve")
    await done(ada, mention, new)


async def test_an_empty_wish_for_another_plan_is_told_at_the_field(bot, ada):
    _, plan = await proposed(ada, TASK)
    await ada.click(plan, "Re-plan")
    modal = await ada.modal(PATIENCE_S, REPLAN)
    modal.fill("text", "  ")
    assert len((await modal.submit()).errors) == 1


async def test_reject_ends_the_run_without_running_anything(bot, ada, rows):
    _, plan = await proposed(ada, TASK)
    await ada.click(plan, "Reject")
    shown = await ada.wait_for(plan, same(plan, says("Rejected", "nothing was run")), PATIENCE_S)
    assert "Approve" not in shown.buttons
    assert rows("SELECT purpose FROM attempt") == [("plan",)]


async def test_approving_a_revision_that_was_edited_changes_nothing_and_says_why(
    bot, ada, workspace, rows
):
    _, plan = await proposed(ada, TASK)
    old = find(plan, "Approve")
    modal = await form(ada, plan)
    modal.fill("1:title", "Find apples")
    await modal.submit()
    await edited(ada, plan)
    await click_as_it_was(workspace, ada, plan, old)
    note = await told(ada, plan, "there is a newer one now")
    assert note.is_ephemeral
    assert rows("SELECT status FROM run") == [("proposed",)]


async def test_two_clicks_on_approve_have_one_effect(bot, ada, workspace, rows):
    mention, plan = await proposed(ada, TASK)
    approve = find(plan, "Approve")
    await asyncio.gather(
        *(click_as_it_was(workspace, ada, plan, approve) for _ in range(2)),
    )
    await told(ada, plan, "decided already")
    messages = await done(ada, mention, plan)
    assert len([m for m in messages if not m.is_ephemeral]) == 3
    assert rows("SELECT count(*) FROM attempt WHERE purpose = 'subtask'") == [(3,)]


async def test_of_approve_and_reject_at_once_one_counts_and_the_other_is_told(
    bot, ada, workspace, rows
):
    _, plan = await proposed(ada, TASK)
    await asyncio.gather(
        *(click_as_it_was(workspace, ada, plan, find(plan, b)) for b in ("Approve", "Reject")),
    )
    await told(ada, plan, "decided already")
    answers = rows("SELECT answer FROM request WHERE kind = 'approval'")
    assert answers in ([("Approve",)], [("Reject",)])


@pytest.mark.parametrize("label", ["Edit", "Re-plan"])
async def test_a_form_sent_after_somebody_approved_says_so_and_keeps_what_was_typed(
    bot, ada, grace, label
):
    mention, plan = await proposed(grace, TASK)
    await ada.click(plan, label)
    modal = await ada.modal(PATIENCE_S, EDIT if label == "Edit" else REPLAN)
    field = "1:title" if label == "Edit" else "text"
    modal.fill(field, "What I typed")
    await grace.click(plan, "Approve")
    await done(grace, mention, plan)
    (sentence,) = (await modal.submit()).errors.values()
    assert "decided already" in sentence
    (kept,) = await ada.views()
    assert "What I typed" in str(kept["state"])
    assert not any(m.is_ephemeral for m in await grace.messages(plan))


async def test_turning_to_text_in_a_form_that_is_outdated_says_why_and_keeps_the_form(bot, ada):
    _, plan = await proposed(ada, TASK)
    modal = await form(ada, plan)
    modal.fill("1:title", "What I typed")
    await ada.click(plan, "Reject")
    await ada.wait_for(plan, same(plan, says("Rejected")), PATIENCE_S)
    await modal.click("Edit as text")
    notice = await ada.modal(PATIENCE_S, lambda view: not view.get("callback_id"))
    assert "decided on or replaced" in notice.words
    await notice.close()
    assert "What I typed" in str((await ada.views())[-1]["state"])


async def test_a_plan_that_cannot_be_made_is_written_by_hand(bot, ada):
    mention = await ada.mention("general", "Do the impossible #badplan")
    asked = await ada.wait_for(ada.thread(mention), has_button("Write the subtasks"), PATIENCE_S)
    assert f"<@{ada.id}>" in asked.words
    await ada.click(asked, "Write the subtasks")
    modal = await ada.modal(PATIENCE_S, named("breakdown"))
    modal.fill("text", "Find apples\nWrite about apples | writer | after: 1")
    assert (await modal.submit()).closed
    plan = await ada.wait_for(asked, has_button("Approve"), PATIENCE_S)
    assert "2 subtasks" in plan.words
    closed = await ada.wait_for(asked, same(asked, says("wrote the subtasks")), PATIENCE_S)
    assert closed.buttons == []
    await ada.click(plan, "Approve")
    await done(ada, mention, plan)


async def test_a_breakdown_sent_after_the_run_was_stopped_says_so_and_keeps_what_was_typed(
    bot, ada
):
    mention = await ada.mention("general", "Do the impossible #badplan")
    asked = await ada.wait_for(ada.thread(mention), has_button("Write the subtasks"), PATIENCE_S)
    await ada.click(asked, "Write the subtasks")
    modal = await ada.modal(PATIENCE_S, named("breakdown"))
    modal.fill("text", "Find apples")
    await ada.mention("general", "stop", thread=mention)
    await told(ada, asked, "was stopped")
    (sentence,) = (await modal.submit()).errors.values()
    assert "already" in sentence
    assert (await ada.modal()).value("text") == "Find apples"


async def test_a_breakdown_that_makes_no_sense_is_told_at_the_field(bot, ada):
    mention = await ada.mention("general", "Do the impossible #badplan")
    asked = await ada.wait_for(ada.thread(mention), has_button("Write the subtasks"), PATIENCE_S)
    await ada.click(asked, "Write the subtasks")
    modal = await ada.modal(PATIENCE_S, named("breakdown"))
    modal.fill("text", "Find apples | priority: soon")
    (sentence,) = (await modal.submit()).errors.values()
    assert "needs numbers" in sentence
    assert (await ada.modal()).value("text") == "Find apples | priority: soon"
