"""Schedules: made and changed by command and by button, and begun by the clock."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from bot.clock import Clock
from bot.people import People
from tests.acceptance.conftest import (
    PATIENCE_S,
    done,
    has_button,
    proposed,
    same,
    says,
    told,
    until,
)

ADD = 'add "0 9 * * mon-fri" Look at apples #subtasks(1)'


async def typed(person, text, *words, channel="general"):
    """What `/schedules` answers."""
    await person.command("/schedules", text, channel=channel)
    return await told(person, channel, *words)


async def made(person, text=ADD, channel="general"):
    """Make a schedule; gives its name."""
    answer = await typed(person, text, "by myself", channel=channel)
    await person.delete(answer)
    return answer.words.split("*")[1]


class DrivenClock:
    """The bot's clock, which shows what the test says."""

    def __init__(self, bot):
        self.moment = datetime.now(UTC)
        self.jobs = Clock(
            bot.orchestrator,
            bot.installations,
            People(bot.installations.client),
            bot.access,
            bot.settings,
            bot.publisher.wake,
            lambda: self.moment,
        )

    async def pass_until(self, moment):
        self.moment = moment
        await self.jobs.fire()


@pytest.fixture
def clock(bot):
    return DrivenClock(bot)


@pytest.fixture
def due(rows):
    """When the one schedule is due."""

    def read():
        ((at,),) = rows("SELECT next_at FROM schedule")
        return datetime.fromisoformat(at).replace(tzinfo=UTC)

    return read


async def test_a_schedule_is_read_back_in_words_with_its_next_times(bot, ada):
    answer = await typed(ada, ADD, "by myself")
    assert says("at 09:00, Monday through Friday", "Europe/London", "Look at apples")(answer)
    assert answer.words.count("<!date^") == 3
    assert answer.buttons == ["Pause", "Remove"]


async def test_times_are_those_of_the_persons_own_zone(bot, ada, grace, rows):
    await made(ada)
    await made(grace)
    zones = rows("SELECT timezone FROM schedule ORDER BY id")
    assert zones == [("Europe/London",), ("America/New_York",)]


@pytest.mark.parametrize(
    ("text", "cron", "task"),
    [
        ('add "0 9 * * *" Look at apples', "0 9 * * *", "Look at apples"),
        ("add “0 9 * * *” Look at apples", "0 9 * * *", "Look at apples"),
        ("ADD 0 9 * * 1 Look at apples", "0 9 * * 1", "Look at apples"),
        ("add @daily Look at <apples> & pears", "0 0 * * *", "Look at <apples> & pears"),
        ("add @daily Ask <@U0LOCALGRC1> about it", "0 0 * * *", "Ask @grace about it"),
        ('add "@weekly" Look at "apples"', "0 0 * * sun", 'Look at "apples"'),
    ],
)
async def test_a_schedule_can_be_typed_in_many_ways(bot, ada, rows, text, cron, task):
    await made(ada, text)
    assert rows("SELECT cron, task FROM schedule") == [(cron, task)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("add", "in quotation marks"),
        ("add tomorrow Look at apples", "in quotation marks"),
        ('add "0 9 * *" Look at apples', "five parts"),
        ('add "* * * * *" Look at apples', "too often"),
        ('add "61 9 * * *" Look at apples', "cannot read"),
        ('add "0 9 * * *"', "no task"),
        ("pause", "Which one?"),
        ("pause S-ZZZZ", "There is no schedule named S-ZZZZ"),
        ("frobnicate", "I don't know what “frobnicate” is"),
    ],
)
async def test_what_cannot_be_understood_is_explained(bot, ada, rows, text, words):
    await typed(ada, text, words)
    assert rows("SELECT count(*) FROM schedule") == [(0,)]


async def test_help_says_how_to_make_one(bot, ada):
    await typed(ada, "help", "/schedules add", "minute, hour", "remove S-4KQ2")


async def test_no_schedules_are_told_with_how_to_make_one(bot, ada):
    await typed(ada, "", "You have no schedules yet", "/schedules add")


async def test_a_schedule_is_not_made_where_the_bot_is_not(
    bot, ada, workspace, rows, expected_refusals
):
    expected_refusals |= {"channel_not_found", "not_in_channel"}
    await ada.remove_bot("leadership")
    await typed(ada, ADD, "Invite me", channel="leadership")
    assert rows("SELECT count(*) FROM schedule") == [(0,)]


async def test_a_schedule_is_paused_resumed_and_removed_by_its_name(bot, ada, rows):
    name = await made(ada)
    await ada.delete(await typed(ada, f"pause {name.lower()}", "is paused"))
    assert rows("SELECT is_paused, next_at FROM schedule") == [(1, None)]
    await ada.delete(await typed(ada, f"pause {name}", "paused already"))
    await ada.delete(await typed(ada, f"resume {name.removeprefix('S-')}", "goes on"))
    await ada.delete(await typed(ada, f"remove `{name}`", "is removed"))
    await typed(ada, "list", "no schedules yet")


async def test_buttons_of_the_list_pause_resume_and_remove(bot, ada, rows):
    await made(ada)
    list_ = await typed(ada, "", "Your schedules", "Look at apples")
    await ada.click(list_, "Pause")
    paused = await ada.wait_for("general", same(list_, says("Paused.")), PATIENCE_S)
    await ada.click(paused, "Resume")
    resumed = await ada.wait_for("general", same(list_, says("Next:")), PATIENCE_S)
    await ada.click(resumed, "Remove")
    await ada.wait_for("general", same(list_, says("no schedules yet")), PATIENCE_S)
    assert rows("SELECT count(*) FROM schedule") == [(0,)]


