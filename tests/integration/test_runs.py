"""A run from the task to the answer, on every database."""

import asyncio
import gc

import pytest
from person import Person, answers, asked, eventually, plan
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from orchestrator import engine
from orchestrator.commands import (
    Answer,
    Approve,
    Breakdown,
    Create,
    Edit,
    Rate,
    Reject,
    Replan,
    Retry,
    Skip,
    Stop,
)
from orchestrator.errors import (
    AlreadyTaken,
    InvalidInput,
    InvalidPlan,
    ModelEmpty,
    ModelRefused,
    ModelUnavailable,
    NotFound,
    Outdated,
)
from orchestrator.model.base import Purpose, ToolCall, Usage
from orchestrator.model.scripted import ScriptedModel, reply
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan, from_text
from orchestrator.store.load import Live
from orchestrator.store.tables import (
    Outcome,
    RequestKind,
    RequestStatus,
    RevisionSource,
    RunStatus,
    SubtaskStatus,
)


def question(text="Which colour?", *options):
    call = ToolCall("call-1", "ask_person", {"question": text, "options": list(options)})
    return reply(tool_calls=[call])


def planned(*needs):
    """A model that plans these subtasks and can do everything."""
    return lambda call: answers(call, needs)


async def present_plan(person, run_id):
    return Plan.model_validate((await person.revisions(run_id))[-1].plan)


# --- the main path -------------------------------------------------------------------------


async def test_a_task_is_planned_approved_done_and_answered(person, model):
    run_id = await person.ask("Paint the house.")
    run = await person.until(run_id, RunStatus.PROPOSED)
    approval = await person.request(run_id, RequestKind.APPROVAL)
    assert (run.revision, approval.revision) == (1, 1)
    assert model.calls_for(Purpose.SUBTASK) == []

    done = await person.do(Approve(run_id, 1))

    assert done.sentence == f"{run.name} starts with 2 subtasks."
    assert await person.answer_of(run_id) == "The answer."
    run = await person.run(run_id)
    assert (run.gaps, run.requester, run.answer_revision) == (0, "U1", 1)
    assert run.created_at <= run.started_at <= run.finished_at
    assert [(call.purpose, call.subtask) for call in model.calls] == [
        (Purpose.PLAN, None),
        (Purpose.SUBTASK, 1),
        (Purpose.SUBTASK, 2),
        (Purpose.SYNTHESIS, None),
    ]


async def test_every_step_is_told_and_written_down_in_order(person):
    told = []
    person.orchestrator.subscribe(told.append)
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)

    written = await person.events(run_id)
    assert [(event.kind, event.subtask) for event in told] == written
    assert written == [
        ("run_created", None),
        ("attempt_started", None),
        ("plan_proposed", None),
        ("plan_approved", None),
        ("attempt_started", 1),
        ("subtask_succeeded", 1),
        ("attempt_started", 2),
        ("subtask_succeeded", 2),
        ("synthesis_started", None),
        ("attempt_started", None),
        ("run_completed", None),
    ]


async def test_every_attempt_is_recorded_with_what_went_in_and_came_out(person, model):
    model.enqueue(
        reply("Result 1.", usage=Usage(input_tokens=7, output_tokens=5, cache_read_tokens=3)),
        purpose=Purpose.SUBTASK,
        subtask=1,
    )
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)

    attempt = (await person.attempts_at(run_id, 1))[0]
    assert (attempt.number, attempt.role, attempt.outcome) == (1, "generalist", Outcome.SUCCEEDED)
    assert attempt.output == "Result 1."
    assert "Do part 1." in str(attempt.prompt["messages"])
    assert (attempt.input_tokens, attempt.output_tokens, attempt.cache_read_tokens) == (7, 5, 3)
    assert attempt.queued_at <= attempt.started_at <= attempt.finished_at
    assert attempt.worker == person.orchestrator.engine.worker
    run = await person.run(run_id)
    attempts = await person.attempts(run_id)
    assert run.tokens == sum(
        a.input_tokens + a.output_tokens + a.cache_read_tokens + a.cache_write_tokens
        for a in attempts
    )


