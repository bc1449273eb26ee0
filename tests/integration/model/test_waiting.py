"""How long calls wait and what they do then, by a clock that is driven."""

import asyncio

import httpx2
import pytest
from driven import model_for, streamed

from orchestrator.errors import ModelOverloaded, ModelTimedOut
from orchestrator.model.base import Meter, Usage
from orchestrator.model.transport import LONGEST_WAIT_S
from tests.driven_clock import drive, now, passes
from tests.messages_service import message, ran


def refusal(retry_after=None, status=429, type_="rate_limit_error"):
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    body = {"type": "error", "error": {"type": type_, "message": "no"}}
    return httpx2.Response(status, json=body, headers=headers)


class Script:
    """Answers that come one after the other; the last one is kept. `times` are the requests'."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.times = []

    async def __call__(self, request):
        self.times.append(now())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            await asyncio.Event().wait()
        return streamed(answer) if isinstance(answer, dict) else answer


def test_a_refused_call_comes_again_when_it_was_asked_to(make_call):
    script = Script(refusal(7), message("Hello"))

    async def ask():
        return await model_for(script).complete(make_call())

    assert drive(ask()).text == "Hello"
    assert 7 <= script.times[1] < 16


def test_no_wait_is_longer_than_the_cap(make_call):
    script = Script(refusal(99999), message("Hello"))

    async def ask():
        return await model_for(script).complete(make_call(timeout_s=300))

    drive(ask())

    assert LONGEST_WAIT_S <= script.times[1] < LONGEST_WAIT_S + 9


def test_a_wait_beyond_the_time_of_the_call_is_not_begun(make_call):
    script = Script(refusal(50))

    async def ask():
        with pytest.raises(ModelOverloaded):
            await model_for(script).complete(make_call(timeout_s=30))
        return now()

    assert drive(ask()) == 0


def test_what_earlier_tries_used_is_in_the_error(make_call):
    script = Script(message("Hello", stop_reason=None), None)

    async def ask():
        with pytest.raises(ModelTimedOut, match="30 seconds") as caught:
            await model_for(script).complete(make_call(timeout_s=30))
        return caught.value, now()

    error, ended_at = drive(ask())

    assert error.usage == Usage(input_tokens=10, output_tokens=5)
    assert error.cost_usd is not None
    assert ended_at == pytest.approx(30)


def test_an_answer_cut_off_by_its_time_has_used_what_was_written(make_call):
    async def answer(request):
        return streamed(message("x" * 400), lasts_s=100)

    async def ask():
        with pytest.raises(ModelTimedOut) as caught:
            await model_for(answer).complete(make_call(timeout_s=30))
        return caught.value

    assert drive(ask()).usage == Usage(input_tokens=10, output_tokens=100)


def test_what_an_answer_that_is_broken_off_used_is_on_the_meter(make_call):
    async def answer(request):
        return streamed(message("x" * 400), lasts_s=100)

    async def ask():
        meter = Meter()
        model = model_for(answer)
        asking = asyncio.create_task(model.complete(make_call(meter=meter, timeout_s=90)))
        await passes(5)
        asking.cancel()
        await asyncio.wait({asking})
        return asking.cancelled(), meter

    cancelled, meter = drive(ask())

    assert cancelled
    assert meter.usage == Usage(input_tokens=10, output_tokens=100)
    assert meter.cost_usd > 0


def test_a_file_that_takes_too_long_does_not_hold_up_the_reply(make_call):
    async def answer(request):
        match request.url.path.split("/")[2:]:
            case ["messages"]:
                return streamed(message(ran("f1", "f2"), "Done."))
            case ["files", "f1"]:
                about = {"id": "f1", "filename": "a.csv", "mime_type": "text/csv", "size_bytes": 3}
                return httpx2.Response(200, json=about)
            case ["files", "f1", "content"]:
                return httpx2.Response(200, content=b"1,2")
        return await asyncio.Event().wait()

    async def ask():
        return await model_for(answer).complete(make_call(timeout_s=30)), now()

    reply, ended_at = drive(ask())

    assert reply.text == "Done."
    assert [file.content for file in reply.files] == [b"1,2"]
    assert reply.notes == ("There was no time left to fetch all the files that were made.",)
    assert ended_at == pytest.approx(29)
