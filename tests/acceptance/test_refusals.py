"""Every refusal that Slack documents, at every message of a run: the thread ends exact."""

import pytest
from tenacity import AsyncRetrying, retry_if_result, stop_after_delay, wait_fixed

from bot.localslack.faults import Fault
from bot.refusals import CODES, Kind
from orchestrator.model.base import Purpose
from tests.acceptance.conftest import (
    PATIENCE_S,
    HeldModel,
    LongAnswer,
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

    def arrange(method, code, times=1, channel=None):
        expected_refusals.add(code)
        workspace.workspace.faults.add(Fault(method, code, times=times, channel=channel))

    return arrange


def is_whole(message):
    """Whether it is the answer, and no draft of it."""
    return ANSWERED in message.words and "I am writing" not in message.words


async def worked_through(person):
    """Ask for a run and approve it; the mention, once its subtasks are done."""
    mention = await person.mention("general", TASK)
    plan = await person.wait_for(mention, has_button("Approve"), PATIENCE_S)
    await person.click(plan, "Approve")
    await person.wait_for(mention, says("2 of 2 done"), PATIENCE_S)
    return mention


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


@pytest.mark.parametrize(
    ("method", "code"),
    [
        pytest.param(method, *code.values, marks=code.marks)
        for method in ("chat.update", "chat.postMessage")
        for code in (*map(pytest.param, SOME), *documented(method))
    ],
)
async def test_a_status_or_an_answer_that_is_refused_once_is_right_in_the_end(
    start_bot, ada, refuse, method, code
):
    model = HeldModel(Purpose.SYNTHESIS)
    async with start_bot(model):
        mention = await worked_through(ada)
        refuse(method, code)
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


async def seen_by(person, place, *words):
    """Whether the person is told in words, where they are looking or directly."""
    return await person.wait_for(place, lambda m: m.is_ephemeral and says(*words)(m), PATIENCE_S)


@pytest.mark.parametrize("times", [1, None], ids=["once", "for ever"])
@pytest.mark.parametrize("code", [*SOME, "expired_trigger_id", *documented("views.open")])
async def test_a_dialog_that_is_refused_is_told_to_who_clicked(bot, ada, refuse, code, times):
    mention = await ada.mention("general", TASK)
    plan = await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
    refuse("views.open", code, times)
    await ada.click(plan, "Re-plan")
    await seen_by(ada, mention, "click again" if CODES.get(code) is Kind.CLICK else "")
    await ada.click(plan, "Approve")
    await is_exact(ada, mention)


@pytest.mark.parametrize("times", [1, 3, None], ids=["once", "three times", "for ever"])
@pytest.mark.parametrize("method", ["chat.startStream", "chat.appendStream"])
@pytest.mark.parametrize("code", [*SOME, *documented("chat.appendStream")])
async def test_an_answer_that_may_not_grow_is_whole_in_the_end(
    start_bot, ada, refuse, method, code, times
):
    model = HeldModel(Purpose.SYNTHESIS, begins="Apples are ")
    refuse(method, code, times)
    async with start_bot(model):
        mention = await worked_through(ada)
        model.let_go()
        await is_exact(ada, mention)


UPLOADS = ["files.getUploadURLExternal", "files.completeUploadExternal"]
# So long a file is tried before the thread says that it is missing.
LONG_S = 120.0


@pytest.mark.parametrize(
    "times",
    [
        pytest.param(1, id="once"),
        pytest.param(3, id="three times", marks=pytest.mark.soak),
        pytest.param(None, id="for ever", marks=pytest.mark.soak),
    ],
)
@pytest.mark.parametrize("method", UPLOADS)
@pytest.mark.parametrize("code", [*SOME, *documented("files.completeUploadExternal")])
async def test_a_file_that_is_refused_comes_or_the_thread_says_that_it_does_not(
    start_bot, ada, refuse, method, code, times
):
    def is_there(message):
        return bool(message.files) or "let me attach" in message.words

    async with start_bot(LongAnswer()):
        mention = await ada.mention("general", TASK)
        plan = await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
        refuse(method, code, times)
        await ada.click(plan, "Approve")
        thread = ada.thread(mention)
        await ada.wait_for(thread, is_there, LONG_S)
        assert sum(map(is_there, await ada.messages(thread))) == 1


@pytest.mark.soak
async def test_a_file_that_slack_takes_after_all_takes_the_place_of_the_note(
    start_bot, ada, refuse, workspace
):
    refuse(UPLOADS[0], "something_new", None)
    async with start_bot(LongAnswer()):
        mention = await ada.mention("general", TASK)
        plan = await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
        await ada.click(plan, "Approve")
        thread = ada.thread(mention)
        await ada.wait_for(thread, says("let me attach"), LONG_S)
        workspace.workspace.faults.clear()
        await ada.wait_for(thread, lambda m: bool(m.files), LONG_S)
        await eventually_without(ada, thread, "let me attach")


async def eventually_without(person, thread, words):
    """Return when no message in the thread has the words."""
    waiting = AsyncRetrying(
        retry=retry_if_result(bool), wait=wait_fixed(0.05), stop=stop_after_delay(PATIENCE_S)
    )

    async def left():
        return [m for m in await person.messages(thread) if words in m.words]

    await waiting(left)


# --- for ever ------------------------------------------------------------------------------


async def wherever(person, mention, predicate):
    """A message in the thread, or in the person's messages with the bot."""
    waiting = AsyncRetrying(
        retry=retry_if_result(lambda found: found is None),
        wait=wait_fixed(0.1),
        stop=stop_after_delay(2 * LONG_S),
    )

    async def look():
        places = (person.thread(mention), direct(person))
        messages = [message for place in places for message in await person.messages(place)]
        return next(filter(predicate, messages), None)

    return await waiting(look)


SLOW = pytest.mark.soak


@pytest.mark.parametrize(
    ("code", "times"),
    [
        ("invalid_blocks", 3),
        *(pytest.param(code, 3, marks=SLOW) for code in SOME[1:]),
        *(pytest.param(code, None, marks=SLOW) for code in SOME),
        *(pytest.param(*code.values, 3, marks=SLOW) for code in documented("chat.postMessage")),
        *(pytest.param(*code.values, None, marks=SLOW) for code in documented("chat.postMessage")),
    ],
)
async def test_what_a_channel_does_not_take_is_decided_and_read_wherever_it_is_shown(
    start_bot, ada, refuse, code, times
):
    model = HeldModel(Purpose.PLAN)
    async with start_bot(model):
        mention = await ada.mention("general", f"{TASK} #question(1)")
        await ada.wait_for(mention, is_note, PATIENCE_S)
        refuse("chat.postMessage", code, times, channel=mention.channel)
        model.let_go()
        await ada.click(await wherever(ada, mention, has_button("Approve")), "Approve")
        await ada.click(await wherever(ada, mention, has_button("Quality")), "Quality")
        assert await wherever(ada, mention, is_whole)


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
    expected_refusals |= {"is_archived", "is_inactive"}
    model = HeldModel(Purpose.SYNTHESIS)
    async with start_bot(model):
        await worked_through(ada)
        await ada.archive("general")
        model.let_go()
        answer = await ada.wait_for(direct(ada), says(ANSWERED), PATIENCE_S)
        assert "Run again" in answer.buttons