async def test_a_worker_gets_what_it_depends_on_and_nothing_else(person, model):
    model.answering = planned((), (), (1,))
    run_id = await person.ask_and_approve("Paint the house.")
    await person.answer_of(run_id)

    told = asked(model.calls_for(Purpose.SUBTASK, 3)[0])
    assert "Paint the house." in told
    assert "Result 1." in told
    assert "Result 2." not in told


async def test_the_synthesizer_gets_every_result_in_the_order_of_the_plan(person, model):
    model.answering = planned((2, 3), (), ())
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)

    told = asked(model.calls_for(Purpose.SYNTHESIS)[0])
    places = [told.index(f"Result {n}.") for n in (1, 2, 3)]
    assert places == sorted(places)


async def test_a_plan_that_needs_no_approval_runs_at_once(person):
    run_id = await person.ask(auto_approve=True)

    assert await person.answer_of(run_id) == "The answer."
    assert ("plan_approved", None) in await person.events(run_id)


async def test_no_more_of_a_run_goes_on_at_once_than_it_may(person, model):
    model.answering = planned(*[()] * 6)
    gate = model.gate(Purpose.SUBTASK)
    run_id = await person.ask_and_approve(concurrency=2)
    await gate.reached()

    async def two_run():
        return len(model.calls_for(Purpose.SUBTASK)) == 2

    await eventually(two_run)
    running = [s for s in (await person.subtasks(run_id)).values() if s.status == "running"]
    assert len(running) == 2
    gate.open()
    await person.answer_of(run_id)


async def test_two_runs_at_once_do_not_disturb_each_other(person, model):
    model.answering = planned(*[()] * 4)
    runs = await asyncio.gather(*(person.ask(f"Task {n}.", auto_approve=True) for n in range(4)))

    assert [await person.answer_of(run_id) for run_id in runs] == ["The answer."] * 4
    for run_id in runs:
        assert [len(await person.attempts_at(run_id, n)) for n in range(1, 5)] == [1] * 4


async def test_a_long_run_does_not_hold_up_a_short_one(settings):
    model = ScriptedModel(lambda call: answers(call, [()] * (30 if "Long" in call.task else 1)))
    async with Orchestrator.open(settings.model_copy(update={"concurrency": 1}), model) as opened:
        person = Person(opened)
        gate = model.gate(Purpose.SUBTASK)
        long = await person.ask("Long.", auto_approve=True, concurrency=30)
        await gate.reached()
        short = await person.ask("Short.", auto_approve=True)
        await person.until(short, RunStatus.RUNNING)
        gate.open()
        await person.answer_of(short)
        await person.answer_of(long)

    last = max(place for place, call in enumerate(model.calls) if call.task == "Short.")
    assert any(call.task == "Long." for call in model.calls[last:])


# --- the plan ------------------------------------------------------------------------------


async def test_two_clicks_on_approve_have_one_effect(person):
    run_id = await person.ask()
    await person.until(run_id, RunStatus.PROPOSED)

    results = await asyncio.gather(
        *(person.do(Approve(run_id, 1)) for _ in range(2)), return_exceptions=True
    )

    refused = [result for result in results if isinstance(result, Exception)]
    assert [type(error) for error in refused] == [Outdated]
    await person.answer_of(run_id)
    assert len(await person.attempts_at(run_id, 1)) == 1


async def test_a_late_approval_says_who_was_first(person, orchestrator):
    run_id = await person.ask()
    await person.until(run_id, RunStatus.PROPOSED)
    await Person(orchestrator, user_id="U2").do(Approve(run_id, 1))

    with pytest.raises(Outdated, match="That was decided already") as refused:
        await person.do(Approve(run_id, 1))
    assert refused.value.by == "U2"


@pytest.mark.parametrize(
    "late",
    [
        lambda run_id: Approve(run_id, 1),
        lambda run_id: Reject(run_id, 1),
        lambda run_id: Replan(run_id, 1, "Otherwise."),
        lambda run_id: Edit(run_id, 1, Plan(goal="x", subtasks=())),
    ],
)
async def test_what_is_said_of_an_older_revision_changes_nothing(person, late):
    run_id = await person.ask()
    await person.until(run_id, RunStatus.PROPOSED)
    edited = from_text("1. Only this", await present_plan(person, run_id))
    await person.do(Edit(run_id, 1, edited))

    with pytest.raises(Outdated, match="there is a newer one now") as refused:
        await person.do(late(run_id))

    assert refused.value.by == "U1"
    run = await person.run(run_id)
    assert (run.status, run.revision) == (RunStatus.PROPOSED, 2)


