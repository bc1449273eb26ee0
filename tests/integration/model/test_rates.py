"""Calls keep below the limits of the service, and come near them."""

import asyncio
import json
import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial

import httpx2
import pytest
from driven import model_for, streamed
from person import eventually

from orchestrator.commands import Actor, Create
from orchestrator.errors import ModelOverloaded
from orchestrator.model.rates import NoPlace, OwnLedger, Rates
from orchestrator.orchestrator import Orchestrator
from orchestrator.store.database import Database
from orchestrator.store.rates import SharedLedger
from tests.driven_clock import drive, now, passes
from tests.messages_service import MessagesService, error, message

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def at(seconds):
    """The time of the service that many seconds after the test began."""
    return NOON + timedelta(seconds=seconds)


class Bucket:
    """Holds `limit`, and fills evenly within a minute."""

    def __init__(self, limit):
        self.limit = self.level = limit
        self.looked_at = 0.0

    def look(self):
        filled = (now() - self.looked_at) * self.limit / 60
        self.level, self.looked_at = min(self.limit, self.level + filled), now()

    def reset_s(self):
        return now() + (self.limit - self.level) * 60 / self.limit


class Window:
    """Holds `limit`, and is full again every minute."""

    def __init__(self, limit):
        self.limit = self.level = limit
        self.began_at = 0.0

    def look(self):
        if now() >= self.began_at + 60:
            self.level, self.began_at = self.limit, now() // 60 * 60

    def reset_s(self):
        return self.began_at + 60


class LimitedService:
    """Refuses what is over its limits; counts input when it begins, output when it ends."""

    def __init__(self, *, output=100, lasts_s=2.0, **limits):
        self.limits = {name.replace("_", "-"): limit for name, limit in limits.items()}
        self.output = output
        self.lasts_s = lasts_s
        self.served = self.refused = self.ended_at = 0

    async def __call__(self, request):
        body = json.loads(request.content)
        tokens = len(str(body["messages"])) // 4
        costs = {"requests": 1, "input-tokens": tokens, "output-tokens": 1}
        for limit in self.limits.values():
            limit.look()
        if short := [k for k, limit in self.limits.items() if limit.level < costs[k]]:
            return self._refusal(self.limits[short[0]])
        self.served += 1
        for kind, limit in self.limits.items():
            limit.level -= costs[kind]
        usage = {"input_tokens": tokens, "output_tokens": self.output}
        answer = message("Hello", usage=usage)
        return streamed(answer, lasts_s=self.lasts_s, headers=self.headers(), ended=self._ended)

    def _refusal(self, limit):
        self.refused += 1
        headers = {"retry-after": str(math.ceil(max(limit.reset_s() - now(), 1)))}
        error = {"type": "rate_limit_error", "message": "no"}
        return httpx2.Response(
            429, json={"type": "error", "error": error}, headers={**self.headers(), **headers}
        )

    def _ended(self):
        self.ended_at = now()
        if "output-tokens" in self.limits:
            limit = self.limits["output-tokens"]
            limit.look()
            limit.level -= self.output

    def headers(self):
        told = {"date": format_datetime(at(now()), usegmt=True)}
        for kind, limit in self.limits.items():
            remaining = int(max(limit.level, 0))
            # Tokens are told in thousands.
            remaining = remaining if kind == "requests" else round(remaining, -3)
            reset = at(limit.reset_s()).replace(microsecond=0)
            told |= {
                f"anthropic-ratelimit-{kind}-limit": str(limit.limit),
                f"anthropic-ratelimit-{kind}-remaining": str(min(remaining, limit.limit)),
                f"anthropic-ratelimit-{kind}-reset": reset.isoformat().replace("+00:00", "Z"),
            }
        return told


class OneLedger(OwnLedger):
    """A ledger for several processes: who changes it tells the others nothing."""

    look_again_s = 0.5


async def make_calls(service, call, count, concurrency=20, ledgers=(None,)):
    """The failures among `count` calls, `concurrency` of them at a time, by models with such
    ledgers in turn, as processes have them."""
    models = [model_for(service, ledger=ledger) for ledger in ledgers]
    places = asyncio.Semaphore(concurrency)

    async def one(model):
        async with places:
            return await model.complete(call)

    calls = (one(models[number % len(models)]) for number in range(count))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    return [answer for answer in answers if isinstance(answer, Exception)]


