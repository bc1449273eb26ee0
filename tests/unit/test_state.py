"""Budgets, reviews and trouble with the account, as the pure core sees them."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from plan_strategies import graphs

from orchestrator.actions import (
    AskAccount,
    AskBudget,
    EndReview,
    Finished,
    PutBack,
    Start,
    Synthesize,
)
from orchestrator.budget import FREE, NOTHING, Budget, Cost, Estimate
from orchestrator.decide import decide
from orchestrator.model.base import Purpose
from orchestrator.plan import Pattern
from orchestrator.state import OpenRequest, Progress, RunState, Work
from orchestrator.store.tables import Outcome, RequestKind, RunStatus, SubtaskStatus

ACCOUNT = {"account": True}
DONE = Progress(SubtaskStatus.SUCCEEDED)


def dollars(amount):
    return Cost(0, Decimal(amount))


def at_most(cost):
    """The first attempt costs as much as any later one."""
    return Estimate(cost, cost)


def work(*stages, cost=FREE):
    """Subtasks that wait for nothing, of these stages."""
    return {
        number: Work((), (0.0, 3, number), stage, cost) for number, stage in enumerate(stages, 1)
    }


def under_way(attempt_id="a"):
    return Progress(SubtaskStatus.RUNNING, attempt_id=attempt_id)


def running(work_, *progress, **fields):
    """A running run in which the first subtasks have got this far."""
    subtasks = dict.fromkeys(work_, Progress()) | dict(enumerate(progress, 1))
    return RunState(RunStatus.RUNNING, work=work_, subtasks=subtasks, **fields)


def over(subtask=1, outcome=Outcome.SUCCEEDED, attempt_id="a", **fields):
    purpose = Purpose.REVIEW if subtask is None else Purpose.SUBTASK
    return Finished(attempt_id, purpose, subtask, outcome, **fields)


def starts(actions):
    return [action.subtask or action.purpose for action in actions if isinstance(action, Start)]


# --- budgets -------------------------------------------------------------------------------


@given(
    graphs(6, acyclic=True),
    st.lists(st.integers(1, 50), min_size=6, max_size=6),
    st.lists(st.fractions(0, 1), min_size=1, max_size=30),
    st.integers(0, 30),
    st.integers(1, 200),
    st.integers(1, 6),
)
def test_whatever_calls_cost_a_run_never_overruns_its_limit_and_asks_when_it_must(
    needs, prices, used, answer, limit, concurrency
):
    """Calls use any part of what was reserved for them; a person who is asked allows more."""
    work_ = {
        n: Work(of, (0.0, 3, n), 1, at_most(Cost(prices[n - 1], Decimal(prices[n - 1]))))
        for n, of in needs.items()
    }
    held_back = Cost(answer, Decimal(answer))
    state = running(
        work_,
        concurrency=concurrency,
        budget=Budget(limit, Decimal(limit)),
        own_costs={Purpose.SYNTHESIS: at_most(held_back)},
    )
    reserved = {}
    for turn in range(500):
        for action in decide(state):
            if isinstance(action, Start):
                attempt_id = f"{turn}-{action.subtask}"
                state.named(action.subtask, attempt_id)
                reserved[attempt_id] = action
        kept = NOTHING if state.status is RunStatus.SYNTHESIZING else held_back
        assert state.budget.allows(state.spent + state.reserved + kept) or not reserved
        if not state.status.is_live:
            break
        if not reserved:
            assert state.requests == {OpenRequest(RequestKind.BUDGET, None)}
            assert decide(state) == []
            state.requests.clear()
            assert state.budget.tokens is not None
            more = state.budget.tokens + limit
            state.budget = Budget(more, Decimal(more))
            continue
        attempt_id, start = reserved.popitem()
        cost = state.cost_of(start)
        tokens = int(cost.tokens * used[turn % len(used)])
        fate = Finished(attempt_id, start.purpose, start.subtask, Outcome.SUCCEEDED)
        state.finish(replace(fate, reserved=cost, spent=Cost(tokens, Decimal(tokens))))
    assert state.status is RunStatus.COMPLETED
    assert (state.reserved.tokens, state.reserved.usd) == (0, 0)


def test_as_much_starts_as_can_be_paid_with_the_answer():
    state = running(
        work(1, 1, 1, cost=at_most(dollars(2))),
        budget=Budget(usd=Decimal(5)),
        own_costs={Purpose.SYNTHESIS: at_most(dollars(1))},
    )

    assert starts(decide(state)) == [1, 2]
    assert not state.is_held, "what is under way may come out cheaper"


def test_a_run_that_can_pay_nothing_asks_once_and_starts_nothing():
    state = running(work(1, 1, cost=at_most(dollars(2))), budget=Budget(usd=Decimal(1)))

    assert decide(state) == [AskBudget()]
    assert decide(state) == []


def test_what_was_held_back_pays_the_answer():
    state = running(
        work(1),
        DONE,
        budget=Budget(usd=Decimal(1)),
        own_costs={Purpose.SYNTHESIS: at_most(dollars(1))},
    )

    assert decide(state) == [Synthesize(), Start(Purpose.SYNTHESIS, None)]


def test_a_review_that_cannot_be_paid_asks_before_the_answer_is_written():
    state = running(
        work(1),
        DONE,
        pattern=Pattern.DYNAMIC,
        budget=Budget(usd=Decimal(1)),
        own_costs={purpose: at_most(dollars(1)) for purpose in (Purpose.REVIEW, Purpose.SYNTHESIS)},
    )

    assert decide(state) == [AskBudget()]
    assert state.status is RunStatus.RUNNING


# --- what holds a run ----------------------------------------------------------------------


@given(
    st.sampled_from([RequestKind.BUDGET, RequestKind.ACCOUNT, RequestKind.PLAN_CHANGE]),
    st.sampled_from(Pattern),
    st.sampled_from([RunStatus.PLANNING, RunStatus.RUNNING, RunStatus.SYNTHESIZING]),
    st.booleans(),
)
def test_nothing_starts_while_an_answer_is_awaited(kind, pattern, status, is_done):
    state = running(work(1, 2), *[DONE] * (2 if is_done else 1), pattern=pattern)
    state = replace(state, status=status, requests={OpenRequest(kind, None)})

    assert decide(state) == []


def test_results_are_taken_while_the_run_is_held():
    state = running(work(1, 1), under_way(), requests={OpenRequest(RequestKind.BUDGET, None)})
    state.finish(over())
    decide(state)

    assert state.subtasks[1].status is SubtaskStatus.SUCCEEDED


# --- trouble with the account --------------------------------------------------------------


def test_trouble_with_the_account_is_asked_about_once_and_uses_up_no_attempt():
    state = running(work(1, 1, 1), under_way("a"), under_way("b"))
    state.finish(over(1, Outcome.ERRORED, "a", data=ACCOUNT))
    state.finish(over(2, Outcome.ERRORED, "b", data=ACCOUNT))

    assert [type(action) for action in decide(state)] == [AskAccount, PutBack]
    assert {p.status for p in state.subtasks.values()} == {SubtaskStatus.READY}
    assert {(p.tries, p.failed) for p in state.subtasks.values()} == {(0, ())}


def test_what_was_put_back_starts_again_once_the_account_is_in_order():
    state = running(work(1, 1), under_way())
    state.finish(over(1, Outcome.ERRORED, data=ACCOUNT))
    decide(state)
    state.requests.clear()

    assert starts(decide(state)) == [1, 2]


# --- reviews -------------------------------------------------------------------------------


def reviewing(state, outcome=Outcome.SUCCEEDED, data=None):
    """End the review that has been started."""
    state.named(None, "r")
    state.finish(over(None, outcome, "r", data=data))
    return decide(state)


def test_a_stage_starts_when_the_review_of_the_one_before_is_over():
    state = running(work(1, 2, 2), DONE, pattern=Pattern.STAGED)

    assert starts(decide(state)) == [Purpose.REVIEW]
    assert decide(state) == []
    assert starts(reviewing(state)) == [2, 3]


def test_a_dynamic_plan_goes_on_while_it_is_reviewed():
    state = running(work(1, 1, 1), DONE, under_way(), pattern=Pattern.DYNAMIC)

    assert starts(decide(state)) == [Purpose.REVIEW, 3]


def test_results_that_come_during_a_review_are_seen_by_the_next():
    state = running(work(1, 1), DONE, under_way(), pattern=Pattern.DYNAMIC)
    assert starts(decide(state)) == [Purpose.REVIEW]
    state.finish(over(2))
    assert starts(decide(state)) == []

    assert starts(reviewing(state)) == [Purpose.REVIEW]
    assert starts(reviewing(state)) == [Purpose.SYNTHESIS]


def test_a_review_that_failed_is_made_again_and_then_given_up():
    state = running(work(1, 2), DONE, pattern=Pattern.STAGED)
    decide(state)

    assert starts(reviewing(state, Outcome.INVALID)) == [Purpose.REVIEW]
    actions = reviewing(state, Outcome.INVALID)
    assert isinstance(actions[0], EndReview)
    assert starts(actions) == [2]


def test_a_review_that_was_interrupted_is_made_again():
    state = running(work(1, 2), DONE, pattern=Pattern.STAGED)
    decide(state)

    assert starts(reviewing(state, Outcome.INTERRUPTED)) == [Purpose.REVIEW]


def test_a_review_that_met_trouble_with_the_account_is_made_once_it_is_over():
    state = running(work(1, 2), DONE, pattern=Pattern.STAGED)
    decide(state)
    assert starts(reviewing(state, Outcome.ERRORED, ACCOUNT)) == []
    state.requests.clear()

    assert starts(decide(state)) == [Purpose.REVIEW]


def test_nothing_is_decided_on_a_plan_that_a_review_wants_changed():
    state = running(work(1, 2), DONE, pattern=Pattern.STAGED)
    decide(state)
    actions = reviewing(state, data={"changes": [{"kind": "drop", "number": "2"}]})

    assert [type(action) for action in actions] == [EndReview]


def test_after_as_many_changes_as_may_be_there_are_no_more_reviews():
    state = running(work(1, 2), DONE, pattern=Pattern.STAGED, replans=3)

    assert starts(decide(state)) == [2]