async def test_an_edited_plan_is_gated_and_runs_as_edited(person, model):
    run_id = await person.ask()
    await person.until(run_id, RunStatus.PROPOSED)
    typed = "2. Part two | wizard\n    Do it next.\n1. Part one | after: 2\n    Do it slowly."
    await person.do(Edit(run_id, 1, from_text(typed, await present_plan(person, run_id))))
    approval = await person.request(run_id, RequestKind.APPROVAL)
    await person.do(Approve(run_id, approval.revision))
    await person.answer_of(run_id)

    first, second = await person.revisions(run_id)
    assert (first.source, second.source) == (RevisionSource.PLANNER, RevisionSource.EDIT)
    assert second.author == "U1"
    assert second.repairs == ["There is no role “wizard”; “Part two” goes to a generalist."]
    assert [call.subtask for call in model.calls_for(Purpose.SUBTASK)] == [2, 1]
    assert "Do it slowly." in asked(model.calls_for(Purpose.SUBTASK, 1)[0])


async def test_an_edit_that_changes_nothing_says_so(person):
    run_id = await person.ask()
    await person.until(run_id, RunStatus.PROPOSED)

    with pytest.raises(InvalidInput, match="Nothing was changed"):
        await person.do(Edit(run_id, 1, await present_plan(person, run_id)))
    assert (await person.run(run_id)).revision == 1


async def test_feedback_reaches_the_planner_with_the_plan_it_is_about(person, model):
    run_id = await person.ask()
    await person.until(run_id, RunStatus.PROPOSED)
    model.answering = planned((), (), ())
    await person.do(Replan(run_id, 1, "Three parts, please."))

    async def is_new():
        return (await person.run(run_id)).revision == 2

    await eventually(is_new)
    first, second = model.calls_for(Purpose.PLAN)
    assert "Three parts, please." not in asked(first)
    assert "Three parts, please." in asked(second)
    assert "2. Part 2 | generalist | after: 1" in asked(second)
    assert (await person.revisions(run_id))[1].feedback == "Three parts, please."
    await person.do(Approve(run_id, 2))
    await person.answer_of(run_id)
    assert len(await person.subtasks(run_id)) == 3


async def test_a_rejected_plan_never_runs(person, model):
    run_id = await person.ask()
    await person.until(run_id, RunStatus.PROPOSED)
    await person.do(Reject(run_id, 1))

    run = await person.run(run_id)
    assert (run.status, run.ended_by) == (RunStatus.REJECTED, "U1")
    with pytest.raises(Outdated):
        await person.do(Approve(run_id, 1))
    with pytest.raises(Outdated, match="rejected"):
        await person.do(Stop(run_id))
    assert model.calls_for(Purpose.SUBTASK) == []


async def test_where_planning_fails_twice_a_person_writes_the_plan(person, model):
    model.enqueue("Cannot.", {"goal": "x", "subtasks": []}, purpose=Purpose.PLAN)
    run_id = await person.ask("Paint the house.")
    request = await person.request(run_id, RequestKind.BREAKDOWN)
    assert "no subtask" in request.text
    assert "could not be used" in asked(model.calls_for(Purpose.PLAN)[1])

    with pytest.raises(InvalidPlan, match="needs numbers"):
        await person.do(Breakdown(request.id, "Scrape | after: never"))
    assert (await person.run(run_id)).status is RunStatus.PLANNING

    await person.do(Breakdown(request.id, "Scrape\nPaint | after: 1"))
    await person.until(run_id, RunStatus.PROPOSED)
    with pytest.raises(Outdated, match="answered already"):
        await person.do(Breakdown(request.id, "Burn"))
    await person.do(Approve(run_id, 1))

    assert await person.answer_of(run_id) == "The answer."
    assert [s.title for s in (await present_plan(person, run_id)).subtasks] == ["Scrape", "Paint"]
    assert (await person.revisions(run_id))[0].source is RevisionSource.BREAKDOWN


async def test_a_plan_invalid_at_first_is_asked_for_again_with_the_reason(person, model):
    model.enqueue(plan((), pattern="zigzag"), purpose=Purpose.PLAN)
    run_id = await person.ask()
    await person.until(run_id, RunStatus.PROPOSED)

    assert "pattern: Input should be" in asked(model.calls_for(Purpose.PLAN)[1])


