"""What the workers of a run share is paid for once."""

import asyncio
import json

import httpx2
import pytest
from driven import model_for, streamed
from prefix_cache import PrefixCache

from orchestrator.errors import ModelError
from orchestrator.model.base import ServerTool, Tool
from tests.driven_clock import drive, now, passes
from tests.messages_service import message, tool_use

BEGINS_S = 1.0
SHARED = "The task is long. " * 600
LOOK = Tool("look", "Looks something up.", {"type": "object", "properties": {}})
ASK = Tool("ask_person", "Asks.", {"type": "object", "properties": {}}, pauses=True)
PICTURE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": "x" * 6_000},
}


class Service:
    """Begins to answer after a second and goes on for ten; has a cache, and `broken` requests."""

    def __init__(self, broken=(), *, caches=True):
        self.cache = PrefixCache(now)
        self.broken = list(broken)
        self.caches = caches
        self.times = []
        self.bodies = []

    async def __call__(self, request):
        body = json.loads(request.content)
        self.times.append(now())
        self.bodies.append(body)
        trouble = self.broken.pop(0) if self.broken else None
        usage, begun = self.cache.take(body)
        if trouble == "silence":
            await asyncio.Event().wait()
        await asyncio.sleep(BEGINS_S)
        if trouble:
            return httpx2.Response(trouble, json={"type": "error", "error": {"message": "no"}})
        if not self.caches:
            return streamed(message("Hello"), lasts_s=10)
        return streamed(message("Hello", usage=usage), lasts_s=10, begun=begun)

    @property
    def read(self):
        return [usage["cache_read_input_tokens"] for usage in self.cache.usages]


def task(number):
    return ({"role": "user", "content": f"Do part {number}."},)


@pytest.fixture
def fan_out(make_call):
    """Calls of ten workers of one role, on different subtasks."""

    def make(count=10, **fields):
        fields = {"model": "claude-sonnet-5", "shared": SHARED, "timeout_s": 60, **fields}
        return [make_call(messages=task(n), **fields) for n in range(count)]

    return make


async def at_once(model, calls):
    answers = [model.complete(call) for call in calls]
    return await asyncio.gather(*answers, return_exceptions=True)


def test_ten_workers_at_once_read_what_they_share(fan_out):
    service = Service()

    replies = drive(at_once(model_for(service), fan_out(tools=(ASK,))))

    shared = max(service.read)
    assert shared > 2_500
    assert sum(service.read) >= 0.8 * 10 * shared
    assert sum(reply.usage.cache_read_tokens for reply in replies) == sum(service.read)
    assert service.times == [0.0] + [BEGINS_S] * 9


def test_nobody_waits_where_nothing_would_be_cached(fan_out):
    service = Service()

    drive(at_once(model_for(service), fan_out(shared="The task.")))

    assert service.times == [0.0] * 10


def test_models_that_cache_from_4096_tokens_are_known(fan_out):
    service = Service()
    shared = "x" * 8_000

    drive(at_once(model_for(service), fan_out(model="claude-haiku-4-5", shared=shared)))

    assert service.times == [0.0] * 10


def test_where_nothing_is_cached_they_wait_but_once(fan_out):
    service = Service(caches=False)
    model = model_for(service)

    async def twice():
        await at_once(model, fan_out())
        await at_once(model, fan_out(2, shared=SHARED.upper()))

    drive(twice())

    assert service.times == [0.0] + [BEGINS_S] * 9 + [12.0] * 2


def test_what_was_used_within_five_minutes_is_not_waited_for(fan_out):
    service = Service()
    model = model_for(service)

    async def waves():
        await at_once(model, fan_out(2))
        await at_once(model, fan_out(2))
        await passes(290)
        await at_once(model, fan_out(2))

    drive(waves())

    assert service.times == [0, 1, 12, 12, 313, 314]
    assert [bool(read) for read in service.read] == [False, True, True, True, False, True]


def test_a_first_call_that_fails_hands_over(fan_out):
    service = Service(broken=[400])

    replies = drive(at_once(model_for(service), fan_out()))

    assert isinstance(replies[0], ModelError)
    assert service.times == [0.0, BEGINS_S] + [2 * BEGINS_S] * 8
    assert [bool(read) for read in service.read] == [False] * 2 + [True] * 8


