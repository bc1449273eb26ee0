import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import attempts
from orchestrator.attempts import Parameters
from orchestrator.model.base import Effort, Purpose
from orchestrator.roles import Role
from orchestrator.settings import Settings
from orchestrator.store.tables import Outcome

FIRST = Parameters(model="good", timeout_s=30, max_tokens=1000)
BAD = (Outcome.EMPTY, Outcome.INVALID)
failures = st.sampled_from(
    [*BAD, Outcome.TIMED_OUT, Outcome.REFUSED, Outcome.ERRORED, Outcome.CANCELLED]
)


def climbed(*failed, first=FIRST):
    return attempts.climb(first, failed, "fallback")


def test_the_first_attempt_is_made_as_the_role_says():
    assert climbed() == FIRST


def test_each_time_out_doubles_the_time():
    assert climbed(Outcome.TIMED_OUT).timeout_s == 60
    assert climbed(Outcome.TIMED_OUT, Outcome.TIMED_OUT).timeout_s == 120


@pytest.mark.parametrize("outcome", BAD)
def test_bad_output_is_explained_then_thought_over_then_left_to_the_fallback_model(outcome):
    assert climbed(outcome) == FIRST
    assert climbed(outcome, outcome) == Parameters("good", 30, 1000, Effort.HIGH)
    assert climbed(outcome, outcome, outcome).model == "fallback"


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.ERRORED])
def test_who_refuses_or_breaks_is_replaced_by_the_fallback_model(outcome):
    assert climbed(outcome).model == "fallback"


def test_failures_of_different_kinds_add_up():
    parameters = climbed(Outcome.EMPTY, Outcome.TIMED_OUT, Outcome.INVALID, Outcome.REFUSED)

    assert parameters == Parameters("fallback", 60, 1000, Effort.HIGH)


@pytest.mark.parametrize(
    ("effort", "then"),
    [
        (Effort.LOW, Effort.MEDIUM),
        (Effort.MEDIUM, Effort.HIGH),
        (Effort.HIGH, Effort.XHIGH),
        (Effort.XHIGH, Effort.MAX),
        (Effort.MAX, Effort.MAX),
    ],
)
def test_the_effort_rises_by_one_step(effort, then):
    first = Parameters("good", 30, 1000, effort)

    assert climbed(Outcome.EMPTY, Outcome.EMPTY, first=first).effort is then


@given(st.lists(failures, max_size=6))
def test_no_failure_makes_the_next_attempt_shorter(failed):
    times = [climbed(*failed[:count]).timeout_s for count in range(len(failed) + 1)]

    assert times == sorted(times)


@given(st.lists(failures, max_size=6))
def test_parameters_survive_being_stored(failed):
    parameters = climbed(*failed)

    assert Parameters(**json.loads(json.dumps(parameters.to_json()))) == parameters


def test_the_time_of_the_subtask_wins_over_the_role_over_the_settings():
    settings = Settings(_env_file=None, attempt_timeout_s=11)
    plain, slow = Role(name="a", prompt="b"), Role(name="a", prompt="b", timeout_s=22)

    assert attempts.of_role(plain, settings).timeout_s == 11
    assert attempts.of_role(slow, settings).timeout_s == 22
    assert attempts.of_role(slow, settings, 33).timeout_s == 33


def test_the_model_of_the_role_wins_over_the_settings():
    settings = Settings(_env_file=None, worker_model="usual")

    assert attempts.of_role(Role(name="a", prompt="b"), settings).model == "usual"
    assert attempts.of_role(Role(name="a", prompt="b", model="own"), settings).model == "own"


def test_planning_and_synthesis_have_the_planners_model_and_time():
    settings = Settings(
        _env_file=None, planner_model="best", planner_timeout_s=99, synthesis_max_tokens=500
    )

    plan, synthesis = (attempts.of_run(p, settings) for p in (Purpose.PLAN, Purpose.SYNTHESIS))

    assert (plan.model, plan.timeout_s) == (synthesis.model, synthesis.timeout_s) == ("best", 99)
    assert synthesis.max_tokens == 500
