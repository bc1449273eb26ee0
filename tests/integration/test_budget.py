"""What a run may cost: reserved before each call, settled after it, asked for at the limit."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
import sqlalchemy as sa
from person import Person, answers, eventually, plan
from sqlmodel import select

from orchestrator import deadlines
from orchestrator.commands import Answer, Choose, Create, Defaults, Guide, Redo, Stop
from orchestrator.errors import AccountError, InvalidInput, NotFound
from orchestrator.model.base import Purpose, ToolCall, Usage
from orchestrator.model.scripted import reply
from orchestrator.orchestrator import Orchestrator
from orchestrator.store import changes
from orchestrator.store.clock import now
from orchestrator.store.tables import Outcome, Request, RequestKind, RunStatus, SubtaskStatus

ASKS = (RequestKind.BUDGET, RequestKind.ACCOUNT)


def a_dollar(model, tokens_in, tokens_out):
    """Every call costs a dollar at the most."""
    return Decimal(1)


def nobody_knows(model, tokens_in, tokens_out):
    return None


def costing(usd, *needs, **fields):
    """A model that plans these subtasks and whose every call costs that much."""

    def answer(call):
        if call.purpose is Purpose.PLAN:
            return reply(data=plan(*needs, **fields), cost_usd=Decimal(usd))
        if call.purpose is Purpose.REVIEW:
            return reply(data={"changes": []}, cost_usd=Decimal(usd))
        return reply(answers(call), cost_usd=Decimal(usd))

    return answer


@pytest.fixture
def opened(settings, model):
    """Opens an orchestrator whose calls cost a dollar at the most, with these settings."""

    def open_(price=a_dollar, **changed):
        changed = {"run_usd": None, "run_tokens": None} | changed
        return Orchestrator.open(settings.model_copy(update=changed), model, price=price)

    return open_


def begun(model):
    return len(model.calls_for(Purpose.SUBTASK))


async def requests(person, run_id, *kinds):
    """Every request of these kinds that there ever was."""
    query = select(Request).where(Request.run_id == run_id)
    return [r for r in await person._rows(query) if r.kind in (kinds or ASKS)]


async def until_begun(model, count):
    async def begun_so_many():
        return begun(model) == count

    await eventually(begun_so_many)


async def look_again(person, run_id):
    """Let the engine look at the run once more, and wait until it has."""
    engine = person.orchestrator.engine
    await engine.sweep()
    await engine.advance(run_id)


# --- money ---------------------------------------------------------------------------------


async def test_calls_that_run_at_once_cannot_overrun_together_and_the_answer_is_held_back(
    opened, model
):
    model.answering = costing(1, *[()] * 6)
    gate = model.gate(Purpose.SUBTASK)
    async with opened(run_usd=Decimal(4)) as orchestrator:
        person = Person(orchestrator)
        run_id = await person.ask_and_approve()
        await until_begun(model, 2)
        await look_again(person, run_id)

        assert begun(model) == 2, "1 spent, 2 reserved, 1 held back for the answer"
        attempts = await person.attempts(run_id)
        assert [attempt.reserved_usd for attempt in attempts] == [1, 1, 1]
        gate.open()
        await person.request(run_id, RequestKind.BUDGET)
        assert (await person.run(run_id)).cost_usd == 3


async def test_a_run_at_its_limit_asks_once_starts_nothing_and_goes_on_when_it_may(opened, model):
    model.answering = costing(1, *[()] * 6)
    async with opened(run_usd=Decimal(4)) as orchestrator:
        person = Person(orchestrator)
        run_id = await person.ask_and_approve()
        request = await person.request(run_id, RequestKind.BUDGET)
        for _ in range(3):
            await look_again(person, run_id)

        assert (
            request.text
            == "$3.00 of $4.00 are used, and the next step could need more than is left."
        )
        assert len(await requests(person, run_id)) == 1
        assert begun(model) == 2
        assert (await person.run(run_id)).status is RunStatus.RUNNING
        await person.do(Choose(request.id, 0))
        await person.answer_of(run_id)

        run = await person.run(run_id)
        assert (run.cost_usd, run.limit_usd, run.gaps) == (8, 8, 0)
        assert len(await requests(person, run_id)) == 1


async def test_a_run_at_its_limit_answers_with_what_there_is_when_told_so(opened, model):
    model.answering = costing(1, *[()] * 6)
    async with opened(run_usd=Decimal(4)) as orchestrator:
        person = Person(orchestrator)
        run_id = await person.ask_and_approve()
        request = await person.request(run_id, RequestKind.BUDGET)
        done = await person.do(Choose(request.id, 1))
        await person.answer_of(run_id)

        assert done.sentence == "4 subtasks skipped; the answer follows."
        run = await person.run(run_id)
        assert (run.gaps, run.cost_usd) == (4, 4)
        assert begun(model) == 2


async def test_what_was_given_up_for_the_answer_asks_nothing_any_more(opened, model):
    model.answering = costing(1, *[()] * 4)
    question = ToolCall("call-1", "ask_person", {"question": "Which?", "options": []})
    model.enqueue(reply(tool_calls=[question], cost_usd=Decimal(1)), purpose=Purpose.SUBTASK)
    async with opened(run_usd=Decimal(4)) as orchestrator:
        person = Person(orchestrator)
        run_id = await person.ask_and_approve()
        asked = await person.request(run_id, RequestKind.QUESTION)
        request = await person.request(run_id, RequestKind.BUDGET)
        with pytest.raises(NotFound):
            await person.do(Choose(asked.id, 0))
        await person.do(Choose(request.id, 1))
        await person.answer_of(run_id)

        assert {r.status for r in await requests(person, run_id, RequestKind.QUESTION)} == {
            "closed"
        }
        with pytest.raises(Exception, match="answered already"):
            await person.do(Answer(asked.id, "That one."))


async def test_no_review_adds_work_once_the_answer_is_wanted_with_what_there_is(opened, model):
    model.answering = costing(1, (), (1,), (2,), pattern="dynamic")
    async with opened(run_usd=Decimal(4)) as orchestrator:
        person = Person(orchestrator)
        run_id = await person.ask_and_approve()
        request = await person.request(run_id, RequestKind.BUDGET)
        reviews = len(model.calls_for(Purpose.REVIEW))
        await person.do(Choose(request.id, 1))
        await person.answer_of(run_id)

        assert len(model.calls_for(Purpose.REVIEW)) == reviews


async def test_what_a_call_does_not_use_is_there_for_the_next(opened, model):
    model.answering = costing("0.25", *[()] * 4)
    async with opened(run_usd=Decimal(3)) as orchestrator:
        person = Person(orchestrator)
        run_id = await person.ask_and_approve()
        await person.answer_of(run_id)

        assert (await person.run(run_id)).cost_usd == Decimal("1.5")
        assert await requests(person, run_id) == []


async def test_what_a_call_used_until_it_was_stopped_counts(opened, model):
    def told(call):
        if call.purpose is Purpose.SUBTASK:
            call.meter.count(Usage(input_tokens=700, cache_read_tokens=20), Decimal("0.25"))
        return costing("0.10", ())(call)

    model.answering = told
    gate = model.gate(Purpose.SUBTASK)
    async with opened() as orchestrator:
        person = Person(orchestrator)
        run_id = await person.ask_and_approve()
        await gate.reached()
        before = await person.run(run_id)
        await person.do(Stop(run_id))

        async def counted():
            return (await person.run(run_id)).tokens == before.tokens + 720

        await eventually(counted)
        run = await person.run(run_id)
        (attempt,) = await person.attempts_at(run_id, 1)
        assert (run.status, run.cost_usd) == (RunStatus.STOPPED, Decimal("0.35"))
        assert (attempt.outcome, attempt.input_tokens, attempt.cost_usd) == (
            Outcome.CANCELLED,
            700,
            Decimal("0.25"),
        )


async def test_planning_too_is_paid_and_cannot_be_answered_with_nothing(opened, model):
    model.answering = costing(1, ())
    async with opened(run_usd=Decimal("1.5")) as orchestrator:
        person = Person(orchestrator)
        run_id = await person.ask()
        request = await person.request(run_id, RequestKind.BUDGET)
        with pytest.raises(InvalidInput, match="nothing to answer with yet"):
            await person.do(Choose(request.id, 1))
        assert model.calls == []
        await person.do(Choose(request.id, 0))
        await person.until(run_id, RunStatus.PROPOSED)


async def test_limits_of_a_run_of_its_own_can_be_raised_too(opened, model):
    model.answering = costing(1, *[()] * 3)
    async with opened() as orchestrator:
        person = Person(orchestrator)
        own = Defaults(limit_usd=Decimal(3))
        run_id = (await person.do(Create("Do it.", auto_approve=True, defaults=own))).run_id
        request = await person.request(run_id, RequestKind.BUDGET)
        await person.do(Choose(request.id, 0))
        await person.answer_of(run_id)

        assert (await person.run(run_id)).limit_usd == 6


async def test_there_is_no_third_option(opened, model):
    model.answering = costing(1, *[()] * 6)
    async with opened(run_usd=Decimal(4)) as orchestrator:
        person = Person(orchestrator)
        run_id = await person.ask_and_approve()
        request = await person.request(run_id, RequestKind.BUDGET)
        for option in (-1, 2):
            with pytest.raises(InvalidInput, match="no such option"):
                await person.do(Choose(request.id, option))
        assert (await person.request(run_id, RequestKind.BUDGET)).id == request.id


async def test_a_plan_says_what_it_should_cost_with_its_answer(opened, model):
    model.answering = costing(1, (), (1,), pattern="dynamic")
    new = {"id": "new", "title": "More", "instructions": "Do more.", "role": "generalist"}
    wanted = {"changes": [{"kind": "add", "reason": "Why not.", "subtask": new}]}
    model.enqueue(wanted, purpose=Purpose.REVIEW)
    async with opened() as orchestrator:
        person = Person(orchestrator)
        run_id = await person.ask_and_approve()
        await person.answer_of(run_id)
        revisions = await person.revisions(run_id)

    assert [revision.expected_usd for revision in revisions] == [3, 4]


# --- tokens --------------------------------------------------------------------------------


async def test_a_run_at_its_limit_of_tokens_asks_and_goes_on_when_it_may(opened, model):
    much = reply("Result 1.", usage=Usage(input_tokens=80_000, output_tokens=5_000))
    model.enqueue(much, purpose=Purpose.SUBTASK, subtask=1)
    async with opened(run_tokens=100_000) as orchestrator:
        person = Person(orchestrator)
        run_id = await person.ask_and_approve()
        request = await person.request(run_id, RequestKind.BUDGET)

        assert "of 100,000 tokens are used" in request.text
        assert begun(model) == 1
        await person.do(Choose(request.id, 0))
        await person.answer_of(run_id)
        assert (await person.run(run_id)).limit_tokens == 200_000


async def test_where_no_price_is_known_only_tokens_count(opened, model):
    model.answering = lambda call: reply(
        **({"data": answers(call)} if call.purpose is Purpose.PLAN else {"text": answers(call)}),
        cost_usd=None,
    )
    async with opened(nobody_knows, run_usd=Decimal("0.01"), run_tokens=200_000) as orchestrator:
        person = Person(orchestrator)
        run_id = await person.ask_and_approve()
        await person.answer_of(run_id)

        run = await person.run(run_id)
        assert (run.cost_usd, run.cost_known) == (0, False)
        assert (await person.revisions(run_id))[0].expected_usd is None
        assert await requests(person, run_id) == []
        assert all(a.reserved_tokens > 9_000 for a in await person.attempts(run_id))


# --- time ----------------------------------------------------------------------------------


async def let_time_pass(person, run_id):
    """Put the run's deadline into the past."""
    past = now() - timedelta(seconds=1)
    statement = sa.update(changes.run).where(changes.run.c.id == run_id).values(deadline=past)
    await person.orchestrator.database.write(lambda connection: connection.execute(statement))
    await person.orchestrator.engine.sweep()


