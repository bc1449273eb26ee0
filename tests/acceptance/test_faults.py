"""When Slack or the network has troubles, the thread still ends as it should."""

import pytest

from bot.localslack.faults import Fault
from bot.localslack.seed import BOT_USER
from orchestrator.model.base import Purpose
from tests.acceptance.conftest import (
    PATIENCE_S,
    HeldModel,
    answered,
    approved,
    direct,
    done,
    has_button,
    is_answer,
    is_note,
    proposed,
    same,
    says,
    shape,
    told,
    until,
)

TASK = "Look at apples #subtasks(3)"
PLANNED = "The plan of R-NAME is ready: 3 subtasks. Please approve it."
ENDED = [
    "<@U0LOCALBOT1> Look at apples #subtasks(3)",
    "R-NAME: done, 3 of 3 done.",
    "The answer of R-NAME: Look at apples #subtasks(3)",
]


@pytest.fixture
def trouble(workspace, expected_refusals):
    """Arrange that the next calls of a method go wrong."""

    def arrange(method, error=None, **options):
        expected_refusals.add(error)
        workspace.workspace.faults.add(Fault(method, error, **options))

    return arrange


def texts(messages):
    return [text for text, _ in shape(messages)]


@pytest.mark.parametrize(
    ("method", "times"), [("chat.postMessage", 1), ("chat.update", 2), ("chat.delete", 1)]
)
async def test_being_told_to_slow_down_only_delays(bot, ada, trouble, method, times):
    trouble(method, "ratelimited", status=429, retry_after_s=1, times=times)
    mention, plan = await approved(ada, TASK)
    assert texts(await done(ada, mention, plan)) == ENDED


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update", "chat.delete"])
async def test_an_error_of_slack_itself_is_waited_out(bot, ada, trouble, method):
    trouble(method, "internal_error", status=500)
    mention, plan = await approved(ada, TASK)
    assert texts(await done(ada, mention, plan)) == ENDED


async def test_a_post_whose_answer_was_lost_is_found_and_not_posted_twice(bot, ada, trouble):
    trouble("chat.postMessage", status=500, lose_answer=True, times=2)
    mention, plan = await approved(ada, TASK)
    assert texts(await done(ada, mention, plan)) == ENDED


async def test_every_post_whose_answer_is_lost_is_found(bot, ada, trouble):
    mention, plan = await proposed(ada, TASK)
    trouble("chat.postMessage", status=500, lose_answer=True)
    await ada.click(plan, "Approve")
    assert texts(await done(ada, mention, plan)) == ENDED


async def test_without_its_status_message_a_run_is_still_answered(
    start_bot, ada, expected_refusals
):
    expected_refusals.add("message_not_found")
    model = HeldModel(Purpose.SYNTHESIS)
    async with start_bot(model):
        mention, plan = await approved(ada, TASK)
        await ada.wait_for(plan, same(plan, says("3 of 3 done")), PATIENCE_S)
        await ada.delete(plan)
        model.let_go()
        answer = await answered(ada, mention)
        assert [m.ts for m in await ada.messages(answer)] == [mention.ts, answer.ts]


async def test_a_plan_that_is_deleted_while_it_waits_for_approval_is_posted_anew(bot, ada, rows):
    mention, plan = await proposed(ada, TASK)
    await ada.delete(plan)
    again = await ada.wait_for(
        mention, lambda m: m.ts != plan.ts and has_button("Approve")(m), PATIENCE_S
    )
    await ada.click(again, "Approve")
    assert texts(await done(ada, mention, again)) == ENDED
    assert rows("SELECT count(*) FROM message WHERE key LIKE 'plan:%'") == [(1,)]


async def test_a_question_that_is_deleted_is_asked_anew(bot, ada):
    mention, plan = await approved(ada, TASK + " #fail(1,3)")
    letter = await ada.wait_for(mention, has_button("Retry"), PATIENCE_S)
    await ada.delete(letter)
    again = await ada.wait_for(
        mention, lambda m: m.ts != letter.ts and has_button("Retry")(m), PATIENCE_S
    )
    await ada.click(again, "Retry")
    assert is_answer((await done(ada, mention, plan))[-1])


async def test_an_answer_that_is_deleted_stays_away(bot, ada):
    mention, plan = await approved(ada, TASK)
    answer = (await done(ada, mention, plan))[-1]
    await ada.delete(answer)
    await proposed(ada, "Another one, so that the deletion has been looked at")
    assert texts(await ada.messages(mention)) == ENDED[:2]


@pytest.mark.parametrize("error", ["channel_not_found", "not_in_channel", "restricted_action"])
async def test_what_people_can_put_right_is_tried_again(bot, ada, trouble, error):
    mention, plan = await proposed(ada, TASK)
    trouble("chat.postMessage", error)
    await ada.click(plan, "Approve")
    assert texts(await done(ada, mention, plan)) == ENDED


