import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.model.offline_plan import MAX_TITLE, plan_of
from orchestrator.plan import Plan


def shape(plan):
    """Per subtask its title and what it waits for."""
    return {s["title"]: [int(id_) for id_ in s["depends_on"]] for s in plan["subtasks"]}


def test_then_waits_for_all_that_came_before():
    assert shape(plan_of("Draft a poem and draw a map, then print the book")) == {
        "Draft a poem": [],
        "Draw a map": [],
        "Print the book": [1, 2],
    }
    assert shape(plan_of("Research tea and research coffee and then draft a menu")) == {
        "Research tea": [],
        "Research coffee": [],
        "Draft a menu": [1, 2],
    }


def test_and_runs_in_parallel():
    assert shape(plan_of("Draft the letter, design the logo and list the guests")) == {
        "Draft the letter": [],
        "Design the logo": [],
        "List the guests": [],
    }


def test_what_follows_a_then_in_parallel_waits_for_the_same():
    plan = plan_of("Research tea, then draft the menu and design the sign")

    assert list(shape(plan).values()) == [[], [1], [1]]


def test_what_speaks_of_it_waits_for_it():
    plan = plan_of("Research Java, Kotlin and Scala, compare them and write a recommendation")

    assert shape(plan) == {
        "Research Java": [],
        "Research Kotlin": [],
        "Research Scala": [],
        "Compare them": [1, 2, 3],
        "Write a recommendation": [4],
    }


def test_lines_of_a_list_are_subtasks_and_use_one_another():
    task = "Our launch:\n1. Research Java\n2. Research Go\n3. Compare both\n4. Write a report"
    plan = plan_of(task)

    assert plan["goal"] == "Our launch"
    assert shape(plan) == {
        "Research Java": [],
        "Research Go": [],
        "Compare both": [1, 2],
        "Write a report": [3],
    }


def test_bullets_that_do_not_use_one_another_are_parallel():
    assert list(shape(plan_of("- apples\n- pears\n- plums")).values()) == [[], [], []]


def test_then_at_the_start_of_a_line_waits():
    assert shape(plan_of("* apples\n* pears\n* then plums")) == {
        "Apples": [],
        "Pears": [],
        "Plums": [1, 2],
    }


def test_numbers_named_in_a_line_are_waited_for():
    assert shape(plan_of("1. apples\n2. pears\n3. plums (after 1)")) == {
        "Apples": [],
        "Pears": [],
        "Plums": [1],
    }


@pytest.mark.parametrize(
    "task",
    [
        "Compare Java and Go for a small service",
        "Write a report about solar power",
        "Build a command-line tool",
        "What is the best database?",
        "Say hello",
    ],
)
def test_a_short_task_becomes_a_plan_that_ends_in_one_subtask(task):
    dependencies = list(shape(plan_of(task)).values())

    assert 3 <= len(dependencies) <= 5
    assert dependencies[0] == []
    assert dependencies[-1] != []


def test_a_comparison_looks_at_each_side_first():
    assert shape(plan_of("Compare Java and Go for a small service")) == {
        "Research Java for a small service": [],
        "Research Go for a small service": [],
        "Compare Java and Go for a small service": [1, 2],
        "Write the recommendation": [3],
    }


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 8, 20])
@pytest.mark.parametrize("task", ["Say hello", "Build a tool", "1. a\n2. b\n3. then c"])
def test_the_number_of_subtasks_can_be_forced(task, count):
    plan = plan_of(task, count=count)

    assert len(plan["subtasks"]) == count
    assert len(shape(plan)) == count


def test_feedback_becomes_a_subtask_that_the_last_ones_wait_for():
    plan = plan_of("Build a tool", feedback="mind the users of Windows")
    consider = next(s for s in plan["subtasks"] if s["title"].startswith("Consider: mind"))

    assert consider["id"] in plan["subtasks"][-1]["depends_on"]


@pytest.mark.parametrize(
    ("feedback", "count"),
    [("fewer please", 3), ("more steps", 6), ("make it 7 subtasks", 7), ("I want more of it", 5)],
)
def test_feedback_on_the_number_changes_the_number(feedback, count):
    assert len(plan_of("Build a tool", feedback=feedback)["subtasks"]) == count


@pytest.mark.parametrize("task", ["Say hello", "- a\n- b", "x"])
def test_a_circle_can_be_had(task):
    plan = plan_of(task, cycle=True, count=1)
    after = {s["id"]: s["depends_on"] for s in plan["subtasks"]}

    assert any(id_ in after[other] for id_ in after for other in after[id_])


@example(task=":", count=1, feedback="")
@given(
    task=st.text(max_size=200) | st.text("Research and then, write it.\n1-*2 ", max_size=200),
    count=st.none() | st.integers(1, 30),
    feedback=st.sampled_from(["", "fewer", "more steps", "9 subtasks", "mind the gap"]),
)
def test_every_text_becomes_a_plan_without_circles(task, count, feedback):
    plan = Plan.model_validate(plan_of(task, count=count, feedback=feedback))
    done = set()
    waiting = list(plan.subtasks)

    while waiting:
        ready = [s for s in waiting if set(s.depends_on) <= done]
        assert ready
        done |= {s.id for s in ready}
        waiting = [s for s in waiting if s.id not in done]
    assert all(0 < len(s["title"]) <= MAX_TITLE for s in plan.to_json()["subtasks"])
