import json
import random
import string
from dataclasses import replace

import pytest
from block_views import (
    HOSTILE,
    RUN,
    checked_modal,
    hostile,
    labels,
    large,
    live_mentions,
    plan,
    request,
    revision,
    run,
    subtask,
    values,
    words,
)

from bot.blocks import edit_form, modals
from bot.localslack.inputs import initial_state
from orchestrator.errors import InvalidInput, Outdated
from orchestrator.plan import Plan, Subtask, from_text
from orchestrator.store.tables import RequestKind, RunStatus

ROLES = ["analyst", "generalist", "researcher", "writer"]
QUESTION = request(RequestKind.QUESTION, subtask=1, text="Which one?")


def entered(view, **changed):
    """What Slack reports of the form, with what a person changed, by block id."""
    state = initial_state(view["blocks"], {})
    for block_id, entry in changed.items():
        state[block_id]["value"] |= entry
    return state


def fields(view):
    return [block["block_id"] for block in view["blocks"] if block["type"] == "input"]


def about(view):
    return json.loads(view["private_metadata"])


def saved(before, state, draft=None):
    """The plan once the form is sent with that state."""
    return edit_form.edited(before, edit_form.typed(before, state, draft or {}))


def turned(before, state, page, draft=None):
    """Another page of the form, with what was typed."""
    draft = edit_form.typed(before, state, draft or {})
    return checked_modal(modals.edit(run(), before, ROLES, page, draft))


def draft_in(view):
    return edit_form.unpacked(about(view).get("draft", ""))


def choice(value):
    return {"selected_option": {"value": value}}


def choices(*given):
    return {"selected_options": [{"value": value} for value in given]}


# --- to read


def test_instructions_show_everything_about_the_plan():
    revisions = (revision(feedback="Fewer steps", repairs=("A circle was broken.",)),)
    said = words(checked_modal(modals.instructions(run(revisions=revisions))))

    assert "Recommend a job queue" in said
    assert "Fewer steps" in said
    assert "A circle was broken." in said
    assert "Look up fact 1 and name the source." in said
    assert "analyst · after 1 · priority 1" in said


@pytest.mark.parametrize("count", [50, 90, 500])
@pytest.mark.parametrize("text", ["Find every fact", "👩‍👩‍👧‍👦"])
def test_large_runs_can_be_looked_into(count, text):
    checked_modal(modals.instructions(large(count, text)))


def test_a_notice_names_people_and_keeps_what_was_typed():
    view = checked_modal(modals.notice("Edit", "<@U111> decided already.", kept="1. My plan"))

    assert view["blocks"][0]["elements"][0]["elements"][0] == {"type": "user", "user_id": "U111"}
    assert "1. My plan" in words(view)
    checked_modal(modals.loading("A title that is much too long for a dialog"))


# --- the form


def test_the_form_has_the_fields_of_each_subtask_and_of_a_new_one():
    view = checked_modal(modals.edit(run(), plan(2), ROLES))

    names = ("title", "instructions", "role", "after", "priority", "remove")
    added = ("title", "instructions", "role", "after", "priority")
    assert fields(view) == [
        *(f"1:{name}" for name in names),
        *(f"2:{name}" for name in names),
        *(f"3:{name}" for name in added),
    ]
    assert view["callback_id"] == "edit_plan"
    assert about(view) == {"run_id": RUN, "revision": 1, "page": 0}
    assert labels(view) == ["Edit as text", "Add another"]


def test_a_form_left_as_it_is_changes_nothing():
    before = plan(5)

    view = modals.edit(run(), before, ROLES)

    assert saved(before, entered(view)) == before


def test_what_is_entered_is_in_the_plan():
    before = plan(3)
    view = modals.edit(run(), before, ROLES)
    state = entered(
        view,
        **{
            "1:title": {"value": "  Another\ttitle "},
            "2:role": choice("writer"),
            "3:after": choices("1", "2"),
            "3:priority": choice("1"),
            "3:instructions": {"value": None},
        },
    )
    after = saved(before, state)

    assert after.subtask(1).title == "Another title"
    assert after.subtask(2).role == "writer"
    assert after.subtask(3).after == (2, 1)
    assert after.subtask(3).priority == 1
    assert after.subtask(3).instructions == ""


def test_a_removed_subtask_is_no_longer_waited_for():
    before = plan(3)
    state = entered(modals.edit(run(), before, ROLES), **{"2:remove": choices("remove")})
    after = saved(before, state)

    assert [s.id for s in after.subtasks] == ["1", "3"]
    assert after.subtask(3).depends_on == ()


def test_an_added_subtask_gets_a_new_number():
    before = plan(2)
    state = entered(
        modals.edit(run(), before, ROLES),
        **{"3:title": {"value": "One more"}, "3:role": choice("writer"), "3:after": choices("2")},
    )
    added = saved(before, state).subtask(3)

    assert (added.title, added.role, added.depends_on) == ("One more", "writer", ("2",))


