import asyncio

import pytest

from orchestrator.errors import ModelRefused, ModelTimedOut
from orchestrator.model.base import Call, Purpose, ToolCall
from orchestrator.model.scripted import ScriptedModel, reply


@pytest.fixture
def model():
    return ScriptedModel()


def make_call(purpose=Purpose.SUBTASK, subtask=None, timeout_s=5.0):
    return Call(
        purpose=purpose,
        model="any",
        system="",
        messages=({"role": "user", "content": "Write."},),
        subtask=subtask,
        timeout_s=timeout_s,
    )


async def test_answers_come_in_the_order_they_were_put_in(model):
    model.enqueue("one", "two")

    assert (await model.complete(make_call())).text == "one"
    assert (await model.complete(make_call())).text == "two"


async def test_the_most_particular_answer_comes_first(model):
    model.enqueue("anything")
    model.enqueue("any subtask", purpose=Purpose.SUBTASK)
    model.enqueue("subtask 2", purpose=Purpose.SUBTASK, subtask=2)

    assert (await model.complete(make_call(subtask=2))).text == "subtask 2"
    assert (await model.complete(make_call(subtask=2))).text == "any subtask"
    assert (await model.complete(make_call(subtask=2))).text == "anything"


async def test_a_function_answers_what_the_queues_do_not():
    model = ScriptedModel(lambda call: {"subtask": call.subtask})
    model.enqueue("queued", subtask=1)

    assert (await model.complete(make_call(subtask=1))).text == "queued"
    assert (await model.complete(make_call(subtask=2))).data == {"subtask": 2}


async def test_an_error_is_raised(model):
    model.enqueue(ModelRefused("No."))

    with pytest.raises(ModelRefused, match="No"):
        await model.complete(make_call())


async def test_a_call_without_an_answer_is_a_failed_test(model):
    with pytest.raises(AssertionError, match="subtask 7"):
        await model.complete(make_call(subtask=7))


async def test_a_gate_holds_an_answer_until_it_is_opened(model):
    gate = model.gate(Purpose.SUBTASK, 1)
    model.enqueue("free", subtask=2)
    model.enqueue("held", subtask=1)

    held = asyncio.create_task(model.complete(make_call(subtask=1)))
    await gate.reached()

    assert (await model.complete(make_call(subtask=2))).text == "free"
    assert not held.done()
    gate.open()
    assert (await held).text == "held"


async def test_a_held_call_times_out_like_any_other(model):
    model.gate()
    model.enqueue("held")

    with pytest.raises(ModelTimedOut):
        await model.complete(make_call(timeout_s=0.01))


async def test_text_is_handed_over_line_by_line(model):
    model.enqueue("one\ntwo")
    pieces = []

    await model.complete(make_call(), pieces.append)

    assert pieces == ["one\n", "two"]


async def test_calls_are_kept(model):
    model.enqueue("a", "b")
    await model.complete(make_call(Purpose.PLAN))
    await model.complete(make_call(subtask=3))

    assert len(model.calls) == 2
    assert [call.subtask for call in model.calls_for(Purpose.SUBTASK)] == [3]
    assert model.calls_for(Purpose.SUBTASK, 4) == []


def test_a_reply_with_tool_calls_stands_in_the_transcript_as_such():
    made = reply("One question.", tool_calls=[ToolCall("t1", "ask_person", {"question": "Which?"})])

    assert made.stop_reason == "tool_use"
    assert made.message["content"] == [
        {"type": "text", "text": "One question."},
        {"type": "tool_use", "id": "t1", "name": "ask_person", "input": {"question": "Which?"}},
    ]