@pytest.mark.parametrize("concurrency", [5, 20, 190])
@pytest.mark.parametrize(
    ("make_limits", "best_s"),
    [
        # 190 requests: 50 at once, and then 50 a minute; or 50 in each of four windows.
        (lambda: {"requests": Bucket(50)}, 168),
        (lambda: {"requests": Window(50)}, 180),
        # 190 times 2,000 tokens in: 100,000 at once, and then 100,000 a minute.
        (lambda: {"input_tokens": Bucket(100_000)}, 168),
        (lambda: {"input_tokens": Window(100_000)}, 180),
        # 190 times 500 tokens out, 40,000 of them at once.
        (lambda: {"output_tokens": Bucket(40_000), "requests": Bucket(1_000)}, 84),
    ],
    ids=["requests", "requests in windows", "input", "input in windows", "output"],
)
def test_few_calls_are_refused_and_the_limit_is_used(make_call, make_limits, best_s, concurrency):
    service = LimitedService(output=500, **make_limits())
    said = ({"role": "user", "content": "x" * 7_900},)

    call = make_call(messages=said, timeout_s=900)
    failures = drive(make_calls(service, call, 190, concurrency))

    assert failures == []
    assert service.served == 190
    assert service.refused < 0.02 * 190
    assert service.ended_at < 1.15 * best_s


PROCESSES = 3


@pytest.mark.parametrize("concurrency", [9, 190])
@pytest.mark.parametrize("kind", [Bucket, Window])
def test_processes_with_one_ledger_do_as_well_as_one_process(make_call, kind, concurrency):
    def served_to(ledgers):
        service = LimitedService(requests=kind(50))
        call = make_call(timeout_s=900)
        assert drive(make_calls(service, call, 190, concurrency, ledgers)) == []
        return service

    alone = served_to([OneLedger()])
    together = served_to([OneLedger()] * PROCESSES)
    strangers = served_to([OneLedger() for _ in range(PROCESSES)])

    assert together.refused <= alone.refused < strangers.refused
    assert together.ended_at < 1.05 * alone.ended_at


def test_a_process_may_use_what_the_others_leave(make_call):
    service = LimitedService(requests=Window(50))
    ledger = OneLedger()

    async def ask():
        idle = model_for(service, ledger=ledger)
        await idle.complete(make_call())
        return await make_calls(service, make_call(), 49, 49, [ledger])

    assert drive(ask()) == []
    assert (service.served, service.refused) == (50, 0)
    assert service.ended_at < 30


def test_what_a_dead_process_had_under_way_is_free_again_when_its_time_is_up(make_call):
    service = LimitedService(output_tokens=Bucket(10_000))
    ledger = OneLedger()

    async def ask():
        await model_for(service, ledger=ledger).complete(make_call())
        dead = Rates(ledger)
        for _ in range(10):
            await dead.place("claude-opus-5", 1, 1_000, 60).__aenter__()
        begun_at = now()
        await model_for(service, ledger=ledger).complete(make_call(timeout_s=900))
        return now() - begun_at

    assert 60 <= drive(ask()) < 100


@pytest.mark.parametrize(("status", "kind"), [(429, "rate_limit_error"), (529, "overloaded_error")])
@pytest.mark.parametrize("processes", [1, 2])
def test_all_calls_of_the_model_wait_when_one_was_refused(make_call, status, kind, processes):
    times = []

    async def answer(request):
        times.append((now(), json.loads(request.content)["model"]))
        if len(times) == 1:
            refusal = {"type": kind, "message": "no"}
            headers = {"retry-after": "20"}
            return httpx2.Response(
                status, json={"type": "error", "error": refusal}, headers=headers
            )
        return streamed(message("Hello"))

    async def ask():
        ledger = OneLedger() if processes > 1 else None
        models = [model_for(answer, ledger=ledger) for _ in range(processes)]
        first = asyncio.create_task(models[0].complete(make_call(timeout_s=90)))
        await passes(1)
        await asyncio.gather(
            models[-1].complete(make_call(timeout_s=90)),
            models[-1].complete(make_call(model="claude-sonnet-5", timeout_s=90)),
        )
        await first

    drive(ask())

    own = [time for time, model in times if model == "claude-opus-5"]
    other = [time for time, model in times if model == "claude-sonnet-5"]
    assert own[0] == 0
    assert 20 <= min(own[1:]) < 21
    assert other == [1]


def test_who_has_no_time_to_wait_is_told_at_once(make_call):
    service = LimitedService(requests=Window(2))

    async def ask():
        model = model_for(service)
        await asyncio.gather(*(model.complete(make_call(timeout_s=30)) for _ in range(2)))
        with pytest.raises(ModelOverloaded, match="limits how much"):
            await model.complete(make_call(timeout_s=30))
        return now()

    assert drive(ask()) == 2
    assert service.refused == 0


