import networkx as nx
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from jsonschema import validators
from plan_strategies import ROLES, TOOLS, gated, plans

from orchestrator import gate, graph
from orchestrator.errors import InvalidPlan
from orchestrator.plan import ExpectedOutput, Pattern, Plan, Subtask


def make_plan(*subtasks, **fields):
    return Plan(**{"goal": "Know", "subtasks": subtasks, **fields})


def make(id_, needs=(), **fields):
    return Subtask(
        **{"id": id_, "title": f"Do {id_}", "instructions": f"All of {id_}.", "depends_on": needs}
        | fields
    )


def needs_of(plan):
    return {subtask.id: subtask.depends_on for subtask in plan.subtasks}


def checked(plan, **options):
    try:
        return gated(plan, **options)
    except InvalidPlan:
        reject()


# --- whatever comes in ---------------------------------------------------------------------


@given(plans, st.integers(1, 5))
def test_what_passes_can_run(plan, most):
    proposed = checked(plan, max_subtasks=most).plan

    ids = [subtask.id for subtask in proposed.subtasks]
    assert ids == [str(n) for n in range(1, len(ids) + 1)]
    assert len(ids) <= most
    assert proposed.goal
    assert nx.is_directed_acyclic_graph(graph.of(needs_of(proposed)))
    roles = {*ROLES, *(role.name for role in proposed.roles)}
    for subtask in proposed.subtasks:
        assert set(subtask.depends_on) <= set(ids) - {subtask.id}
        assert len(set(subtask.depends_on)) == len(subtask.depends_on)
        assert subtask.title
        assert len(subtask.title) <= 150
        assert subtask.instructions
        assert subtask.role in roles
        assert set(subtask.tools) <= set(TOOLS)
        assert 1 <= subtask.priority <= 5
        assert subtask.timeout_s is None or 0 < subtask.timeout_s <= 3600


@given(plans)
def test_every_schema_that_passes_can_be_used(plan):
    for subtask in checked(plan).plan.subtasks:
        schema = subtask.expected_output.json_schema
        if schema is not None:
            list(validators.validator_for(schema)(schema).iter_errors({"any": "thing"}))


@given(plans, st.integers(1, 5))
def test_what_has_passed_passes_again_unchanged_and_without_a_word(plan, most):
    once = checked(plan, max_subtasks=most)

    again = gated(once.plan, max_subtasks=most)

    assert again.plan == once.plan
    assert again.repairs == ()
    assert gated(once.plan, max_subtasks=most, keep_numbers=True).plan == once.plan


@given(plans)
def test_nothing_changes_without_a_word(plan):
    result = checked(plan)

    if not result.repairs and plan.goal and all(subtask.title for subtask in plan.subtasks):
        assert len(result.plan.subtasks) == len(plan.subtasks)
        for before, after in zip(plan.subtasks, result.plan.subtasks, strict=True):
            kept = ("role", "priority", "size", "tools", "timeout_s", "expected_output")
            assert [getattr(before, name) for name in kept] == [
                getattr(after, name) for name in kept
            ]
    assert all(repair.endswith((".", ").")) for repair in result.repairs)


@given(plans)
def test_in_a_linear_plan_each_waits_for_the_one_before(plan):
    proposed = checked(plan.model_copy(update={"pattern": Pattern.LINEAR})).plan

    assert [s.depends_on for s in proposed.subtasks] == [
        (str(n),) if n else () for n in range(len(proposed.subtasks))
    ]


@given(plans)
def test_in_a_plan_that_fans_out_none_waits(plan):
    proposed = checked(plan.model_copy(update={"pattern": Pattern.FAN_OUT})).plan

    assert all(subtask.depends_on == () for subtask in proposed.subtasks)


@given(plans, st.integers(1, 5))
def test_stages_are_numbered_from_one_and_none_waits_for_a_later_one(plan, most):
    staged = plan.model_copy(update={"pattern": Pattern.STAGED})
    proposed = checked(staged, max_subtasks=most).plan

    stages = {subtask.id: subtask.stage for subtask in proposed.subtasks}
    assert set(stages.values()) == set(range(1, max(stages.values()) + 1))
    for subtask in proposed.subtasks:
        assert all(stages[need] <= subtask.stage for need in subtask.depends_on)


