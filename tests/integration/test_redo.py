"""What people say to work that goes on or is done: redo, guidance, praise and blame."""

import asyncio

import pytest
from person import Person, answers, asked, eventually, plan
from sqlmodel import select

from orchestrator.commands import Answer, Guide, Rate, Redo, Retry, Skip
from orchestrator.errors import InvalidInput, ModelEmpty, Outdated
from orchestrator.model.base import Purpose, ToolCall
from orchestrator.model.scripted import ScriptedModel, reply
from orchestrator.orchestrator import Orchestrator
from orchestrator.store.tables import (
    EventRow,
    Outcome,
    Request,
    RequestKind,
    RequestStatus,
    RunStatus,
    SubtaskStatus,
)


def planning(*needs, **fields):
    """A model that plans these subtasks and numbers the results of each."""
    times = {}

    def answer(call):
        if call.purpose is Purpose.PLAN:
            return plan(*needs, **fields)
        if call.purpose is Purpose.REVIEW:
            return {"changes": []}
        place = call.subtask or call.purpose
        times[place] = times.get(place, 0) + 1
        return f"Result {call.subtask}, version {times[place]}."

    return answer


def done(model):
    return [call.subtask for call in model.calls_for(Purpose.SUBTASK)]


async def until_status(person, run_id, number, status):
    async def has_it():
        return (await person.subtasks(run_id))[number].status is status

    await eventually(has_it)


async def next_answer(person, run_id, revision=2):
    """Wait for the answer of that revision."""

    async def is_there():
        run = await person.run(run_id)
        return run.status is RunStatus.COMPLETED and run.answer_revision == revision

    await eventually(is_there)
    return await person.answer_of(run_id)


async def told(person, run_id, kind):
    query = select(EventRow).where(EventRow.run_id == run_id, EventRow.kind == kind)
    return [(event.subtask, event.data) for event in await person._rows(query)]


# --- after the answer ----------------------------------------------------------------------


async def test_a_redo_does_what_rests_on_it_again_and_nothing_else_and_answers_anew(person, model):
    model.answering = planning((), (1,), (), (2,))
    run_id = await person.ask_and_approve()
    first = await person.answer_of(run_id)
    model.calls.clear()
    said = await person.do(Redo(run_id, 1, "Shorter, please."))

    assert said.sentence == "Subtask 1 is done again, and 2 subtasks after it."
    second = await next_answer(person, run_id)
    assert first != second
    assert done(model) == [1, 2, 4]
    assert "Result 1, version 2." in asked(model.calls_for(Purpose.SUBTASK, 2)[0])
    answering = asked(model.calls_for(Purpose.SYNTHESIS)[0])
    assert all(f"Result {n}, version {v}." in answering for n, v in ((1, 2), (2, 2), (3, 1)))
    assert await told(person, run_id, "subtask_superseded") == [
        (1, {"feedback": "Shorter, please.", "dependents": [2, 4]})
    ]


async def test_feedback_reaches_the_worker_and_no_old_failure_does(person, model):
    model.enqueue(ModelEmpty("Nothing came."), purpose=Purpose.SUBTASK, subtask=1)
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)
    await person.do(Redo(run_id, 1, "Shorter, please."))
    await next_answer(person, run_id)

    again = asked(model.calls_for(Purpose.SUBTASK, 1)[-1])
    assert "Note from a person: Shorter, please." in again
    assert "Nothing came." not in again
    assert "Shorter" not in asked(model.calls_for(Purpose.SUBTASK, 2)[-1])
    assert [a.number for a in await person.attempts_at(run_id, 1)] == [1, 2, 3]


async def test_a_redo_has_all_its_attempts_again(person, model):
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)
    model.enqueue(*[ModelEmpty("Nothing.")] * 2, purpose=Purpose.SUBTASK, subtask=1)
    await person.do(Redo(run_id, 1))
    await next_answer(person, run_id)

    assert len(await person.attempts_at(run_id, 1)) == 4


async def test_feedback_stays_with_a_redo_that_fails_and_is_tried_again(person, model):
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)
    model.enqueue(ModelEmpty("Nothing came."), purpose=Purpose.SUBTASK, subtask=1)
    await person.do(Redo(run_id, 1, "Shorter, please."))
    await next_answer(person, run_id)

    again = asked(model.calls_for(Purpose.SUBTASK, 1)[-1])
    assert "Shorter, please." in again
    assert "Nothing came." in again


async def test_feedback_reaches_a_worker_who_had_asked_a_question(person, model):
    question = ToolCall("call-1", "ask_person", {"question": "Which?", "options": []})
    model.enqueue(reply(tool_calls=[question]), purpose=Purpose.SUBTASK, subtask=1)
    run_id = await person.ask_and_approve()
    await person.do(Answer((await person.request(run_id, RequestKind.QUESTION)).id, "Red."))
    await person.answer_of(run_id)
    await person.do(Redo(run_id, 1, "Blue after all."))
    await next_answer(person, run_id)

    assert "Blue after all." in asked(model.calls_for(Purpose.SUBTASK, 1)[-1])


