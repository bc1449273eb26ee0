"""The five ways to coordinate a plan, and what reviews make of it."""

from functools import partial

import pytest
from person import Person, answers, asked, eventually, plan
from sqlmodel import select

from orchestrator.commands import Choose, Skip
from orchestrator.errors import ModelUnavailable, Outdated
from orchestrator.model.base import Purpose
from orchestrator.model.scripted import ScriptedModel
from orchestrator.orchestrator import Orchestrator
from orchestrator.store import changes
from orchestrator.store.changes import Basis, Changes
from orchestrator.store.tables import (
    EventRow,
    Request,
    RequestKind,
    RevisionSource,
    Run,
    RunStatus,
    SubtaskStatus,
)

NO_CHANGES = {"changes": []}


def leading(proposal):
    """A model that plans this, can do everything and never wants to change the plan."""

    def answer(call):
        if call.purpose is Purpose.PLAN:
            return proposal
        return NO_CHANGES if call.purpose is Purpose.REVIEW else answers(call)

    return answer


def staged(*stages):
    """A plan whose subtasks belong to these stages."""
    proposal = plan(*[()] * len(stages), pattern="staged")
    for subtask, stage in zip(proposal["subtasks"], stages, strict=True):
        subtask["stage"] = stage
    return proposal


def dynamic(*needs):
    return plan(*needs, pattern="dynamic")


def subtask(id_, *needs, **fields):
    """A subtask as a reviewer writes it."""
    fields = {"title": f"New {id_}", "instructions": f"Do new {id_}."} | fields
    return {"id": id_, "role": "generalist", "depends_on": list(needs), **fields}


def review(*changes_):
    return {"changes": [{"reason": "The results say so.", **change} for change in changes_]}


def add(id_, *needs, **fields):
    return {"kind": "add", "subtask": subtask(id_, *needs, **fields)}


def change(number, **fields):
    return {"kind": "change", "number": number, "subtask": subtask(number, **fields)}


def drop(number):
    return {"kind": "drop", "number": number}


def split(number, *parts):
    return {"kind": "split", "number": number, "parts": list(parts)}


def begun(model):
    """The subtasks a model was asked to do."""
    return {call.subtask for call in model.calls_for(Purpose.SUBTASK)}


def steps(model):
    """What the model was asked for, in order: the subtask, or the purpose."""
    return [call.subtask or call.purpose.value for call in model.calls]


async def until_done(person, run_id, *numbers):
    async def done():
        subtasks = await person.subtasks(run_id)
        return all(subtasks[n].status is SubtaskStatus.SUCCEEDED for n in numbers)

    await eventually(done)


async def told(person, run_id, kind):
    """What the events of that kind say, in order."""
    query = select(EventRow).where(EventRow.run_id == run_id, EventRow.kind == kind)
    return [event.data for event in await person._rows(query.order_by(EventRow.id))]


# --- what starts when ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proposal", "at_once"),
    [
        (plan((), (1,), ()), {1, 3}),
        (plan((), (1,), (), pattern="linear"), {1}),
        (plan((), (1,), (), pattern="fan_out"), {1, 2, 3}),
        (staged(1, 2, 1), {1, 3}),
        (dynamic((), (1,), ()), {1, 3}),
    ],
    ids=["graph", "linear", "fan_out", "staged", "dynamic"],
)
async def test_each_pattern_starts_what_it_may_while_the_first_subtask_goes_on(
    person, model, proposal, at_once
):
    model.answering = leading(proposal)
    gate = model.gate(Purpose.SUBTASK, 1)
    run_id = await person.ask_and_approve()
    await gate.reached()
    await until_done(person, run_id, *(at_once - {1}))

    assert begun(model) == at_once
    gate.open()
    await person.answer_of(run_id)
    assert begun(model) == {1, 2, 3}


async def test_a_linear_plan_is_done_in_the_order_of_its_subtasks(person, model):
    model.answering = leading(plan((), (), (1,), pattern="linear"))
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)

    assert steps(model) == ["plan", 1, 2, 3, "synthesis"]
    assert "Result 2." in asked(model.calls_for(Purpose.SUBTASK, 3)[0])


async def test_only_staged_and_dynamic_plans_are_reviewed(person, model):
    for pattern in ("graph", "linear", "fan_out"):
        model.answering = leading(plan((), (), pattern=pattern))
        await person.answer_of(await person.ask(auto_approve=True))

    assert model.calls_for(Purpose.REVIEW) == []


# --- staged --------------------------------------------------------------------------------


