"""What happens without anybody doing anything: reminders, expiry, the daily word, retention."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.clock import Clock
from bot.localslack.faults import Fault
from bot.people import People
from tests.acceptance.conftest import (
    PATIENCE_S,
    approved,
    direct,
    done,
    has_button,
    proposed,
    same,
    says,
)

NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)


class DrivenClock:
    """The bot's clock, which shows what the test says."""

    def __init__(self, bot, **changed):
        self.moment = datetime.now(UTC)
        settings = bot.settings.model_copy(update=changed)
        here = (bot.orchestrator, bot.installations, People(bot.installations.client), bot.access)
        self.jobs = Clock(*here, settings, bot.publisher.wake, clock=lambda: self.moment)


@pytest.fixture
def clock(bot):
    return DrivenClock(bot)


def reminds(message):
    return "still needs" in message.text


async def test_people_are_reminded_in_the_thread_of_what_waits_for_them(bot, grace, clock):
    mention, plan = await proposed(grace, "Look at apples #subtasks(1)")
    await clock.jobs.remind()
    clock.moment += 2 * DAY
    await clock.jobs.remind()
    reminder = await grace.wait_for(mention, reminds, PATIENCE_S)
    assert says(f"<@{grace.id}>", "still needs a plan to be approved, since")(reminder)
    await clock.jobs.remind()
    await grace.click(plan, "Approve")
    await grace.wait_gone(reminder, PATIENCE_S)
    messages = await done(grace, mention, plan)
    assert not any(map(reminds, messages))


async def test_a_reminder_is_for_all_that_waits_and_says_what_is_left(bot, grace, clock):
    task = "Look at apples #subtasks(4) #fail(1) #question(2)"
    mention, _ = await approved(grace, task)
    letter = await grace.wait_for(mention, has_button("Skip"), PATIENCE_S)
    await grace.wait_for(mention, has_button("Quality"), PATIENCE_S)
    clock.moment += 2 * DAY
    await clock.jobs.remind()
    reminder = await grace.wait_for(mention, reminds, PATIENCE_S)
    assert "an answer and a decision" in reminder.words
    await grace.click(letter, "Skip")
    await grace.wait_for(mention, same(reminder, says("still needs an answer,")), PATIENCE_S)


async def test_nobody_is_reminded_where_that_is_switched_off(bot, grace, rows):
    await proposed(grace, "Look at apples")
    clock = DrivenClock(bot, remind_hours=None)
    clock.moment += 30 * DAY
    await clock.jobs.remind()
    assert rows("SELECT count(*) FROM request WHERE reminded_at IS NOT NULL") == [(0,)]


async def test_a_plan_that_nobody_approves_expires(bot, grace, clock, rows):
    _, plan = await proposed(grace, "Look at apples")
    clock.moment += timedelta(days=bot.settings.approval_days, minutes=1)
    await clock.jobs.expire()
    expired = await grace.wait_for(plan, same(plan, says("Expired")), PATIENCE_S)
    assert not has_button("Approve")(expired)
    assert rows("SELECT status FROM run") == [("expired",)]


@pytest.fixture
async def letter(bot, grace):
    """A dead letter of Grace's, who lives in New York."""
    mention, _ = await approved(grace, "Look at apples #subtasks(1) #fail(1)")
    await grace.wait_for(mention, has_button("Retry"), PATIENCE_S)
    return mention


def at(day, hour):
    """That hour in New York, so many days from now."""
    today = datetime.now(NEW_YORK) + timedelta(days=day)
    return today.replace(hour=hour, minute=30).astimezone(UTC)


async def words_of(person):
    return [m for m in await person.messages(direct(person)) if "Dead letters wait" in m.text]


async def test_once_a_day_people_are_told_of_their_dead_letters(bot, grace, clock, letter):
    clock.moment = at(1, hour=8)
    await clock.jobs.tell()
    assert await words_of(grace) == []
    clock.moment = at(1, hour=9)
    for _ in range(3):
        await clock.jobs.tell()
    (word,) = await words_of(grace)
    assert "Look at apples" in word.words
    assert word.buttons == ["Open thread", "Details"]
    clock.moment = at(2, hour=20)
    await clock.jobs.tell()
    assert len(await words_of(grace)) == 2


async def test_a_dead_letter_of_today_is_told_tomorrow(bot, grace, clock, letter):
    clock.moment = datetime.now(UTC)
    late = DrivenClock(bot, digest_hour=0)
    await late.jobs.tell()
    assert await words_of(grace) == []


async def test_nobody_is_told_of_letters_that_were_dealt_with(bot, grace, clock, letter, rows):
    message = await grace.wait_for(letter, has_button("Skip"), PATIENCE_S)
    await grace.click(message, "Skip")
    await grace.wait_for(letter, same(message, says("chose Skip")), PATIENCE_S)
    clock.moment = at(1, hour=10)
    await clock.jobs.tell()
    assert await words_of(grace) == []


async def test_the_daily_word_can_be_switched_off(bot, grace, letter):
    clock = DrivenClock(bot, digest_hour=None)
    clock.moment = at(1, hour=10)
    await clock.jobs.tell()
    assert await words_of(grace) == []


async def test_somebody_who_left_disturbs_nobody_elses_word(bot, ada, grace, linus, clock, letter):
    mention, _ = await approved(linus, "Look at pears #subtasks(1) #fail(1)")
    await linus.wait_for(mention, has_button("Retry"), PATIENCE_S)
    await ada.deactivate("Linus")
    clock.moment = at(1, hour=20)
    await clock.jobs.tell()
    assert len(await words_of(grace)) == 1


async def test_a_workspace_that_is_away_is_told_later(
    bot, grace, clock, letter, workspace, expected_refusals
):
    expected_refusals.add("internal_error")
    clock.moment = at(1, hour=9)
    workspace.workspace.faults.add(Fault("users.info", status=500))
    await clock.jobs.tell()
    assert await words_of(grace) == []
    await clock.jobs.tell()
    assert len(await words_of(grace)) == 1


async def test_old_results_are_deleted_and_the_thread_stays(bot, ada, rows):
    mention, plan = await approved(ada, "Look at apples #subtasks(2)")
    before = await done(ada, mention, plan)
    clock = DrivenClock(bot, retention_days=30)
    clock.moment += 29 * DAY
    await clock.jobs.clear()
    assert rows("SELECT count(*) FROM attempt WHERE output IS NOT NULL")[0][0] > 0
    clock.moment += 2 * DAY
    await clock.jobs.clear()
    assert rows("SELECT count(*) FROM attempt WHERE output IS NOT NULL") == [(0,)]
    bot.publisher.wake()
    await ada.click(before[-1], "Details")
    await ada.modal(PATIENCE_S, lambda view: "Look at apples" in str(view["blocks"]))
    after = await ada.messages(mention)
    assert [m.words for m in after] == [m.words for m in before]


async def test_results_are_kept_for_ever_unless_somebody_says_otherwise(bot, ada, clock, rows):
    mention, plan = await approved(ada, "Look at apples #subtasks(1)")
    await done(ada, mention, plan)
    clock.moment += 10_000 * DAY
    await clock.jobs.clear()
    assert rows("SELECT count(*) FROM run WHERE cleared_at IS NULL") == [(1,)]
