"""Kill -9 at any moment: no committed work is lost or done again."""

import itertools
import random
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

CHILD = Path(__file__).with_name("child.py")
STATUSES = ("planning", "proposed", "running", "synthesizing")
PATIENCE_S = 30.0
LONG_OVER_S = 0.005
# How long a run stays in a status: the kill comes at any moment of that time.
LASTS_S = {"planning": 0.3, "proposed": 0.3, "running": 0.6, "synthesizing": 0.3}


class Rounds:
    """One run, worked on by one process after another."""

    def __init__(self, folder):
        self.file = folder / "orchestrator.db"
        # For each kill: the attempts of what had succeeded by then.
        self.done_at_kills = []

    @contextmanager
    def started(self):
        command = [sys.executable, str(CHILD), f"sqlite+aiosqlite:///{self.file}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def kill_in(self, status, after_s):
        """Start a process and kill it `after_s` seconds after the run has come to `status`."""
        with self.started() as process:
            self._wait_for(status, process)
            try:
                process.wait(after_s)
            except subprocess.TimeoutExpired:
                process.kill()
            process.wait()
        self.done_at_kills.append(self.attempts_of_succeeded())

    def finish(self):
        """Let a process work until it is done, and return the answer."""
        with self.started() as process:
            said, _ = process.communicate(timeout=PATIENCE_S)
            assert process.returncode == 0, said.decode()
        return self.rows(
            "SELECT output FROM attempt JOIN run ON attempt.id = run.answer_attempt_id"
        )[0][0]

    def _wait_for(self, status, process):
        """Wait until the run has come to that status, or past it, or the process is done."""
        reached = (*STATUSES[STATUSES.index(status) :], "completed")

        def is_there():
            return process.poll() is not None or self.status() in reached

        waiting = Retrying(
            retry=retry_if_result(lambda there: not there),
            wait=wait_fixed(LONG_OVER_S),
            stop=stop_after_delay(PATIENCE_S),
        )
        assert waiting(is_there)
        assert process.poll() in (None, 0), process.communicate()[0].decode()

    def status(self):
        found = self.rows("SELECT status FROM run")
        return found[0][0] if found else None

    def attempts_of_succeeded(self):
        """{subtask: ids of its attempts} of the subtasks that have succeeded."""
        rows = self.rows(
            "SELECT attempt.subtask, attempt.id FROM attempt JOIN subtask "
            "ON subtask.run_id = attempt.run_id AND subtask.number = attempt.subtask "
            "WHERE subtask.status = 'succeeded' ORDER BY attempt.subtask, attempt.id"
        )
        return {
            subtask: [attempt_id for _, attempt_id in attempts]
            for subtask, attempts in itertools.groupby(rows, key=lambda row: row[0])
        }

    def rows(self, query):
        if not self.file.exists():
            return []
        with closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)) as connection:
            try:
                return connection.execute(query).fetchall()
            except sqlite3.OperationalError:
                return []  # the tables are not there yet

    def check(self):
        """Nothing was lost, nothing was done again."""
        at_the_end = self.attempts_of_succeeded()
        assert sorted(at_the_end) == [1, 2, 3, 4, 5, 6]
        for done in self.done_at_kills:
            assert {subtask: at_the_end[subtask] for subtask in done} == done
        succeeded = self.rows(
            "SELECT purpose, subtask, count(*) FROM attempt WHERE outcome = 'succeeded' "
            "GROUP BY purpose, subtask"
        )
        assert all(count == 1 for _, _, count in succeeded), succeeded
        assert len(succeeded) == 8
        assert self.rows("SELECT id FROM attempt WHERE status != 'finished'") == []
        assert self.rows("PRAGMA integrity_check") == [("ok",)]


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The answer of a run that nothing disturbs."""
    return Rounds(tmp_path_factory.mktemp("undisturbed")).finish()


def survives(folder, undisturbed, seed, statuses):
    chance = random.Random(seed)
    rounds = Rounds(folder)
    for status in statuses:
        rounds.kill_in(status, chance.uniform(0, LASTS_S[status]))
    assert rounds.finish() == undisturbed
    rounds.check()


def test_the_answer_rests_on_every_result(undisturbed):
    assert all(f"R{number} from" in undisturbed for number in range(1, 7))


def test_a_run_killed_in_every_status_loses_nothing_and_does_nothing_twice(tmp_path, undisturbed):
    folders = [tmp_path / "one", tmp_path / "another"]
    for folder in folders:
        folder.mkdir()
    with ThreadPoolExecutor() as threads:
        rounds = [
            threads.submit(survives, folder, undisturbed, seed, STATUSES)
            for seed, folder in enumerate(folders)
        ]
    for ended in rounds:
        ended.result()


def test_a_process_killed_before_it_has_begun_leaves_nothing_in_the_way(tmp_path, undisturbed):
    rounds = Rounds(tmp_path)
    with rounds.started() as process:
        process.kill()
    assert rounds.finish() == undisturbed


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(100, 130))
def test_a_run_killed_many_times_loses_nothing_and_does_nothing_twice(tmp_path, undisturbed, seed):
    chance = random.Random(seed)
    kills = [*chance.choices(STATUSES[1:], k=10), *["planning"] * chance.randint(0, 2)]
    survives(tmp_path, undisturbed, seed, sorted(kills, key=STATUSES.index))
