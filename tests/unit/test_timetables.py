"""When schedules are due, and what is refused."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import InvalidInput
from orchestrator.schedules import read

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)  # a Sunday


def local(cron, moment=NOON, count=3, zone="UTC"):
    """The next times, as the clock on the wall shows them."""
    times = islice(read(cron, zone).times(moment), count)
    return [time.astimezone(ZoneInfo(zone)).strftime("%a %d %b %H:%M") for time in times]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("0", "Sun 08 Mar"),
        ("7", "Sun 08 Mar"),
        ("sun", "Sun 08 Mar"),
        ("1", "Mon 02 Mar"),
        ("MON", "Mon 02 Mar"),
        ("6", "Sat 07 Mar"),
        ("*/3", "Wed 04 Mar"),
        ("2-4/2", "Tue 03 Mar"),
        ("5-7", "Fri 06 Mar"),
        ("0-7", "Mon 02 Mar"),
        ("fri-mon", "Mon 02 Mar"),
        ("thu,sat", "Thu 05 Mar"),
    ],
)
def test_days_of_the_week_are_those_of_every_other_cron(day, expected):
    assert local(f"0 9 * * {day}", count=1) == [f"{expected} 09:00"]


def test_a_day_of_the_month_or_of_the_week_will_do_where_both_are_given():
    assert local("0 9 5 * mon") == ["Mon 02 Mar 09:00", "Thu 05 Mar 09:00", "Mon 09 Mar 09:00"]


def test_times_are_those_of_the_persons_own_clock():
    tokyo = read("0 9 * * *", "Asia/Tokyo")
    assert tokyo.after(NOON) == datetime(2026, 3, 2, 0, tzinfo=UTC)
    assert tokyo.timezone == "Asia/Tokyo"


def test_a_time_that_is_now_has_been():
    nine = read("0 9 * * *")
    assert nine.after(datetime(2026, 3, 1, 9, tzinfo=UTC)) == datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_a_time_keeps_its_hour_when_the_clocks_change():
    before = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert local("0 9 * * *", before, 2, "Europe/Berlin") == [
        "Sun 29 Mar 09:00",
        "Mon 30 Mar 09:00",
    ]


def test_a_time_that_is_skipped_when_the_clocks_go_forward_comes_an_hour_later():
    before = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert local("30 2 * * *", before, 2, "Europe/Berlin") == [
        "Sun 29 Mar 03:30",
        "Mon 30 Mar 02:30",
    ]


def test_a_time_that_comes_twice_when_the_clocks_go_back_is_due_once():
    before = datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert local("30 2 * * *", before, 2, "Europe/Berlin") == [
        "Sun 25 Oct 02:30",
        "Mon 26 Oct 02:30",
    ]
    first = read("30 2 * * *", "Europe/Berlin").after(before)
    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_every_hour_is_every_hour_when_the_clocks_go_back():
    before = datetime(2026, 10, 24, 22, 15, tzinfo=UTC)
    times = list(islice(read("0 * * * *", "Europe/Berlin").times(before), 5))
    assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(hours=1)}


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("0 9 * * mon-fri", "at 09:00, Monday through Friday"),
        ("30 14 * * *", "every day at 14:30"),
        ("*/15 * * * *", "every 15 minutes"),
        ("0 0 1 1 *", "at 00:00, on day 1 of the month, only in January"),
        ("@weekly", "at 00:00, only on Sunday"),
        ("@DAILY", "every day at 00:00"),
    ],
)
def test_a_time_is_said_in_words(cron, words):
    assert read(cron).words == words


@pytest.mark.parametrize(
    ("cron", "problem"),
    [
        ("", "five parts"),
        ("0 9 * *", "not 4"),
        ("tomorrow at nine", "five parts"),
        ("@reboot", "five parts"),
        ("a 9 * * *", "“a” cannot be the minute"),
        ("0 L * * *", "“l” cannot be the hour"),
        ("0 9 ? * *", "“?” cannot be the day of the month"),
        ("0 9 * * mon#1", "“mon#1” cannot be the day of the week"),
        ("61 9 * * *", "cannot read"),
        ("0 24 * * *", "cannot read"),
        ("0 9 * * 8", "cannot read"),
        ("0 9 * * day", "cannot read"),
        ("0 9 * foo *", "cannot read"),
        ("*/0 * * * *", "cannot read"),
        ("1-0 * * * *", "cannot read"),
        ("0 0 31 2 *", "never comes"),
        ("* * * * *", "too often"),
        ("*/4 * * * *", "too often"),
        ("0,1 9 * * mon", "too often"),
        ("0,58 * * * *", "too often"),
        (f"0{',0' * 100} 9 * * *", "too long"),
        ("<!channel> 9 * * *", "cannot be the minute"),
    ],
)
def test_nonsense_is_refused_in_words(cron, problem):
    with pytest.raises(InvalidInput, match=problem):
        read(cron)


def test_what_cannot_be_read_is_explained_with_an_example():
    with pytest.raises(
        InvalidInput, match="For example, “0 9 \\* \\* mon-fri” is at 09:00, Monday"
    ):
        read("whenever")


@pytest.mark.parametrize("zone", ["Mars/Phobos", "", "../etc/passwd", "Europe"])
def test_an_unknown_time_zone_is_refused(zone):
    with pytest.raises(InvalidInput, match="time zone"):
        read("0 9 * * *", zone)


_part = st.text("0123456789*,/-monsujafebrwtdi?#L", max_size=6)


@given(st.tuples(_part, _part, _part, _part, _part), st.sampled_from(["UTC", "America/New_York"]))
def test_whatever_is_typed_is_refused_or_has_a_next_time_and_words(parts, zone):
    try:
        timetable = read(" ".join(parts), zone)
    except InvalidInput:
        return
    following = timetable.after(NOON)
    assert following is None or following > NOON
    assert timetable.words