async def test_nothing_of_a_stage_starts_before_the_review_of_the_stage_before_is_over(
    person, model
):
    model.answering = leading(staged(1, 1, 2, 2))
    gate = model.gate(Purpose.REVIEW)
    run_id = await person.ask_and_approve()
    await gate.reached()

    assert begun(model) == {1, 2}
    assert (await person.subtasks(run_id))[3].status in (SubtaskStatus.WAITING, "ready")
    told_reviewer = asked(model.calls_for(Purpose.REVIEW)[0])
    assert "Result 1." in told_reviewer
    assert "3. Part 3 (generalist, stage 2)" in told_reviewer
    gate.open()
    await person.answer_of(run_id)
    assert begun(model) == {1, 2, 3, 4}


async def test_there_is_a_review_after_every_stage_but_the_last(person, model):
    model.answering = leading(staged(1, 2, 3))
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)

    assert steps(model) == ["plan", 1, "review", 2, "review", 3, "synthesis"]


async def test_a_stage_gets_the_results_of_the_stage_before(person, model):
    model.answering = leading(staged(1, 2))
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)

    assert "Result 1." in asked(model.calls_for(Purpose.SUBTASK, 2)[0])


async def test_what_a_review_changes_stays_in_its_stage(person, model):
    model.answering = leading(staged(1, 2, 3))
    changed = change("3", title="Otherwise", instructions="Do it otherwise.")
    parts = split("2", subtask("a"), subtask("b"))
    model.enqueue(review(changed, parts), purpose=Purpose.REVIEW)
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)

    order = steps(model)
    assert order[:3] == ["plan", 1, "review"]
    assert set(order[3:5]) == {4, 5}
    assert order[5:] == ["review", 3, "synthesis"]


async def test_a_stage_that_a_review_drops_needs_no_review_of_its_own(person, model):
    model.answering = leading(staged(1, 2, 3))
    model.enqueue(review(drop("2")), purpose=Purpose.REVIEW)
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)

    assert steps(model) == ["plan", 1, "review", 3, "synthesis"]


# --- dynamic -------------------------------------------------------------------------------


async def test_results_that_come_during_a_review_are_coalesced_into_the_next(person, model):
    model.answering = leading(dynamic((), (), (), ()))
    others = [model.gate(Purpose.SUBTASK, number) for number in (2, 3, 4)]
    reviewing = model.gate(Purpose.REVIEW)
    run_id = await person.ask_and_approve()
    await reviewing.reached()
    for gate in others:
        gate.open()
    await until_done(person, run_id, 1, 2, 3, 4)

    assert len(model.calls_for(Purpose.REVIEW)) == 1
    assert model.calls_for(Purpose.SYNTHESIS) == []
    reviewing.open()
    await person.answer_of(run_id)
    first, second = (asked(call) for call in model.calls_for(Purpose.REVIEW))
    assert "Result 2." not in first
    assert all(f"Result {number}." in second for number in (1, 2, 3, 4))
    assert steps(model)[-2:] == ["review", "synthesis"]


async def test_subtasks_start_while_a_dynamic_plan_is_reviewed(person, model):
    model.answering = leading(dynamic((), (1,)))
    gate = model.gate(Purpose.REVIEW)
    run_id = await person.ask_and_approve()
    await gate.reached()
    await until_done(person, run_id, 2)

    assert len(model.calls_for(Purpose.REVIEW)) == 1
    gate.open()
    await person.answer_of(run_id)


async def test_the_last_results_are_reviewed_before_the_answer_and_may_lead_on(person, model):
    model.answering = leading(dynamic(()))
    model.enqueue(review(add("more")), purpose=Purpose.REVIEW)
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)

    assert steps(model) == ["plan", 1, "review", 2, "review", "synthesis"]
    assert "Result 2." in asked(model.calls_for(Purpose.SYNTHESIS)[0])


# --- what reviews change -------------------------------------------------------------------


async def changed_run(person, model, *wanted, proposal=None):
    """Run a dynamic plan 1 → 2 → 3 whose first review wants these changes while 2 waits."""
    model.answering = leading(proposal or staged(1, 2, 3))
    model.enqueue(review(*wanted), purpose=Purpose.REVIEW)
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)
    return run_id


