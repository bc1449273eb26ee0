import asyncio
import json
from decimal import Decimal

import jsonschema
import pytest

from orchestrator.errors import ModelEmpty, ModelInvalid, ModelTimedOut, ModelUnavailable
from orchestrator.model.base import Call, Purpose, Tool
from orchestrator.model.offline import ADDED_TITLE, MARK, OfflineModel, directives

ASK = Tool("ask_person", "Asks the person.", {"type": "object"})
SCHEMA = {
    "type": "object",
    "properties": {"points": {"type": "array", "items": {"type": "string"}, "minItems": 2}},
    "required": ["points"],
}


@pytest.fixture
def slept():
    return []


@pytest.fixture
def model(slept):
    async def sleep(seconds):
        slept.append(seconds)

    return OfflineModel(sleep)


def make_call(purpose=Purpose.SUBTASK, task="Say hello", asked="Title: Greet", **fields):
    messages = ({"role": "user", "content": asked},)
    fields = {"subtask": 1 if purpose == Purpose.SUBTASK else None, **fields}
    return Call(purpose, "offline", "You write.", messages, task=task, **fields)


# --- directives --------------------------------------------------------------------------


def test_directives_are_taken_out_of_the_text():
    told = directives("Say hello #subtasks(6) to all #replan\n#slow(2, 5s)")

    assert told.text == "Say hello to all"
    assert told.subtasks == 6
    assert told.replan
    assert told.slow == {2: 5.0}


def test_how_often_defaults_to_always_for_failing_and_once_for_the_rest():
    told = directives("#fail(1) #fail(2,3) #empty(1) #empty(2,2) #invalid(3)")

    assert told.fail == {1: None, 2: 3}
    assert told.empty == {1: 1, 2: 2}
    assert told.invalid == {3: 1}


@pytest.mark.parametrize(
    ("given", "seconds"), [("5s", 5), ("250ms", 0.25), ("1.5", 1.5), ("2m", 120), ("soon", 0)]
)
def test_slowness_has_units(given, seconds):
    assert directives(f"#slow(1,{given})").slow == {1: seconds}


@pytest.mark.parametrize("text", ["#fail", "#fail()", "#fail(x)", "#subtasks(0)", "#subtasks(-1)"])
def test_a_directive_that_makes_no_sense_has_no_effect(text):
    told = directives(text)

    assert told.fail == {}
    assert told.subtasks is None


def test_words_that_only_begin_like_directives_are_words():
    assert directives("the #questionnaire and #1").text == "the #questionnaire and #1"


# --- plans and reviews -------------------------------------------------------------------


async def test_a_plan_comes_from_the_task(model):
    reply = await model.complete(make_call(Purpose.PLAN, task="Say hello #subtasks(6)"))

    assert len(reply.data["subtasks"]) == 6
    assert json.loads(reply.text) == reply.data
    assert reply.cost_usd == Decimal(0)
    assert reply.usage.output_tokens > 0
    assert "#" not in reply.data["goal"]


async def test_the_same_task_has_the_same_plan(model):
    first = await model.complete(make_call(Purpose.PLAN))
    second = await model.complete(make_call(Purpose.PLAN))

    assert first == second


async def test_feedback_in_the_question_changes_the_plan(model):
    asked = "<task>\nSay hello\n</task>\n\nFeedback on the plan:\nmind the gap\n\nWrite the plan."
    reply = await model.complete(make_call(Purpose.PLAN, asked=asked))

    assert "Consider: mind the gap" in [s["title"] for s in reply.data["subtasks"]]


async def test_a_bad_plan_is_none_each_time(model):
    for attempt in (1, 2, 3):
        call = make_call(Purpose.PLAN, task="Say hello #badplan", attempt=attempt)
        assert (await model.complete(call)).data is None


async def test_a_review_changes_nothing(model):
    assert (await model.complete(make_call(Purpose.REVIEW))).data == {"changes": []}


async def test_a_review_adds_a_subtask_once_when_told_to(model):
    task = "Say hello #replan"
    first = await model.complete(make_call(Purpose.REVIEW, task=task))
    second = await model.complete(make_call(Purpose.REVIEW, task=task, asked=f"5. {ADDED_TITLE}"))

    change = first.data["changes"][0]
    assert change["kind"] == "add"
    assert change["subtask"]["title"] == ADDED_TITLE
    assert second.data == {"changes": []}


# --- subtasks ----------------------------------------------------------------------------


async def test_a_result_names_its_title_and_says_that_it_is_offline(model):
    reply = await model.complete(make_call())

    assert reply.text.startswith("**Greet** (offline)")
    assert 2 <= reply.text.count("\n- ") <= 4