# --- failures ------------------------------------------------------------------------------


async def test_each_failure_changes_how_the_next_attempt_is_made(person, model, settings):
    failures = [ModelEmpty("Nothing came."), ModelRefused("I would rather not."), "Result 1."]
    model.enqueue(*failures, purpose=Purpose.SUBTASK, subtask=1)
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)

    attempts = await person.attempts_at(run_id, 1)
    assert [(a.number, a.outcome) for a in attempts] == [
        (1, Outcome.EMPTY),
        (2, Outcome.REFUSED),
        (3, Outcome.SUCCEEDED),
    ]
    models = [attempt.parameters["model"] for attempt in attempts]
    assert models == [settings.worker_model] * 2 + [settings.fallback_model]
    second, third = (asked(call) for call in model.calls_for(Purpose.SUBTASK, 1)[1:])
    assert "Nothing came." in second
    assert "I would rather not." in third


async def test_an_attempt_that_takes_too_long_has_failed_and_the_next_has_twice_the_time(
    settings,
):
    model = ScriptedModel(answers)
    gate = model.gate(Purpose.SUBTASK, 1)
    quick = settings.model_copy(update={"attempt_timeout_s": 0.05})
    async with Orchestrator.open(quick, model) as opened:
        person = Person(opened)
        run_id = await person.ask_and_approve()
        await person.request(run_id, RequestKind.DEAD_LETTER)
        gate.open()
        await person.do(Retry(run_id, 1))
        await person.answer_of(run_id)
        attempts = await person.attempts_at(run_id, 1)

    assert [attempt.outcome for attempt in attempts] == [Outcome.TIMED_OUT] * 3 + ["succeeded"]
    times = [attempt.parameters["timeout_s"] for attempt in attempts]
    assert times == [0.05, 0.1, 0.2, 0.05]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_model_that_keeps_no_time_limit_is_cut_off(settings):
    class Deaf(ScriptedModel):
        async def complete(self, call, on_text=None):
            if call.purpose is Purpose.SUBTASK:
                await asyncio.Event().wait()
            return await super().complete(call, on_text)

    quick = settings.model_copy(update={"attempt_timeout_s": 0.01, "subtask_attempts": 1})
    async with Orchestrator.open(quick, Deaf(answers)) as opened:
        person = Person(opened)
        run_id = await person.ask_and_approve()
        request = await person.request(run_id, RequestKind.DEAD_LETTER)

    assert request.text == "No answer came within the time allowed."


async def test_a_subtask_out_of_attempts_is_a_dead_letter_and_the_rest_goes_on(person, model):
    model.answering = planned((), (1,), (), (3,))
    model.enqueue(*[ModelUnavailable("The line is dead.")] * 3, purpose=Purpose.SUBTASK, subtask=1)
    run_id = await person.ask_and_approve()
    request = await person.request(run_id, RequestKind.DEAD_LETTER)

    async def rest_is_done():
        return (await person.subtasks(run_id))[4].status is SubtaskStatus.SUCCEEDED

    await eventually(rest_is_done)
    subtasks = await person.subtasks(run_id)
    assert (request.subtask, request.text) == (1, "The line is dead.")
    assert [subtasks[n].status for n in (1, 2)] == [SubtaskStatus.DEAD, SubtaskStatus.WAITING]
    assert (await person.run(run_id)).status is RunStatus.RUNNING

    await person.do(Retry(run_id, 1))
    await person.answer_of(run_id)
    assert [a.number for a in await person.attempts_at(run_id, 1)] == [1, 2, 3, 4]
    with pytest.raises(Outdated, match="dealt with already"):
        await person.do(Retry(run_id, 1))


async def test_a_dead_subtask_can_be_tried_again_with_other_instructions(person, model):
    model.enqueue(*[ModelEmpty("Nothing.")] * 3, purpose=Purpose.SUBTASK, subtask=1)
    run_id = await person.ask_and_approve()
    await person.request(run_id, RequestKind.DEAD_LETTER)
    await person.do(Retry(run_id, 1, instructions="Do it with a brush.", role="writer"))
    await person.answer_of(run_id)

    last = model.calls_for(Purpose.SUBTASK, 1)[-1]
    assert "Do it with a brush." in asked(last)
    assert "Do part 1." not in asked(last)
    assert (await person.attempts_at(run_id, 1))[-1].role == "writer"
    assert (await person.revisions(run_id))[-1].source is RevisionSource.RETRY