# --- each repair ---------------------------------------------------------------------------


def test_a_sound_plan_passes_as_it_is():
    plan = make_plan(make("1"), make("2", ("1",)))

    assert gated(plan).plan == plan
    assert gated(plan).repairs == ()


def test_names_become_numbers_in_the_order_of_the_plan():
    proposed = gated(make_plan(make("look"), make("tell", ("look",)))).plan

    assert needs_of(proposed) == {"1": (), "2": ("1",)}


def test_numbers_people_know_are_kept():
    plan = make_plan(make("7"), make("3", ("7",)))

    assert needs_of(gated(plan, keep_numbers=True).plan) == {"7": (), "3": ("7",)}


def test_the_second_of_two_with_one_id_gets_another_that_nobody_has():
    plan = make_plan(
        make("1", title="First"), make("1", title="Second"), make("2"), make("3", ("2",))
    )

    result = gated(plan, keep_numbers=True)

    assert needs_of(result.plan) == {"1": (), "4": (), "2": (), "3": ("2",)}
    assert result.repairs == ("Two subtasks had the id 1; “Second” got a new one.",)


def test_a_subtask_that_says_nothing_is_left_out():
    result = gated(make_plan(make("1"), make("2", title="", instructions="")))

    assert len(result.plan.subtasks) == 1
    assert result.repairs == ("Subtask 2 said nothing and was left out.",)


def test_a_plan_of_which_nothing_is_left_is_refused():
    with pytest.raises(InvalidPlan, match="no subtask that says what to do"):
        gated(make_plan(make("1", title=" ", instructions="\n")))


def test_a_title_without_instructions_serves_as_such():
    result = gated(make_plan(make("1", title="Look", instructions="")))

    assert result.plan.subtask(1).instructions == "Look"
    assert result.repairs == ("“Look” had no instructions; its title serves as such.",)


def test_a_title_too_long_is_shortened_and_nothing_of_it_lost():
    long = "word " * 60

    subtask = gated(make_plan(make("1", title=long, instructions=""))).plan.subtask(1)

    assert len(subtask.title) <= 150
    assert subtask.instructions == long.strip()


def test_duplicates_become_one_that_the_others_wait_for():
    same = {"title": "Look", "instructions": "Closely."}
    plan = make_plan(make("1", **same), make("2", **same), make("3", ("2", "1")))

    result = gated(plan, keep_numbers=True)

    assert needs_of(result.plan) == {"1": (), "3": ("1",)}
    assert result.repairs == ("“Look” was in the plan twice and stays once.",)


def test_duplicates_that_differ_only_in_roles_nobody_has_become_one():
    same = {"title": "Look", "instructions": "Closely."}
    plan = make_plan(make("1", role="witch", **same), make("2", role="seer", **same))

    assert len(gated(plan).plan.subtasks) == 1


def test_an_unknown_role_becomes_a_generalist():
    result = gated(make_plan(make("1", role="witch")))

    assert result.plan.subtask(1).role == "generalist"
    assert result.repairs == ("There is no role “witch”; “Do 1” goes to a generalist.",)


@pytest.mark.parametrize(("priority", "becomes"), [(0, 1), (-4, 1), (6, 5), (900, 5)])
def test_a_priority_out_of_bounds_becomes_the_nearest(priority, becomes):
    result = gated(make_plan(make("1", priority=priority)))

    assert result.plan.subtask(1).priority == becomes
    assert result.repairs == (f"The priority of “Do 1” became {becomes} (1 to 5).",)


@pytest.mark.parametrize("seconds", [0, -1, 3601, float("inf"), float("nan")])
def test_a_time_limit_that_makes_no_sense_becomes_the_usual_one(seconds):
    result = gated(make_plan(make("1", timeout_s=seconds)))

    assert result.plan.subtask(1).timeout_s is None
    assert len(result.repairs) == 1


