"""The bot is killed with `kill -9` in every state of a run, and started again."""

import sqlite3
from contextlib import closing

import pytest

from bot.localslack.faults import Fault
from tests.acceptance.conftest import (
    PATIENCE_S,
    approved,
    done,
    has_button,
    kill,
    proposed,
    same,
    says,
    shape,
    without_notes,
)

TASK = "Look at apples #subtasks(3)"


@pytest.fixture
def expected_refusals():
    """Killed between a deletion and the record of it, the bot deletes once more."""
    return {"message_not_found"}


@pytest.fixture
def expect_as_if_nothing_happened(ada, succeeded):
    """The thread shows what that of an uninterrupted run does, and nothing succeeded twice."""

    async def expect(mention, plan, task=TASK):
        messages = await done(ada, mention, plan)
        assert [text for text, _ in shape(messages)] == [
            f"<@U0LOCALBOT1> {task}",
            "R-NAME: done, 3 of 3 done.",
            f"The answer of R-NAME: {task}",
        ]
        assert set(succeeded().values()) == {1}

    return expect


async def test_killed_in_every_state_of_one_run(
    start_process, ada, rows, expect_as_if_nothing_happened
):
    task = f"{TASK} #slow(2,500ms)"
    mention = await ada.mention("general", task)
    async with start_process("tests.acceptance.held_bot", "plan") as process:
        await ada.wait_for(mention, says("planning"), PATIENCE_S)
        await kill(process)
    async with start_process("tests.acceptance.held_bot", "synthesis") as process:
        plan = await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
        await ada.click(plan, "Approve")
        await ada.wait_for(plan, same(plan, says("1 of 3 done")), PATIENCE_S)
        await kill(process)
    async with start_process("tests.acceptance.held_bot", "synthesis") as process:
        await ada.wait_for(plan, same(plan, says("Writing the answer")), PATIENCE_S)
        await kill(process)
    async with start_process():
        await expect_as_if_nothing_happened(mention, plan, task)
    interrupted = rows("SELECT purpose FROM attempt WHERE outcome = 'interrupted' ORDER BY id")
    # The planning may not even have begun when its note was there.
    assert interrupted[-2:] == [("subtask",), ("synthesis",)]


@pytest.mark.soak
async def test_killed_while_it_plans(start_process, ada, expect_as_if_nothing_happened):
    async with start_process("tests.acceptance.held_bot", "plan") as process:
        mention = await ada.mention("general", TASK)
        await ada.wait_for(mention, says("planning"), PATIENCE_S)
        await kill(process)
    async with start_process():
        plan = await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
        await ada.click(plan, "Approve")
        await expect_as_if_nothing_happened(mention, plan)


@pytest.mark.soak
async def test_killed_while_the_plan_waits(start_process, ada, expect_as_if_nothing_happened):
    async with start_process() as process:
        mention, plan = await proposed(ada, TASK)
        await kill(process)
    async with start_process():
        await ada.click(plan, "Approve")
        await expect_as_if_nothing_happened(mention, plan)


@pytest.mark.soak
async def test_killed_while_a_subtask_runs(start_process, ada, expect_as_if_nothing_happened):
    task = f"{TASK} #slow(2,1s)"
    async with start_process() as process:
        mention, plan = await approved(ada, task)
        await ada.wait_for(plan, same(plan, says("1 of 3 done")), PATIENCE_S)
        await kill(process)
    async with start_process():
        await expect_as_if_nothing_happened(mention, plan, task)


@pytest.mark.soak
async def test_killed_while_it_writes_the_answer(
    start_process, ada, rows, expect_as_if_nothing_happened
):
    async with start_process("tests.acceptance.held_bot", "synthesis") as process:
        mention, plan = await approved(ada, TASK)
        await ada.wait_for(plan, same(plan, says("Writing the answer")), PATIENCE_S)
        await kill(process)
    async with start_process():
        await expect_as_if_nothing_happened(mention, plan)
    assert ("synthesis", "interrupted") in rows("SELECT purpose, outcome FROM attempt")


@pytest.mark.soak
async def test_killed_while_people_are_needed(start_process, ada, succeeded):
    task = "Look at apples #subtasks(5) #fail(1,3) #question(2)"
    async with start_process() as process:
        mention, plan = await approved(ada, task)
        letter = await ada.wait_for(mention, has_button("Retry"), PATIENCE_S)
        question = await ada.wait_for(mention, has_button("Quality"), PATIENCE_S)
        await kill(process)
    async with start_process():
        await ada.click(letter, "Retry")
        await ada.click(question, "Quality")
        messages = await done(ada, mention, plan)
    assert len(messages) == 5
    assert set(succeeded().values()) == {1}


