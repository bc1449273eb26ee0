"""What a review asks for, made to the plan as it is by then."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import reviewer
from orchestrator.errors import ModelInvalid
from orchestrator.gate import Gatekeeping
from orchestrator.graph import order
from orchestrator.model.scripted import reply
from orchestrator.plan import Pattern, Plan, Subtask
from orchestrator.reviewer import Change, Review

GATEKEEPING = Gatekeeping(("generalist", "writer"), (), 8)


def plan(*needs, pattern=Pattern.DYNAMIC, **fields):
    subtasks = tuple(
        Subtask(
            id=str(number),
            title=f"Part {number}",
            instructions=f"Do part {number}.",
            depends_on=tuple(map(str, of)),
        )
        for number, of in enumerate(needs, start=1)
    )
    return Plan(goal="Everything", pattern=pattern, subtasks=subtasks, **fields)


def new(id_, *needs, **fields):
    return Subtask(
        id=id_, title=f"New {id_}", instructions=f"Do {id_}.", depends_on=needs, **fields
    )


def add(id_, *needs, **fields):
    return Change(kind="add", reason="It lacks.", subtask=new(id_, *needs, **fields))


def drop(number):
    return Change(kind="drop", reason="Needless.", number=number)


def split(number, *parts):
    return Change(kind="split", reason="Too large.", number=number, parts=parts)


def change(number, *needs, **fields):
    subtask = new(number, *needs, **fields)
    return Change(kind="change", reason="Wrong.", number=number, subtask=subtask)


def applied(before, *changes, changeable=None, gatekeeping=GATEKEEPING):
    """What becomes of a plan in which nothing, or all but `changeable`, has been started."""
    numbers = {s.number for s in before.subtasks} if changeable is None else changeable
    return reviewer.apply(before, Review(changes=changes), numbers, gatekeeping)


def needs(reviewed):
    """What each subtask waits for."""
    return {subtask.number: subtask.after for subtask in reviewed.plan.subtasks}


# --- each kind of change -------------------------------------------------------------------


def test_what_is_added_gets_the_next_number_and_waits_for_what_it_names():
    reviewed = applied(plan((), (1,)), add("new1", "2"))

    assert needs(reviewed) == {1: (), 2: (1,), 3: (2,)}
    assert reviewed.made == ("Subtask 3 was added: It lacks.",)


def test_new_subtasks_may_wait_for_one_another_in_any_order():
    reviewed = applied(plan(()), add("late", "early"), add("early", "1"))

    assert needs(reviewed) == {1: (), 2: (3,), 3: (1,)}


def test_a_new_subtask_may_call_itself_by_the_number_it_gets():
    reviewed = applied(plan(()), add("2", "1"), add("3", "2"))

    assert needs(reviewed) == {1: (), 2: (1,), 3: (2,)}


def test_numbers_that_a_review_makes_up_are_not_confused_with_those_that_are_given():
    reviewed = applied(plan(()), add("3"), add("4", "3"), add("5", "4"))

    assert needs(reviewed) == {1: (), 2: (), 3: (2,), 4: (3,)}


def test_a_changed_subtask_keeps_its_number_and_its_stage():
    before = plan((), (), pattern=Pattern.STAGED)
    second = before.subtasks[1].model_copy(update={"stage": 2})
    before = before.model_copy(update={"subtasks": (before.subtasks[0], second)})
    reviewed = applied(before, change("2", role="writer"))

    changed = reviewed.plan.subtask(2)
    assert (changed.title, changed.role, changed.stage) == ("New 2", "writer", 2)


def test_what_waited_for_a_dropped_subtask_waits_for_what_that_waited_for():
    assert needs(applied(plan((), (1,), (2,)), drop("2"))) == {1: (), 3: (1,)}
    assert needs(applied(plan((), (1,), (2,)), drop("1"), drop("2"))) == {3: ()}


def test_what_waited_for_a_split_subtask_waits_for_all_its_parts():
    reviewed = applied(plan((), (1,), (2,)), split("2", new("a"), new("b", "a")))

    assert needs(reviewed) == {1: (), 3: (4, 5), 4: (1,), 5: (4,)}
    assert reviewed.made == ("Subtask 2 was split into 4 and 5: Too large.",)


def test_changes_build_on_one_another():
    reviewed = applied(plan((), (1,)), add("x", "1"), change("2", "x"), drop("1"))

    assert needs(reviewed) == {2: (3,), 3: ()}


def test_a_circle_that_a_review_makes_is_broken_and_told():
    reviewed = applied(plan((), (1,)), change("1", "2"))

    assert order(needs(reviewed))
    assert any("went round in a circle" in sentence for sentence in reviewed.made)


# --- what is left out ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (drop("1"), "subtask 1 has been started or is not there"),
        (change("1"), "subtask 1 has been started or is not there"),
        (split("1", new("a"), new("b")), "subtask 1 has been started or is not there"),
        (drop("9"), "subtask 9 has been started or is not there"),
        (Change(kind="drop"), "subtask None has been started or is not there"),
        (split("2"), "two parts or more"),
        (split("2", new("a")), "two parts or more"),
        (Change(kind="change", number="2"), "did not say what should change"),
        (Change(kind="add"), "did not say what to add"),
    ],
)
def test_what_cannot_be_done_is_left_out_and_said(wanted, why):
    before = plan((), (1,))
    reviewed = applied(before, wanted, changeable={2})

    assert reviewed.plan == before
    assert reviewed.made == ()
    assert why in reviewed.left_out[0]


def test_what_can_be_done_is_done_beside_what_cannot():
    reviewed = applied(plan((), (1,)), drop("1"), add("x"), changeable={2})

    assert needs(reviewed) == {1: (), 2: (1,), 3: ()}
    assert (len(reviewed.made), len(reviewed.left_out)) == (1, 1)


def test_a_plan_never_grows_beyond_its_limit():
    few = Gatekeeping(("generalist",), (), 3)
    wanted = [add("a"), add("b"), split("2", new("c"), new("d"))]
    reviewed = applied(plan((), ()), *wanted, gatekeeping=few)

    assert len(reviewed.plan.subtasks) == 3
    assert "a plan has at most 3 subtasks" in reviewed.left_out[0]


def test_started_work_is_never_lost_to_a_change_that_would_double_it():
    """The gate keeps the first of two equal subtasks; here that is the one not started."""
    before = plan((), ())
    same = {"title": "Part 2", "instructions": "Do part 2."}
    wanted = Change(kind="change", number="1", subtask=Subtask(id="1", **same))
    reviewed = applied(before, wanted, changeable={1})

    assert reviewed.plan == before
    assert "work that has been started would be lost" in reviewed.left_out[0]


_ids = st.sampled_from(["1", "2", "3", "4", "5", "6", "a", "b"])
_subtasks = st.builds(
    Subtask,
    id=_ids,
    title=st.sampled_from(["One", "Two", ""]),
    instructions=st.sampled_from(["Do.", ""]),
    depends_on=st.lists(_ids, max_size=3).map(tuple),
    stage=st.none() | st.integers(1, 3),
)
_changes = st.builds(
    Change,
    kind=st.sampled_from(["add", "change", "drop", "split"]),
    subtask=st.none() | _subtasks,
    number=st.none() | _ids,
    parts=st.lists(_subtasks, max_size=3).map(tuple),
)


@given(
    st.sampled_from([Pattern.DYNAMIC, Pattern.STAGED]),
    st.sets(st.integers(2, 4)),
    st.lists(_changes, max_size=6),
)
def test_whatever_a_review_asks_for_what_has_been_started_stays_and_the_plan_can_run(
    pattern, changeable, changes
):
    before = plan((), (1,), (1,), (2, 3), pattern=pattern)
    reviewed = applied(before, *changes, changeable=changeable)

    after = needs(reviewed)
    assert order(after)
    assert len(after) <= GATEKEEPING.max_subtasks
    for started in {1, 2, 3, 4} - changeable:
        assert reviewed.plan.subtask(started).title == before.subtask(started).title
    assert not (set(after) - {1, 2, 3, 4}) & {1, 2, 3, 4}


# --- what the model says -------------------------------------------------------------------


def test_a_review_without_changes_changes_nothing():
    assert reviewer.read(reply(data={"changes": []})).data == {"changes": []}


@pytest.mark.parametrize(
    "data",
    [None, [], {"changes": "all"}, {"changes": [{"kind": "burn"}]}, {"changes": [{"reason": "x"}]}],
)
def test_garbage_is_refused_with_the_place_of_the_problem(data):
    with pytest.raises(ModelInvalid):
        reviewer.read(reply(data=data))
