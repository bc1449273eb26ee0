"""The command line in pipes."""

import asyncio

import pytest
from at_terminal import COMMAND, OFFLINE, WITHIN_S, name_in, names_in

from orchestrator.model.offline import OfflineModel
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings


def test_a_run_with_yes_prints_only_its_answer_to_stdout(orchestrate):
    code, out, err = orchestrate(
        "run", "Compare tea and coffee, then write it up", "--yes", *OFFLINE
    )
    assert code == 0
    assert out.startswith("_Offline answer")
    assert "1. Compare tea and coffee | analyst" in err
    assert "subtask 2 (Write it up): succeeded" in err


def test_without_a_terminal_and_yes_nothing_is_created(orchestrate):
    code, out, err = orchestrate("run", "Compare tea and coffee", *OFFLINE)
    assert (code, out) == (2, "")
    assert "--yes" in err
    assert not names_in(orchestrate("runs")[1])


def test_a_dead_letter_without_a_terminal_ends_with_what_is_open(orchestrate):
    code, out, err = orchestrate("run", "#subtasks(2) #fail(2) Compare tea", "--yes", *OFFLINE)
    assert (code, out) == (3, "")
    assert "Out of attempts: subtask 2" in err
    assert f"resume {name_in(err)}" in err


def test_a_question_without_a_terminal_ends_with_what_is_asked(orchestrate):
    code, _, err = orchestrate("run", "#subtasks(2) #question(1) Compare tea", "--yes", *OFFLINE)
    assert code == 3
    assert "A question about subtask 1" in err


def test_retry_takes_dead_letters_up_again_and_finishes(orchestrate, attempted):
    code, name = attempted("#subtasks(2) #fail(2,3) Compare tea")
    assert code == 3
    code, out, _ = orchestrate("retry", name, "--yes", *OFFLINE)
    assert code == 0
    assert out.startswith("_Offline answer")


def test_show_has_the_plan_the_attempts_and_the_answer(orchestrate):
    name = name_in(orchestrate("run", "#subtasks(2) Compare tea", "--yes", *OFFLINE)[2])
    code, out, _ = orchestrate("show", name.lower())
    assert code == 0
    assert f"{name}: completed" in out
    for part in ("subtask 2", "synthesis", "succeeded", "offline", "_Offline answer"):
        assert part in out


def test_runs_lists_the_latest_first(orchestrate):
    names = [
        name_in(orchestrate("run", f"#subtasks(1) Task {n}", "--yes", *OFFLINE)[2]) for n in (1, 2)
    ]
    assert names_in(orchestrate("runs")[1]) == names[::-1]
    assert names_in(orchestrate("runs", "--limit", "1")[1]) == names[1:]


def test_a_stopped_run_can_be_stopped_only_once(orchestrate):
    name = name_in(orchestrate("run", "#subtasks(2) #fail(1) Tea", "--yes", *OFFLINE)[2])
    code, out, _ = orchestrate("stop", name)
    assert (code, out) == (0, f"{name} was stopped.\n")
    code, _, err = orchestrate("stop", name)
    assert code == 1
    assert "over already" in err


def test_an_unknown_run_is_one_sentence(orchestrate):
    code, out, err = orchestrate("show", "R-ZZZZ")
    assert (code, out) == (1, "")
    assert err.startswith("There is no run R-ZZZZ here")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "Tea", "--yes"], "ANTHROPIC_API_KEY is not set"),
        (["runs", "--database", "mysql://here"], "DATABASE_URL names mysql"),
        (["runs", "--database", "sqlite+aiosqlite:////dev/null/x.db"], "cannot be opened"),
    ],
)
def test_a_wrong_set_up_is_one_line_and_code_2(orchestrate, arguments, said):
    code, out, err = orchestrate(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_database_wins_over_the_environment(orchestrate, monkeypatch, tmp_path):
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/environment.db")
    orchestrate("runs", "--database", f"sqlite+aiosqlite:///{tmp_path}/option.db")
    assert (tmp_path / "option.db").exists()
    assert not (tmp_path / "environment.db").exists()


async def test_where_another_process_is_at_work_its_run_is_followed(tmp_path):
    async with Orchestrator.open(Settings.load(), OfflineModel()):
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            "run",
            "#subtasks(2) Compare tea",
            "--yes",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), WITHIN_S)
    assert process.returncode == 0, err.decode()
    assert out.startswith(b"_Offline answer")
    assert b"Another process is at work" in err