@pytest.mark.parametrize(
    ("wanted", "done", "said"),
    [
        (add("new", stage=2), {1, 2, 3, 4}, "Subtask 4 was added: The results say so."),
        (change("2"), {1, 2, 3}, "Subtask 2 was changed: The results say so."),
        (drop("2"), {1, 3}, "Subtask 2 was dropped: The results say so."),
        (
            split("2", subtask("a"), subtask("b", "a")),
            {1, 3, 4, 5},
            "Subtask 2 was split into 4 and 5: The results say so.",
        ),
    ],
    ids=["add", "change", "drop", "split"],
)
async def test_a_change_is_a_revision_with_its_reason_and_is_what_runs(
    person, model, wanted, done, said
):
    run_id = await changed_run(person, model, wanted)

    first, second = await person.revisions(run_id)
    assert (first.source, second.source) == (RevisionSource.PLANNER, RevisionSource.REVIEW)
    assert second.repairs[0] == said
    assert begun(model) == done
    run = await person.run(run_id)
    assert (run.revision, run.replans, run.gaps) == (2, 1, 0)


async def test_a_changed_subtask_is_done_as_changed(person, model):
    await changed_run(person, model, change("2", instructions="Do it with care."))

    assert "Do it with care." in asked(model.calls_for(Purpose.SUBTASK, 2)[0])


async def test_parts_run_in_their_order_and_what_waited_for_the_whole_waits_for_them(person, model):
    run_id = await changed_run(
        person,
        model,
        split("2", subtask("a"), subtask("b", "a")),
        proposal=staged(1, 2, 2) | {"subtasks": _second_stage_in_a_row()},
    )

    assert steps(model) == ["plan", 1, "review", 4, 5, 3, "synthesis"]
    assert (await person.subtasks(run_id))[2].status is SubtaskStatus.CANCELLED


def _second_stage_in_a_row():
    subtasks = staged(1, 2, 2)["subtasks"]
    subtasks[2]["depends_on"] = ["2"]
    return subtasks


async def test_a_dropped_subtask_never_runs_and_is_no_gap(person, model):
    run_id = await changed_run(person, model, drop("3"))

    assert await person.attempts_at(run_id, 3) == []
    assert (await person.subtasks(run_id))[3].status is SubtaskStatus.CANCELLED
    assert "Part 3" not in asked(model.calls_for(Purpose.SYNTHESIS)[0])


async def test_what_concerns_a_started_subtask_is_left_out_and_said(person, model):
    model.answering = leading(dynamic((), (1,), (2,)))
    model.enqueue(review(drop("2"), change("3")), purpose=Purpose.REVIEW)
    reviewing, working = model.gate(Purpose.REVIEW), model.gate(Purpose.SUBTASK, 2)
    run_id = await person.ask_and_approve()
    await reviewing.reached()
    await working.reached()
    reviewing.open()

    async def is_changed():
        return (await person.run(run_id)).revision == 2

    await eventually(is_changed)
    working.open()
    await person.answer_of(run_id)
    first = (await told(person, run_id, "plan_reviewed"))[0]
    sentence = "Left out (The results say so.): subtask 2 has been started or is not there."
    assert (first["changes"], first["left_out"]) == (1, [sentence])
    assert sentence in (await person.revisions(run_id))[1].repairs
    assert begun(model) == {1, 2, 3}


async def test_a_review_that_comes_too_late_for_everything_changes_nothing_and_the_run_goes_on(
    person, model
):
    run_id = await changed_run(person, model, drop("1"))

    assert len(await person.revisions(run_id)) == 1
    assert (await told(person, run_id, "plan_reviewed"))[0]["changes"] == 0
    assert begun(model) == {1, 2, 3}


async def test_no_more_reviews_change_the_plan_than_may(settings):
    model = ScriptedModel(
        lambda call: (
            review(add("more", instructions=f"Do more after {len(call.messages[0]['content'])}."))
            if call.purpose is Purpose.REVIEW
            else leading(dynamic(()))(call)
        )
    )
    async with Orchestrator.open(settings.model_copy(update={"max_replans": 2}), model) as opened:
        person = Person(opened)
        run_id = await person.ask_and_approve()
        await person.answer_of(run_id)
        revisions = await person.revisions(run_id)

    assert [revision.source for revision in revisions] == ["planner", "review", "review"]
    assert begun(model) == {1, 2, 3}


@pytest.mark.parametrize("reply", ["No idea.", {"changes": "all"}, ModelUnavailable("Away.")])
@pytest.mark.parametrize("proposal", [staged(1, 2), dynamic((), (1,))], ids=["staged", "dynamic"])
async def test_a_review_that_fails_is_given_up_and_the_run_goes_on(person, model, reply, proposal):
    model.answering = leading(proposal)
    model.enqueue(*[reply] * 2, purpose=Purpose.REVIEW)
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)

    assert len(await person.revisions(run_id)) == 1
    assert begun(model) == {1, 2}
    assert [r.kind for r in await _requests(person, run_id)] == [RequestKind.APPROVAL]


