"""Plans that were good once: saved, called for, chosen, refused."""

import pytest
import yaml
from person import Person, answers, asked, plan
from sqlmodel import select

from orchestrator.commands import Approve, Breakdown, Replan, SavePlaybook
from orchestrator.errors import ConfigurationError, InvalidInput
from orchestrator.model.base import Purpose
from orchestrator.orchestrator import Orchestrator
from orchestrator.store.tables import PlaybookRow, RequestKind, RunStatus

CHECK = {
    "description": "What a company does",
    "parameters": {"company": {"description": "its name"}, "depth": {"default": "one page"}},
    "plan": {
        "goal": "Know {{company}}",
        "subtasks": [
            {"id": 1, "title": "Find out what {{company}} does", "role": "researcher"},
            {"id": 2, "title": "Write {{depth}}", "role": "writer", "depends_on": [1]},
        ],
    },
}


@pytest.fixture
def folder(tmp_path):
    """A folder with the playbook company-check."""
    made = tmp_path / "playbooks"
    made.mkdir()
    (made / "company-check.yml").write_text(yaml.safe_dump(CHECK))
    return made


@pytest.fixture
async def person(settings, model, folder):
    with_folder = settings.model_copy(update={"playbooks": folder})
    async with Orchestrator.open(with_folder, model) as opened:
        yield Person(opened)


async def titles(person, run_id):
    stored = (await person.revisions(run_id))[-1].plan
    return [subtask["title"] for subtask in stored["subtasks"]]


# --- called for ----------------------------------------------------------------------------


async def test_a_task_that_names_a_playbook_gets_its_plan_and_no_model_is_asked_for_one(
    person, model
):
    run_id = await person.ask("Please use playbook company-check company=Acme, depth=a haiku")
    await person.until(run_id, RunStatus.PROPOSED)

    assert model.calls == []
    assert await titles(person, run_id) == ["Find out what Acme does", "Write a haiku"]
    assert (await person.revisions(run_id))[0].repairs[
        0
    ] == "The plan is the playbook company-check."
    attempt = (await person.attempts(run_id))[0]
    assert (attempt.model, attempt.cost_usd) == ("playbook", 0)
    await person.do(Approve(run_id, 1))
    assert await person.answer_of(run_id) == "The answer."
    assert [a.role for a in await person.attempts(run_id)][1:3] == ["researcher", "writer"]


async def test_what_is_not_given_has_its_default(person):
    run_id = await person.ask("use playbook company-check company=Acme")
    await person.until(run_id, RunStatus.PROPOSED)

    assert (await titles(person, run_id))[1] == "Write one page"


async def test_a_playbook_without_what_it_needs_asks_a_person_and_says_what_is_missing(
    person, model
):
    run_id = await person.ask("use playbook company-check depth=a haiku")
    request = await person.request(run_id, RequestKind.BREAKDOWN)

    assert "needs company (its name)" in request.text
    assert "use playbook company-check company=…" in request.text
    assert model.calls == []
    await person.do(Breakdown(request.id, "Ask which company"))
    await person.until(run_id, RunStatus.PROPOSED)


async def test_a_playbook_that_is_not_there_is_said_with_those_that_are(person):
    run_id = await person.ask("use playbook other")
    request = await person.request(run_id, RequestKind.BREAKDOWN)

    assert request.text == "There is no playbook other; there is company-check."


async def test_feedback_on_the_plan_of_a_playbook_goes_to_the_planner(person, model):
    model.answering = answers
    run_id = await person.ask("use playbook company-check company=Acme")
    await person.until(run_id, RunStatus.PROPOSED)
    gate = model.gate(Purpose.PLAN)
    await person.do(Replan(run_id, 1, "Without the writing."))
    await gate.reached()

    assert "Without the writing." in asked(model.calls_for(Purpose.PLAN)[0])
    assert "Find out what Acme does" in asked(model.calls_for(Purpose.PLAN)[0])
    gate.open()
    await person.until(run_id, RunStatus.PROPOSED)


# --- chosen --------------------------------------------------------------------------------