async def overdue_run(person, model):
    """A run whose time was up while subtask 1 of 2 went on, which is done by now."""
    gate = model.gate(Purpose.SUBTASK, 1)
    run_id = await person.ask_and_approve()
    await gate.reached()
    await let_time_pass(person, run_id)
    await let_time_pass(person, run_id)
    gate.open()

    async def is_done():
        return (await person.subtasks(run_id))[1].status is SubtaskStatus.SUCCEEDED

    await eventually(is_done)
    return run_id


async def test_a_run_whose_time_is_up_asks_once_and_starts_nothing_more(opened, model):
    async with opened(run_minutes=60) as orchestrator:
        person = Person(orchestrator)
        run_id = await overdue_run(person, model)
        await look_again(person, run_id)

        assert [r.text for r in await requests(person, run_id)] == ["The time for this run is up."]
        assert begun(model) == 1


async def test_a_run_whose_time_is_up_gets_as_much_again(opened, model):
    async with opened(run_minutes=60) as orchestrator:
        person = Person(orchestrator)
        run_id = await overdue_run(person, model)
        await person.do(Choose((await person.request(run_id, RequestKind.BUDGET)).id, 0))
        await person.answer_of(run_id)

        left = (await person.run(run_id)).deadline - now()
        assert timedelta(minutes=59) < left <= timedelta(minutes=60)
        assert begun(model) == 2


