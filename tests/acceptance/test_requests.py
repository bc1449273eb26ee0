"""What a run needs from a person: dead letters and questions."""

import asyncio

import pytest

from tests.acceptance.conftest import (
    PATIENCE_S,
    answered,
    approved,
    click_as_it_was,
    done,
    find,
    has_button,
    named,
    same,
    says,
    told,
)

ONE_FAILS = "Look at apples #subtasks(3) #fail(1)"
TWO_FAIL = "Look at apples #subtasks(4) #fail(1,3) #fail(2,3)"


async def letter_of(person, mention, button="Edit and retry"):
    """The message about what failed."""
    return await person.wait_for(person.thread(mention), has_button(button), PATIENCE_S)


async def closed(person, letter, *words):
    """The message once nothing is left to do in it."""
    return await person.wait_for(
        letter, same(letter, says(*words), lambda m: m.buttons == []), PATIENCE_S
    )


async def test_a_dead_letter_says_what_failed_and_why_and_how_often(bot, ada):
    mention, plan = await approved(ada, ONE_FAILS)
    letter = await letter_of(ada, mention)
    for words in (f"<@{ada.id}>", "Subtask 1", "failed", "3 times", "told to fail", "Waiting for"):
        assert words in letter.words
    assert letter.buttons == ["Retry", "Edit and retry", "Skip", "Stop"]
    status = await ada.wait_for(plan, same(plan, says("Needs somebody")), PATIENCE_S)
    assert "1 failed" in status.words


async def test_what_does_not_depend_on_a_dead_letter_goes_on(bot, ada):
    mention, plan = await approved(ada, "Look at apples #subtasks(5) #fail(1)")
    await letter_of(ada, mention)
    await ada.wait_for(plan, same(plan, says("2 of 5 done")), PATIENCE_S)


async def test_retry_tries_it_again_and_the_letter_says_who_did(bot, ada):
    mention, plan = await approved(ada, "Look at apples #subtasks(3) #fail(1,3)")
    letter = await letter_of(ada, mention)
    await ada.click(letter, "Retry")
    await done(ada, mention, plan)
    await closed(ada, letter, f"<@{ada.id}> chose Retry")


async def test_a_retry_that_fails_again_is_another_dead_letter(bot, ada):
    mention, _ = await approved(ada, ONE_FAILS)
    letter = await letter_of(ada, mention)
    await ada.click(letter, "Retry")
    again = await ada.wait_for(
        letter, lambda m: m.ts != letter.ts and has_button("Retry")(m), PATIENCE_S
    )
    assert "6 times" in again.words


async def test_edit_and_retry_gives_the_worker_other_instructions(bot, ada, rows):
    mention, plan = await approved(ada, "Look at apples #subtasks(3) #fail(1,3)")
    letter = await letter_of(ada, mention)
    await ada.click(letter, "Edit and retry")
    modal = await ada.modal(PATIENCE_S, named("edit_and_retry"))
    assert modal.value("instructions")
    modal.fill("instructions", "Use the almanac")
    modal.fill("role", "analyst")
    assert (await modal.submit()).closed
    await done(ada, mention, plan)
    await closed(ada, letter, "chose Retry")
    ((prompt, role),) = rows(
        "SELECT prompt, role FROM attempt WHERE subtask = 1 AND outcome = 'succeeded'"
    )
    assert "Use the almanac" in prompt
    assert role == "analyst"


async def test_skip_goes_on_and_the_answer_names_the_gap(bot, ada):
    mention, plan = await approved(ada, ONE_FAILS)
    letter = await letter_of(ada, mention)
    await ada.click(letter, "Skip")
    answer = await answered(ada, mention)
    assert "with 1 gap" in answer.words
    assert "Not covered" in answer.words
    await closed(ada, letter, "chose Skip")
    await ada.wait_for(plan, same(plan, says("Done with 1 gap", "1 skipped")), PATIENCE_S)


async def test_stop_from_a_dead_letter_ends_the_run(bot, ada):
    mention, plan = await approved(ada, ONE_FAILS)
    letter = await letter_of(ada, mention)
    await ada.click(letter, "Stop")
    await ada.wait_for(plan, same(plan, says("Stopped")), PATIENCE_S)
    await closed(ada, letter, "No longer needed")


async def test_several_dead_letters_at_once_are_one_message_with_retry_all(bot, ada):
    mention, plan = await approved(ada, TWO_FAIL)
    letter = await letter_of(ada, mention, "Retry all")
    await ada.click(letter, "Retry all")
    messages = await done(ada, mention, plan)
    assert len(messages) == 4
    await closed(ada, letter, "chose Retry")


