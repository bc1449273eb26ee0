"""What calls cost before they are made, and whether that is allowed."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import budget
from orchestrator.attempts import Parameters
from orchestrator.budget import NO_LIMIT, NOTHING, Budget, Cost
from orchestrator.model.base import Purpose
from orchestrator.plan import Subtask
from orchestrator.settings import Settings

costs = st.builds(Cost, st.integers(0, 10**6), st.decimals(0, 100, places=4), st.booleans())
PARAMETERS = Parameters("model", 30, 1_000)


def a_cent_a_token(model, tokens_in, tokens_out):
    return Decimal(tokens_in + tokens_out) / 100


@given(costs, costs)
def test_what_is_reserved_and_settled_leaves_nothing(first, second):
    left = first + second - second

    assert (left.tokens, left.usd) == (first.tokens, first.usd)


def test_a_sum_is_known_when_all_of_it_is():
    assert (NOTHING + Cost(1)).is_known
    assert not (NOTHING + Cost(1, is_known=False)).is_known


@given(costs)
def test_without_limits_everything_is_allowed(cost):
    assert NO_LIMIT.allows(cost)


@pytest.mark.parametrize(
    ("limits", "is_allowed"),
    [
        (Budget(tokens=10), True),
        (Budget(tokens=9), False),
        (Budget(usd=Decimal("0.5")), True),
        (Budget(usd=Decimal("0.49")), False),
        (Budget(9, Decimal(1)), False),
        (Budget(10, Decimal("0.1")), False),
    ],
)
def test_every_limit_counts_and_may_be_used_up_to_the_last(limits, is_allowed):
    assert limits.allows(Cost(10, Decimal("0.5"))) is is_allowed


@given(st.integers(0, 100_000), st.integers(1, 50_000))
def test_the_worst_case_has_the_whole_prompt_and_all_output(chars, max_tokens):
    parameters = Parameters("model", 30, max_tokens)
    worst = budget.worst_case(parameters, [], chars, a_cent_a_token).first

    assert worst.tokens >= chars / 3 + max_tokens
    assert worst.usd == Decimal(worst.tokens) / 100


@pytest.mark.parametrize("size", ["S", "M", "L"])
def test_what_a_subtask_should_cost_is_below_the_worst_case(size):
    subtask = Subtask(id="1", title="Do it", size=size)
    parameters = Parameters("model", 30, 8_192)

    usual = budget.usual(subtask, parameters, 900, a_cent_a_token)
    assert usual.tokens < budget.worst_case(parameters, [], 900, a_cent_a_token).first.tokens


def test_a_price_that_nobody_knows_is_no_price_and_says_so():
    worst = budget.worst_case(PARAMETERS, [], 300, lambda *_: None).first

    assert (worst.usd, worst.is_known) == (0, False)
    assert worst.tokens > 1_000


def test_a_prompt_is_no_longer_than_what_the_models_get_to_read():
    settings = Settings(
        _env_file=None, max_task_chars=1_000, result_chars=500, synthesis_chars=2_000
    )
    long = "x" * 5_000

    assert budget.prompt_chars(long, long, settings, Purpose.SUBTASK, 2) == 3_000
    assert budget.prompt_chars(long, "", settings, Purpose.SYNTHESIS, 100) == 3_000
    assert budget.prompt_chars("x", "y", settings, Purpose.PLAN, 0) == 2


def test_after_a_failure_the_most_expensive_step_of_the_ladder_is_set_aside():
    dear = Parameters("dear", 30, 1_000)
    prices = {"dear": Decimal(2), "cheap": Decimal(1)}
    worst = budget.worst_case(
        Parameters("cheap", 30, 1_000), [dear], 300, lambda model, *_: prices[model]
    )

    assert worst.after([]).usd == 1
    assert worst.after(["errored"]).usd == 2
