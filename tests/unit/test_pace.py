"""How often a workspace is asked, with a clock that is driven by hand."""

import asyncio

import pytest

from bot.pace import Pace


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pace(clock):
    """Sixty a minute, of which three may be taken at once."""
    pace = Pace(60, burst=3, clock=clock)
    yield pace
    pace.close()


URGENT, PATIENT = {"urgent": True}, {"urgent": False}


async def turns(pace, *wishes):
    """Somebody waits for each turn, in this order."""
    waiting = [asyncio.create_task(pace.turn(**wish)) for wish in wishes]
    await asyncio.sleep(0)
    return waiting


async def served(waiting):
    await asyncio.sleep(0)
    return [task.done() for task in waiting]


def test_a_burst_is_free_and_then_it_is_a_turn_a_second(pace, clock):
    assert [pace.take() for _ in range(4)] == [True, True, True, False]
    clock.now += 0.9
    assert not pace.take()
    clock.now += 0.1
    assert pace.take()


def test_no_more_than_a_burst_is_saved_up(pace, clock):
    clock.now += 3600
    assert [pace.take() for _ in range(4)] == [True, True, True, False]


async def test_the_urgent_are_served_first_then_who_waits_longest(pace, clock):
    assert all(pace.take() for _ in range(3))
    waiting = await turns(pace, PATIENT, PATIENT, URGENT)
    assert await served(waiting) == [False, False, False]
    for expected in ([False, False, True], [True, False, True], [True, True, True]):
        clock.now += 1.0
        pace._serve()
        assert await served(waiting) == expected


async def test_nobody_overtakes_those_who_wait(pace, clock):
    assert all(pace.take() for _ in range(3))
    (waiting,) = await turns(pace, PATIENT)
    clock.now += 1.0
    assert not pace.take()
    pace._serve()
    assert await served([waiting]) == [True]


async def test_somebody_who_went_away_costs_no_turn(pace, clock):
    assert all(pace.take() for _ in range(3))
    gone, waiting = await turns(pace, PATIENT, PATIENT)
    gone.cancel()
    await asyncio.sleep(0)
    clock.now += 1.0
    pace._serve()
    assert await served([waiting]) == [True]


def test_in_a_pause_there_is_no_turn_and_after_it_no_burst(pace, clock):
    pace.pause(10)
    clock.now += 9.9
    assert not pace.take()
    clock.now += 0.1
    assert [pace.take() for _ in range(2)] == [True, False]


def test_a_shorter_pause_does_not_end_a_longer_one(pace, clock):
    pace.pause(10)
    pace.pause(1)
    clock.now += 5
    assert not pace.take()


async def test_a_turn_that_was_given_back_is_for_who_waits(pace):
    assert all(pace.take() for _ in range(3))
    (waiting,) = await turns(pace, PATIENT)
    pace.give_back()
    assert await served([waiting]) == [True]


async def test_the_clock_serves_by_itself():
    pace = Pace(60_000, burst=1)
    assert pace.take()
    async with asyncio.timeout(5):
        await pace.turn()


async def test_closing_sends_everybody_away(pace):
    assert all(pace.take() for _ in range(3))
    (waiting,) = await turns(pace, PATIENT)
    pace.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
