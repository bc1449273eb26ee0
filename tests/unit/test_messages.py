"""Which messages a thread should show."""

from dataclasses import replace
from datetime import timedelta

from bot import messages
from bot.view import AnswerView
from orchestrator.store.tables import RequestKind, RevisionSource, RunStatus, SubtaskStatus
from tests.unit.blocks.block_views import ASKED, answered, done, going, request, revision, run

DEAD = SubtaskStatus.DEAD


def keys(view):
    return [wanted.key for wanted in messages.wanted(view)]


def letter(number, after_s=0, answered_after_s=None):
    """A dead letter, so many seconds after the first one."""
    asked = request(
        RequestKind.DEAD_LETTER,
        id=f"letter-{number}-{after_s}",
        subtask=number,
        created_at=ASKED + timedelta(seconds=after_s),
    )
    if answered_after_s is None:
        return asked
    at = ASKED + timedelta(seconds=answered_after_s)
    return replace(answered(asked, "Retry"), answered_at=at)


def letters(*requests):
    return going(DEAD, DEAD, DEAD, requests=requests)


def test_without_a_thread_there_is_only_its_first_message():
    assert keys(run(RunStatus.PLANNING, thread=None, revision=0, revisions=())) == ["root"]


def test_while_it_is_planned_there_is_a_note_that_passes():
    assert keys(run(RunStatus.PLANNING, revision=0, revisions=())) == ["note:0"]
    assert messages.is_passing("note:0")
    assert not messages.is_passing("plan:1")


def test_a_plan_its_approval_and_its_status_are_one_message():
    states = (RunStatus.PROPOSED, RunStatus.RUNNING, RunStatus.REJECTED, RunStatus.STOPPED)
    assert {tuple(keys(run(status))) for status in states} == {("plan:1",)}


def test_an_edit_stays_in_the_message_and_another_plan_has_its_own():
    edit = revision(2, source=RevisionSource.EDIT)
    assert keys(run(revision=2, revisions=(revision(), edit))) == ["plan:1"]
    assert keys(run(revision=2, revisions=(revision(), revision(2)))) == ["plan:1", "plan:2"]


def test_while_it_is_planned_again_the_old_plan_has_no_buttons():
    wanted = messages.wanted(run(RunStatus.PLANNING, note="Fewer steps"))
    assert [message.key for message in wanted] == ["note:1", "plan:1"]
    assert "actions" not in {block["type"] for block in wanted[1].payload.blocks}


def test_a_run_that_ends_without_a_plan_says_so():
    assert keys(run(RunStatus.STOPPED, revision=0, revisions=())) == ["end"]


def test_while_somebody_is_to_write_the_plan_there_is_no_note():
    asked = request(RequestKind.BREAKDOWN)
    view = run(RunStatus.PLANNING, revision=0, revisions=(), requests=(asked,))
    assert keys(view) == [f"request:{asked.id}"]


def test_an_approval_has_no_message_of_its_own():
    assert keys(run(requests=(request(RequestKind.APPROVAL),))) == ["plan:1"]


def test_dead_letters_that_come_together_are_one_message_under_the_first_ones_key():
    view = letters(letter(1), letter(2, after_s=4), letter(3, after_s=60))
    assert keys(view) == ["plan:1", "request:letter-1-0", "request:letter-3-60"]


def test_a_dead_letter_after_somebody_dealt_with_the_message_is_a_new_one():
    view = letters(letter(1, answered_after_s=2), letter(1, after_s=4))
    assert keys(view) == ["plan:1", "request:letter-1-0", "request:letter-1-4"]


def test_dealing_with_dead_letters_does_not_tear_them_apart():
    view = letters(letter(1, answered_after_s=9), letter(2, after_s=4, answered_after_s=20))
    assert keys(view) == ["plan:1", "request:letter-1-0"]


def test_each_answer_has_its_message():
    assert keys(done())[-1] == "answer:1"
    again = replace(done(), answer=AnswerView(2, "Another one"))
    assert keys(again)[-1] == "answer:2"


def test_only_an_answer_that_does_not_fit_is_attached():
    assert messages.attachments(done()) == []
    (file,) = messages.attachments(done("A long answer. " * 2_000))
    assert (file.key, file.name, file.title) == (
        "answer-file:1",
        "R-7F3K.md",
        "The answer of R-7F3K",
    )
    assert file.content.startswith("A long answer.")


def test_a_status_that_nobody_waits_for_is_not_urgent():
    (status,) = messages.wanted(going(SubtaskStatus.RUNNING))
    assert not status.urgent
    needs = letters(letter(1))
    assert [message.urgent for message in messages.wanted(needs)] == [True, True]


def test_the_status_has_a_plainer_form_without_the_plan_block():
    (status,) = messages.wanted(going(SubtaskStatus.RUNNING))
    assert "plan" in {block["type"] for block in status.payload.blocks}
    assert "plan" not in {block["type"] for block in status.plainer.blocks}


def test_the_same_view_has_the_same_digest_and_another_state_has_another():
    one, same, other = (
        messages.digest(messages.wanted(going(state))[0].payload)
        for state in (SubtaskStatus.RUNNING, SubtaskStatus.RUNNING, SubtaskStatus.SUCCEEDED)
    )
    assert one == same != other