def test_what_the_form_does_not_show_is_kept():
    before = plan(1, tools=("web_search",), timeout_s=90, size="L", stage=2)
    long = before.subtasks[0].model_copy(update={"instructions": "x" * 3001})
    before = before.model_copy(update={"subtasks": (long,)})
    view = checked_modal(modals.edit(run(), before, ROLES))

    assert "1:instructions" not in fields(view)
    assert "3,001 characters" in words(view)
    assert saved(before, entered(view)) == before


def test_a_large_plan_has_pages_and_each_keeps_the_others():
    before = plan(30)
    first = checked_modal(modals.edit(run(), before, ROLES))
    last = checked_modal(modals.edit(run(), before, ROLES, page=2))

    assert values(first)["edit_page"] == f"{RUN}:1:1"
    assert labels(first)[-1] == "Next page"
    assert labels(last)[0] == "Previous page"
    assert "Page 1 of 3" in words(first)
    state = entered(last, **{"30:title": {"value": "The end"}, "25:remove": choices("remove")})
    after = saved(before, state)
    assert len(after.subtasks) == 29
    assert after.subtask(30).title == "The end"
    assert after.subtasks[:24] == before.subtasks[:24]


def test_what_was_typed_is_there_again_when_the_page_is_turned_back():
    before = plan(30)
    state = entered(
        modals.edit(run(), before, ROLES),
        **{
            "1:title": {"value": "Typed"},
            "2:remove": choices("remove"),
            "3:after": choices(),
            "4:role": choice("writer"),
            "5:priority": choice("1"),
        },
    )
    second = turned(before, state, 1)
    first = turned(before, entered(second), 0, draft_in(second))
    again = entered(first)

    assert again["1:title"]["value"]["value"] == "Typed"
    assert again["2:remove"]["value"]["selected_options"] != []
    assert again["3:after"]["value"]["selected_options"] == []
    assert again["4:role"]["value"]["selected_option"]["value"] == "writer"
    after = saved(before, again, draft_in(first))
    assert after == saved(before, entered(second), draft_in(second))
    assert [s.title for s in after.subtasks[:2]] == ["Typed", "Find fact 3"]
    assert after.subtask(5).priority == 1


def test_what_was_undone_on_a_page_is_no_longer_in_the_draft():
    before = plan(30)
    state = entered(modals.edit(run(), before, ROLES), **{"1:title": {"value": "Typed"}})
    second = turned(before, state, 1)
    first = turned(before, entered(second), 0, draft_in(second))
    undone = entered(first, **{"1:title": {"value": "Find fact 1"}})
    assert "draft" not in about(turned(before, undone, 1, draft_in(first)))


def test_several_subtasks_are_added_one_after_the_other():
    before = plan(2)
    view = modals.edit(run(), before, ROLES)
    draft = {}
    for number in (3, 4, 5):
        said = {"value": f"Added {number}"} if number != 4 else {"value": "  "}
        state = entered(view, **{f"{3 if number == 3 else 4}:title": said})
        view = turned(before, state, 9, draft)
        draft = draft_in(view)
    after = saved(before, entered(view), draft)
    assert [s.id for s in after.subtasks] == ["1", "2", "3", "4"]
    assert [s.title for s in after.subtasks[2:]] == ["Added 3", "Added 5"]


def test_more_than_can_be_taken_along_is_told_before_the_page_is_turned():
    before = plan(30)
    noise = "".join(random.Random(7).choices(string.ascii_letters, k=2_900))
    state = entered(
        modals.edit(run(), before, ROLES),
        **{f"{n}:instructions": {"value": noise[n:]} for n in (1, 2, 3, 4)},
    )
    with pytest.raises(InvalidInput, match="Save what you have changed"):
        turned(before, state, 1)
    assert saved(before, state).subtask(4).instructions.startswith(noise[4:104])


def test_what_was_typed_as_text_is_in_the_form():
    before = plan(3)
    text = "1. Another title | writer\n3. Find fact 3 | researcher | after: 1\n4. New | after: 3"
    other = from_text(text, before)
    draft = edit_form.difference(before, other)

    assert edit_form.edited(before, draft) == other
    checked_modal(modals.edit(run(), before, ROLES, draft=draft))


