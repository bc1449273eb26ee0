"""Ctrl-C and SIGTERM, whenever they come: the process ends soon and in order, the run stays."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from at_terminal import OFFLINE, WITHIN_S, name_in, names_in

from orchestrator.commands import Create
from orchestrator.model.offline import OfflineModel
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings
from orchestrator.store.tables import Run
from orchestrator.terminal.leaving import Leaving
from orchestrator.terminal.person import Person
from orchestrator.terminal.screen import Screen
from orchestrator.terminal.session import Session

MOMENTS = 8
LIVE = re.compile("planning|proposed|running")
# Says when Python has started, which has a way of its own to be interrupted before.
STARTED = """
import runpy, signal
signal.signal(signal.SIGINT, signal.SIG_DFL)
print("started", flush=True)
runpy.run_module("orchestrator", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def started(tmp_path):
    """Begins a slow run in a folder of its own; the process, once it has started."""
    processes = []

    def start(folder="."):
        (tmp_path / folder).mkdir(exist_ok=True)
        task = "#subtasks(2) #slow(1,60s) Compare tea"
        process = subprocess.Popen(
            [sys.executable, "-c", STARTED, "run", task, "--yes", *OFFLINE],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path / folder,
            text=True,
        )
        processes.append(process)
        assert process.stdout.readline() == "started\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def reads(process, words):
    """Read the notes of a process up to a line with `words`."""
    for line in process.stderr:
        if words in line:
            return
    pytest.fail(f"never said {words!r}")


def test_ctrl_c_is_never_lost(started, orchestrate, tmp_path):
    """From the first import to a subtask at work, over the migration of a new database."""
    began = time.monotonic()
    first = started("first")
    reads(first, "is running")
    whole_s = time.monotonic() - began
    for moment in range(MOMENTS):
        process = started(f"moment-{moment}")
        with pytest.raises(subprocess.TimeoutExpired):
            # More of them late, when there is more to be broken off.
            process.wait(whole_s * (moment / MOMENTS) ** 0.5)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=WITHIN_S)

        assert process.returncode in (130, -signal.SIGINT), said
        assert "Traceback" not in said
        file = tmp_path / f"moment-{moment}" / "data" / "orchestrator.db"
        listed = orchestrate("runs", "--database", f"sqlite+aiosqlite:///{file}")[1]
        if runs := names_in(listed):
            assert LIVE.search(listed)
            assert f"resume {runs[0]}" in said


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_the_run_and_says_how_to_go_on(started, number, code):
    process = started()
    reads(process, "is running")
    process.send_signal(number)
    _, said = process.communicate(timeout=WITHIN_S)
    assert process.returncode == code
    assert f"resume {name_in(said)}" in said


def test_a_second_ctrl_c_ends_what_does_not_end():
    endless = """
from orchestrator.terminal.leaving import Leaving
with Leaving() as leaving:
    print("started", flush=True)
    while not leaving.has_been_told:
        pass
    print("told", flush=True)
    while True:
        pass
"""
    process = subprocess.Popen([sys.executable, "-c", endless], stdout=subprocess.PIPE, text=True)
    with process:
        for words in ("started", "told"):
            assert process.stdout.readline().strip() == words
            process.send_signal(signal.SIGINT)
    assert process.returncode == -signal.SIGINT


async def test_a_session_ends_at_whichever_moment_the_signal_comes():
    """Many moments of one process: while it reads, shows, waits and commits."""
    async with Orchestrator.open(Settings.load(grace_s=0.0), OfflineModel()) as orchestrator:
        for moment in range(25):
            with Leaving() as leaving:
                person = Person(orchestrator, Screen(), leaving)
                done = await orchestrator.do(
                    Create("#subtasks(2) #slow(1,60s) Compare tea"), person.actor
                )
                async with orchestrator.database.read() as session:
                    run = await session.get_one(Run, done.run_id)
                loop = asyncio.get_running_loop()
                loop.call_later(0.003 * moment, os.kill, os.getpid(), signal.SIGINT)
                async with asyncio.timeout(WITHIN_S):
                    assert await Session(person, run, approves=True, asks=False).follow() == 130


def test_handlers_are_what_they_were_before():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Leaving():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_ctrl_c_in_the_editor_belongs_to_the_editor(sits_down, editor):
    interrupted = editor("kill -INT $PPID; sed -i 's/^2\\. [^|]*/2. Sum it up /' $1")
    person = sits_down("run", "#subtasks(2) Compare tea", EDITOR=interrupted)
    person.reads("[e] Edit")
    person.types("e")
    person.reads("revision 2 of the plan")
    person.reads("Sum it up")
    person.types("a")
    assert person.leaves() == 0
