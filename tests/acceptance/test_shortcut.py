"""Orchestrate this: somebody's message becomes a task."""

import pytest

from tests.acceptance.conftest import (
    PATIENCE_S,
    done,
    has_button,
    named,
    proposed,
    says,
)


async def dialog(person, message):
    """Choose the shortcut on a message; gives the dialog it opens."""
    await person.shortcut("orchestrate_this", message)
    return await person.modal(PATIENCE_S, named("orchestrate_this"))


async def refused(person, message, words):
    await person.shortcut("orchestrate_this", message)
    await person.modal(PATIENCE_S, lambda view: words in str(view["blocks"]))


async def test_somebody_elses_message_becomes_a_task_in_its_thread(bot, ada, grace, rows):
    said = await grace.post("general", "We should compare apples & pears #subtasks(1)")
    form = await dialog(ada, said)
    assert "We should compare apples & pears" in form.words
    assert (await form.submit()).closed
    plan = await ada.wait_for(ada.thread(said), has_button("Approve"), PATIENCE_S)
    assert f"<@{ada.id}>" in plan.words
    await ada.click(plan, "Approve")
    await done(ada, said, plan)
    assert rows("SELECT task, requester FROM run") == [
        ("We should compare apples & pears #subtasks(1)", ada.id)
    ]


async def test_an_instruction_may_be_added(bot, ada, grace, rows):
    said = await grace.post("general", "Apples and pears")
    form = await dialog(ada, said)
    form.fill("extra", "Write a poem about this:")
    assert (await form.submit()).closed
    await ada.wait_for(ada.thread(said), has_button("Approve"), PATIENCE_S)
    assert rows("SELECT task FROM run") == [("Write a poem about this:\n\nApples and pears",)]


async def test_a_dialog_that_is_closed_begins_nothing(bot, ada, grace, rows):
    form = await dialog(ada, await grace.post("general", "Apples and pears"))
    await form.close()
    await proposed(ada, "A task, so that the other has been looked at")
    assert rows("SELECT count(*) FROM run") == [(1,)]


async def test_the_thread_is_the_context_of_a_reply(bot, ada, grace, rows):
    root = await grace.post("general", "What about fruit?")
    reply = await grace.reply(root, "Compare apples and pears")
    form = await dialog(ada, reply)
    assert (await form.submit()).closed
    plan = await ada.wait_for(ada.thread(root), has_button("Approve"), PATIENCE_S)
    assert plan.thread_ts == root.ts
    ((task, context),) = rows("SELECT task, context FROM run")
    assert task == "Compare apples and pears"
    assert "What about fruit?" in context
    assert "Compare apples" not in context


async def test_files_of_the_message_are_taken_along(bot, ada, grace, rows):
    file = await grace.attach(("apples.csv", b"name,weight\nbraeburn,200\n"))
    said = await grace.post("general", "Look at these", files=[file])
    form = await dialog(ada, said)
    assert "With 1 file." in form.words
    assert (await form.submit()).closed
    await ada.wait_for(ada.thread(said), has_button("Approve"), PATIENCE_S)
    assert rows("SELECT name, status FROM artifact") == [("apples.csv", "read")]


async def test_a_file_without_words_needs_an_instruction(bot, ada, grace):
    file = await grace.attach(("apples.txt", b"Braeburn, Gala"))
    said = await grace.post("general", "", files=[file])
    form = await dialog(ada, said)
    assert (await form.submit()).errors
    form.fill("extra", "Count the kinds of apples")
    assert (await form.submit()).closed
    await ada.wait_for(ada.thread(said), has_button("Approve"), PATIENCE_S)


async def test_the_bots_own_messages_are_refused(bot, ada):
    _, plan = await proposed(ada, "Look at apples")
    await refused(ada, plan, "my own")


async def test_where_the_bot_is_not_it_asks_to_be_invited(bot, ada, grace, expected_refusals):
    expected_refusals.add("channel_not_found")
    said = await grace.post("leadership", "Compare apples and pears")
    await ada.remove_bot("leadership")
    await refused(ada, said, "Invite me")


async def test_a_message_that_was_deleted_meanwhile_is_told_in_the_dialog(bot, ada, grace, rows):
    root = await grace.post("general", "What about fruit?")
    said = await grace.reply(root, "Compare apples and pears")
    form = await dialog(ada, said)
    await grace.delete(said)
    assert "not there any more" in str((await form.submit()).errors)
    assert rows("SELECT count(*) FROM run") == [(0,)]


@pytest.mark.parametrize("text", ["<!channel> <@U0LOCALGRC1> *a* `b`", "x" * 5_000])
async def test_any_message_can_be_chosen(bot, ada, grace, text):
    said = await grace.post("general", text)
    assert (await (await dialog(ada, said)).submit()).closed
    await ada.wait_for(ada.thread(said), has_button("Approve"), PATIENCE_S)


async def test_a_dialog_of_before_a_restart_can_be_sent(start_bot, ada, grace):
    said = await grace.post("general", "Compare apples and pears")
    async with start_bot():
        form = await dialog(ada, said)
    async with start_bot():
        assert (await form.submit()).closed
        await ada.wait_for(ada.thread(said), says("R-"), PATIENCE_S)