async def test_where_the_bot_was_taken_out_of_the_channel_the_answer_comes_when_it_is_back(
    start_bot, ada, workspace, expected_refusals
):
    expected_refusals |= {"not_in_channel", "channel_not_found"}
    model = HeldModel(Purpose.SYNTHESIS)
    async with start_bot(model):
        mention, plan = await approved(ada, TASK)
        await ada.wait_for(plan, same(plan, says("3 of 3 done")), PATIENCE_S)
        await ada.remove_bot("general")
        model.let_go()
        await workspace.wait_for_call(
            "chat.postMessage", lambda c: c.error in expected_refusals, PATIENCE_S
        )
        await ada.add_bot("general")
        assert [t for t in texts(await done(ada, mention, plan)) if t in ENDED] == ENDED


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_an_answer_whose_blocks_are_refused_keeps_its_words_and_has_a_file(
    bot, ada, trouble, times
):
    mention, plan = await proposed(ada, TASK)
    trouble("chat.postMessage", "msg_blocks_too_long", times=times)
    await ada.click(plan, "Approve")
    answer = await ada.wait_for(mention, says("The answer", "put together from 3 of 3"), PATIENCE_S)
    assert f"<@{ada.id}>" in answer.text
    assert ("Run again" in answer.buttons) == (times < 3)
    await ada.wait_for(mention, lambda m: "answer of" in str(m.data.get("files")), PATIENCE_S)


@pytest.mark.parametrize("times", [1, 2])
async def test_a_plan_whose_blocks_are_refused_can_be_approved(start_bot, ada, trouble, times):
    model = HeldModel(Purpose.PLAN)
    async with start_bot(model):
        mention = await ada.mention("general", TASK)
        await ada.wait_for(mention, is_note, PATIENCE_S)
        trouble("chat.postMessage", "invalid_blocks", times=times)
        model.let_go()
        plan = await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
        assert says("apples", "researcher")(plan)
        await ada.click(plan, "Approve")
        await done(ada, mention, plan)


async def test_everything_that_comes_twice_has_one_effect(bot, ada, workspace, rows):
    workspace.workspace.faults.duplicate_events = True
    mention, plan = await approved(ada, TASK)
    ended = texts(await done(ada, mention, plan))
    await ada.mention("general", "Look at pears #subtasks(1)", thread=mention)
    await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
    await ada.mention("general", "stop", thread=mention)
    await told(ada, mention, "was stopped")
    assert ended == ENDED
    assert rows("SELECT status FROM run ORDER BY id") == [("completed",), ("stopped",)]


async def test_of_a_mention_and_its_edit_that_come_in_the_wrong_order_the_edit_counts(
    bot, ada, workspace, rows
):
    said = await ada.post("general", "Look at apples")
    events = workspace.workspace.events
    channel = workspace.workspace.directory._storage.get("channel", said.channel)
    for text in ("pears", "apples"):
        mention = f"<@{BOT_USER}> Look at {text} #subtasks(1)"
        message = {**said.data, "text": mention, "blocks": []}
        events._mention(channel, lambda _, message=message: message)
        await until(lambda: rows("SELECT count(*) FROM run") == [(1,)])
    await proposed(ada, "Another one, so that both have been looked at")
    assert ("Look at pears #subtasks(1)",) in rows("SELECT task FROM run")
    assert rows("SELECT count(*) FROM run") == [(2,)]


async def test_a_run_goes_on_when_the_account_of_who_asked_is_closed(bot, ada, grace, rows):
    mention, plan = await approved(grace, TASK + " #fail(1,3)")
    letter = await ada.wait_for(ada.thread(mention), has_button("Retry"), PATIENCE_S)
    await ada.deactivate("grace")
    await ada.click(letter, "Retry")
    await done(ada, mention, plan)
    assert rows("SELECT status FROM run") == [("completed",)]


async def test_a_channel_that_was_archived_for_a_while_gets_its_answer_afterwards(
    start_bot, ada, workspace, expected_refusals
):
    expected_refusals |= {"is_archived", "is_inactive"}
    storage = workspace.workspace.directory._storage

    def set_archived(*, archived):
        channel = storage.get("channel", "C0LOCALGEN1")
        storage.put("channel", channel["id"], {**channel, "is_archived": archived})

    model = HeldModel(Purpose.SYNTHESIS)
    async with start_bot(model):
        mention, plan = await approved(ada, TASK)
        await ada.wait_for(plan, same(plan, says("3 of 3 done")), PATIENCE_S)
        set_archived(archived=True)
        model.let_go()
        await workspace.wait_for_call(
            "chat.postMessage", lambda c: c.error == "is_archived", PATIENCE_S
        )
        set_archived(archived=False)
        assert texts(await done(ada, mention, plan)) == ENDED