def test_a_tool_that_is_not_there_is_done_without():
    result = gated(make_plan(make("1", tools=("hammer", "web_search"))))

    assert result.plan.subtask(1).tools == ("web_search",)
    assert result.repairs == ("“Do 1” goes without hammer: not available here.",)


def test_tools_of_a_server_are_there_before_it_has_said_what_it_has():
    tools = ("tickets__search", "wiki__search", "__", "tickets__", "calculate")
    result = gate.check(make_plan(make("1", tools=tools)), ROLES, ("tickets", "calculate"), 10)

    assert result.plan.subtask(1).tools == ("tickets__search", "calculate")
    assert "wiki__search" in result.repairs[0]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"properties": 5},
        {"pattern": "["},
        {"$schema": ["not", "a", "name"]},
        {"$schema": "https://example.com/unheard-of"},
        {"$ref": "#/nowhere"},
        {"properties": {"a": {"$ref": "http://127.0.0.1:9/secret"}}},
        {"anyOf": [{"$dynamicRef": "file:///etc/passwd"}]},
    ],
)
def test_a_schema_that_nothing_can_be_checked_against_is_dropped(schema):
    result = gated(make_plan(make("1", expected_output=ExpectedOutput(json_schema=schema))))

    assert result.plan.subtask(1).expected_output.json_schema is None
    assert result.repairs == ("The output schema of “Do 1” is no JSON Schema and was dropped.",)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "required": ["a"]},
        {"$schema": "http://json-schema.org/draft-07/schema#", "type": "string"},
        {"$defs": {"a": {"type": "string"}}, "items": {"$ref": "#/$defs/a"}},
    ],
)
def test_a_schema_that_can_be_used_is_kept(schema):
    result = gated(make_plan(make("1", expected_output=ExpectedOutput(json_schema=schema))))

    assert result.plan.subtask(1).expected_output.json_schema == schema
    assert result.repairs == ()


def test_dependencies_on_nothing_and_on_itself_are_dropped():
    result = gated(make_plan(make("1", ("1", "9")), make("2", ("1", "1"))))

    assert needs_of(result.plan) == {"1": (), "2": ("1",)}
    assert result.repairs == (
        "“Do 1” waited for itself; that was dropped.",
        "“Do 1” waited for 9, which is not in the plan.",
    )


def test_a_cycle_is_broken_and_the_edge_named():
    plan = make_plan(make("1", ("2",), priority=5), make("2", ("1",)))

    result = gated(plan)

    assert needs_of(result.plan) == {"1": (), "2": ("1",)}
    assert result.repairs == (
        "The plan went round in a circle: “Do 1” no longer waits for “Do 2”.",
    )


def test_a_wait_for_a_later_stage_is_dropped():
    plan = make_plan(make("1", ("2",), stage=1), make("2", stage=3), pattern=Pattern.STAGED)

    result = gated(plan)

    assert [(s.stage, s.depends_on) for s in result.plan.subtasks] == [(1, ()), (2, ())]
    assert result.repairs == ("“Do 1” no longer waits for a later stage.",)


def test_over_the_limit_the_least_important_that_nothing_waits_for_go():
    plan = make_plan(make("1", priority=5), make("2", ("1",)), make("3", priority=4), make("4"))

    result = gated(plan, max_subtasks=2, keep_numbers=True)

    assert needs_of(result.plan) == {"1": (), "2": ("1",)}
    assert result.repairs == (
        "The plan had 4 subtasks and 2 are allowed; left out: “Do 3” and “Do 4”.",
    )


def test_five_hundred_subtasks_in_a_tangle_pass():
    subtasks = [make(str(n), (str((n * 7 + 1) % 500), str(n // 2))) for n in range(500)]

    proposed = gated(make_plan(*subtasks), max_subtasks=500).plan

    assert len(proposed.subtasks) == 500
    assert nx.is_directed_acyclic_graph(graph.of(needs_of(proposed)))


def test_a_plan_without_a_goal_takes_the_first_title():
    assert gated(make_plan(make("1"), goal=" ")).plan.goal == "Do 1"