async def test_a_button_of_a_schedule_that_is_gone_says_so(bot, ada):
    name = await made(ada)
    list_ = await typed(ada, "", "Your schedules", "Look at apples")
    await ada.command("/schedules", f"remove {name}", channel="general")
    await told(ada, "general", "is removed")
    await ada.click(list_, "Pause")
    await told(ada, "general", f"There is no schedule named {name}")


async def test_buttons_of_before_a_restart_work(start_bot, ada, rows):
    async with start_bot():
        await made(ada)
        list_ = await typed(ada, "", "Your schedules")
    async with start_bot():
        await ada.click(list_, "Pause")
        await ada.wait_for("general", same(list_, says("Paused.")), PATIENCE_S)


async def test_somebody_elses_schedule_is_theirs_and_the_admins(bot, ada, grace, linus):
    name = await made(grace)
    await typed(linus, f"pause {name}", "only they", f"<@{grace.id}>")
    secret = await made(grace, channel="leadership")
    await typed(linus, f"pause {secret}", "no schedule named")
    await typed(ada, f"pause {name}", "is paused")


async def test_nobody_sees_anothers_schedules(bot, ada, grace):
    await made(ada)
    await typed(grace, "", "no schedules yet")


async def test_when_it_is_due_a_run_begins_under_a_message_that_mentions_its_maker(
    bot, grace, clock, due, rows
):
    await made(grace)
    await clock.pass_until(due() - timedelta(seconds=1))
    assert rows("SELECT count(*) FROM run") == [(0,)]
    await clock.pass_until(due())
    root = await grace.wait_for("general", says("asked for:", "Look at apples"), PATIENCE_S)
    assert grace.id in str(root.blocks)
    assert root.thread_ts in (None, root.ts)
    plan = await grace.wait_for(root, has_button("Approve"), PATIENCE_S)
    await grace.click(plan, "Approve")
    await done(grace, root, plan)
    assert rows("SELECT requester FROM run") == [(grace.id,)]


async def test_a_due_time_fires_once(bot, ada, clock, due, rows):
    await made(ada)
    at = due()
    for _ in range(3):
        await clock.pass_until(at)
    assert rows("SELECT count(*) FROM run") == [(1,)]
    assert due() > at


async def test_what_was_missed_while_the_bot_was_away_begins_once(start_bot, ada, rows, tmp_path):
    async with start_bot():
        await made(ada)
    with closing(sqlite3.connect(tmp_path / "orchestrator.db")) as connection:
        connection.execute("UPDATE schedule SET next_at = '2026-01-05 09:00:00.000000'")
        connection.commit()
    async with start_bot() as bot:
        root = await ada.wait_for("general", says("asked for:"), PATIENCE_S)
        await ada.wait_for(root, has_button("Approve"), PATIENCE_S)
        await DrivenClock(bot).jobs.fire()
    assert rows("SELECT count(*) FROM run") == [(1,)]


async def test_a_schedule_in_an_archived_channel_is_paused_and_its_maker_told(
    bot, grace, ada, clock, due, rows
):
    name = await made(grace, channel="launch")
    await ada.archive("launch")
    await clock.pass_until(due())
    dm = f"D{grace.id.removeprefix('U')}"
    message = await grace.wait_for(dm, says("paused your schedule", name, "archived"), PATIENCE_S)
    assert has_button("Resume")(message)
    assert rows("SELECT count(*) FROM run") == [(0,)]
    await ada.archive("launch", archived=False)
    await grace.click(message, "Resume")
    await until(lambda: rows("SELECT is_paused FROM schedule") == [(0,)])
    await clock.pass_until(due())
    await grace.wait_for("launch", says("asked for:"), PATIENCE_S)


async def test_a_schedule_where_the_bot_was_removed_is_paused(
    bot, grace, clock, due, rows, expected_refusals
):
    expected_refusals.add("channel_not_found")
    await made(grace, channel="leadership")
    await grace.remove_bot("leadership")
    await clock.pass_until(due())
    dm = f"D{grace.id.removeprefix('U')}"
    await grace.wait_for(dm, says("paused your schedule"), PATIENCE_S)
    assert rows("SELECT is_paused FROM schedule") == [(1,)]


async def test_a_schedule_of_somebody_who_left_is_paused(bot, ada, grace, clock, due, rows):
    await made(grace)
    await ada.deactivate("Grace")
    await clock.pass_until(due())
    assert rows("SELECT is_paused, trouble FROM schedule") == [
        (1, "The account of whoever made it was deactivated.")
    ]
    assert rows("SELECT count(*) FROM run") == [(0,)]


async def test_hostile_tasks_notify_nobody(bot, ada, clock, due):
    await made(ada, 'add "0 9 * * *" <!channel> <@U0LOCALGRC1> *look* `at` <http://x|this> &amp;')
    await clock.pass_until(due())
    root = await ada.wait_for("general", says("asked for:"), PATIENCE_S)
    assert "U0LOCALGRC1" not in [
        element.get("user_id")
        for block in root.blocks
        for part in block.get("elements", [])
        for element in part.get("elements", [])
    ]


async def test_schedules_of_the_home_tab_have_buttons_that_renew_it(bot, ada):
    await made(ada)
    await proposed(ada, "Look at pears")
    home = await ada.open_home(PATIENCE_S, lambda view: "Look at apples" in str(view))
    await home.click("Pause")
    home = await ada.open_home(PATIENCE_S, lambda view: "Paused." in str(view))
    await home.click("Remove")
    await ada.open_home(PATIENCE_S, lambda view: "You have no schedules" in str(view))