def test_every_page_of_a_huge_plan_fits():
    title, instructions = "👩‍👩‍👧‍👦" * 20, "数" * 3000
    subtasks = tuple(
        Subtask(
            id=str(n), title=title, instructions=instructions, depends_on=("1",) if n > 1 else ()
        )
        for n in range(1, 121)
    )
    huge = Plan(goal="All of it", subtasks=subtasks)

    spread = edit_form.pages(huge)
    for page in (0, 1, len(spread) // 2, len(spread) - 1):
        checked_modal(modals.edit(run(), huge, ROLES, page=page))
    assert [s for page in spread for s in page] == list(subtasks)


def test_a_page_that_does_not_exist_is_the_nearest():
    assert about(modals.edit(run(), plan(3), ROLES, page=9))["page"] == 0


def test_a_single_subtask_has_nothing_to_wait_for():
    assert "1:after" not in fields(checked_modal(modals.edit(run(), plan(1), ROLES)))


def test_a_role_too_long_for_a_menu_is_kept():
    before = plan(
        1,
    )
    odd = before.subtasks[0].model_copy(update={"role": "r" * 200})
    before = before.model_copy(update={"subtasks": (odd,)})
    view = checked_modal(modals.edit(run(), before, ROLES))

    assert saved(before, entered(view)).subtask(1).role == "r" * 200


def test_the_plan_as_text_leads_back_to_the_form():
    view = checked_modal(modals.edit_as_text(run(), plan(2)))

    assert values(view) == {"edit_form": f"{RUN}:1:0"}
    assert view["callback_id"] == "edit_plan_text"
    assert modals.typed(entered(view)).startswith("1. Find fact 1 | researcher\n")


def test_a_plan_too_long_for_text_has_no_such_button():
    long = plan(100)

    assert "Edit as text" not in labels(modals.edit(run(), long, ROLES))
    assert "too long" in words(checked_modal(modals.edit_as_text(run(), long)))


# --- the other dialogs


def test_each_dialog_says_what_it_is_about():
    made = [
        (modals.replan(run()), "replan", {"run_id": RUN, "revision": 1}),
        (
            modals.breakdown(run(), request(RequestKind.BREAKDOWN, id="r1")),
            "breakdown",
            {"request_id": "r1"},
        ),
        (
            modals.edit_and_retry(run(), subtask(2), ROLES),
            "edit_and_retry",
            {"run_id": RUN, "subtask": 2},
        ),
        (modals.answer(run(), QUESTION), "answer_question", {"request_id": QUESTION.id}),
    ]
    for view, callback_id, meant in made:
        checked_modal(view)
        assert view["callback_id"] == callback_id
        assert about(view) == meant


def test_instructions_and_role_are_read_back_from_a_retry():
    view = modals.edit_and_retry(run(), subtask(2), ROLES)
    state = entered(view, instructions={"value": "Do it better."}, role=choice("writer"))

    assert modals.rewritten(state) == ("Do it better.", "writer")


def test_instructions_too_long_to_edit_stay():
    view = checked_modal(modals.edit_and_retry(run(), subtask(2, instructions="x" * 4000), ROLES))

    assert modals.rewritten(entered(view)) == (None, "researcher")


def test_a_problem_stands_at_the_first_field():
    def answer(view):
        return modals.refused(view, "No.")

    assert answer(modals.edit(run(), plan(2), ROLES))["errors"] == {"1:title": "No."}
    at_text = {"response_action": "errors", "errors": {"text": "No."}}
    assert answer(modals.replan(run())) == at_text


def test_a_problem_with_a_dialog_without_fields_takes_its_place():
    answer = modals.refused(modals.loading("Edit"), "No.")
    assert answer == {"response_action": "update", "view": modals.notice("Edit", "No.")}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("state", [RunStatus.PROPOSED, RunStatus.COMPLETED])
def test_hostile_text_in_a_dialog_is_only_text(text, state):
    view = hostile(text, state)
    dead = view.subtasks[5]
    odd = Plan(
        goal=text,
        subtasks=tuple(
            Subtask(id=str(n), title=text[:150], instructions=text, role=text) for n in (1, 2, 3)
        ),
    )
    for made in (
        modals.instructions(view),
        modals.redo(view, dead),
        modals.save_playbook(view),
        modals.edit(view, odd, [text, *ROLES]),
        modals.edit_as_text(view, odd),
        modals.edit_and_retry(view, dead, ROLES),
        modals.answer(view, replace(QUESTION, text=text)),
        modals.breakdown(view, request(RequestKind.BREAKDOWN, text=text)),
        modals.notice(text, text, kept=text),
        modals.loading(text),
    ):
        checked_modal(made)
        assert [m for m in live_mentions(made) if m != "<@U999|you>"] == []


def test_a_redo_names_what_is_done_again_with_it():
    said = words(checked_modal(modals.redo(run(), run().subtasks[0])))
    assert "So is what rests on it: subtasks 2 and 3." in said
    last = words(checked_modal(modals.redo(run(), run().subtasks[2])))
    assert "rests on it" not in last


def test_a_playbook_is_offered_a_name_made_of_the_goal():
    view = checked_modal(modals.save_playbook(run(goal="Compare <!here> Job Queues, please!")))
    assert modals.named(entered(view)) == "compare-here-job-queues"
    assert about(view) == {"run_id": RUN}


@pytest.mark.parametrize("said", ["", "no JSON", "[]", "null", '"text"', '{"run": "another name"}'])
def test_a_dialog_of_another_version_is_to_be_opened_again(said):
    with pytest.raises(Outdated, match=r"Close it, and open it again\."):
        _ = modals.about({"private_metadata": said})["run_id"]
