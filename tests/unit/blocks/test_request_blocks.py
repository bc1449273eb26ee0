from dataclasses import replace

import pytest
from block_views import (
    HOSTILE,
    RUN,
    answered,
    checked,
    checked_modal,
    going,
    hostile,
    labels,
    large,
    nodes,
    request,
    values,
    words,
)

from bot.blocks import details
from bot.blocks import request as request_blocks
from bot.view import ToolAsk
from orchestrator.store.tables import (
    Outcome,
    RequestKind,
    RequestStatus,
    RunStatus,
    SubtaskStatus,
)

DEAD = going(SubtaskStatus.DEAD, SubtaskStatus.DEAD, SubtaskStatus.DEAD, SubtaskStatus.WAITING)


def letter(subtask=1, **given):
    return request(RequestKind.DEAD_LETTER, subtask=subtask, **given)


def show(*requests, view=DEAD):
    return checked(request_blocks.request(view, requests))


def test_a_dead_letter_says_what_failed_why_and_how_often():
    payload = show(letter(outcome=Outcome.TIMED_OUT, text="No answer within 30 seconds."))

    said = words(payload.blocks)
    assert "<@U111> ❌ Subtask 1 of *R-7F3K* failed and needs you." in said
    assert "1. Find fact 1" in said
    assert "Tried 3 times. The last time, it took longer than it may." in said
    assert "No answer within 30 seconds." in said


def test_a_dead_letter_has_four_ways_out():
    payload = show(letter(2))

    assert labels(payload.blocks) == ["Retry", "Edit and retry", "Skip", "Stop"]
    assert values(payload.blocks) == {
        "retry": f"{RUN}:2",
        "edit_retry": f"{RUN}:2",
        "skip": f"{RUN}:2",
        "stop": RUN,
    }


def test_a_dead_letter_says_what_it_holds_up():
    after = replace(DEAD.subtasks[3], after=(1,))
    view = replace(DEAD, subtasks=(*DEAD.subtasks[:3], after))

    assert "Waiting for it: subtask 4." in words(show(letter(1), view=view).blocks)


@pytest.mark.parametrize("outcome", [*Outcome, None])
def test_every_outcome_has_plain_words(outcome):
    said = words(show(letter(outcome=outcome)).blocks)

    assert "None" not in said
    assert "_" not in said


def test_a_lost_answer_can_be_tried_again_or_given_up():
    payload = show(letter(None))

    assert labels(payload.blocks) == ["Retry", "Stop", "Details"]
    assert values(payload.blocks)["retry"] == f"{RUN}:"


def test_several_dead_letters_are_one_message_with_buttons_each():
    payload = show(letter(1), letter(2), letter(3))

    row = ["Retry", "Edit and retry", "Skip"]
    end = ["Retry all", "Answer with what we have", "Stop", "Details"]
    assert labels(payload.blocks) == [*row, *row, *row, *end]
    assert "3 subtasks of *R-7F3K* failed and need you" in words(payload.blocks)


def test_an_answered_one_among_several_says_who_did_what():
    payload = show(answered(letter(1), "Retry"), letter(2))

    assert "<@U222> chose Retry" in words(payload.blocks)
    assert labels(payload.blocks).count("Retry") == 1


def test_when_all_are_answered_no_button_is_left():
    payload = show(answered(letter(1), "Retry"), answered(letter(2), "Skip"))

    assert labels(payload.blocks) == []
    assert "<@U111>" not in words(payload.blocks)


@pytest.mark.parametrize("count", [2, 12, 50, 200])
def test_many_dead_letters_stay_a_small_message(count):
    view = large(count)
    letters = [letter(number, text="It did not work. " * 100) for number in range(1, count + 1)]

    assert show(*letters, view=view).size <= 9_000


def test_an_answered_dead_letter_has_no_buttons_and_no_mention():
    payload = show(answered(letter(), "Edit and retry"))

    assert labels(payload.blocks) == []
    assert "<@U222> chose Edit and retry." in words(payload.blocks)
    assert "<@U111>" not in words(payload.blocks)


