import pytest
from block_views import (
    HOSTILE,
    checked,
    hostile,
    labels,
    large,
    nodes,
    revision,
    run,
    subtask,
    values,
    words,
)

from bot.blocks import plan
from orchestrator.plan import Pattern
from orchestrator.store.tables import RevisionSource, RunStatus


def test_the_whole_plan_is_readable_without_a_click():
    payload = checked(plan.proposal(run()))

    said = words(payload.blocks).replace("\n", "")
    assert "<@U111> Here is the plan for *R-7F3K*" in said
    assert "Goal: Recommend a job queue" in said
    assert "1. Find fact 1 · researcher" in said
    assert "2. Compare them · analyst · after 1 · priority 1" in said
    assert "3. Write it up · writer · after 1 and 2" in said
    assert "3 subtasks · about 2 min 5 s · about $0.03" in said


def test_the_plan_has_its_buttons_bound_to_its_revision():
    payload = checked(plan.proposal(run(revision=2, revisions=(revision(1), revision(2)))))

    assert labels(payload.blocks) == ["Approve", "Edit", "Re-plan", "Reject", "Instructions"]
    assert set(values(payload.blocks).values()) == {f"{run().id}:2"}
    approve, *_, reject, _ = payload.blocks[-1]["elements"]
    assert approve["style"] == "primary"
    assert reject["style"] == "danger"
    assert "confirm" in reject


def test_a_normal_priority_is_not_mentioned():
    payload = plan.proposal(run(subtasks=(subtask(1),)))

    assert "priority" not in words(payload.blocks)


def test_repairs_are_told():
    payload = checked(plan.proposal(run(revisions=(revision(repairs=("It went in a circle.",)),))))

    assert "It went in a circle." in words(payload.blocks)


def test_many_repairs_are_told_in_part():
    repairs = tuple(f"Repair {n}" for n in range(30))
    payload = checked(plan.proposal(run(revisions=(revision(repairs=repairs),))))

    assert "…and 22 more: see Instructions." in words(payload.blocks)


def test_a_plan_made_on_feedback_shows_it():
    revisions = (revision(1), revision(2, feedback="Fewer steps"))
    payload = checked(plan.proposal(run(revision=2, revisions=revisions)))

    assert "revision 2" in payload.text
    assert "Your feedback: \nFewer steps" in words(payload.blocks)


def test_an_edited_plan_says_by_whom():
    revisions = (revision(1, source=RevisionSource.EDIT, author="U222"),)
    payload = checked(plan.proposal(run(revisions=revisions)))

    assert {"type": "user", "user_id": "U222"} in list(nodes(payload.blocks))


def test_stages_are_shown():
    subtasks = (subtask(1, stage=1), subtask(2, stage=2), subtask(3, stage=1))
    payload = checked(plan.proposal(run(subtasks=subtasks, pattern=Pattern.STAGED)))

    said = words(payload.blocks)
    assert said.index("Stage 1") < said.index("Find fact 3") < said.index("Stage 2")


def test_an_unknown_price_is_said():
    assert "price unknown" in words(plan.proposal(run(expected_usd=None)).blocks)


@pytest.mark.parametrize("text", ["Find every fact that matters here", "Größe 数える", "👩‍👩‍👧‍👦"])
@pytest.mark.parametrize("count", [21, 50, 500])
def test_a_large_plan_stays_small(count, text):
    payload = checked(plan.proposal(large(count, text)))

    assert payload.size <= 9_000


def test_fifty_long_titles_are_all_there():
    said = words(plan.proposal(large(50)).blocks)

    assert all(f"\n{number}. " in said for number in range(1, 51))


def test_an_older_plan_says_what_became_of_it_and_has_no_buttons():
    newer = checked(plan.replaced(run(revision=3), 1))
    again = checked(plan.replaced(run(RunStatus.PLANNING), 1))

    assert newer.text == "This plan of R-7F3K was replaced by revision 3."
    assert "re-planning" in again.text
    assert labels(newer.blocks) == labels(again.blocks) == []


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_in_a_plan_is_only_text(kind):
    payload = checked(plan.proposal(hostile(HOSTILE[kind], RunStatus.PROPOSED)))

    assert payload.size <= 9_000
