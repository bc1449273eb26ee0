"""The dialogs about how a run and its subtasks went."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from block_views import (
    ASKED,
    HOSTILE,
    RUN,
    checked_modal,
    done,
    going,
    hostile,
    labels,
    large,
    live_mentions,
    run,
    values,
    words,
)

from bot.blocks import details, ids
from bot.view import AttemptView, SubtaskHistory, ToolCallView, exact_json
from orchestrator.model.base import Purpose
from orchestrator.store.tables import Outcome, RunStatus, SubtaskStatus, ToolCallStatus


def attempt(number, outcome=Outcome.SUCCEEDED, **given):
    fields = {
        "model": "claude-opus-5-5",
        "tokens": 1_234,
        "cost_usd": Decimal("0.0132"),
        "error": None,
        "started_at": ASKED,
        "finished_at": ASKED + timedelta(seconds=12),
    }
    purpose = Purpose.SUBTASK
    return AttemptView(f"a{number}", purpose, 1, number, outcome, **{**fields, **given})


def call(attempt_id="a1", **given):
    fields = {
        "name": "search",
        "arguments": '{\n  "query": "job queues"\n}',
        "status": ToolCallStatus.FINISHED,
        "output": "Three were found.",
        "is_error": False,
        "decided_by": None,
    }
    return ToolCallView(attempt_id, **{**fields, **given})


def shown(history, view=None, number=1, page=0):
    view = view or done()
    return checked_modal(details.subtask(view, view.subtask(number), history, page))


def test_the_run_shows_how_each_subtask_went():
    view = going(SubtaskStatus.DEAD, SubtaskStatus.SUCCEEDED)
    known = (
        replace(view.subtasks[0], tries=3, seconds=12.0, error="No answer."),
        replace(view.subtasks[1], output="It is blue."),
    )
    said = words(checked_modal(details.run(replace(view, subtasks=known))))

    assert "failed · researcher · 3 attempts · 12 s" in said
    assert "What went wrong\nNo answer." in said
    assert "Result\nIt is blue." in said
    assert "1 of 2 done" in said
    assert "12,345 tokens · $0.0132" in said


def test_a_finished_run_shows_its_duration():
    assert "took 2 min 5 s" in words(details.run(done()))


@pytest.mark.parametrize("state", RunStatus)
def test_every_state_can_be_looked_into(state):
    checked_modal(details.run(run(state)))
    checked_modal(details.run(run(state, subtasks=(), goal="", revisions=(), revision=0)))


@pytest.mark.parametrize("count", [20, 50, 500])
@pytest.mark.parametrize("text", ["Find every fact", "👩‍👩‍👧‍👦"])
def test_a_large_run_has_pages_that_leave_no_subtask_out(count, text):
    view = large(count, text)
    pages = [checked_modal(details.run(view, page)) for page in range((count + 19) // 20)]
    opened = [label for page in pages for label in labels(page) if label.startswith("Everything")]
    assert opened == [f"Everything about {number}" for number in range(1, count + 1)]
    assert ("Next page" in labels(pages[0])) == (count > 20)
    assert "Next page" not in labels(pages[-1])


def test_a_subtask_shows_what_it_was_given_what_it_brought_and_each_attempt():
    history = SubtaskHistory(
        given="Task: find fact 1",
        output="It is blue.",
        attempts=(
            attempt(1, Outcome.TIMED_OUT, error="No answer came within the time allowed."),
            attempt(2),
        ),
    )
    said = words(shown(history))

    assert "Look up fact 1 and name the source." in said
    assert "Task: find fact 1" in said
    assert "It is blue." in said
    assert "❌ 1. timed out" in said
    assert "No answer came within the time allowed." in said
    assert "✅ 2. succeeded\n\nclaude-opus-5-5 · 12 s · 1,234 tokens · $0.0132" in said


def test_each_use_of_a_tool_stands_with_its_attempt_and_exact_arguments():
    failed = call("a2", name="fetch", is_error=True, output="404")
    waiting = call("a2", name="delete", status=ToolCallStatus.WAITING, output=None)
    history = SubtaskHistory(
        attempts=(attempt(1), attempt(2)),
        calls=(call(decided_by="U222"), failed, waiting),
    )
    view = shown(history)
    said = words(view)

    assert said.index("🔧 search") < said.index("✅ 2.") < said.index("🔧 fetch · failed")
    assert "🔧 delete · waits for approval" in said
    assert '{\n  "query": "job queues"\n}' in said
    assert "Three were found." in said
    assert '"user_id": "U222"' in json.dumps(view)


def test_a_long_result_has_pages_and_nothing_of_it_is_lost():
    lines = [f"Line {number} of a very long result." for number in range(9_000)]
    history = SubtaskHistory(output="\n".join(lines), attempts=(attempt(1),))
    pages = [shown(history)]
    while ids.DETAILS_NEXT in values(pages[-1]):
        _, _, page = ids.read_detail(values(pages[-1])[ids.DETAILS_NEXT])
        pages.append(shown(history, page=page))
    said = "\n".join(words(page) for page in pages)
    assert len(pages) > 2
    assert [line for line in lines if line not in said] == []


@pytest.mark.parametrize(
    ("state", "subtask_state", "offers"),
    [
        (RunStatus.COMPLETED, SubtaskStatus.SUCCEEDED, True),
        (RunStatus.RUNNING, SubtaskStatus.SKIPPED, True),
        (RunStatus.RUNNING, SubtaskStatus.RUNNING, False),
        (RunStatus.STOPPED, SubtaskStatus.SUCCEEDED, False),
    ],
)
def test_only_what_is_done_can_be_done_again(state, subtask_state, offers):
    view = going(subtask_state, status=state)
    made = shown(SubtaskHistory(), view)
    assert ("Redo with feedback" in labels(made)) is offers
    if offers:
        assert values(made)["redo"] == f"{RUN}:1"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_only_text(text):
    view = hostile(text, RunStatus.COMPLETED)
    history = SubtaskHistory(
        given=text,
        output=text,
        attempts=(attempt(1, Outcome.ERRORED, error=text, model=text),),
        calls=(call(name=text, arguments=exact_json({"a": text}), output=text, decided_by=text),),
    )
    for made in (details.run(view), details.subtask(view, view.subtasks[0], history)):
        checked_modal(made)
        assert live_mentions(made) == []
