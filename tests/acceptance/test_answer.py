"""What can be done with an answer: look into it, see its timeline, redo, run again, keep."""

from functools import partial

import pytest
import sqlalchemy as sa

from bot.localslack.faults import Fault
from orchestrator.model.base import Purpose
from orchestrator.store.tables import Artifact, ArtifactContent, new_row
from tests.acceptance.conftest import (
    PATIENCE_S,
    HeldModel,
    LongAnswer,
    answered,
    approved,
    done,
    has_button,
    is_answer,
    named,
    proposed,
    same,
    says,
    told,
)
from tests.integration.person import eventually

TASK = "Look at apples #subtasks(2)"


def titled(title):
    return lambda view: view["title"]["text"].startswith(title)


def has_file(name):
    return lambda message: any(file["name"].endswith(name) for file in message.files)


@pytest.fixture
async def answer(bot, ada):
    """The answer of a run of Ada's."""
    mention, plan = await approved(ada, TASK)
    await done(ada, mention, plan)
    return await answered(ada, mention)


async def details_of(person, answer, number):
    """The dialog with everything about a subtask."""
    await person.click(answer, "Details")
    label = f"Everything about {number}"
    modal = await person.modal(PATIENCE_S, lambda view: label in str(view))
    await modal.click(label)
    return await person.modal(PATIENCE_S, titled(f"Subtask {number}"))


async def test_details_show_what_a_subtask_was_given_and_what_it_brought(answer, ada):
    modal = await details_of(ada, answer, 1)
    for words in ("Instructions", "Result", "(offline)", "1. succeeded", "What it was given"):
        assert words in modal.words


async def test_a_redo_with_feedback_does_the_subtask_and_what_rests_on_it_again(answer, ada, rows):
    modal = await details_of(ada, answer, 1)
    await modal.click("Redo with feedback")
    modal = await ada.modal(PATIENCE_S, named("redo"))
    assert "what rests on it: subtask 2" in modal.words
    modal.fill("text", "Only the red ones")
    assert (await modal.submit()).closed
    new = await ada.wait_for(answer, says("new answer", "version 2"), PATIENCE_S)
    assert new.ts != answer.ts
    assert await ada.views() == []
    prompts = rows("SELECT prompt FROM attempt WHERE subtask = 1 ORDER BY id")
    assert "Only the red ones" in prompts[1][0]
    assert rows("SELECT count(*) FROM attempt WHERE subtask = 2") == [(2,)]


async def test_somebody_elses_run_can_be_looked_into_but_not_redone(answer, ada, grace, rows):
    modal = await details_of(grace, answer, 1)
    await modal.click("Redo with feedback")
    notice = await grace.modal(PATIENCE_S, lambda view: "asked for" in str(view))
    assert ada.id in str(notice.view)
    assert rows("SELECT count(*) FROM attempt WHERE subtask = 1") == [(1,)]


async def test_the_timeline_is_said_to_be_on_its_way_and_comes_as_a_picture(answer, ada):
    await ada.click(answer, "Timeline")
    await told(ada, answer, "drawing the timeline")
    picture = await ada.wait_for(answer, has_file("-timeline.png"), 30)
    content = await ada.download(picture.files[0]["id"])
    assert content.startswith(b"\x89PNG")


async def test_run_again_plans_the_same_task_in_a_thread_of_its_own(answer, ada, grace, rows):
    await grace.click(answer, "Run again")
    note = await told(grace, answer, "is being planned", "a thread of its own")
    again = await ada.wait_for("general", says("asked for:", TASK), PATIENCE_S)
    assert f"/archives/{again.channel}/p{again.ts.replace('.', '')}" in str(note.blocks)
    assert again.thread_ts in (None, again.ts)
    assert grace.id in str(again.blocks)
    await grace.wait_for(grace.thread(again), has_button("Approve"), PATIENCE_S)
    assert len({task for (task,) in rows("SELECT task FROM run")}) == 1


async def test_the_plan_is_saved_as_a_playbook_and_used_by_its_name(answer, ada, rows):
    await ada.click(answer, "Save as playbook")
    modal = await ada.modal(PATIENCE_S, named("save_playbook"))
    modal.fill("name", "Apple report")
    await modal.submit()
    notice = await ada.modal(PATIENCE_S, lambda view: "Start it with" in str(view))
    assert "use playbook apple-report" in notice.words
    _, plan = await proposed(ada, "use playbook apple-report")
    assert "2 subtasks" in plan.words


async def test_a_name_that_is_taken_is_told_at_the_field_and_stays_there(answer, ada):
    for taken in (False, True):
        await ada.click(answer, "Save as playbook")
        modal = await ada.modal(PATIENCE_S, named("save_playbook"))
        modal.fill("name", "apples")
        submission = await modal.submit()
        assert ("a playbook named apples already" in str(submission.errors)) is taken
        await (await ada.modal(PATIENCE_S)).close()


def make_artifact(connection, name, content):
    """A file as a worker makes it."""
    attempt, run = connection.execute(
        sa.text("SELECT id, run_id FROM attempt WHERE subtask = 1")
    ).one()
    row = new_row(Artifact, run_id=run, subtask=1, attempt_id=attempt, name=name)
    connection.execute(sa.insert(Artifact.__table__), [row])
    held = new_row(ArtifactContent, artifact_id=row["id"], content=content)
    connection.execute(sa.insert(ArtifactContent.__table__), [held])


async def all_shown(rows):
    return rows("SELECT count(*) FROM run WHERE shown_version < version") == [(0,)]


async def test_what_workers_made_comes_with_the_answer_once(start_bot, ada, workspace, rows):
    model = HeldModel(Purpose.SYNTHESIS)
    async with start_bot(model) as bot:
        mention, plan = await approved(ada, TASK)
        await ada.wait_for(mention, same(plan, says("2 of 2 done")), PATIENCE_S)
        for name, content in (("chart.csv", b"a,b\n1,2\n"), ("chart.csv", b"c\n3\n")):
            work = partial(make_artifact, name=name, content=content)
            await bot.orchestrator.database.write(work)
        fault = Fault("files.completeUploadExternal", status=500, lose_answer=True)
        workspace.workspace.faults.add(fault)
        model.let_go()
        await done(ada, mention, plan)
        await eventually(partial(all_shown, rows))
        files = [f for m in await ada.messages(ada.thread(mention)) for f in m.files]
        contents = [await ada.download(file["id"]) for file in files]
        assert sorted(contents) == [b"a,b\n1,2\n", b"c\n3\n"]
        assert {file["name"] for file in files} == {"chart.csv"}


async def test_a_long_answer_comes_whole_as_a_file(start_bot, ada):
    model = LongAnswer()
    async with start_bot(model):
        mention, _ = await approved(ada, TASK)
        message = await ada.wait_for(mention, is_answer, PATIENCE_S)
        assert "The whole answer is attached" in message.words
        attached = await ada.wait_for(mention, has_file(".md"), PATIENCE_S)
        content = await ada.download(attached.files[0]["id"])
        assert content.decode() == model.answer
