"""The command line, in pipes and at a real terminal."""

import asyncio
import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest
import structlog

from orchestrator import cli
from orchestrator.model.offline import OfflineModel
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings

COMMAND = [sys.executable, "-m", "orchestrator"]
OFFLINE = ["--model", "offline"]
NAME = re.compile(r"R-[2-9A-HJKMNP-TV-Z]{4,8}")
WITHIN_S = 40


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """The default database is a file in the present folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    yield
    structlog.reset_defaults()


@pytest.fixture
def orchestrate(capsys):
    """Run the command line here, in pipes; its exit code, stdout and stderr."""

    def run(*arguments):
        with pytest.raises(SystemExit) as exited:
            cli.main(arguments)
        said = capsys.readouterr()
        return exited.value.code, said.out, said.err

    return run


def name_in(said):
    return NAME.search(said)[0]


# --- in pipes ------------------------------------------------------------------------------


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
    assert not NAME.search(orchestrate("runs")[1])


def test_a_dead_letter_without_a_terminal_ends_with_what_is_open(orchestrate):
    code, out, err = orchestrate("run", "#subtasks(2) #fail(2) Compare tea", "--yes", *OFFLINE)
    assert (code, out) == (1, "")
    assert "Out of attempts: subtask 2" in err
    assert f"resume {name_in(err)}" in err


def test_a_question_without_a_terminal_ends_with_what_is_asked(orchestrate):
    code, _, err = orchestrate("run", "#subtasks(2) #question(1) Compare tea", "--yes", *OFFLINE)
    assert code == 1
    assert "A question about subtask 1" in err


def test_retry_takes_dead_letters_up_again_and_finishes(orchestrate):
    failed = orchestrate("run", "#subtasks(2) #fail(2,3) Compare tea", "--yes", *OFFLINE)
    assert failed[0] == 1
    code, out, _ = orchestrate("retry", name_in(failed[2]), "--yes", *OFFLINE)
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
    assert NAME.findall(orchestrate("runs")[1]) == names[::-1]
    assert NAME.findall(orchestrate("runs", "--limit", "1")[1]) == names[1:]


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


# --- at a terminal -------------------------------------------------------------------------


class AtTerminal:
    """A person who starts the command line in a terminal, reads and types."""

    def __init__(self, *arguments, **environment):
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_take_terminal,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "NO_COLOR": "1", **environment},
        )
        os.close(slave)
        self.said = ""
        self._read_to = 0

    def reads(self, words):
        """Wait until `words` come after what was read before."""
        deadline = time.monotonic() + WITHIN_S
        while (at := self.said.find(words, self._read_to)) < 0:
            assert self._hears(deadline), f"never said {words!r}:\n{self.said}"
        self._read_to = at + len(words)

    def types(self, line):
        os.write(self._master, f"{line}\n".encode())

    def presses_ctrl_c(self):
        os.write(self._master, b"\x03")

    def leaves(self):
        """The exit code."""
        deadline = time.monotonic() + WITHIN_S
        while self._hears(deadline):
            continue
        return self._process.wait(WITHIN_S)

    def _hears(self, deadline):
        if not select.select([self._master], [], [], max(0, deadline - time.monotonic()))[0]:
            return False
        try:
            heard = os.read(self._master, 65536)
        except OSError:
            return False
        self.said += heard.decode(errors="replace")
        return bool(heard)

    def close(self):
        self._process.kill()
        self._process.wait()
        os.close(self._master)


def _take_terminal():
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def sits_down():
    seated = []

    def sit_down(*arguments, **environment):
        seated.append(AtTerminal(*arguments, *OFFLINE, **environment))
        return seated[-1]

    yield sit_down
    for person in seated:
        person.close()


def editor(tmp_path, sed):
    """An editor that changes a file by a sed script."""
    path = tmp_path / "editor.sh"
    path.write_text(f"#!/bin/sh\nsed -i '{sed}' \"$1\"\n")
    path.chmod(0o755)
    return str(path)


def test_a_person_approves_and_reads_the_answer(sits_down):
    person = sits_down("run", "#subtasks(2) Compare tea")
    person.reads("[a] Approve")
    person.types("a")
    person.reads("2 of 2 results")
    assert person.leaves() == 0


def test_a_person_rejects(sits_down, orchestrate):
    person = sits_down("run", "#subtasks(2) Compare tea")
    person.reads("[r] Reject")
    person.types("reject")
    assert person.leaves() == 1
    assert "rejected" in orchestrate("runs")[1]


def test_a_person_asks_for_another_plan(sits_down):
    person = sits_down("run", "#subtasks(2) Compare tea")
    person.reads("[p] Re-plan")
    person.types("p")
    person.reads("different?")
    person.types("make it 4 steps")
    person.reads("revision 2 of the plan")
    person.reads("[a] Approve")
    person.types("a")
    assert person.leaves() == 0


def test_a_plan_that_cannot_be_read_can_be_left(sits_down, tmp_path):
    wrong = editor(tmp_path, "s/$/ | after: never/")
    person = sits_down("run", "#subtasks(2) Compare tea", EDITOR=wrong)
    person.reads("[e] Edit")
    person.types("e")
    person.reads("needs numbers")
    person.reads("[l] Leave it")
    person.types("l")
    person.reads("[a] Approve")
    person.types("a")
    assert person.leaves() == 0


def test_an_edited_plan_is_a_new_revision(sits_down, tmp_path):
    person = sits_down(
        "run", "#subtasks(2) Compare tea", EDITOR=editor(tmp_path, "s/^2\\. [^|]*/2. Sum it up /")
    )
    person.reads("[e] Edit")
    person.types("e")
    person.reads("revision 2 of the plan")
    person.reads("Sum it up")
    person.types("a")
    assert person.leaves() == 0


def test_a_person_answers_a_question(sits_down):
    person = sits_down("run", "#subtasks(2) #question(1) Compare tea")
    person.reads("[a] Approve")
    person.types("a")
    person.reads("A question about subtask 1")
    person.reads("Answer:")
    person.types("1")
    person.reads("2 of 2 results")
    assert person.leaves() == 0


def test_a_person_edits_a_dead_letter_then_skips_it(sits_down, tmp_path):
    person = sits_down(
        "run", "#subtasks(2) #fail(1) Compare tea", EDITOR=editor(tmp_path, "1s/^/Carefully. /")
    )
    person.reads("[a] Approve")
    person.types("a")
    person.reads("Out of attempts: subtask 1")
    person.reads("[e] Edit and retry")
    person.types("e")
    person.reads("revision 2 of the plan")
    person.reads("Out of attempts: subtask 1")
    person.reads("[k] Skip")
    person.types("k")
    person.reads("Without 1 subtask.")
    assert person.leaves() == 0


def test_a_person_writes_the_plan_where_planning_failed(sits_down, tmp_path):
    person = sits_down(
        "run", "#badplan Compare tea", EDITOR=editor(tmp_path, "s/^1.*/1. Taste it/")
    )
    person.reads("[w] Write the subtasks")
    person.types("w")
    person.reads("Taste it")
    person.reads("[a] Approve")
    person.types("a")
    assert person.leaves() == 0


def test_a_person_picks_an_option_when_the_budget_is_used_up(sits_down):
    person = sits_down("run", "#subtasks(2) Compare tea", ORCHESTRATOR_RUN_TOKENS="1")
    person.reads("Needs budget")
    person.reads("[1] Allow as much again")
    person.types("1")
    person.reads("The budget is raised")
    person.reads("Needs budget")
    person.types("s")
    assert person.leaves() == 1


def test_ctrl_c_leaves_the_run_to_be_gone_on_with(sits_down):
    person = sits_down("run", "#subtasks(2) #slow(1,20s) Compare tea")
    person.reads("[a] Approve")
    person.types("a")
    person.reads("running")
    person.presses_ctrl_c()
    person.reads("stays as it is")
    assert person.leaves() == 130
    again = sits_down("resume", name_in(person.said))
    again.reads("running")
    again.presses_ctrl_c()
    assert again.leaves() == 130


def test_ctrl_c_at_a_question_asks_nothing_more(sits_down, orchestrate):
    person = sits_down("run", "#subtasks(2) Compare tea")
    person.reads("[a] Approve")
    person.presses_ctrl_c()
    person.reads("show R-")
    assert person.leaves() == 130
    assert "proposed" in orchestrate("runs")[1]


def test_the_end_of_the_input_leaves_too(sits_down):
    person = sits_down("run", "#subtasks(2) Compare tea")
    person.reads("[a] Approve")
    os.write(person._master, b"\x04")
    person.reads("stays as it is")
    assert person.leaves() == 1