@pytest.mark.soak
async def test_killed_when_all_is_done(start_process, ada, expect_as_if_nothing_happened):
    async with start_process() as process:
        mention, plan = await approved(ada, TASK)
        await done(ada, mention, plan)
        await kill(process)
    async with start_process():
        await ada.mention("general", "A later task", thread=mention)
        await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
        assert len(await without_notes(ada, mention)) == 5


@pytest.mark.parametrize("posts", [pytest.param(1, marks=pytest.mark.soak), 2])
async def test_killed_between_a_post_and_the_record_of_it(
    start_process, ada, workspace, expect_as_if_nothing_happened, posts
):
    async with start_process() as process:
        fault = Fault("chat.postMessage", status=500, lose_answer=True, times=posts)
        workspace.workspace.faults.add(fault)
        mention = await ada.mention("general", TASK)
        await ada.wait_for(mention, says("lan"), PATIENCE_S)
        await kill(process)
    workspace.workspace.faults.clear()
    async with start_process():
        plan = await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
        await ada.click(plan, "Approve")
        await expect_as_if_nothing_happened(mention, plan)


@pytest.fixture
def held_database(tmp_path):
    """Keeps everybody else from committing until it is let go."""
    with closing(sqlite3.connect(tmp_path / "orchestrator.db", isolation_level=None)) as held:
        yield held


def mentions_told(workspace):
    """How often the bot was told of a mention, and whether it acknowledged that."""
    envelopes = workspace.workspace.recorder.envelopes
    told = [e for e in envelopes if e.payload.get("event", {}).get("type") == "app_mention"]
    return [envelope.acked for envelope in told]


async def test_killed_before_the_task_is_committed(
    start_process, ada, workspace, held_database, expect_as_if_nothing_happened
):
    workspace.workspace.sockets.ack_timeout_s = 0.3
    async with start_process() as process:
        held_database.execute("BEGIN IMMEDIATE")
        mention = await ada.mention("general", TASK)
        await workspace.workspace.recorder.wait_for(lambda: mentions_told(workspace), PATIENCE_S)
        assert not any(mentions_told(workspace))
        await kill(process)
    held_database.execute("ROLLBACK")
    workspace.workspace.sockets.ack_timeout_s = PATIENCE_S
    async with start_process():
        plan = await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
        await ada.click(plan, "Approve")
        await expect_as_if_nothing_happened(mention, plan)


async def test_a_task_that_is_told_again_before_it_is_committed_makes_one_run(
    bot, ada, workspace, held_database, rows
):
    workspace.workspace.sockets.ack_timeout_s = 0.3
    held_database.execute("BEGIN IMMEDIATE")
    mention = await ada.mention("general", TASK)
    recorder = workspace.workspace.recorder
    await recorder.wait_for(lambda: len(mentions_told(workspace)) > 1, PATIENCE_S)
    held_database.execute("ROLLBACK")
    await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
    await recorder.wait_for(lambda: any(mentions_told(workspace)), PATIENCE_S)
    assert rows("SELECT count(*) FROM run") == [(1,)]


@pytest.mark.soak
async def test_a_task_sent_to_a_killed_bot_is_taken_up(start_process, ada):
    async with start_process() as process:
        await kill(process)
    mention = await ada.mention("general", TASK)
    async with start_process():
        await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)


@pytest.mark.soak
@pytest.mark.parametrize("moment", range(5))
async def test_killed_at_any_moment_of_a_run(
    start_process, ada, workspace, expect_as_if_nothing_happened, moment
):
    """Killed right after the n-th change of the thread, whatever it is at then."""
    # Apart enough that each subtask changes the thread by itself.
    task = f"{TASK} #slow(1,1s) #slow(2,2s) #slow(3,3s)"
    async with start_process() as process:
        mention, plan = await proposed(ada, task)
        calls = workspace.workspace.recorder.calls
        seen = len(calls)
        await ada.click(plan, "Approve")
        await workspace.workspace.recorder.wait_for(lambda: len(calls) > seen + moment, PATIENCE_S)
        await kill(process)
    async with start_process():
        await expect_as_if_nothing_happened(mention, plan, task)
