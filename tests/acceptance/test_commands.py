"""Slash commands: `/orchestrate` begins a run, `/runs` finds past ones."""

import re
import sqlite3

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from bot.localslack.seed import BOT_USER, TEAM_ID
from orchestrator.model.base import Purpose
from tests.acceptance.conftest import (
    PATIENCE_S,
    HeldModel,
    approved,
    done,
    has_button,
    proposed,
    same,
    says,
    told,
)


async def shown(person, query="", channel="general", *words):
    """What `/runs` shows, which is then put away."""
    await person.command("/runs", query, channel=channel)
    answer = await told(person, channel, *words)
    await person.delete(answer)
    return answer


@pytest.fixture
def past(bot, past_of):
    return past_of


async def test_orchestrate_makes_a_thread_under_the_bots_own_first_message(bot, ada):
    await ada.command("/orchestrate", "Compare apples and pears", channel="general")
    root = await ada.wait_for("general", says("asked for:", "Compare apples"), PATIENCE_S)
    assert root.user == BOT_USER
    assert ada.id in str(root.blocks)
    plan = await ada.wait_for(root, has_button("Approve"), PATIENCE_S)
    assert plan.thread_ts == root.ts
    await ada.click(plan, "Approve")
    await done(ada, root, plan)


@pytest.mark.parametrize("words", ["", "help"])
async def test_orchestrate_without_a_task_says_how_to_use_it(bot, ada, rows, words):
    await ada.command("/orchestrate", words, channel="general")
    await told(ada, "general", "Tell me what you need")
    assert rows("SELECT count(*) FROM run") == [(0,)]


async def test_orchestrate_where_the_bot_is_not_says_to_invite_it(
    bot, ada, workspace, rows, expected_refusals
):
    expected_refusals.add("channel_not_found")
    storage = workspace.workspace.directory._storage
    channel = storage.get("channel", "C0LOCALLEA1")
    storage.put("channel", channel["id"], {**channel, "members": [ada.id]})
    await ada.command("/orchestrate", "Compare apples and pears", channel="leadership")
    await told(ada, "leadership", "Invite me")
    assert rows("SELECT count(*) FROM run") == [(0,)]


async def test_runs_lists_my_runs_and_all_lists_everybodys(bot, ada, grace):
    await proposed(ada, "Compare apples")
    await proposed(grace, "Compare pears")
    mine = await shown(ada)
    assert "Your runs" in mine.words
    assert "Compare apples" in mine.words
    assert "Compare pears" not in mine.words
    everybodys = await shown(ada, "all")
    assert says("Compare apples", "Compare pears")(everybodys)


async def test_runs_without_any_says_how_to_begin_one(bot, ada):
    assert "You have no runs yet" in (await shown(ada)).words


async def test_runs_are_filtered_by_state_channel_and_words(bot, ada, past):
    past("Compare apples", "Compare pears")
    mention, plan = await approved(ada, "Look at plums #subtasks(2) #fail(1)", "research")
    await ada.wait_for(mention, has_button("Retry"), PATIENCE_S)
    assert says("plums")(await shown(ada, "running"))
    assert says("plums")(await shown(ada, "dead"))
    assert says("plums")(await shown(ada, "<#C0LOCALRES1|research>"))
    assert says("plums")(await shown(ada, "#research"))
    assert says("No run matches")(await shown(ada, "failed"))
    assert says("Compare apples")(await shown(ada, "APPLES"))
    assert says("No run matches")(await shown(ada, "apples pears"))
    assert says("No run matches")(await shown(ada, "100%"))
    await ada.click(plan, "Stop")
    await ada.wait_for(plan, same(plan, says("Stopped")), PATIENCE_S)
    assert says("plums")(await shown(ada, "failed"))
    assert says("No run matches")(await shown(ada, "running"))


async def test_what_is_asked_for_can_be_combined(bot, ada, grace, past):
    past("Compare apples", "Compare pears", status="failed")
    past("Compare apples", requester=grace.id, channel="C0LOCALRES1", status="failed", first=50)
    past("Compare apples", first=100)
    everybodys = await shown(ada, "failed apples")
    assert says("R-1000", "R-1050", f"<@{grace.id}>", "failed · with “apples”")(everybodys)
    assert "R-1001" not in everybodys.words
    assert "R-1100" not in everybodys.words
    assert "R-1050" not in (await shown(ada, "mine failed apples")).words
    assert "R-1000" not in (await shown(ada, "failed #research apples")).words
    assert "R-1050" in (await shown(ada, "failed dead @Grace")).words


async def test_a_row_links_to_its_thread(bot, ada):
    mention, _ = await proposed(ada, "Compare apples")
    list_ = await shown(ada)
    address = f"/archives/{mention.channel}/p{mention.ts.replace('.', '')}|R-"
    assert address in str(list_.blocks)


async def test_pages_turn_after_a_restart(start_bot, ada, past_of):
    async with start_bot():
        past_of(*(f"Task number {number:02}" for number in range(10)))
        await ada.command("/runs", "number", channel="general")
        first = await told(ada, "general", "number 09")
    async with start_bot():
        await ada.click(first, "Next")
        await told(ada, "general", "number 01", "number 00")


