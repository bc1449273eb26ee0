"""Every command says what it does, and by an example how."""

import shlex

import pytest
import typer

from orchestrator import cli


def commands(group, path=()):
    """Every command by the words that lead to it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        yield (*path, name), command


ALL = dict(commands(typer.main.get_command(cli.app)))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_the_help_has_an_example_that_is_understood(orchestrate, path):
    code, out, _ = orchestrate(*path, "--help")
    assert code == 0
    words = shlex.split(ALL[path].epilog.split(" > ")[0])
    assert words[:4] == ["Example:", "python", "-m", "orchestrator"]
    assert f"python -m orchestrator {path[0]}" in out
    given = words[4:]
    if given[: len(path)] == list(path):
        given = given[len(path) :]
    with ALL[path].make_context(path[-1], given):
        assert ALL[path].help


def test_nothing_at_all_shows_the_help(orchestrate):
    code, out, _ = orchestrate()
    assert code == 2
    assert "Example:" in out
