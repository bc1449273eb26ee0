"""Playbooks as files and as what a task says: no run, no model."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import planner, playbooks
from orchestrator.attempts import Parameters
from orchestrator.context import Context
from orchestrator.errors import ConfigurationError, InvalidInput, ModelInvalid
from orchestrator.model.base import Purpose
from orchestrator.model.scripted import reply
from orchestrator.playbooks import Playbook
from orchestrator.roles import Roles
from orchestrator.settings import Settings

CHECK = {
    "name": "company-check",
    "description": "What a company does",
    "parameters": {"company": {"description": "its name"}, "depth": {"default": "one page"}},
    "plan": {
        "goal": "Know {{company}}",
        "subtasks": [
            {"id": 1, "title": "Find out what {{ company }} does"},
            {"id": 2, "title": "Write {{depth}}", "depends_on": [1]},
        ],
    },
}


def check(**changed):
    return Playbook.model_validate(CHECK | changed)


def context(known, strategy="dependency_based", **fields):
    """The context of the planner's first attempt, with these playbooks."""
    settings = Settings(_env_file=None, strategy=strategy)
    return Context(
        purpose=Purpose.PLAN,
        number=1,
        task="Check Acme.",
        thread="",
        parameters=Parameters("model", 30, 1000),
        settings=settings,
        roles=Roles.load(),
        playbooks={playbook.name: playbook for playbook in known},
        **fields,
    )


# --- blanks --------------------------------------------------------------------------------


def test_blanks_are_filled_in_everywhere_and_defaults_where_nothing_is_given():
    plan = check().filled_in({"company": "Acme"})

    assert plan.goal == "Know Acme"
    assert [s.title for s in plan.subtasks] == ["Find out what Acme does", "Write one page"]


def test_what_is_given_wins_over_the_default():
    assert check().filled_in({"company": "Acme", "depth": "ten"}).subtasks[1].title == "Write ten"


@pytest.mark.parametrize("values", [{}, {"company": ""}, {"company": " \n"}, {"firm": "Acme"}])
def test_what_is_missing_is_named_with_an_example(values):
    with pytest.raises(InvalidInput) as refused:
        check().filled_in(values)

    assert str(refused.value) == (
        "The playbook company-check needs company (its name). Write for instance: "
        "use playbook company-check company=…"
    )


def test_a_blank_that_nobody_declared_must_be_filled_in_too():
    plan = {"goal": "x", "subtasks": [{"id": 1, "title": "Do {{this}} and {{that}}"}]}
    with pytest.raises(InvalidInput, match="needs this and that"):
        check(parameters={}, plan=plan).filled_in({})


def test_a_blank_may_stand_on_two_lines():
    plan = {"goal": "x", "subtasks": [{"id": 1, "title": "Do {{\nthis\n}}"}]}
    playbook = check(parameters={}, plan=plan)

    assert playbook.blanks == ["this"]
    assert playbook.filled_in({"this": "it"}).subtasks[0].title == "Do it"


@given(st.text(max_size=60))
def test_what_is_filled_in_is_never_read_as_a_blank_itself(value):
    plan = {"goal": "{{a}}", "subtasks": [{"id": 1, "title": "t", "instructions": "x{{a}}{{b}}"}]}
    playbook = check(parameters={"b": {"default": ""}}, plan=plan)
    if not value.strip():
        return

    filled = playbook.filled_in({"a": "{{b}}" + value, "b": "end"})
    assert filled.subtasks[0].instructions.startswith("x{{b}}")


# --- files ---------------------------------------------------------------------------------


def test_each_file_is_a_playbook_named_after_it(tmp_path):
    content = {key: value for key, value in CHECK.items() if key != "name"}
    (tmp_path / "weekly.yml").write_text(yaml.safe_dump(content))
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(CHECK))
    (tmp_path / "notes.txt").write_text("not: one")

    assert sorted(playbooks.load(tmp_path)) == ["company-check", "weekly"]