async def test_of_several_dead_letters_each_can_be_dealt_with_by_itself(bot, ada):
    mention, _ = await approved(ada, TWO_FAIL)
    letter = await letter_of(ada, mention, "Retry all")
    first, _ = (block["block_id"] for block in letter.blocks if is_row(block))
    await ada.click(letter, "Skip", block_id=first)
    left = await ada.wait_for(letter, same(letter, says("chose Skip")), PATIENCE_S)
    assert left.buttons.count("Skip") == 1
    await ada.click(left, "Retry")
    await answered(ada, mention)
    await closed(ada, letter, "chose Skip", "chose Retry")


def is_row(block):
    """Whether these are the buttons of one dead letter."""
    elements = block.get("elements", [])
    return any(e.get("action_id") == "skip" for e in elements)


async def test_answer_with_what_we_have_goes_to_the_answer(bot, ada):
    mention, _ = await approved(ada, "Look at apples #subtasks(4) #fail(1) #fail(2)")
    letter = await letter_of(ada, mention, "Answer with what we have")
    await ada.click(letter, "Answer with what we have")
    answer = await answered(ada, mention)
    assert "gaps" in answer.words
    await closed(ada, letter, "chose Answer with what we have")


async def test_two_clicks_on_retry_have_one_effect(bot, ada, workspace, rows):
    mention, plan = await approved(ada, "Look at apples #subtasks(3) #fail(1,3)")
    letter = await letter_of(ada, mention)
    retry = find(letter, "Retry")
    await asyncio.gather(*(click_as_it_was(workspace, ada, letter, retry) for _ in range(2)))
    await told(ada, letter, "dealt with already")
    await done(ada, mention, plan)
    assert rows("SELECT count(*) FROM attempt WHERE subtask = 1") == [(4,)]


async def test_a_question_is_answered_by_a_button(bot, ada):
    mention, plan = await approved(ada, "Look at apples #subtasks(3) #question(1)")
    question = await ada.wait_for(mention, has_button("Quality"), PATIENCE_S)
    assert f"<@{ada.id}>" in question.words
    assert "What matters most" in question.words
    await ada.click(question, "Quality")
    await done(ada, mention, plan)
    await closed(ada, question, f"<@{ada.id}> answered", "Quality")


async def test_a_question_is_answered_in_words_which_reach_the_worker(bot, ada):
    mention, plan = await approved(ada, "Look at apples #subtasks(3) #question(1)")
    question = await ada.wait_for(mention, has_button("Another answer…"), PATIENCE_S)
    await ada.click(question, "Another answer…")
    modal = await ada.modal(PATIENCE_S, named("answer_question"))
    modal.fill("text", "That it is crisp")
    assert (await modal.submit()).closed
    await done(ada, mention, plan)
    assert "That it is crisp" in (await answered(ada, mention)).words
    await closed(ada, question, "That it is crisp")


async def test_a_question_waits_without_holding_up_what_does_not_need_it(bot, ada):
    mention, plan = await approved(ada, "Look at apples #subtasks(5) #question(1)")
    await ada.wait_for(mention, has_button("Quality"), PATIENCE_S)
    await ada.wait_for(plan, same(plan, says("2 of 5 done", "has a question")), PATIENCE_S)


async def test_an_answer_typed_after_somebody_answered_is_kept_and_refused(bot, ada, grace):
    mention, plan = await approved(grace, "Look at apples #subtasks(2) #question(1)")
    question = await ada.wait_for(mention, has_button("Another answer…"), PATIENCE_S)
    await ada.click(question, "Another answer…")
    modal = await ada.modal(PATIENCE_S, named("answer_question"))
    modal.fill("text", "What I typed")
    await grace.click(question, "Speed")
    await done(grace, mention, plan)
    (sentence,) = (await modal.submit()).errors.values()
    assert "answered already" in sentence
    assert grace.id in sentence
    assert "What I typed" in str((await ada.views())[-1]["state"])


@pytest.mark.parametrize(
    ("task", "button", "dialog", "field"),
    [
        (
            "Look at apples #subtasks(2) #fail(1)",
            "Edit and retry",
            "edit_and_retry",
            "instructions",
        ),
        ("Look at apples #subtasks(2) #question(1)", "Another answer…", "answer_question", "text"),
    ],
)
async def test_a_modal_sent_after_the_run_was_stopped_says_so_and_keeps_what_was_typed(
    bot, ada, task, button, dialog, field
):
    mention, plan = await approved(ada, task)
    asked = await ada.wait_for(mention, has_button(button), PATIENCE_S)
    await ada.click(asked, button)
    modal = await ada.modal(PATIENCE_S, named(dialog))
    modal.fill(field, "What I typed")
    await ada.click(plan, "Stop")
    await ada.wait_for(plan, same(plan, says("Stopped")), PATIENCE_S)
    (sentence,) = (await modal.submit()).errors.values()
    assert "already" in sentence
    assert "What I typed" in str((await ada.views())[-1]["state"])