async def test_a_run_whose_time_is_up_answers_with_what_there_is_when_told_so(opened, model):
    async with opened(run_minutes=60) as orchestrator:
        person = Person(orchestrator)
        run_id = await overdue_run(person, model)
        await person.do(Choose((await person.request(run_id, RequestKind.BUDGET)).id, 1))
        await person.answer_of(run_id)

        run = await person.run(run_id)
        assert (run.gaps, run.deadline) == (1, None)


async def test_a_redo_after_the_answer_has_the_whole_time_again(opened, model):
    async with opened(run_minutes=60) as orchestrator:
        person = Person(orchestrator)
        run_id = await person.ask_and_approve()
        await person.answer_of(run_id)
        await let_time_pass(person, run_id)
        gate = model.gate(Purpose.SYNTHESIS)
        await person.do(Redo(run_id, 2))
        await gate.reached()
        await look_again(person, run_id)

        assert await requests(person, run_id) == []
        gate.open()
        await person.until(run_id, RunStatus.COMPLETED)


# --- a workspace's day ---------------------------------------------------------------------


async def test_all_runs_of_a_workspace_share_what_it_may_spend_in_a_day(opened, model):
    model.answering = costing(1, (), (1,))
    async with opened(team_usd_per_day=Decimal(6)) as orchestrator:
        person = Person(orchestrator)
        first = await person.ask_and_approve()
        await person.answer_of(first)
        second = await person.ask_and_approve()
        request = await person.request(second, RequestKind.BUDGET)

        assert request.text.startswith("The budget of this workspace for today ($6.00")
        assert (await person.run(first)).cost_usd + (await person.run(second)).cost_usd == 6
        await look_again(person, second)
        assert len(await requests(person, second)) == 1

        other = Person(orchestrator, team_id="T2")
        assert await other.answer_of(await other.ask(auto_approve=True)) == "The answer."


