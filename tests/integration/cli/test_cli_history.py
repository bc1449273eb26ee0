"""Commands on past runs: what waits, and what can be done about it."""

import json

import pytest
import yaml
from at_terminal import OFFLINE, names_in


def results(orchestrate, name):
    """The state of each subtask by number."""
    exported = json.loads(orchestrate("export", name)[1])
    return {subtask["number"]: subtask["status"] for subtask in exported["subtasks"]}


def test_dead_lists_the_dead_letters_of_all_runs(orchestrate, attempted):
    names = [attempted(f"#subtasks(2) #fail({n}) Compare tea")[1] for n in (1, 2)]
    attempted("#subtasks(1) Compare coffee")
    code, out, _ = orchestrate("dead")
    assert code == 0
    assert names_in(out) == names
    assert "told to fail" in out


def test_a_stopped_run_has_no_dead_letters(orchestrate, attempted):
    name = attempted("#subtasks(2) #fail(1) Compare tea")[1]
    orchestrate("stop", name)
    assert name not in orchestrate("dead")[1]


def test_skip_goes_on_without_a_dead_subtask(orchestrate, attempted):
    name = attempted("#subtasks(3) #fail(2) Compare tea")[1]
    code, _, err = orchestrate("skip", name, "2", *OFFLINE)
    assert code == 0
    assert "Without 1 subtask." in err
    assert results(orchestrate, name) == {1: "succeeded", 2: "skipped", 3: "succeeded"}


def test_skip_all_answers_with_what_there_is(orchestrate, attempted):
    name = attempted("#subtasks(3) #fail(2) Compare tea")[1]
    assert orchestrate("skip", name, "--all", *OFFLINE)[0] == 0
    assert results(orchestrate, name) == {1: "succeeded", 2: "skipped", 3: "skipped"}


@pytest.mark.parametrize("arguments", [[], ["1", "--all"]])
def test_skip_wants_one_subtask_or_all(orchestrate, arguments):
    code, _, err = orchestrate("skip", "R-ZZZZ", *arguments)
    assert code == 2
    assert "name a subtask, or say --all" in err


def test_redo_does_a_subtask_again_with_feedback(orchestrate, attempted):
    name = attempted("#subtasks(2) Compare tea")[1]
    code, out, _ = orchestrate("redo", name, "2", "--feedback", "Shorter, please", *OFFLINE)
    assert code == 0
    assert out.startswith("_Offline answer")
    attempts = json.loads(orchestrate("export", name)[1])["attempts"]
    assert "Shorter, please" in str([a["prompt"] for a in attempts if a["subtask"] == 2][-1])


def test_a_subtask_that_is_not_there_cannot_be_redone(orchestrate, attempted):
    name = attempted("#subtasks(2) Compare tea")[1]
    code, _, err = orchestrate("redo", name, "7", *OFFLINE)
    assert code == 1
    assert "Subtask 7 is not finished" in err
    assert err.count("\n") == 1


def test_guide_is_told_to_those_who_have_not_started(orchestrate, attempted):
    name = attempted("#subtasks(2) #fail(1,3) Compare tea")[1]
    code, out, _ = orchestrate("guide", name, "Prices in euros")
    assert code == 0
    assert out.startswith("Noted")
    orchestrate("retry", name, *OFFLINE)
    exported = json.loads(orchestrate("export", name)[1])
    assert exported["run"]["guidance"] == "Prices in euros"
    told = [str(a["prompt"]) for a in exported["attempts"] if a["subtask"] == 2]
    assert "Prices in euros" in told[0]


def test_guide_is_refused_when_nobody_is_left(orchestrate, attempted):
    name = attempted("#subtasks(1) Compare tea")[1]
    code, _, err = orchestrate("guide", name, "Prices in euros")
    assert (code, err) == (1, "Nobody is left to be guided: the run is completed.\n")


def test_answer_lets_a_run_go_on(orchestrate, attempted):
    code, name = attempted("#subtasks(2) #question(1) Compare tea")
    assert code == 3
    code, out, _ = orchestrate("answer", name, "Green tea", *OFFLINE)
    assert code == 0
    assert "_Offline answer" in out
    asked = json.loads(orchestrate("export", name)[1])["requests"]
    assert [r["answer_text"] for r in asked if r["kind"] == "question"] == ["Green tea"]


