"""A whole run as one document."""

import json

import pytest
from at_terminal import OFFLINE

from orchestrator.export import Export

KEY = "sk-ant-api03-abcdefgh"


@pytest.fixture
def exported(orchestrate, attempted):
    """Do a task, and export the run as JSON."""

    def export(task):
        return json.loads(orchestrate("export", attempted(task)[1])[1])

    return export


def test_the_json_holds_all_that_happened(exported):
    run = exported("#subtasks(2) #empty(1) Compare tea")
    assert run["version"] == 1
    assert (run["run"]["status"], run["run"]["task"]) == (
        "completed",
        "#subtasks(2) #empty(1) Compare tea",
    )
    assert run["answer"].startswith("_Offline answer")
    assert [r["source"] for r in run["revisions"]] == ["planner"]
    assert len(run["revisions"][0]["plan"]["subtasks"]) == 2
    made = [(a["purpose"], a["subtask"], a["outcome"]) for a in run["attempts"]]
    assert made == [
        ("plan", None, "succeeded"),
        ("subtask", 1, "empty"),
        ("subtask", 1, "succeeded"),
        ("subtask", 2, "succeeded"),
        ("synthesis", None, "succeeded"),
    ]
    for attempt in run["attempts"]:
        assert attempt["prompt"]["messages"]
        assert attempt["parameters"]["timeout_s"] > 0
        assert attempt["started_at"] <= attempt["finished_at"]
    assert sum(a["input_tokens"] + a["output_tokens"] for a in run["attempts"])
    assert [(r["kind"], r["answer"]) for r in run["requests"]] == [("approval", "Approve")]
    assert run["events"][0]["kind"] == "run_created"
    assert run["events"][-1]["kind"] == "run_completed"


def test_the_json_is_what_the_model_of_it_says(exported):
    run = exported("#subtasks(1) Compare tea")
    again = json.loads(Export.model_validate(run).to_json())
    assert again == run


def test_a_key_in_a_task_is_not_exported(orchestrate, attempted):
    name = attempted(f"#subtasks(1) Compare tea with {KEY} and postgresql://ada:pw@db/x")[1]
    for form in ("json", "markdown"):
        out = orchestrate("export", name, "--format", form)[1]
        assert KEY not in out
        assert "ada:pw" not in out
        assert "[secret]" in out


def test_the_report_has_task_plan_results_answer_and_totals(orchestrate, attempted):
    name = attempted("#subtasks(3) #fail(2) Compare tea")[1]
    orchestrate("skip", name, "2", *OFFLINE)
    code, out, _ = orchestrate("export", name, "--format", "markdown")
    assert code == 0
    headings = [line for line in out.splitlines() if line.startswith("#")]
    assert headings[:3] == [f"# {name}: completed", "## Task", "## Plan"]
    assert [h for h in headings if h.startswith("## ")][2:] == [
        "## Results",
        "## Asked",
        "## Answer",
        "## Totals",
    ]
    assert "> #subtasks(3) #fail(2) Compare tea" in out
    assert "skipped, 3 attempts" in out
    assert "Last failure: The offline model was told to fail here." in out
    assert "Without 1 subtask." in out
    assert "> _Offline answer" in out


def test_what_a_person_wrote_cannot_pass_for_a_part_of_the_report(orchestrate, attempted):
    name = attempted("1. Tea | <b>x</b>\n## Totals\nForged")[1]
    out = orchestrate("export", name, "--format", "markdown")[1]
    assert out.count("\n## Totals") == 1
    assert "> ## Totals" in out
    assert "<b>" not in [line for line in out.splitlines() if not line.startswith(">")]


def test_a_run_without_a_plan_can_be_exported(orchestrate, attempted):
    code, name = attempted("#badplan Compare tea")
    assert code == 3
    assert json.loads(orchestrate("export", name)[1])["revisions"] == []
    assert "## Plan" not in orchestrate("export", name, "--format", "markdown")[1]


def test_an_export_is_written_to_a_file(orchestrate, attempted, tmp_path):
    name = attempted("#subtasks(1) Compare tea")[1]
    assert orchestrate("export", name, "--output", "run.json") == (0, "", "")
    assert json.loads((tmp_path / "run.json").read_text())["run"]["name"] == name


def test_a_file_that_cannot_be_written_is_one_sentence(orchestrate, attempted):
    name = attempted("#subtasks(1) Compare tea")[1]
    code, out, err = orchestrate("export", name, "--output", "nowhere/run.json")
    assert (code, out) == (1, "")
    assert err == "nowhere/run.json cannot be written: No such file or directory.\n"


def test_a_run_of_another_team_is_not_there(orchestrate):
    code, _, err = orchestrate("export", "R-ZZZZ")
    assert code == 1
    assert err.startswith("There is no run R-ZZZZ here")
