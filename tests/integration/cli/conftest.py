import os
import sys

import pytest
import structlog
from at_terminal import OFFLINE, AtTerminal, name_in

from orchestrator import cli


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


@pytest.fixture
def attempted(orchestrate):
    """Give a task without a terminal; the exit code and the run's short id."""

    def run(task):
        code, _, err = orchestrate("run", task, "--yes", *OFFLINE)
        return code, name_in(err)

    return run


@pytest.fixture
def sits_down():
    seated = []

    def sit_down(*arguments, **environment):
        seated.append(AtTerminal(*arguments, *OFFLINE, **environment))
        return seated[-1]

    yield sit_down
    for person in seated:
        person.close()


@pytest.fixture
def editor(tmp_path):
    """Makes an editor of a line of shell; `$1` is the file."""

    def make(line):
        path = tmp_path / "editor.sh"
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
        return str(path)

    return make