async def test_a_failure_after_an_answered_question_is_explained_to_the_next_attempt(person, model):
    question = ToolCall("call-1", "ask_person", {"question": "Which?", "options": []})
    model.enqueue(
        reply(tool_calls=[question]),
        ModelEmpty("Nothing came."),
        purpose=Purpose.SUBTASK,
        subtask=1,
    )
    run_id = await person.ask_and_approve()
    await person.do(Answer((await person.request(run_id, RequestKind.QUESTION)).id, "Red."))
    await person.answer_of(run_id)

    last = model.calls_for(Purpose.SUBTASK, 1)[-1].messages[-1]["content"]
    assert last[0]["content"] == "Red."
    assert "Nothing came." in last[1]["text"]


async def test_a_skipped_subtask_can_be_done_after_all_and_closes_the_gap(person, model):
    model.answering = planning((), (1,), (2,))
    model.enqueue(*[ModelEmpty("Nothing.")] * 3, purpose=Purpose.SUBTASK, subtask=2)
    run_id = await person.ask_and_approve()
    await person.request(run_id, RequestKind.DEAD_LETTER)
    await person.do(Skip(run_id, 2))
    await person.answer_of(run_id)
    assert (await person.run(run_id)).gaps == 1
    await person.do(Redo(run_id, 2, "Try the archive."))
    await next_answer(person, run_id)

    assert (await person.run(run_id)).gaps == 0
    assert "Try the archive." in asked(model.calls_for(Purpose.SUBTASK, 2)[-1])


async def test_feedback_reaches_a_skipped_subtask_that_had_never_run(person, model):
    model.answering = planning((), (1,))
    model.enqueue(*[ModelEmpty("Nothing.")] * 3, purpose=Purpose.SUBTASK, subtask=1)
    run_id = await person.ask_and_approve()
    await person.request(run_id, RequestKind.DEAD_LETTER)
    await person.do(Skip(run_id, all=True))
    await person.answer_of(run_id)
    assert done(model) == [1, 1, 1]
    await person.do(Redo(run_id, 2, "Do it without part 1."))
    await next_answer(person, run_id)

    again = asked(model.calls_for(Purpose.SUBTASK, 2)[0])
    assert "Do it without part 1." in again
    assert "Part 1) was skipped" in again


async def test_what_a_stage_rests_on_is_the_stage_before(person, model):
    proposal = plan((), (), (), pattern="staged")
    for subtask, stage in zip(proposal["subtasks"], (1, 1, 2), strict=True):
        subtask["stage"] = stage
    model.answering = planning()
    model.enqueue(proposal, purpose=Purpose.PLAN)
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)
    model.calls.clear()
    await person.do(Redo(run_id, 1))
    await next_answer(person, run_id)

    assert [c.subtask or c.purpose for c in model.calls] == [1, "review", 3, "synthesis"]


async def test_what_is_done_again_in_a_dynamic_plan_is_reviewed_again(person, model):
    model.answering = planning((), (1,), pattern="dynamic")
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)
    model.calls.clear()
    await person.do(Redo(run_id, 1))
    await next_answer(person, run_id)

    assert "Result 2, version 2." in asked(model.calls_for(Purpose.REVIEW)[-1])


async def test_a_redo_that_fails_for_good_is_a_dead_letter_of_the_run_again(person, model):
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)
    model.enqueue(*[ModelEmpty("Nothing.")] * 3, purpose=Purpose.SUBTASK, subtask=2)
    await person.do(Redo(run_id, 2))
    await person.request(run_id, RequestKind.DEAD_LETTER)

    assert (await person.run(run_id)).status is RunStatus.RUNNING
    await person.do(Retry(run_id, 2))
    await next_answer(person, run_id)


async def test_two_redos_at_once_have_one_effect(person, model):
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)
    results = await asyncio.gather(
        *(person.do(Redo(run_id, 2)) for _ in range(2)), return_exceptions=True
    )
    await next_answer(person, run_id)

    assert sorted(type(result).__name__ for result in results) == ["Done", "Outdated"]
    assert done(model) == [1, 2, 2]


# --- while it runs -------------------------------------------------------------------------


class Watched(ScriptedModel):
    """Says when a call was broken off."""

    def __init__(self, answering):
        super().__init__(answering)
        self.broken_off = asyncio.Event()

    async def complete(self, call, on_text=None):
        try:
            return await super().complete(call, on_text)
        except asyncio.CancelledError:
            self.broken_off.set()
            raise