async def test_what_depends_on_a_skipped_subtask_runs_and_is_told(person, model):
    model.enqueue(*[ModelEmpty("Nothing.")] * 3, purpose=Purpose.SUBTASK, subtask=1)
    run_id = await person.ask_and_approve()
    await person.request(run_id, RequestKind.DEAD_LETTER)
    await person.do(Skip(run_id, 1))
    await person.answer_of(run_id)

    assert (await person.run(run_id)).gaps == 1
    assert "Part 1) was skipped" in asked(model.calls_for(Purpose.SUBTASK, 2)[0])
    assert "this part was skipped" in asked(model.calls_for(Purpose.SYNTHESIS)[0])


async def test_an_answer_can_be_had_from_what_is_there(person, model):
    model.answering = planned((), (), (1,), ())
    for number in (1, 2):
        model.enqueue(*[ModelEmpty("Nothing.")] * 3, purpose=Purpose.SUBTASK, subtask=number)
    model.enqueue(question(), purpose=Purpose.SUBTASK, subtask=4)
    run_id = await person.ask_and_approve()
    for number in (1, 2):
        await person.request(run_id, RequestKind.DEAD_LETTER, number)
    asks = await person.request(run_id, RequestKind.QUESTION)
    await person.do(Skip(run_id, all=True))

    assert await person.answer_of(run_id) == "The answer."
    assert (await person.run(run_id)).gaps == 4
    with pytest.raises(Outdated):
        await person.do(Answer(asks.id, "Red."))


async def test_all_dead_letters_can_be_tried_again_at_once(person, model):
    model.answering = planned((), ())
    for number in (1, 2):
        model.enqueue(*[ModelEmpty("Nothing.")] * 3, purpose=Purpose.SUBTASK, subtask=number)
    run_id = await person.ask_and_approve()
    for number in (1, 2):
        await person.request(run_id, RequestKind.DEAD_LETTER, number)
    done = await person.do(Retry(run_id, all=True))

    assert done.sentence == "2 dead letters will be tried again."
    assert await person.answer_of(run_id) == "The answer."


async def test_an_answer_that_cannot_be_written_is_a_dead_letter_too(person, model):
    model.enqueue(*[""] * 3, purpose=Purpose.SYNTHESIS)
    run_id = await person.ask_and_approve()
    request = await person.request(run_id, RequestKind.DEAD_LETTER)
    assert (request.subtask, request.text) == (None, "The answer was empty.")
    with pytest.raises(InvalidInput, match="retry or stop"):
        await person.do(Skip(run_id))

    await person.do(Retry(run_id))
    assert await person.answer_of(run_id) == "The answer."
    assert (await person.run(run_id)).gaps == 0


async def test_output_that_does_not_fit_its_schema_is_explained_to_the_next_attempt(person, model):
    wanted = {"schema": '{"type": "object", "required": ["price"]}', "description": "A price."}
    proposal = plan(())
    proposal["subtasks"][0]["expected_output"] = wanted
    model.enqueue(proposal, purpose=Purpose.PLAN)
    model.enqueue({"cost": 3}, {"price": 3}, purpose=Purpose.SUBTASK)
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)

    first, second = await person.attempts_at(run_id, 1)
    assert (first.outcome, first.error) == (
        Outcome.INVALID,
        "$: 'price' is a required property.",
    )
    assert second.data == {"price": 3}
    assert first.error in asked(model.calls_for(Purpose.SUBTASK)[1])


async def test_a_model_that_breaks_in_an_unknown_way_has_failed_like_any_other(person, model):
    model.enqueue(ZeroDivisionError("secret detail"), purpose=Purpose.SUBTASK, subtask=1)
    with capture_logs([merge_contextvars]) as logged:
        run_id = await person.ask_and_approve()
        await person.answer_of(run_id)

    broken = (await person.attempts_at(run_id, 1))[0]
    assert broken.outcome is Outcome.ERRORED
    assert broken.error == f"Something broke here (log id {broken.id[-8:]})."
    [entry] = [entry for entry in logged if entry["event"] == "attempt_broke"]
    about = {"run": run_id, "subtask": 1, "attempt": broken.id, "team": "T1"}
    assert about.items() <= entry.items()