async def test_a_result_names_what_it_builds_on(model):
    asked = 'Title: Greet\n\n<result subtask="2" title="Names">\nAda\n</result>'

    assert "subtask 2" in (await model.complete(make_call(asked=asked))).text


async def test_data_fits_the_schema(model):
    reply = await model.complete(make_call(schema=SCHEMA))

    jsonschema.validate(reply.data, SCHEMA)
    assert "(offline)" in reply.text


async def test_a_subtask_fails_always_or_for_its_first_attempts(model):
    task = "Say hello #fail(1) #fail(2,2)"

    for subtask, attempt in [(1, 1), (1, 9), (2, 1), (2, 2)]:
        with pytest.raises(ModelUnavailable):
            await model.complete(make_call(task=task, subtask=subtask, attempt=attempt))
    assert (await model.complete(make_call(task=task, subtask=2, attempt=3))).text
    assert (await model.complete(make_call(task=task, subtask=3))).text


async def test_an_empty_answer_is_empty_at_first(model):
    with pytest.raises(ModelEmpty):
        await model.complete(make_call(task="#empty(1)"))
    assert (await model.complete(make_call(task="#empty(1)", attempt=2))).text


async def test_an_invalid_answer_does_not_fit(model):
    with pytest.raises(ModelInvalid):
        await model.complete(make_call(task="#invalid(1)"))
    assert (await model.complete(make_call(task="#invalid(1)", schema=SCHEMA))).data is None


async def test_a_slow_subtask_takes_its_time(model, slept):
    await model.complete(make_call(task="#slow(1,5s)"))
    await model.complete(make_call(task="#slow(1,5s)", subtask=2))

    assert slept == [5.0]


async def test_a_subtask_slower_than_its_time_is_timed_out():
    async def forever(seconds):
        await asyncio.Event().wait()

    with pytest.raises(ModelTimedOut):
        await OfflineModel(forever).complete(make_call(task="#slow(1,5s)", timeout_s=0.01))


async def test_tools_are_used_one_after_the_other_as_told_and_what_they_said_is_in_the_result(
    model,
):
    tools = (ASK, Tool("add", "Adds.", {"type": "object", "properties": {}}))
    task = 'Do it. #tool(1, add, {"a": 1, "b": 2}) #tool(1, add) #tool(2, add) #tool(1, x, {no})'
    call = make_call(task=task, tools=tools)
    inputs = []
    while (reply := await model.complete(call)).tool_calls:
        (use,) = reply.tool_calls
        inputs.append((use.name, use.input))
        result = {"type": "tool_result", "tool_use_id": use.id, "content": f"sum {len(inputs)}"}
        call = call.following(reply.message, {"role": "user", "content": [result]})

    assert inputs == [("add", {"a": 1, "b": 2}), ("add", {})]
    assert "A tool said: sum 1" in reply.text
    assert "A tool said: sum 2" in reply.text
    assert directives(task).text == "Do it."


async def test_a_question_is_asked_once_and_its_answer_used(model):
    call = make_call(task="#question(1)", tools=(ASK,))
    asked = await model.complete(call)
    tool_call = asked.tool_calls[0]
    result = {"type": "tool_result", "tool_use_id": tool_call.id, "content": "The blue one"}

    answered = await model.complete(
        call.following(asked.message, {"role": "user", "content": [result]})
    )

    assert tool_call.name == "ask_person"
    assert len(tool_call.input["options"]) == 2
    assert answered.tool_calls == ()
    assert "The blue one" in answered.text
    assert answered.text.startswith("**Greet**")


async def test_nobody_is_asked_where_asking_is_not_offered(model):
    assert (await model.complete(make_call(task="#question(1)"))).tool_calls == ()


# --- the answer --------------------------------------------------------------------------

RESULTS = """\
Goal: Greet everybody

## Result of subtask 1: Names

<result>
## Found
- Ada
</result>

## Result of subtask 2: Flowers
(missing: this part was skipped)

## Result of subtask 3: Words
Hello.

Write the answer."""


async def test_the_answer_quotes_results_and_names_gaps(model):
    reply = await model.complete(make_call(Purpose.SYNTHESIS, asked=RESULTS))

    assert reply.text.startswith(f"{MARK}\n\n# Greet everybody\n")
    assert "## Names [1]\n\n## Found\n- Ada\n\n" in reply.text
    assert "from 2 of 3 results" in reply.text
    assert "| 2 | Flowers | missing |" in reply.text
    assert "## Not covered\n\n- Subtask 2: Flowers" in reply.text


async def test_the_answer_comes_in_pieces(model, slept):
    pieces = []
    reply = await model.complete(make_call(Purpose.SYNTHESIS, asked=RESULTS), pieces.append)

    assert len(pieces) > 10
    assert "".join(pieces) == reply.text
    assert slept == [0] * len(pieces)