def test_a_first_call_that_is_cancelled_hands_over(fan_out):
    service = Service(broken=["silence"])

    async def cancel_first():
        model = model_for(service)
        calls = [asyncio.create_task(model.complete(call)) for call in fan_out(3)]
        await passes(2)
        calls[0].cancel()
        return await asyncio.gather(*calls, return_exceptions=True)

    replies = drive(cancel_first())

    assert isinstance(replies[0], asyncio.CancelledError)
    assert service.times == [0, 2, 3]
    assert [bool(read) for read in service.read] == [False, False, True]


def test_a_first_call_that_says_nothing_holds_the_others_up_for_seconds_only(fan_out):
    service = Service(broken=["silence"])

    drive(at_once(model_for(service), fan_out(3)))

    assert service.times == [0, 5, 5]


def test_those_in_a_hurry_wait_a_part_of_their_time(fan_out):
    service = Service(broken=["silence"])

    drive(at_once(model_for(service), fan_out(3, timeout_s=16)))

    assert service.times == [0, 4, 4]


def test_roles_with_the_same_tools_share_what_comes_before_the_role(fan_out):
    service = Service()
    writers = fan_out(3, system="You write.")
    critics = fan_out(3, system="You criticise.")

    drive(at_once(model_for(service), [*writers, *critics]))

    assert service.times == [0.0] + [BEGINS_S] * 5
    assert min(service.read[1:]) > 2_500


def test_other_tools_or_another_model_are_another_beginning(fan_out):
    service = Service()
    others = [*fan_out(1, tools=(LOOK,)), *fan_out(1, model="claude-fable-5-2")]

    drive(at_once(model_for(service), [*fan_out(1), *others]))

    assert service.times == [0.0] * 3
    assert service.read == [0] * 3


def test_pictures_that_all_workers_see_are_read_too(make_call):
    service = Service()
    fields = {"model": "claude-sonnet-5", "shared": SHARED, "timeout_s": 60}
    calls = [
        make_call(
            messages=({"role": "user", "content": [PICTURE, {"type": "text", "text": f"{n}"}]},),
            **fields,
        )
        for n in range(3)
    ]

    drive(at_once(model_for(service), calls))

    assert min(service.read[1:]) > 4_000


@pytest.mark.parametrize("rounds", [1, 5])
def test_each_round_of_a_tool_loop_reads_all_that_came_before(make_call, rounds):
    service = Service()
    call = make_call(model="claude-sonnet-5", shared=SHARED, tools=(LOOK, ASK))

    async def loop():
        model, asked = model_for(service), call
        for n in range(rounds + 1):
            await model.complete(asked)
            # More blocks than the service looks back over.
            uses = [tool_use("look", f"toolu_{n}_{m}") for m in range(15)]
            results = [
                {"type": "tool_result", "tool_use_id": use["id"], "content": "found " * 50}
                for use in uses
            ]
            asked = asked.following(
                {"role": "assistant", "content": uses}, {"role": "user", "content": results}
            )

    drive(loop())

    for before, after in zip(service.cache.usages, service.cache.usages[1:], strict=False):
        asked = before["cache_read_input_tokens"] + before["cache_creation_input_tokens"]
        assert before["input_tokens"] == 0
        assert after["cache_read_input_tokens"] == asked


@pytest.mark.parametrize(
    ("tools", "count"), [({}, 2), ({"tools": (ASK,)}, 2), ({"tools": (LOOK,)}, 3)]
)
def test_the_end_is_marked_where_a_next_round_may_read_it(make_call, tools, count):
    service = Service()

    drive(model_for(service).complete(make_call(shared=SHARED, **tools)))

    assert json.dumps(service.bodies[0]).count("cache_control") == count


def test_with_tools_of_the_service_the_end_is_marked_too(make_call):
    service = Service()
    call = make_call(server_tools=(ServerTool("web_search"),))

    drive(model_for(service).complete(call))

    assert "cache_control" in service.bodies[0]["messages"][0]["content"][0]


def test_a_transcript_that_is_kept_has_no_marks(make_call):
    service = Service()
    call = make_call(tools=(LOOK,))

    drive(model_for(service).complete(call))

    assert call.messages == ({"role": "user", "content": "Write."},)


def test_a_server_that_takes_no_marks_is_asked_without(make_call):
    asked = []

    async def answer(request):
        asked.append(json.loads(request.content))
        if "cache_control" in str(asked[-1]):
            error = {"message": "cache_control: extra inputs are not permitted"}
            return httpx2.Response(400, json={"type": "error", "error": error})
        return streamed(message("Hello"))

    async def twice():
        model = model_for(answer)
        await model.complete(make_call(shared=SHARED))
        await model.complete(make_call(shared=SHARED))

    drive(twice())

    assert len(asked) == 3