async def test_a_workspace_that_refuses_plan_blocks_gets_the_status_without_them(bot, ada, trouble):
    mention, plan = await proposed(ada, TASK)
    trouble("chat.update", "invalid_blocks")
    await ada.click(plan, "Approve")
    messages = await done(ada, mention, plan)
    assert texts(messages) == ENDED
    assert all(block["type"] != "plan" for block in messages[1].blocks)
    mention, plan = await approved(ada, TASK, "research")
    assert all(b["type"] != "plan" for m in await done(ada, mention, plan) for b in m.blocks)


async def test_a_note_whose_blocks_are_refused_keeps_its_words_and_its_button(
    start_bot, ada, trouble
):
    trouble("chat.postMessage", "msg_blocks_too_long")
    model = HeldModel(Purpose.PLAN)
    async with start_bot(model):
        mention = await ada.mention("general", TASK)
        note = await ada.wait_for(mention, says("I'm planning"), PATIENCE_S)
        assert f"<@{ada.id}>" in note.text
        assert note.buttons == ["Stop"]
        model.let_go()
        await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)


async def test_a_dropped_connection_in_the_middle_of_a_run_is_made_anew(bot, ada, workspace):
    mention, plan = await proposed(ada, TASK + " #fail(1,3)")
    await ada.click(plan, "Approve")
    letter = await ada.wait_for(mention, has_button("Retry"), PATIENCE_S)
    await workspace.workspace.sockets.drop()
    await workspace.wait_connected(PATIENCE_S)
    await ada.click(letter, "Retry")
    messages = await done(ada, mention, plan)
    assert is_answer(messages[-1])


async def test_slack_asking_to_connect_anew_loses_nothing(bot, ada, workspace):
    mention, plan = await proposed(ada, TASK)
    await workspace.workspace.sockets.disconnect()
    await ada.mention("general", "status", thread=mention)
    await ada.wait_for(mention, lambda m: m.is_ephemeral, PATIENCE_S)
    await workspace.wait_connected(PATIENCE_S)
    await ada.click(plan, "Approve")
    assert is_answer((await done(ada, mention, plan))[-1])


async def test_when_nobody_can_be_told_the_run_goes_on(bot, ada, grace, trouble):
    mention, plan = await proposed(ada, TASK)
    trouble("chat.postEphemeral", "user_not_in_channel")
    await grace.click(plan, "Approve")
    await ada.click(plan, "Approve")
    await done(ada, mention, plan)


async def test_who_cannot_be_told_in_the_thread_gets_an_answer_to_their_click(
    bot, ada, grace, trouble, workspace
):
    _, plan = await proposed(ada, TASK)
    trouble("chat.postEphemeral", "user_not_in_channel")
    await grace.click(plan, "Approve")
    await grace.wait_for("general", lambda m: m.is_ephemeral and says("only they")(m), PATIENCE_S)


async def test_who_cannot_be_told_in_a_thread_they_wrote_in_gets_a_direct_message(
    bot, ada, grace, trouble
):
    mention, _ = await proposed(ada, TASK)
    trouble("chat.postEphemeral", "messages_tab_disabled")
    await grace.mention("general", "stop", thread=mention)
    await grace.wait_for(direct(grace), says("only they"), PATIENCE_S)


async def test_a_dialog_that_was_closed_before_it_was_filled_is_no_error(
    bot, ada, trouble, workspace
):
    mention, plan = await proposed(ada, TASK)
    trouble("views.update", "not_found")
    await ada.click(plan, "Edit")
    await workspace.wait_for_call("views.update", lambda c: c.error == "not_found", PATIENCE_S)
    await ada.click(plan, "Approve")
    await done(ada, mention, plan)


@pytest.mark.parametrize("error", ["exchanged_trigger_id", "invalid_trigger_id"])
async def test_a_click_that_slack_no_longer_takes_is_to_be_made_again(bot, ada, trouble, error):
    _, plan = await proposed(ada, TASK)
    trouble("views.open", error)
    await ada.click(plan, "Edit")
    await told(ada, plan, "Please click again.")


async def test_a_dialog_that_is_never_filled_is_told_in_a_direct_message(bot, ada, trouble):
    _, plan = await proposed(ada, TASK)
    trouble("views.update", "internal_error", times=None)
    await ada.click(plan, "Edit")
    await ada.wait_for(direct(ada), says("Please try again."), PATIENCE_S)


async def test_a_modal_that_slack_does_not_open_in_time_is_told(bot, ada, trouble):
    _, plan = await proposed(ada, TASK)
    trouble("views.open", "expired_trigger_id")
    await ada.click(plan, "Edit")
    await ada.wait_for(plan, lambda m: m.is_ephemeral, PATIENCE_S)