async def test_the_planner_may_choose_a_playbook(person, model):
    parameters = [{"name": "company", "value": "Acme"}]
    chosen = plan() | {"playbook": {"name": "company-check", "parameters": parameters}}
    model.enqueue(chosen, purpose=Purpose.PLAN)
    run_id = await person.ask("What is Acme?")
    await person.until(run_id, RunStatus.PROPOSED)

    assert await titles(person, run_id) == ["Find out what Acme does", "Write one page"]
    assert "company-check: What a company does" in asked(model.calls_for(Purpose.PLAN)[0])


async def test_a_planner_that_forgets_a_parameter_is_told_and_may_plan_itself(person, model):
    chosen = plan() | {"playbook": {"name": "company-check", "parameters": []}}
    model.enqueue(chosen, purpose=Purpose.PLAN)
    run_id = await person.ask("What is Acme?")
    await person.until(run_id, RunStatus.PROPOSED)

    assert "needs company" in asked(model.calls_for(Purpose.PLAN)[1])
    assert await titles(person, run_id) == ["Part 1", "Part 2"]


# --- saved ---------------------------------------------------------------------------------


async def test_a_saved_plan_is_a_playbook_of_the_team_with_its_blanks(person, model):
    good = plan((), (1,))
    good["subtasks"][0]["instructions"] = "Ask {{person}}."
    model.enqueue(good, purpose=Purpose.PLAN)
    first = await person.ask("Ask somebody.")
    await person.until(first, RunStatus.PROPOSED)
    done = await person.do(SavePlaybook(first, "Ask Around!", "How to ask"))
    assert done.sentence == "Saved. Start it with: use playbook ask-around"

    run_id = await person.ask("use playbook ask-around person=Ada", auto_approve=True)
    await person.answer_of(run_id)
    assert "Ask Ada." in asked(model.calls_for(Purpose.SUBTASK, 1)[0])
    assert ("playbook_saved", None) in await person.events(first)


async def test_a_name_is_given_once(person, saved):
    run_id = await person.ask()
    await person.until(run_id, RunStatus.PROPOSED)
    await person.do(SavePlaybook(run_id, "mine"))

    with pytest.raises(InvalidInput, match="a playbook named mine already"):
        await person.do(SavePlaybook(run_id, "Mine", "another"))
    assert [row.description for row in await saved()] == ["Everything done"]


@pytest.fixture
def saved(person):
    """Reads the saved playbooks."""
    return lambda: person._rows(select(PlaybookRow))


async def test_a_saved_playbook_wins_over_a_file_and_is_nobody_elses(person):
    run_id = await person.ask()
    await person.until(run_id, RunStatus.PROPOSED)
    await person.do(SavePlaybook(run_id, "company-check"))

    ours = await person.ask("use playbook company-check company=Acme")
    await person.until(ours, RunStatus.PROPOSED)
    stranger = Person(person.orchestrator, team_id="T2")
    theirs = await stranger.ask("use playbook company-check company=Acme")
    await stranger.until(theirs, RunStatus.PROPOSED)
    assert (await titles(person, ours))[0] == "Part 1"
    assert (await titles(stranger, theirs))[0] == "Find out what Acme does"


async def test_before_there_is_a_plan_nothing_can_be_saved(person, model):
    gate = model.gate(Purpose.PLAN)
    run_id = await person.ask()
    await gate.reached()

    with pytest.raises(InvalidInput, match="no plan to save yet"):
        await person.do(SavePlaybook(run_id, "mine"))
    gate.open()


# --- the folder ----------------------------------------------------------------------------


async def test_a_broken_file_stops_the_start_with_a_sentence(settings, model, folder):
    (folder / "broken.yml").write_text("plan: [unclosed")
    with_folder = settings.model_copy(update={"playbooks": folder})

    with pytest.raises(ConfigurationError, match=r"broken\.yml is not right"):
        async with Orchestrator.open(with_folder, model):
            pass


async def test_a_file_broken_later_is_said_where_a_plan_was_to_be(person, folder):
    (folder / "broken.yml").write_text("plan: [unclosed")
    run_id = await person.ask()
    request = await person.request(run_id, RequestKind.BREAKDOWN)

    assert "broken.yml is not right" in request.text


async def test_a_folder_that_went_missing_is_said_at_the_start(settings, model, tmp_path):
    with_folder = settings.model_copy(update={"playbooks": tmp_path / "nowhere"})

    with pytest.raises(ConfigurationError, match="is not there"):
        async with Orchestrator.open(with_folder, model):
            pass