async def test_text_that_no_database_takes_is_stored_without_it(person, model):
    model.enqueue("Re\x00sult \ud800one.", purpose=Purpose.SUBTASK, subtask=1)
    model.enqueue(ModelUnavailable("Bro\x00ken."), purpose=Purpose.SYNTHESIS)
    run_id = await person.ask_and_approve("Do\x00 it.\ud800")
    await person.answer_of(run_id)

    assert (await person.attempts_at(run_id, 1))[0].output == "Result one."
    assert (await person.run(run_id)).task == "Do it."


# --- questions -----------------------------------------------------------------------------


async def test_a_question_is_answered_and_the_worker_goes_on_from_where_it_was(person, model):
    model.enqueue(question("Which colour?", "Red", "Blue"), purpose=Purpose.SUBTASK, subtask=1)
    run_id = await person.ask_and_approve()
    request = await person.request(run_id, RequestKind.QUESTION)
    assert (request.text, request.options) == ("Which colour?", ["Red", "Blue"])
    assert (await person.subtasks(run_id))[1].status is SubtaskStatus.PAUSED

    with pytest.raises(InvalidInput, match="empty"):
        await person.do(Answer(request.id, " \n"))
    await person.do(Answer(request.id, "Green."))
    await person.answer_of(run_id)

    first, second = model.calls_for(Purpose.SUBTASK, 1)
    assert second.messages[: len(first.messages)] == first.messages
    assert second.messages[-2]["content"][0]["input"]["question"] == "Which colour?"
    assert second.messages[-1]["content"] == [
        {"type": "tool_result", "tool_use_id": "call-1", "content": "Green."}
    ]
    with pytest.raises(Outdated) as refused:
        await person.do(Answer(request.id, "Red."))
    assert refused.value.by == "U1"


async def test_two_answers_at_once_have_one_effect(person, model):
    model.enqueue(question(), purpose=Purpose.SUBTASK, subtask=1)
    run_id = await person.ask_and_approve()
    request = await person.request(run_id, RequestKind.QUESTION)

    results = await asyncio.gather(
        *(person.do(Answer(request.id, colour)) for colour in ("Red.", "Blue.")),
        return_exceptions=True,
    )
    await person.answer_of(run_id)

    assert sorted(type(result).__name__ for result in results) == ["Done", "Outdated"]
    assert len(await person.attempts_at(run_id, 1)) == 2


async def test_a_waiting_question_holds_up_nothing_else(person, model):
    model.answering = planned((), ())
    model.enqueue(question(), purpose=Purpose.SUBTASK, subtask=1)
    run_id = await person.ask_and_approve(concurrency=1)
    await person.request(run_id, RequestKind.QUESTION)

    async def other_is_done():
        return (await person.subtasks(run_id))[2].status is SubtaskStatus.SUCCEEDED

    await eventually(other_is_done)


# --- stopping ------------------------------------------------------------------------------


class Hanging(ScriptedModel):
    """Never ends a worker's call, and says when one was broken off."""

    def __init__(self):
        super().__init__(answers)
        self.begun = asyncio.Event()
        self.broken_off = asyncio.Event()

    async def complete(self, call, on_text=None):
        if call.purpose is not Purpose.SUBTASK:
            return await super().complete(call, on_text)
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.broken_off.set()
            raise


async def test_stop_breaks_off_a_hanging_call_within_a_second(settings):
    model = Hanging()
    async with Orchestrator.open(settings, model) as opened:
        person = Person(opened)
        run_id = await person.ask_and_approve()
        await asyncio.wait_for(model.begun.wait(), 10)
        async with asyncio.timeout(1):
            await person.do(Stop(run_id))
            await model.broken_off.wait()
        run = await person.run(run_id)
        attempt = (await person.attempts_at(run_id, 1))[0]
        subtasks = await person.subtasks(run_id)

    assert (run.status, run.ended_by) == (RunStatus.STOPPED, "U1")
    assert attempt.outcome is Outcome.CANCELLED
    assert {s.status for s in subtasks.values()} == {SubtaskStatus.CANCELLED}


