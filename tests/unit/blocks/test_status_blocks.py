from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from block_views import (
    ASKED,
    HOSTILE,
    checked,
    done,
    going,
    hostile,
    labels,
    large,
    request,
    run,
    words,
)

from bot.blocks import status
from orchestrator.store.tables import RequestKind, RunStatus, SubtaskStatus

OVER = [
    RunStatus.COMPLETED,
    RunStatus.STOPPED,
    RunStatus.REJECTED,
    RunStatus.EXPIRED,
    RunStatus.FAILED,
]
EVERY = list(SubtaskStatus)


def headline(payload):
    return payload.blocks[0]["text"]["text"]


def checklist(payload):
    return words(payload.blocks[1])


def cards(payload):
    return next(block["tasks"] for block in payload.blocks if block["type"] == "plan")


def test_the_headline_says_first_what_a_person_wants_to_know():
    view = going(*[SubtaskStatus.SUCCEEDED] * 5, SubtaskStatus.DEAD, *[SubtaskStatus.WAITING] * 2)
    payload = checked(status.status(view))

    assert headline(payload) == (
        "🔵 *R-7F3K* · *Running* · 5 of 8 done · 1 failed · started "
        "<!date^1772366460^{date_short_pretty} at {time}|2026-03-01 12:01 UTC> · $0.0132 so far"
    )
    assert payload.text == "R-7F3K: running, 5 of 8 done."


def test_the_headline_names_what_needs_somebody():
    view = going(SubtaskStatus.DEAD, SubtaskStatus.PAUSED, SubtaskStatus.DEAD)
    asked = (
        request(RequestKind.DEAD_LETTER, subtask=1),
        request(RequestKind.QUESTION, subtask=2),
        request(RequestKind.DEAD_LETTER, subtask=3),
    )
    payload = checked(status.status(replace(view, requests=asked)))

    assert "subtasks 1 and 3 failed; subtask 2 has a question" in headline(payload)
    assert "subtasks 1 and 3 failed" in payload.text


def test_each_subtask_has_a_line_with_its_state():
    view = going(*EVERY)
    lines = checklist(checked(status.status(view))).split("\n")

    marks = [line.split(" ")[0] for line in lines if "Find fact" in line]
    assert marks == ["⏳", "⏳", "🔵", "✋", "✅", "❌", "⏭️", "🚫", "🔁"]


def test_the_native_plan_has_a_card_for_each_subtask():
    payload = checked(status.status(going(*EVERY)))

    plan = payload.blocks[2]
    assert plan["block_id"] == "plan-R-7F3K"
    assert plan["title"] == "Subtasks and results: 1 of 9 done"
    assert {task["task_id"]: task["status"] for task in plan["tasks"]} == {
        "s1": "pending",
        "s2": "pending",
        "s3": "in_progress",
        "s4": "in_progress",
        "s5": "complete",
        "s6": "error",
        "s7": "error",
        "s8": "pending",
        "s9": "pending",
    }


def test_a_card_shows_instructions_attempts_and_the_beginning_of_the_output():
    view = going(SubtaskStatus.SUCCEEDED)
    known = replace(view.subtasks[0], tries=3, output="It is blue.")
    card = cards(status.status(replace(view, subtasks=(known,))))[0]

    assert words(card["details"]) == (
        "researcher · tried 3 times\nLook up fact 1 and name the source."
    )
    assert words(card["output"]) == "It is blue."


def test_without_the_native_plan_the_checklist_is_still_there():
    payload = checked(status.status(going(*EVERY), native=False))

    assert [block["type"] for block in payload.blocks] == ["section", "rich_text", "actions"]


def test_more_than_twenty_subtasks_are_grouped_by_stage():
    view = going(*[SubtaskStatus.SUCCEEDED] * 21)
    chained = tuple(
        replace(s, after=(s.number - 20,)) if s.number > 20 else s for s in view.subtasks
    )
    said = checklist(status.status(replace(view, subtasks=chained), native=False))

    assert "Stage 1" in said
    assert "20 of 20 done" in said
    assert "Stage 2" in said
    assert said.count("Find fact") == 21


def test_more_than_fifty_subtasks_have_cards_for_what_is_not_done():
    view = going(*[SubtaskStatus.SUCCEEDED] * 51, SubtaskStatus.DEAD, SubtaskStatus.WAITING)

    shown = [card["task_id"] for card in cards(checked(status.status(view)))]
    assert shown == ["s52", "s53"]


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("text", ["Find every fact that matters here", "Größe 数える", "👩‍👩‍👧‍👦"])
@pytest.mark.parametrize("count", [3, 8, 20, 21, 50, 51, 500])
def test_the_message_stays_small(count, text, native):
    payload = checked(status.status(large(count, text), native=native))

    assert payload.size <= 9_000


def test_fifty_subtasks_with_long_texts_keep_a_line_and_a_card_each():
    payload = status.status(large(50))

    assert all(f" {number}. " in checklist(payload) for number in range(1, 51))
    assert len(cards(payload)) == 50


def test_details_are_cut_before_outputs():
    payload = status.status(large(8))

    shown = [card for card in cards(payload) if "output" in card]
    assert len(shown) == 8
    assert all(len(words(card["output"])) > 100 for card in shown)


@pytest.mark.parametrize("state", [RunStatus.RUNNING, RunStatus.SYNTHESIZING])
def test_what_runs_can_be_stopped(state):
    payload = checked(status.status(going(SubtaskStatus.SUCCEEDED, status=state)))

    assert labels(payload.blocks) == ["Stop", "Details"]
    assert "confirm" in payload.blocks[-1]["elements"][0]


@pytest.mark.parametrize("state", OVER)
def test_what_is_over_has_details_only(state):
    view = going(SubtaskStatus.SUCCEEDED, status=state, finished_at=ASKED + timedelta(minutes=4))
    payload = checked(status.status(view))

    assert labels(payload.blocks) == ["Details"]
    assert "took 3 min" in headline(payload)


def test_each_end_says_how_it_came():
    stopped = status.status(run(RunStatus.STOPPED, ended_by="U222"))
    rejected = status.status(run(RunStatus.REJECTED, ended_by="U222"))
    expired = status.status(run(RunStatus.EXPIRED))

    assert "*Stopped* by <@U222>" in headline(checked(stopped))
    assert "*Rejected* by <@U222>, nothing was run" in headline(checked(rejected))
    assert "nobody approved it in time" in headline(checked(expired))


def test_gaps_are_in_the_headline():
    assert "⚠️ *R-7F3K* · *Done with 2 gaps*" in headline(status.status(done(gaps=2)))


def test_an_unknown_price_is_said():
    view = going(SubtaskStatus.RUNNING, cost_known=False, cost_usd=Decimal(1))

    assert "price unknown" in headline(status.status(view))


def test_a_run_stopped_while_it_was_planned_has_no_checklist():
    view = run(RunStatus.STOPPED, goal="", subtasks=(), revisions=(), revision=0, started_at=None)

    assert [block["type"] for block in checked(status.status(view)).blocks] == [
        "section",
        "actions",
    ]


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("state", [RunStatus.RUNNING, RunStatus.COMPLETED])
def test_hostile_text_in_a_run_is_only_text(kind, state):
    payload = checked(status.status(hostile(HOSTILE[kind], state)))

    assert payload.size <= 9_000