def test_where_several_things_are_asked_the_answer_names_its_subtask(orchestrate, attempted):
    name = attempted("#question(1) #question(2) Describe tea and describe coffee")[1]
    code, _, err = orchestrate("answer", name, "Green", *OFFLINE)
    assert code == 1
    assert "add --subtask (1, 2)" in err
    assert orchestrate("answer", name, "Green", "--subtask", "2", *OFFLINE)[0] == 3
    assert orchestrate("answer", name, "Black", *OFFLINE)[0] == 0


def test_answer_picks_an_option_by_its_number_or_its_name(orchestrate, attempted, monkeypatch):
    monkeypatch.setenv("ORCHESTRATOR_RUN_TOKENS", "1")
    code, name = attempted("#subtasks(2) Compare tea")
    assert code == 3
    code, _, err = orchestrate("answer", name, "perhaps", *OFFLINE)
    assert code == 1
    assert "1. Allow as much again" in err
    for typed in ("1", "allow AS much again"):
        err = orchestrate("answer", name, typed, *OFFLINE)[2]
        assert "The budget is raised" in err


def test_answer_is_refused_where_nothing_is_asked(orchestrate, attempted):
    name = attempted("#subtasks(1) Compare tea")[1]
    code, _, err = orchestrate("answer", name, "Green tea", *OFFLINE)
    assert (code, err) == (1, f"{name} asks nothing that could be answered so.\n")


# --- playbooks -----------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of playbooks with one in it."""
    folder = tmp_path / "playbooks"
    folder.mkdir()
    plan = {"goal": "Know {{company}}", "subtasks": [{"id": 1, "title": "Ask {{company}}"}]}
    content = {"description": "Who they are", "plan": plan}
    (folder / "company-check.yml").write_text(yaml.safe_dump(content))
    monkeypatch.setenv("ORCHESTRATOR_PLAYBOOKS", str(folder))
    return folder


def test_playbooks_lists_files_and_saved_ones(orchestrate, attempted, folder):
    name = attempted("#subtasks(2) Compare tea")[1]
    code, out, _ = orchestrate("playbooks", "save", name, "Tea", "--description", "For the board")
    assert (code, out) == (0, "Saved. Start it with: use playbook tea\n")
    listed = orchestrate("playbooks")[1].splitlines()
    assert any(
        "company-check" in line and "folder" in line and "company" in line for line in listed
    )
    assert any("tea" in line and "saved" in line and "For the board" in line for line in listed)


def test_what_show_prints_is_a_file_for_the_folder(orchestrate, attempted, folder):
    name = attempted("#subtasks(2) Compare tea")[1]
    orchestrate("playbooks", "save", name, "Tea")
    code, out, _ = orchestrate("playbooks", "show", "tea")
    assert code == 0
    (folder / "mine.yml").write_text(out.replace("name: tea", "name: mine"))
    again = orchestrate("playbooks", "show", "mine")[1]
    assert again == out.replace("name: tea", "name: mine")
    assert orchestrate("run", "use playbook mine", "--yes", *OFFLINE)[0] == 0


def test_a_saved_playbook_can_be_removed_once(orchestrate, attempted):
    orchestrate("playbooks", "save", attempted("#subtasks(2) Compare tea")[1], "tea")
    assert orchestrate("playbooks", "remove", "tea")[1] == "The playbook tea is removed.\n"
    code, _, err = orchestrate("playbooks", "remove", "tea")
    assert (code, err) == (1, "There is no saved playbook named tea.\n")


def test_a_playbook_that_is_a_file_is_not_removed(orchestrate, folder):
    code, _, err = orchestrate("playbooks", "remove", "company-check")
    assert code == 1
    assert "is a file in" in err
    assert (folder / "company-check.yml").exists()


def test_an_unknown_playbook_is_one_sentence(orchestrate):
    code, _, err = orchestrate("playbooks", "show", "nothing")
    assert code == 1
    assert err.startswith("There is no playbook nothing;")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "said"),
    [("runs", "No runs yet."), ("dead", "No dead letters."), ("playbooks", "No playbooks yet.")],
)
def test_where_there_is_nothing_a_sentence_says_so(orchestrate, command, said):
    code, out, _ = orchestrate(command)
    assert (code, out.startswith(said)) == (0, True)