def test_a_request_overtaken_by_events_says_so():
    payload = show(letter(status=RequestStatus.CLOSED))

    assert labels(payload.blocks) == []
    assert "No longer needed" in words(payload.blocks)


def test_a_question_offers_its_answers_and_a_free_one():
    question = request(
        RequestKind.QUESTION, subtask=2, text="Which one?", options=("Red", "x" * 200, "")
    )
    payload = show(question)

    assert "Which one?" in words(payload.blocks)
    assert labels(payload.blocks)[0] == "Red"
    assert labels(payload.blocks)[-1] == "Another answer…"
    assert values(payload.blocks)["answer_option_1"] == f"{question.id}:1"
    assert values(payload.blocks)["answer_question"] == question.id


def test_an_answered_question_shows_the_answer():
    question = request(RequestKind.QUESTION, subtask=2, text="Which one?")
    payload = show(answered(question, "Answer", words="The red one"))

    assert labels(payload.blocks) == []
    assert "<@U222> answered:" in words(payload.blocks)
    assert "The red one" in words(payload.blocks)


def test_a_failed_plan_can_be_written_by_hand():
    asked = request(RequestKind.BREAKDOWN, text="This cannot be broken down.")
    payload = show(asked)

    assert labels(payload.blocks) == ["Write the subtasks", "Stop"]
    assert values(payload.blocks)["breakdown"] == asked.id
    assert "<@U222> wrote the subtasks" in words(show(answered(asked, "Breakdown")).blocks)


@pytest.mark.parametrize("kind", RequestKind)
def test_every_kind_of_request_can_be_shown(kind):
    assert labels(show(request(kind, subtask=1)).blocks)
    assert not labels(show(answered(request(kind, subtask=1), "Stop")).blocks)


def tool(arguments='{"path": "/tmp/x"}', **given):
    asks = ToolAsk("delete_file", arguments, is_cut_off=given.pop("is_cut_off", False))
    options = ("Approve", "Deny")
    return request(RequestKind.TOOL, subtask=1, tool=asks, options=options, **given)


def test_a_tool_is_approved_with_its_exact_arguments_in_sight():
    payload = show(tool())

    assert "Subtask 1 of *R-7F3K* wants to use a tool" in words(payload.blocks)
    assert "delete_file" in words(payload.blocks)
    assert '{"path": "/tmp/x"}' in words(payload.blocks)
    assert labels(payload.blocks) == ["Approve", "Deny", "Stop"]
    assert values(payload.blocks)["answer_option_0"] == f"{tool().id}:0"


def test_arguments_too_long_for_the_message_are_behind_a_button():
    payload = show(tool("x" * 20_000))

    assert payload.size <= 9_000
    assert values(payload.blocks)["arguments"] == tool().id
    assert "read all arguments first" in words(payload.blocks)
    whole = checked_modal(details.arguments(tool("x" * 20_000).tool))
    assert words(whole).count("x") == 20_000


def test_of_a_tool_that_was_cut_off_it_is_said_that_it_may_have_been_done():
    payload = show(tool(is_cut_off=True))

    assert "was cut off while it used a tool" in words(payload.blocks)
    assert "may have been done or not" in words(payload.blocks)


def test_a_decided_tool_says_who_decided_and_keeps_its_arguments():
    payload = show(answered(tool(), "Deny"))

    assert labels(payload.blocks) == []
    assert "<@U222> chose Deny." in words(payload.blocks)
    assert '{"path": "/tmp/x"}' in words(payload.blocks)


def test_nothing_to_ask_is_a_mistake():
    with pytest.raises(ValueError, match="no requests"):
        request_blocks.request(DEAD, [])


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("kind", RequestKind)
def test_hostile_text_in_a_request_is_only_text(kind, text):
    view = hostile(text, RunStatus.RUNNING)
    asked = request(kind, subtask=1, text=text, options=(text, text))
    after = answered(asked, text, by="U222", words=text)

    for payload in (show(asked, view=view), show(after, view=view), show(asked, after, view=view)):
        assert payload.size <= 9_000
    users = [node["user_id"] for node in nodes(show(asked, view=view).blocks) if "user_id" in node]
    assert users == []
