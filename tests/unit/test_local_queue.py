import asyncio
from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.queue.base import OWN
from orchestrator.queue.local import LocalQueue


class Work:
    """What a queue is given to do: each job waits until it is let go."""

    def __init__(self, concurrency=2):
        self.queue = LocalQueue(self.advance, self.attempt, concurrency)
        self.advances = []
        self.attempts = []
        self.ended = []
        self.may_end = defaultdict(asyncio.Event)
        self.failing = set()

    async def advance(self, run_id):
        await self._do(self.advances, run_id)

    async def attempt(self, attempt_id):
        await self._do(self.attempts, attempt_id)

    async def _do(self, begun, key):
        begun.append(key)
        await self.may_end[key].wait()
        if key in self.failing:
            raise ValueError(key)
        self.ended.append(key)

    def let_go(self, *keys):
        for key in keys:
            self.may_end[key].set()


async def settle():
    """Let everything happen that can without a job being let go."""
    for _ in range(200):
        await asyncio.sleep(0)


@pytest.fixture
async def work():
    made = Work()
    yield made
    await made.queue.stop(0)


async def test_no_more_attempts_run_than_there_are_places(work):
    for n in range(5):
        work.queue.attempt(f"a{n}", "run")
    await settle()
    assert work.attempts == ["a0", "a1"]

    work.let_go("a1")
    await settle()
    assert work.attempts == ["a0", "a1", "a2"]


async def test_within_a_run_the_lowest_tuple_comes_first(work):
    work.queue.attempt("first", "run", (5.0,))
    work.queue.attempt("second", "run", (5.0,))
    for name, priority in (("late", (9.0,)), ("soon", (1.0, 2.0)), ("soonest", (1.0, 1.0))):
        work.queue.attempt(name, "run", priority)
    for name in ("first", "second", "soonest", "soon"):
        work.let_go(name)
    await settle()

    assert work.attempts[2:] == ["soonest", "soon", "late"]


async def test_a_run_that_comes_later_gets_the_next_place(work):
    for n in range(4):
        work.queue.attempt(f"big{n}", "big")
    work.queue.attempt("small", "small")
    await settle()
    work.let_go("big0")
    await settle()

    assert work.attempts == ["big0", "big1", "small"]


async def test_runs_that_have_as_many_places_take_turns():
    work = Work(concurrency=1)
    work.queue.attempt("before", "another")
    for n in range(3):
        for run in "xyz":
            work.queue.attempt(f"{run}{n}", run)
    work.let_go("before", *(f"{run}{n}" for n in range(3) for run in "xyz"))
    await settle()

    assert work.attempts[1:] == ["x0", "y0", "z0", "x1", "y1", "z1", "x2", "y2", "z2"]


@given(st.lists(st.sampled_from("xyz"), min_size=1, max_size=30), st.integers(1, 4))
def test_every_attempt_is_made_once_and_no_run_is_starved(runs, concurrency):
    async def scenario():
        work = Work(concurrency)
        jobs = [(f"{run}{n}", run) for n, run in enumerate(runs)]
        for attempt_id, run in jobs:
            work.queue.attempt(attempt_id, run)
        work.let_go(*(attempt_id for attempt_id, _ in jobs))
        await settle()
        return work.attempts

    made = asyncio.run(scenario())

    assert Counter(made) == Counter(f"{run}{n}" for n, run in enumerate(runs))
    first = {run: next(i for i, a in enumerate(made) if a[0] == run) for run in set(runs)}
    assert max(first.values()) < concurrency + len(first)


async def test_an_attempt_that_waits_or_runs_is_not_taken_twice(work):
    for _ in range(2):
        for n in range(3):
            work.queue.attempt(f"a{n}", "run")
    work.let_go("a0", "a1", "a2")
    await settle()

    assert work.attempts == ["a0", "a1", "a2"]
    assert not work.queue.knows("a0")


async def test_a_run_is_advanced_one_at_a_time_and_once_more_if_asked_meanwhile(work):
    for _ in range(3):
        work.queue.advance("run")
    await settle()
    assert work.advances == ["run"]

    for _ in range(3):
        work.queue.advance("run")
    work.let_go("run")
    await settle()
    assert work.advances == ["run", "run"]


async def test_a_job_that_fails_gives_its_place_back(work):
    work.failing |= {"a0", "run"}
    for n in range(3):
        work.queue.attempt(f"a{n}", "run")
    work.queue.advance("run")
    work.let_go("a0", "run")
    await settle()
    work.queue.advance("run")
    await settle()

    assert work.attempts == ["a0", "a1", "a2"]
    assert work.advances == ["run", "run"]


async def test_a_cancelled_run_loses_its_attempts_and_others_go_on(work):
    for attempt_id, run in (("x0", "x"), ("y0", "y"), ("x1", "x"), ("y1", "y")):
        work.queue.attempt(attempt_id, run)
    await settle()
    work.queue.cancel("x")
    work.let_go("x0", "x1", "y0", "y1")
    await settle()

    assert work.ended == ["y0", "y1"]
    assert not work.queue.knows("x1")


async def test_an_attempt_cancelled_before_it_began_gives_its_place_back(work):
    work.queue.attempt("x0", "x")
    work.queue.attempt("x1", "x")
    work.queue.cancel("x")
    await settle()
    work.queue.attempt("y0", "y")
    await settle()

    assert work.attempts == ["y0"]
    assert work.queue.running == {"y0"}


async def test_stopping_waits_for_what_runs_and_takes_nothing_up(work):
    for n in range(3):
        work.queue.attempt(f"a{n}", "run")
    await settle()
    stopping = asyncio.create_task(work.queue.stop(10))
    await settle()
    work.queue.attempt("late", "run")
    work.queue.advance("run")
    work.let_go("a0", "a1", "a2", "late", "run")
    await stopping

    assert work.ended == ["a0", "a1"]
    assert work.advances == []


async def test_what_does_not_end_within_the_grace_time_is_broken_off(work):
    work.queue.attempt("stuck", "run")
    await settle()
    await work.queue.stop(0.01)

    assert work.ended == []
    assert work.queue.running == frozenset()


async def test_what_a_run_does_itself_does_not_wait_for_the_subtasks_of_others(work):
    for n in range(4):
        work.queue.attempt(f"big{n}", "big")
    for run in ("other", "third"):
        work.queue.attempt(run, run, OWN)
    await settle()
    assert work.attempts == ["big0", "big1", "other"]
    assert work.queue.room == 0

    work.let_go("other")
    await settle()
    assert work.attempts == ["big0", "big1", "other", "third"]
