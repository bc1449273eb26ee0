"""Files that people attach: found however Slack tells of them, read before there is a plan."""

import pytest

from bot.localslack.faults import Fault
from tests.acceptance.conftest import PATIENCE_S, has_button, kill

TASK = "Summarise the numbers"
CSV = ("numbers.csv", b"fruit,count\napples,3\npears,4\n")


@pytest.fixture
def only_mentions(workspace):
    """An app that did not subscribe to messages: it has to look for the files of a mention."""
    manifest = workspace.workspace.manifest
    events = manifest.events - {"message.channels"}
    object.__setattr__(manifest, "events", events)


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


@pytest.mark.parametrize("names", [[], ["numbers.csv"]])
async def test_the_message_itself_tells_of_its_files_so_nothing_is_looked_up(
    bot, ada, workspace, files, rows, names
):
    attached = [await ada.attach((name, CSV[1])) for name in names]
    mention = await ada.mention("general", TASK, files=attached)
    await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
    assert [name for name, _ in files()] == names
    assert "conversations.replies" not in {call.method for call in workspace.calls}
    assert rows("SELECT count(*) FROM told_files") == [(0,)]


async def test_an_app_that_hears_only_mentions_looks_for_their_files(
    only_mentions, bot, ada, workspace, files
):
    mention = await ada.mention("general", TASK, files=[await ada.attach(CSV)])
    await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
    assert files() == [("numbers.csv", "read")]
    assert [c.method for c in workspace.calls].count("conversations.replies") == 1


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
    only_mentions, bot, ada, workspace, files, expected_refusals
):
    expected_refusals.add("ratelimited")
    fault = Fault("conversations.replies", "ratelimited", status=429, retry_after_s=1)
    workspace.workspace.faults.add(fault)
    mention = await ada.mention("general", TASK, files=[await ada.attach(CSV)])
    await ada.wait_for(mention, has_button("Approve"), PATIENCE_S)
    assert files() == [("numbers.csv", "read")]


async def test_a_bot_killed_before_it_has_looked_for_files_finds_them_afterwards(
    only_mentions, start_process, ada, workspace, files, expected_refusals
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