async def _requests(person, run_id):
    return await person._rows(select(Request).where(Request.run_id == run_id))


# --- review policy: ask --------------------------------------------------------------------


@pytest.fixture
async def asking(settings, model):
    """A person whose runs ask before a review changes their plan."""
    asks = settings.model_copy(update={"review_policy": "ask"})
    async with Orchestrator.open(asks, model) as opened:
        yield Person(opened)


async def test_nothing_starts_until_a_person_has_said_whether_the_plan_changes(asking, model):
    model.answering = leading(dynamic((), (), (2,)))
    model.enqueue(review(add("new")), purpose=Purpose.REVIEW)
    working = model.gate(Purpose.SUBTASK, 2)
    run_id = await asking.ask_and_approve()
    request = await asking.request(run_id, RequestKind.PLAN_CHANGE)
    assert (request.text, len(request.options)) == ("The results say so.", 2)
    working.open()
    await until_done(asking, run_id, 2)

    assert begun(model) == {1, 2}
    assert (await asking.run(run_id)).revision == 1
    await asking.do(Choose(request.id, 0))
    await asking.answer_of(run_id)
    assert begun(model) == {1, 2, 3, 4}
    assert [r.source for r in await asking.revisions(run_id)] == ["planner", "review"]
    with pytest.raises(Outdated):
        await asking.do(Choose(request.id, 1))


async def test_a_plan_may_be_left_as_it_is(asking, model):
    model.answering = leading(staged(1, 2))
    model.enqueue(review(drop("2")), purpose=Purpose.REVIEW)
    run_id = await asking.ask_and_approve()
    request = await asking.request(run_id, RequestKind.PLAN_CHANGE)
    await asking.do(Choose(request.id, 1))
    await asking.answer_of(run_id)

    assert len(await asking.revisions(run_id)) == 1
    assert begun(model) == {1, 2}


async def test_a_plan_is_changed_as_it_is_when_the_person_answers(asking, model):
    """What was started between the review and the answer stays as it is."""
    model.answering = leading(dynamic((), (1,), (2,)))
    model.enqueue(review(drop("2"), drop("3")), purpose=Purpose.REVIEW)
    reviewing, working = model.gate(Purpose.REVIEW), model.gate(Purpose.SUBTASK, 2)
    run_id = await asking.ask_and_approve()
    await reviewing.reached()
    await working.reached()
    reviewing.open()
    request = await asking.request(run_id, RequestKind.PLAN_CHANGE)
    await asking.do(Choose(request.id, 0))
    working.open()
    await asking.answer_of(run_id)

    assert begun(model) == {1, 2}
    changed = (await told(asking, run_id, "plan_changed"))[0]
    assert changed["left_out"] == [
        "Left out (The results say so.): subtask 2 has been started or is not there."
    ]


# --- the answer now ------------------------------------------------------------------------


async def test_who_wants_the_answer_now_gets_no_more_subtasks_from_a_review(person, model):
    model.answering = leading(dynamic((), ()))
    model.enqueue(*[ModelUnavailable("Away.")] * 3, purpose=Purpose.SUBTASK, subtask=2)
    model.enqueue(*[review(add("more"))] * 3, purpose=Purpose.REVIEW)
    gate = model.gate(Purpose.REVIEW)
    run_id = await person.ask_and_approve()
    await gate.reached()
    await person.request(run_id, RequestKind.DEAD_LETTER)
    await person.do(Skip(run_id, all=True))
    gate.open()
    await person.answer_of(run_id)

    assert begun(model) == {1, 2}
    assert (await person.run(run_id)).gaps == 1


# --- a crash -------------------------------------------------------------------------------


async def test_a_decision_that_others_must_follow_leaves_the_run_behind_for_the_sweep(
    person, database
):
    """Else a process that dies between the two would leave a run that nobody looks at."""
    run_id = await person.ask()
    run = await person.until(run_id, RunStatus.PROPOSED)
    basis = Basis(run.id, run.commands, run.advanced_version, run.version)
    await database.write(partial(changes.advance, basis=basis, changes=Changes(is_partial=True)))

    async with database.read() as session:
        after = await session.get(Run, run_id)
    assert after.advanced_version < after.version