async def test_a_redo_breaks_off_what_rests_on_it_and_has_begun(settings):
    model = Watched(planning((), (1,), (2,)))
    gate = model.gate(Purpose.SUBTASK, 2)
    async with Orchestrator.open(settings, model) as opened:
        person = Person(opened)
        run_id = await person.ask_and_approve()
        await gate.reached()
        redoing = model.gate(Purpose.SUBTASK, 1)
        await person.do(Redo(run_id, 1, "Otherwise."))
        subtasks = await person.subtasks(run_id)
        assert [subtasks[n].status for n in (2, 3)] == [SubtaskStatus.WAITING] * 2
        await redoing.reached()
        await asyncio.wait_for(model.broken_off.wait(), 10)
        gate.open()
        redoing.open()
        await person.answer_of(run_id)
        broken_off, again = await person.attempts_at(run_id, 2)

    assert (broken_off.outcome, again.outcome) == (Outcome.CANCELLED, Outcome.SUCCEEDED)
    assert "Result 1, version 2." in asked(model.calls_for(Purpose.SUBTASK, 2)[-1])


async def test_a_redo_while_the_answer_is_written_throws_that_answer_away(person, model):
    model.answering = planning((), (1,))
    gate = model.gate(Purpose.SYNTHESIS)
    run_id = await person.ask_and_approve()
    await gate.reached()
    await person.do(Redo(run_id, 2, "Otherwise."))
    gate.open()
    await person.answer_of(run_id)

    attempts = await person.attempts(run_id)
    answers_ = [a for a in attempts if a.purpose is Purpose.SYNTHESIS]
    assert [a.outcome for a in answers_] == [Outcome.CANCELLED, Outcome.SUCCEEDED]
    assert (await person.run(run_id)).answer_revision == 1
    assert "Result 2, version 2." in asked(model.calls_for(Purpose.SYNTHESIS)[-1])


async def test_a_redo_closes_the_questions_and_dead_letters_of_what_rests_on_it(person, model):
    model.answering = planning((), (1,))
    model.enqueue(*[ModelEmpty("Nothing.")] * 3, purpose=Purpose.SUBTASK, subtask=2)
    run_id = await person.ask_and_approve()
    request = await person.request(run_id, RequestKind.DEAD_LETTER)
    await person.do(Redo(run_id, 1))
    await person.answer_of(run_id)

    async with person.orchestrator.database.read() as session:
        assert (await session.get(Request, request.id)).status is RequestStatus.CLOSED


async def test_a_redo_closes_the_dead_letter_of_an_answer_that_could_not_be_written(person, model):
    model.enqueue(*[""] * 3, purpose=Purpose.SYNTHESIS)
    run_id = await person.ask_and_approve()
    await person.request(run_id, RequestKind.DEAD_LETTER)
    await person.do(Redo(run_id, 2))

    assert await person.answer_of(run_id) == "The answer."


@pytest.mark.parametrize("number", [1, 2, 9], ids=["running", "waiting", "unknown"])
async def test_what_is_not_finished_cannot_be_redone(person, model, number):
    gate = model.gate(Purpose.SUBTASK, 1)
    run_id = await person.ask_and_approve()
    await gate.reached()

    with pytest.raises(Outdated, match="is not finished"):
        await person.do(Redo(run_id, number))
    gate.open()
    await person.answer_of(run_id)


async def test_nothing_is_redone_before_the_plan_is_approved(person):
    run_id = await person.ask()
    await person.until(run_id, RunStatus.PROPOSED)

    with pytest.raises(Outdated, match="Nothing can be redone now: the run is proposed"):
        await person.do(Redo(run_id, 1))


# --- guidance ------------------------------------------------------------------------------


async def test_guidance_reaches_those_who_have_not_started_and_the_reviewer(person, model):
    model.answering = planning((), (1,), pattern="dynamic")
    gate = model.gate(Purpose.SUBTASK, 1)
    run_id = await person.ask_and_approve()
    await gate.reached()
    await person.do(Guide(run_id, "In French."))
    await person.do(Guide(run_id, "In verse."))
    gate.open()
    await person.answer_of(run_id)

    assert "In French." not in asked(model.calls_for(Purpose.SUBTASK, 1)[0])
    for call in (model.calls_for(Purpose.SUBTASK, 2)[0], model.calls_for(Purpose.REVIEW)[0]):
        assert "Note from a person: In French.\nIn verse." in asked(call)
    assert await told(person, run_id, "run_guided") == [
        (None, {"text": "In French."}),
        (None, {"text": "In verse."}),
    ]


async def test_guidance_needs_words_and_somebody_to_hear_them(person):
    run_id = await person.ask_and_approve()
    with pytest.raises(InvalidInput):
        await person.do(Guide(run_id, " \n"))
    await person.answer_of(run_id)

    with pytest.raises(Outdated, match="Nobody is left to be guided"):
        await person.do(Guide(run_id, "In French."))


# --- what people think of it ---------------------------------------------------------------


async def test_what_a_person_thinks_of_the_answer_is_written_down(person, model):
    model.answering = answers
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)
    await person.do(Rate(run_id, "down"))

    assert await told(person, run_id, "run_rated") == [(None, {"verdict": "down"})]
    assert await person.answer_of(run_id) == "The answer."
