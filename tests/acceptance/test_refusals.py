"""Every refusal that Slack documents, at every message of a run: the thread ends exact."""

import pytest

from bot.localslack.faults import Fault
from bot.refusals import CODES, Kind
from orchestrator.model.base import Purpose
from tests.acceptance.conftest import (
    PATIENCE_S,
    HeldModel,
    direct,
    has_button,
    is_note,
    same,
    says,
)
from tests.slack_reference import METHODS, REFERENCE

TASK = "Look at apples #subtasks(2)"
ANSWERED = "put together from 2 of 2"
# One of each kind, and one that nobody knows.
SOME = [
    "invalid_blocks",
    "cant_update_message",
    "restricted_action_thread_locked",
    "missing_scope",
    "feature_not_enabled",
    "update_failed",
    "something_new",
]
# After these the token is void: the runs of the workspace end. A message that is said to be gone
# was deleted by a person, and stays away; here it is there.
GONE = {code for code, kind in CODES.items() if kind is Kind.REVOKED} | {"message_not_found"}


def documented(method):
    codes = {*REFERENCE["common"], *METHODS[method]["errors"]} - GONE
    return [pytest.param(code, marks=pytest.mark.soak) for code in sorted(codes - {*SOME})]


@pytest.fixture
def refuse(workspace, expected_refusals):
    """Arrange that the next calls of a method are refused."""

    def arrange(method, code, times=1):
        expected_refusals.add(code)
        workspace.workspace.faults.add(Fault(method, code, times=times))

    return arrange


def is_whole(message):
    """Whether it is the answer, and no draft of it."""
    return ANSWERED in message.words and "I am writing" not in message.words


async def is_exact(person, mention):
    """Whether the thread has its status and its answer once, whole, and nothing to decide."""
    answer = await person.wait_for(person.thread(mention), is_whole, PATIENCE_S)
    status = await person.wait_for(
        person.thread(mention), lambda m: says("2 of 2 done", "Done")(m), PATIENCE_S
    )
    messages = await person.messages(person.thread(mention))
    said = [m.ts for m in messages if ANSWERED in m.words]
    states = [m.ts for m in messages if "2 of 2 done" in m.words and "Approve" not in m.buttons]
    assert (said, states) == ([answer.ts], [status.ts])
    assert not any("Approve" in m.buttons for m in messages)


@pytest.mark.parametrize("code", [*SOME, *documented("chat.postMessage")])
async def test_a_plan_that_is_refused_once_is_there_in_the_end(start_bot, ada, refuse, code):
    model = HeldModel(Purpose.PLAN)
    async with start_bot(model):
        mention = await ada.mention("general", TASK)
        await ada.wait_for(mention, is_note, PATIENCE_S)
        refuse("chat.postMessage", code)
        model.let_go()
        plan = await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
        await ada.click(plan, "Approve")
        await is_exact(ada, mention)


@pytest.mark.parametrize("code", [*SOME, *documented("chat.update")])
async def test_a_status_that_is_refused_once_is_right_in_the_end(start_bot, ada, refuse, code):
    model = HeldModel(Purpose.SYNTHESIS)
    async with start_bot(model):
        mention = await ada.mention("general", TASK)
        plan = await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
        await ada.click(plan, "Approve")
        await ada.wait_for(mention, says("2 of 2 done"), PATIENCE_S)
        refuse("chat.update", code)
        model.let_go()
        await is_exact(ada, mention)


@pytest.mark.parametrize("code", [*SOME, *documented("chat.postMessage")])
async def test_an_answer_that_is_refused_once_is_there_in_the_end(start_bot, ada, refuse, code):
    model = HeldModel(Purpose.SYNTHESIS)
    async with start_bot(model):
        mention = await ada.mention("general", TASK)
        plan = await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
        await ada.click(plan, "Approve")
        await ada.wait_for(mention, says("2 of 2 done"), PATIENCE_S)
        refuse("chat.postMessage", code)
        model.let_go()
        await is_exact(ada, mention)


@pytest.mark.parametrize("method", ["chat.update", "chat.stopStream"])
@pytest.mark.parametrize(
    "code",
    [
        "block_mismatch",
        "streaming_state_conflict",
        "edit_window_closed",
        "something_new",
        *documented("chat.stopStream"),
    ],
)
async def test_an_answer_that_grew_is_whole_in_the_end(
    start_bot, ada, refuse, method, code, expected_refusals
):
    # A stream that could not be stopped cannot be edited, either, until it is.
    expected_refusals.add("streaming_state_conflict")
    model = HeldModel(Purpose.SYNTHESIS, begins="Apples are ")
    async with start_bot(model):
        mention = await ada.mention("general", TASK)
        plan = await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
        await ada.click(plan, "Approve")
        await ada.wait_for(mention, says("Apples are"), PATIENCE_S)
        await ada.wait_for(mention, says("2 of 2 done"), PATIENCE_S)
        refuse(method, code)
        model.let_go()
        await is_exact(ada, mention)
        messages = await ada.messages(ada.thread(mention))
        assert not any("I am writing the answer" in m.words for m in messages)


# --- for ever ------------------------------------------------------------------------------


async def test_a_plan_that_a_closed_place_never_takes_is_decided_in_a_direct_message(
    start_bot, ada, refuse, workspace
):
    model = HeldModel(Purpose.PLAN)
    async with start_bot(model):
        mention = await ada.mention("general", TASK)
        await ada.wait_for(mention, is_note, PATIENCE_S)
        refuse("chat.postMessage", "restricted_action_thread_locked", times=3)
        model.let_go()
        plan = await ada.wait_for(direct(ada), has_button("Approve"), PATIENCE_S)
        assert says("does not let me show this", "apples")(plan)
        # What is closed for long is opened in the end.
        await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
        await ada.click(plan, "Approve")
        await is_exact(ada, mention)
        told = await ada.messages(direct(ada))
        assert len([m for m in told if "does not let me" in m.words]) == 1
        await ada.wait_for(
            direct(ada), same(plan, lambda m: "Approve" not in m.buttons), PATIENCE_S
        )


async def test_the_answer_of_a_run_whose_channel_is_archived_comes_directly(
    start_bot, ada, workspace, expected_refusals
):
    expected_refusals.add("is_archived")
    model = HeldModel(Purpose.SYNTHESIS)
    async with start_bot(model):
        mention = await ada.mention("general", TASK)
        plan = await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
        await ada.click(plan, "Approve")
        await ada.wait_for(mention, says("2 of 2 done"), PATIENCE_S)
        await ada.archive("general")
        model.let_go()
        answer = await ada.wait_for(direct(ada), says(ANSWERED), PATIENCE_S)
        assert "Run again" in answer.buttons