def test_a_call_in_line_behind_another_gives_up_in_time(make_call):
    service = LimitedService(requests=Window(1))

    async def ask():
        model = model_for(service)
        await model.complete(make_call())
        patient = asyncio.create_task(model.complete(make_call(timeout_s=90)))
        await passes(0)
        with pytest.raises(ModelOverloaded, match="limits how much"):
            await model.complete(make_call(timeout_s=30))
        gave_up_at = now()
        await patient
        return gave_up_at

    assert 29 <= drive(ask()) < 32
    assert service.refused == 0


def test_a_call_that_is_larger_than_the_limit_is_let_through(make_call):
    service = LimitedService(requests=Bucket(10), output_tokens=Bucket(500), output=400)

    failures = drive(make_calls(service, make_call(timeout_s=600), 4, concurrency=4))

    assert failures == []
    assert service.served == 4


def test_a_cancelled_call_leaves_its_place(make_call):
    service = LimitedService(requests=Bucket(50), lasts_s=1000)

    async def ask():
        model = model_for(service)
        call = make_call(timeout_s=2000)
        tasks = [asyncio.create_task(model.complete(call)) for _ in range(60)]
        await passes(30)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        service.lasts_s = 1
        await passes(60)
        begun_at = now()
        await asyncio.gather(*(model.complete(call) for _ in range(20)))
        return now() - begun_at

    assert drive(ask()) < 3
    assert service.refused == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"limit": "x", "remaining": "0", "reset": "2026-11-01T12:00:30Z"},
        {"limit": "0", "remaining": "0", "reset": "2026-11-01T12:00:30Z"},
        {"limit": "nan", "remaining": "0", "reset": "2026-11-01T12:00:30Z"},
        {"limit": "10", "remaining": "0", "reset": "soon"},
        {"limit": "10", "remaining": "0", "reset": "2026-11-01T12:00:30"},
        {"limit": "10", "remaining": "0"},
    ],
)
def test_headers_that_make_no_sense_limit_nothing(make_call, headers):
    told = {f"anthropic-ratelimit-requests-{key}": value for key, value in headers.items()}

    async def answer(request):
        return streamed(message("Hello"), headers=told)

    async def ask():
        model = model_for(answer)
        for _ in range(3):
            await model.complete(make_call())
        return now()

    assert drive(ask()) == 0


only_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@only_postgresql
async def test_processes_on_one_postgresql_keep_below_the_limit_together(make_call, database_url):
    # A request every six seconds is more than the calls have time for.
    service = LimitedService(requests=Bucket(10), lasts_s=0)
    databases = [Database(database_url) for _ in range(PROCESSES)]

    ledgers = [SharedLedger(database) for database in databases]
    failures = await make_calls(service, make_call(timeout_s=5), 30, 30, ledgers)

    for database in databases:
        await database.close()
    assert {type(failure) for failure in failures} == {ModelOverloaded}
    assert (service.served, service.refused, len(failures)) == (10, 0, 20)


@only_postgresql
async def test_on_one_postgresql_all_wait_when_one_was_refused(make_call, database):
    one, another = (Rates(SharedLedger(database)) for _ in range(2))
    async with one.place("claude-opus-5", 1, 1, 30) as place:
        await place.refused({}, 20)

    with pytest.raises(NoPlace):
        async with another.place("claude-opus-5", 1, 1, 10):
            pass


async def test_calls_go_on_while_the_ledger_is_away(make_call):
    service = LimitedService(lasts_s=0)
    database = Database("postgresql://nobody@127.0.0.1:1/nothing")

    failures = await make_calls(service, make_call(), 2, 2, [SharedLedger(database)])

    await database.close()
    assert failures == []
    assert service.served == 2


@only_postgresql
async def test_an_orchestrator_on_postgresql_holds_the_others_back(settings):
    async with MessagesService() as service:
        service.answers(error(429, "rate_limit_error", headers={"retry-after": "60"}))
        theirs = {"model": "anthropic", "anthropic_base_url": service.url}
        settings = settings.model_copy(update=theirs)
        async with Orchestrator.open(settings) as one, Orchestrator.open(settings) as another:
            await one.do(Create("Compare"), Actor("T1", "U1"))
            await asyncio.wait_for(service.arrived.wait(), 20)
            model = service.requests[0]["model"]
            others = Rates(SharedLedger(another.database))

            await eventually(partial(_is_held, others, model))

    assert len(service.requests) == 1


async def _is_held(rates, model):
    try:
        async with rates.place(model, 1, 1, 30):
            return False
    except NoPlace:
        return True
