import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from plan_strategies import gated, plans, texts

from orchestrator import text
from orchestrator.errors import InvalidPlan
from orchestrator.plan import ExpectedOutput, Plan, Subtask, from_text, to_text

EMPTY = Plan(goal="Nothing yet", subtasks=())


def passed(plan):
    """The plan after the gate; those of which nothing is left are of no interest here."""
    try:
        return gated(plan).plan
    except InvalidPlan:
        reject()


@given(plans)
def test_a_gated_plan_read_back_from_its_text_is_unchanged(plan):
    proposed = passed(plan)

    assert from_text(to_text(proposed), proposed) == proposed


@given(plans)
def test_what_the_text_shows_is_read_back_without_the_plan(plan):
    proposed = passed(plan)

    read = from_text(to_text(proposed), EMPTY)

    assert [
        (s.id, s.title, s.instructions, s.role, s.depends_on, s.priority) for s in read.subtasks
    ] == [
        (s.id, s.title, s.instructions, s.role, s.depends_on, s.priority) for s in proposed.subtasks
    ]


@given(plans)
def test_a_plan_read_back_from_its_json_is_unchanged(plan):
    proposed = passed(plan)

    assert Plan.model_validate(proposed.to_json()) == proposed


@given(st.text() | texts)
def test_anything_typed_makes_a_plan_or_sentences_that_say_why_not(typed):
    problems, subtasks = [], ()
    try:
        subtasks = from_text(typed, EMPTY).subtasks
    except InvalidPlan as error:
        problems = error.problems

    assert bool(problems) != bool(subtasks)
    assert all(problem.endswith(".") for problem in problems)
    assert all(subtask.title and subtask.id.isdigit() for subtask in subtasks)


def test_fields_the_text_does_not_show_are_kept_by_number():
    first = Subtask(id="1", title="Look", timeout_s=90, size="L", tools=("web_search",), stage=2)
    second = Subtask(id="2", title="Tell", expected_output=ExpectedOutput(description="A list."))
    base = Plan(goal="Know", subtasks=(first, second))

    plan = from_text("2. Tell all\n1. Look closely | researcher", base)

    told, looked = plan.subtasks
    assert told == second.model_copy(update={"title": "Tell all"})
    assert looked == first.model_copy(update={"title": "Look closely", "role": "researcher"})


def test_a_line_without_a_number_gets_the_next_free_one():
    plan = from_text("Look\n- Compare\n2. Tell | after: 1", EMPTY)

    assert [(s.id, s.title) for s in plan.subtasks] == [
        ("1", "Look"),
        ("3", "Compare"),
        ("2", "Tell"),
    ]


def test_a_new_line_does_not_take_over_what_a_removed_subtask_had():
    base = Plan(goal="Know", subtasks=(Subtask(id="1", title="Look", timeout_s=90),))

    plan = from_text("Listen", base)

    assert plan.subtasks == (Subtask(id="2", title="Listen"),)


@pytest.mark.parametrize("indent", ["  ", "    ", "\t", " \t "])
def test_instructions_are_read_whatever_they_are_indented_by(indent):
    typed = f"1. Look\n{indent}Under the stone:\n\n{indent}  - deep\n2. Tell"

    plan = from_text(typed, EMPTY)

    assert plan.subtasks[0].instructions == "Under the stone:\n\n  - deep"


def test_fields_may_come_in_any_order_and_case():
    plan = from_text("1. Look\n2. Look\n3. Tell | Priority: 1 | AFTER: 2 and #1 | writer", EMPTY)

    told = plan.subtask(3)
    assert (told.role, told.depends_on, told.priority) == ("writer", ("2", "1"), 1)


def test_a_field_left_out_falls_back_to_its_usual_value():
    base = Plan(
        goal="Know", subtasks=(Subtask(id="1", title="Look", priority=1, depends_on=("2",)),)
    )

    plan = from_text("1. Look", base)

    assert (plan.subtasks[0].priority, plan.subtasks[0].depends_on) == (3, ())


def test_bars_and_backslashes_in_titles_are_text():
    read = from_text(r"1. a \| b \\ c | writer", EMPTY).subtasks[0]

    assert (read.title, read.role) == (r"a | b \ c", "writer")


def test_every_line_that_cannot_be_read_has_its_sentence():
    with pytest.raises(InvalidPlan) as refused:
        from_text("1. Look | after: the rain\n2. | writer\n3. Tell | priority: high", EMPTY)

    assert refused.value.problems == (
        "Subtask 1: “after: the rain” needs numbers.",
        "Subtask 2 has no title.",
        "Subtask 3: “priority: high” needs numbers.",
    )


@pytest.mark.parametrize("typed", ["", "  \n\t\n", "\x00"])
def test_no_subtask_at_all_is_said(typed):
    with pytest.raises(InvalidPlan, match="There is no subtask in it"):
        from_text(typed, EMPTY)


def test_a_model_may_write_a_schema_as_text():
    given_schemas = ['{"type": "object"}', "", None, "number"]

    parsed = [ExpectedOutput(schema=schema).json_schema for schema in given_schemas]

    assert parsed == [{"type": "object"}, None, None, {"type": "number"}]


def test_a_plan_knows_its_subtasks_by_number():
    plan = Plan(goal="Know", subtasks=(Subtask(id=4, title="Look", depends_on=(2, 3)),))

    assert plan.subtask(4).after == (2, 3)
    with pytest.raises(KeyError):
        plan.subtask(1)


@given(texts)
def test_a_subtask_holds_clean_text_whatever_it_was_given(raw):
    subtask = Subtask(id="1", title=raw, instructions=raw)

    assert subtask.title == text.one_line(subtask.title)
    assert subtask.instructions == text.block(subtask.instructions)
