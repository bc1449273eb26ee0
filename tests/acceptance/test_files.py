"""Files that people attach: found however Slack tells of them, read before there is a plan."""

import pytest

from bot.localslack.faults import Fault
from tests.acceptance.conftest import PATIENCE_S, has_button, kill

TASK = "Summarise the numbers"
CSV = ("numbers.csv", b"fruit,count\napples,3\npears,4\n")


@pytest.fixture
def files(rows):
    """The files of all runs, by name and whether they were read."""
    return lambda: rows("SELECT name, status FROM artifact ORDER BY id")


async def test_a_file_with_a_mention_is_read_before_there_is_a_plan(bot, ada, files, rows):
    mention = await ada.mention("general", TASK, files=[await ada.attach(CSV)])
    await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
    assert files() == [("numbers.csv", "read")]
    assert rows("SELECT files_pending FROM run") == [(0,)]


async def test_a_mention_without_files_waits_for_none(bot, ada, files, rows):
    mention = await ada.mention("general", TASK)
    await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
    assert files() == []
    assert rows("SELECT files_pending FROM run") == [(0,)]


async def test_a_file_in_a_direct_message_is_read(bot, ada, files):
    place = f"D{ada.id.removeprefix('U')}"
    message = await ada.post(place, TASK, files=[await ada.attach(CSV)])
    await ada.wait_for(ada.thread(message), has_button("Approve"), PATIENCE_S)
    assert files() == [("numbers.csv", "read")]


async def test_the_files_of_a_thread_come_with_a_mention_in_it(bot, ada, grace, files):
    said = await grace.post("general", "Here are the numbers", files=[await grace.attach(CSV)])
    note = await ada.attach(("note.txt", b"Only the apples matter."))
    mention = await ada.mention("general", TASK, thread=said, files=[note])
    await ada.wait_for(ada.thread(mention), has_button("Approve"), PATIENCE_S)
    assert files() == [("note.txt", "read"), ("numbers.csv", "read")]


async def test_while_slack_does_not_tell_of_the_files_planning_waits(
    bot, ada, workspace, files, expected_refusals
):
    expected_refusals.add("ratelimited")
    fault = Fault("conversations.replies", "ratelimited", status=429, retry_after_s=1)
    workspace.workspace.faults.add(fault)
    mention = await ada.mention("general", TASK, files=[await ada.attach(CSV)])
    await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
    assert files() == [("numbers.csv", "read")]


async def test_a_bot_killed_before_it_has_looked_for_files_finds_them_afterwards(
    start_process, ada, workspace, files, expected_refusals
):
    expected_refusals.add("internal_error")
    refused = Fault("conversations.replies", status=500, times=None)
    workspace.workspace.faults.add(refused)
    async with start_process() as process:
        mention = await ada.mention("general", TASK, files=[await ada.attach(CSV)])
        await workspace.wait_for_call("conversations.replies", timeout=PATIENCE_S)
        await kill(process)
    workspace.workspace.faults.clear()
    async with start_process():
        await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
    assert files() == [("numbers.csv", "read")]