def test_without_a_folder_there_are_none():
    assert playbooks.load(None) == {}


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ConfigurationError, match=r"folder of playbooks .*nowhere is not there"):
        playbooks.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "content",
    [
        b"plan: [unclosed",
        b"",
        b"just words",
        b"- a list",
        b"description: no plan",
        b"plan: {goal: x, subtasks: [{title: without id}]}",
        b"plan: {goal: x, subtasks: []}\ncolour: blue",
        b"name: Not A Name\nplan: {goal: x, subtasks: []}",
        b"\xff\xfe\x00",
        b"plan: {goal: x, subtasks: [{id: 1, priority: '{{p}}'}]}",
    ],
)
def test_a_file_that_is_no_playbook_is_named_in_the_sentence(tmp_path, content):
    (tmp_path / "broken.yml").write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"broken\.yml"):
        playbooks.load(tmp_path)


# --- what a task says ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "called"),
    [
        ("use playbook weekly", ("weekly", {})),
        ("Please USE  Playbook “Weekly”.", ("weekly", {})),
        ("use playbook weekly team=Sales, week: 12", ("weekly", {"team": "Sales", "week": "12"})),
        ('use playbook weekly\nteam="Sales, North"', ("weekly", {"team": "Sales, North"})),
        ("use playbook weekly Team = Sales", ("weekly", {"team": "Sales"})),
        ("write a playbook", None),
        ("reuse playbooks", None),
    ],
)
def test_a_task_names_a_playbook_and_its_values(task, called):
    assert playbooks.called_for(task) == called


@pytest.mark.parametrize(
    ("typed", "name"), [("Weekly Report!", "weekly-report"), ("  a__b ", "a-b"), ("7", "7")]
)
def test_a_name_is_made_of_what_a_person_typed(typed, name):
    assert playbooks.named(typed) == name


def test_a_name_needs_a_letter_or_digit():
    with pytest.raises(InvalidInput):
        playbooks.named("—!")


# --- the planner ---------------------------------------------------------------------------


def test_the_planner_is_told_of_the_playbooks_and_their_parameters():
    system = planner.prepare(context([check()])).system

    assert "- company-check: What a company does (parameters: company, depth)" in system
    assert "Playbooks are plans" not in planner.prepare(context([])).system


@pytest.mark.parametrize(
    "parameters",
    [
        [{"name": "company", "value": "Acme"}],
        [{"name": "company", "value": "Acme"}, {"name": "depth"}, "depth", None],
        {"company": "Acme"},
    ],
)
def test_the_planner_chooses_a_playbook_by_its_reply(parameters):
    chosen = {"goal": "", "pattern": "graph", "subtasks": [], "roles": []}
    chosen["playbook"] = {"name": "company-check", "parameters": parameters}
    result = planner.read(context([check()]), reply(data=chosen))

    assert result.data["plan"]["goal"] == "Know Acme"
    assert result.data["repairs"][0] == "The plan is the playbook company-check."


@pytest.mark.parametrize("parameters", [None, 7, "company=Acme", []])
def test_a_playbook_chosen_without_what_it_needs_is_refused_with_the_reason(parameters):
    chosen = {"playbook": {"name": "company-check", "parameters": parameters}}

    with pytest.raises(ModelInvalid, match="needs company"):
        planner.read(context([check()]), reply(data=chosen))


def test_a_playbook_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(ModelInvalid, match="no playbook other; there is company-check"):
        planner.read(context([check()]), reply(data={"playbook": {"name": "other"}}))


def test_the_strategy_changes_how_the_planner_is_told_to_decompose():
    back, down = (
        planner.prepare(context([], strategy)).system
        for strategy in ("dependency_based", "top_down")
    )

    assert "work back from each to what it needs" in back
    assert "divide it into a few areas" in down
    assert "divide it into a few areas" not in back