async def test_a_run_can_be_stopped_while_it_is_planned_and_while_it_waits(person, model):
    gate = model.gate(Purpose.PLAN)
    planning = await person.ask()
    await gate.reached()
    await person.do(Stop(planning))
    gate.open()
    proposed = await person.ask()
    await person.until(proposed, RunStatus.PROPOSED)
    await person.do(Stop(proposed))

    assert {run.status for run in await person.runs()} == {RunStatus.STOPPED}
    with pytest.raises(Outdated):
        await person.do(Approve(proposed, 1))


async def test_stopping_in_the_midst_of_results_always_ends_the_run(person, model):
    """Results and Stop take the same rows: neither may lose, wait for ever or clash."""
    model.answering = planned(*[()] * 20)
    model.gate(Purpose.SYNTHESIS)

    async def stopped_midway(number):
        run_id = await person.ask(f"Task {number}.", auto_approve=True, concurrency=10)

        async def some_are_done():
            return any(s.tries for s in (await person.subtasks(run_id)).values())

        await eventually(some_are_done)
        await person.do(Stop(run_id))
        return await person.until(run_id, RunStatus.STOPPED)

    await asyncio.gather(*(stopped_midway(number) for number in range(6)))


# --- who and how often ---------------------------------------------------------------------


async def test_one_event_makes_one_run_however_often_it_comes(person):
    create = Create("Paint.", claim="event-1")
    first = await person.do(create)

    results = await asyncio.gather(*(person.do(create) for _ in range(3)), return_exceptions=True)

    assert [type(result) for result in results] == [AlreadyTaken] * 3
    assert [run.id for run in await person.runs()] == [first.run_id]


async def test_one_event_that_comes_many_times_at_once_makes_one_run(person):
    create = Create("Paint.", claim="event-1")

    results = await asyncio.gather(*(person.do(create) for _ in range(5)), return_exceptions=True)

    assert sum(isinstance(result, Outdated) for result in results) == 4
    assert len(await person.runs()) == 1


async def test_the_same_event_of_another_team_is_another_event(person, orchestrator):
    create = Create("Paint.", claim="event-1")
    await person.do(create)
    await Person(orchestrator, team_id="T2").do(create)

    assert {run.team_id for run in await person.runs()} == {"T1", "T2"}


async def test_a_task_that_says_nothing_is_no_run(person):
    with pytest.raises(InvalidInput, match="no task"):
        await person.do(Create(" \n\x00"))
    assert await person.runs() == []


async def test_teams_are_kept_apart(person, orchestrator, model):
    model.enqueue(question(), purpose=Purpose.SUBTASK, subtask=1)
    run_id = await person.ask_and_approve()
    request = await person.request(run_id, RequestKind.QUESTION)
    stranger = Person(orchestrator, team_id="T2")
    commands = [
        Approve(run_id, 1),
        Edit(run_id, 1, Plan(goal="x", subtasks=())),
        Replan(run_id, 1, "x"),
        Reject(run_id, 1),
        Stop(run_id),
        Retry(run_id, 1),
        Skip(run_id, all=True),
        Rate(run_id, "up"),
        Answer(request.id, "x"),
        Breakdown(request.id, "x"),
    ]

    for command in commands:
        with pytest.raises(NotFound, match="no longer exists"):
            await stranger.do(command)
    assert (await person.run(run_id)).status is RunStatus.RUNNING
    assert (await person.request(run_id, RequestKind.QUESTION)).status is RequestStatus.OPEN


async def test_what_does_not_exist_is_not_found(person):
    for command in (Approve("nothing", 1), Answer("nothing", "x"), Stop("nothing")):
        with pytest.raises(NotFound):
            await person.do(command)


async def few_are_in_memory():
    gc.collect()
    return sum(isinstance(thing, Live) for thing in gc.get_objects()) <= 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_of_many_runs_that_wait_few_are_in_memory_and_all_go_on(person, monkeypatch):
    monkeypatch.setattr(engine, "MOST_CACHED", 2)
    run_ids = [await person.ask("Paint a house.") for _ in range(5)]
    for run_id in run_ids:
        await person.until(run_id, RunStatus.PROPOSED)

    await eventually(few_are_in_memory)

    for run_id in run_ids:
        await person.do(Approve(run_id, 1))
    for run_id in run_ids:
        await person.until(run_id, RunStatus.COMPLETED)