async def test_on_the_next_day_a_run_that_waited_for_it_goes_on_by_itself(opened, model):
    model.answering = costing(1, (), (1,))
    async with opened(team_usd_per_day=Decimal(6)) as orchestrator:
        person = Person(orchestrator)
        await person.answer_of(await person.ask_and_approve())
        held = await person.ask_and_approve()
        first = await person.request(held, RequestKind.BUDGET)
        assert first.options == ["Try again", "Answer with what we have"]
        before = await person.run(held)

        async def go_on(moment):
            work = partial(deadlines.go_on, moment=moment)
            return await orchestrator.database.write(work)

        assert await go_on(now()) == []
        assert await go_on(now() + timedelta(days=1)) == [held]
        await look_again(person, held)

        # Today is not over yet: it is asked again.
        second = await person.request(held, RequestKind.BUDGET)
        assert second.id != first.id
        await person.do(Choose(second.id, 0))
        third = await person.request(held, RequestKind.BUDGET)
        assert third.id != second.id
        assert (await person.run(held)).limit_usd == before.limit_usd


async def test_runs_at_once_do_not_overrun_the_day_together(opened, model):
    model.answering = costing(1, *[()] * 4)
    async with opened(team_usd_per_day=Decimal(7)) as orchestrator:
        person = Person(orchestrator)
        runs = [await person.ask(f"Task {n}.", auto_approve=True) for n in range(3)]
        for run_id in runs:
            await person.request(run_id, RequestKind.BUDGET)

        async def nothing_is_under_way():
            attempts = [a for run_id in runs for a in await person.attempts(run_id)]
            return all(attempt.status == "finished" for attempt in attempts)

        await eventually(nothing_is_under_way)
        assert sum([(await person.run(run_id)).cost_usd for run_id in runs]) <= 7
        assert len(model.calls) <= 7