async def test_a_channel_that_is_none_is_explained(bot, ada):
    assert says("cannot tell which channel #nowhere is")(await shown(ada, "failed #nowhere"))


@pytest.mark.parametrize("verb", ["show", "Stop", "retry"])
async def test_a_verb_without_a_name_is_asked_back(bot, ada, verb):
    assert says("Which run?", f"/runs {verb.lower()} R-7F3K")(await shown(ada, verb))


@pytest.mark.parametrize("name", ["R-1000", "r-1000", "1000", "`R-1000`"])
async def test_a_run_is_named_in_many_ways(bot, ada, past, name):
    past("Compare apples")
    assert says("R-1000")(await shown(ada, f"show {name}"))


async def test_runs_turns_pages(bot, ada, past):
    past(*(f"Task number {number:02}" for number in range(20)))
    await ada.command("/runs", "number", channel="general")
    first = await told(ada, "general", "number 19", "number 12")
    assert first.buttons[-1:] == ["Next"]
    await ada.click(first, "Next")
    second = await told(ada, "general", "number 11", "number 04")
    assert second.buttons[-2:] == ["Previous", "Next"]
    await ada.click(second, "Next")
    third = await told(ada, "general", "number 03", "number 00")
    assert third.buttons[-1:] == ["Previous"]
    await ada.click(third, "Previous")
    await told(ada, "general", "number 11")
    assert len(await ada.ephemerals("general")) == 1


async def test_a_row_opens_its_details(bot, ada, past):
    past("Compare apples")
    await ada.command("/runs", "", channel="general")
    await ada.click(await told(ada, "general", "Compare apples"), "Details")
    modal = await ada.modal(PATIENCE_S, lambda view: "Compare apples" in str(view))
    assert modal.title == "Details of R-1000"


async def name_of(person):
    """The name of one's only run."""
    return re.search(r"R-\w+", (await shown(person)).words)[0]


async def test_a_run_is_shown_stopped_and_retried_by_its_name(bot, ada):
    mention, plan = await approved(ada, "Look at apples #subtasks(2) #fail(1,3)")
    letter = await ada.wait_for(mention, has_button("Retry"), PATIENCE_S)
    name = await name_of(ada)
    assert says("Running", "0 of 2 done")(await shown(ada, f"show {name.lower()}"))
    assert says("will be tried again")(await shown(ada, f"retry {name}"))
    await done(ada, mention, plan)
    await ada.wait_for(letter, same(letter, says("chose Retry")), PATIENCE_S)
    assert says("over already")(await shown(ada, f"stop {name}"))


async def test_a_run_is_stopped_by_its_name(start_bot, ada):
    async with start_bot(HeldModel(Purpose.PLAN)):
        mention = await ada.mention("general", "Look at apples")
        await ada.wait_for(mention, has_button("Stop"), PATIENCE_S)
        assert says("was stopped")(await shown(ada, f"stop {await name_of(ada)}"))
        await ada.wait_for(mention, says("Stopped"), PATIENCE_S)


async def test_a_name_that_is_none_is_told(bot, ada):
    assert says("There is no run named")(await shown(ada, "show R-ZZZZ"))


async def test_help_lists_what_runs_can_do(bot, ada):
    assert says("/runs show", "/runs dead")(await shown(ada, "help"))


async def test_commands_work_in_direct_messages(bot, grace):
    channel = f"D{grace.id.removeprefix('U')}"
    await grace.command("/orchestrate", "Compare apples and pears", channel=channel)
    root = await grace.wait_for(channel, says("asked for:"), PATIENCE_S)
    await grace.wait_for(root, has_button("Approve"), PATIENCE_S)


async def test_a_click_about_a_run_that_no_longer_exists_is_told(bot, ada, tmp_path):
    _, plan = await proposed(ada, "Look at apples")
    with sqlite3.connect(tmp_path / "orchestrator.db") as connection:
        for table in ("event", "message", "request", "attempt", "plan_revision", "run"):
            connection.execute(f"DELETE FROM {table}")
    connection.close()
    bot.orchestrator.engine._live.clear()
    await ada.click(plan, "Approve")
    await told(ada, plan, "no longer exists")
    await ada.click(plan, "Edit")
    await ada.modal(PATIENCE_S, lambda view: "no longer exists" in str(view))


async def test_what_breaks_is_told_with_an_id_that_finds_it_in_the_log(bot, ada, tmp_path):
    with sqlite3.connect(tmp_path / "orchestrator.db") as connection:
        connection.execute("DROP TABLE schedule")
    connection.close()
    with capture_logs([merge_contextvars]) as logged:
        await ada.command("/schedules", channel="general")
        first = await told(ada, "general", "did not work")
        await ada.delete(first)
        await ada.command("/schedules", channel="general")
        second = await told(ada, "general", "did not work")

    ids = [re.search(r"this id: (\w+)", message.text)[1] for message in (first, second)]
    assert len(set(ids)) == 2
    broken = [entry for entry in logged if entry["event"] == "listener_broke"]
    assert [(entry["request"], entry["team"]) for entry in broken] == [
        (id_, TEAM_ID) for id_ in ids
    ]
