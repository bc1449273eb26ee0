import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import attempts, ladder
from orchestrator.attempts import Parameters
from orchestrator.errors import ConfigurationError
from orchestrator.model.base import Effort, Purpose
from orchestrator.roles import Role, Roles
from orchestrator.settings import Settings
from orchestrator.store.tables import Outcome

LADDER = ladder.load()
FIRST = Parameters(model="good", timeout_s=30, max_tokens=1000)
BAD = (Outcome.EMPTY, Outcome.INVALID)
failures = st.sampled_from(
    [*BAD, Outcome.TIMED_OUT, Outcome.REFUSED, Outcome.ERRORED, Outcome.CANCELLED]
)


def climbed(*failed, first=FIRST):
    return attempts.climb(first, failed, LADDER, "fallback")


def test_the_first_attempt_is_made_as_the_role_says():
    assert climbed() == FIRST


def test_each_time_out_doubles_the_time():
    assert climbed(Outcome.TIMED_OUT).timeout_s == 60
    assert climbed(Outcome.TIMED_OUT, Outcome.TIMED_OUT).timeout_s == 120


@pytest.mark.parametrize("outcome", BAD)
def test_bad_output_is_explained_then_thought_over_then_left_to_the_fallback_model(outcome):
    assert climbed(outcome) == FIRST
    assert climbed(outcome, outcome) == Parameters("good", 30, 2000, Effort.HIGH)
    assert climbed(outcome, outcome, outcome).model == "fallback"


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.ERRORED])
def test_who_refuses_or_breaks_is_replaced_by_the_fallback_model(outcome):
    assert climbed(outcome).model == "fallback"


def test_failures_of_different_kinds_add_up():
    parameters = climbed(Outcome.EMPTY, Outcome.TIMED_OUT, Outcome.INVALID, Outcome.REFUSED)

    assert parameters == Parameters("fallback", 60, 2000, Effort.HIGH)


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


def test_a_ladder_of_ones_own_goes_before_the_shipped_one(tmp_path):
    file = tmp_path / "ladder.yml"
    file.write_text("- after: [refused]\n  steps: [{temperature: 0.2}, {model: own, timeout: 3}]\n")
    own = ladder.load(file)

    assert attempts.climb(FIRST, [Outcome.REFUSED], own, "fallback").temperature == 0.2
    twice = attempts.climb(FIRST, [Outcome.REFUSED] * 2, own, "fallback")
    assert (twice.model, twice.timeout_s) == ("own", 90)
    assert attempts.climb(FIRST, [Outcome.ERRORED], own, "fallback").model == "fallback"


def test_a_role_may_climb_a_ladder_of_its_own(tmp_path):
    file = tmp_path / "roles.yml"
    file.write_text(
        "careful: {prompt: Be careful., ladder: [{after: [timed_out], steps: [{timeout: 4}]}]}"
    )
    roles = Roles.load(file)

    def time_after_a_time_out(role):
        return attempts.climb(FIRST, [Outcome.TIMED_OUT], roles.ladder_of(role), "x").timeout_s

    assert time_after_a_time_out("careful") == 120
    assert time_after_a_time_out("writer") == time_after_a_time_out(None) == 60


@pytest.mark.parametrize(
    "content",
    [
        "- after: [succeeded]\n  steps: [{}]",
        "- after: [timed_out]\n  steps: []",
        "- after: [timed_out]\n  steps: [{timeout: 0.5}]",
        "- after: [timed_out]\n  steps: [{tmeout: 2}]",
        "after: [",
        "just words",
    ],
)
def test_a_ladder_that_is_none_is_refused_with_its_name(content, tmp_path):
    file = tmp_path / "ladder.yml"
    file.write_text(content)

    with pytest.raises(ConfigurationError, match=r"ladder\.yml is not right"):
        ladder.load(file)


def test_a_ladder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        ladder.load(tmp_path / "none.yml")