# --- account trouble -----------------------------------------------------------------------


def no_credit():
    return AccountError("The credit is used up.")


async def test_trouble_with_the_account_is_one_request_however_many_attempts_fail(person, model):
    model.answering = lambda call: answers(call, [()] * 4)
    model.enqueue(*[no_credit() for _ in range(3)], purpose=Purpose.SUBTASK)
    gates = [model.gate(Purpose.SUBTASK, number) for number in (2, 3)]
    run_id = await person.ask_and_approve(concurrency=3)
    request = await person.request(run_id, RequestKind.ACCOUNT)
    # What is said to a run has it read from its rows.
    await person.do(Guide(run_id, "Be brief."))
    for gate in gates:
        gate.open()

    async def all_are_put_back():
        subtasks = (await person.subtasks(run_id)).values()
        return all(subtask.attempt_id is None for subtask in subtasks)

    await eventually(all_are_put_back)
    await look_again(person, run_id)
    assert request.text == "The credit is used up."
    assert [r.kind for r in await requests(person, run_id, *RequestKind)] == ["approval", "account"]
    assert begun(model) == 3
    assert {s.tries for s in (await person.subtasks(run_id)).values()} == {0}

    await person.do(Choose(request.id, 0))
    await person.answer_of(run_id)
    numbers = {a.number for a in await person.attempts(run_id, changes.attempt.c.subtask > 0)}
    assert numbers == {1}
    assert (await person.run(run_id)).gaps == 0


@pytest.mark.parametrize("purpose", Purpose)
async def test_whatever_meets_trouble_with_the_account_is_done_once_it_is_over(
    person, model, purpose
):
    model.answering = costing(0, (), (1,), pattern="dynamic")
    model.enqueue(no_credit(), no_credit(), no_credit(), purpose=purpose)
    run_id = await person.ask(auto_approve=True)
    for _ in range(3):
        request = await person.request(run_id, RequestKind.ACCOUNT)
        await person.do(Choose(request.id, 0))

    assert await person.answer_of(run_id) == "The answer."
    assert len(await requests(person, run_id, *RequestKind)) == 3
    succeeded = await person.attempts(run_id, changes.attempt.c.outcome == Outcome.SUCCEEDED)
    assert {attempt.number for attempt in succeeded} == {1}


async def test_what_was_wrong_with_the_account_is_not_told_to_the_worker(person, model):
    model.enqueue("", no_credit(), purpose=Purpose.SUBTASK, subtask=1)
    run_id = await person.ask_and_approve()
    request = await person.request(run_id, RequestKind.ACCOUNT)
    await person.do(Choose(request.id, 0))
    await person.answer_of(run_id)

    last = str(model.calls_for(Purpose.SUBTASK, 1)[-1].messages)
    assert "credit" not in last
    assert "answered with nothing" in last
