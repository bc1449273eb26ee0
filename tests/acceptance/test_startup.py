"""Starting with a wrong set-up: one line that says what to do, exit code 2, no traceback."""

import asyncio
import sqlite3
import sys
from contextlib import closing

import pytest

from bot.localslack.server import LocalSlack
from orchestrator.store.migrate import migrate
from tests.acceptance.conftest import ROOT, environment

PATIENCE_S = 30.0


@pytest.fixture
def run(workspace, tmp_path):
    """Runs `python -m bot …` to its end; gives its exit code and what it said."""

    async def run(*arguments, **settings):
        known = environment(workspace, tmp_path) | settings
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            *arguments,
            env={name: value for name, value in known.items() if value is not None},
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode, out.decode(), err.decode()

    return run


@pytest.fixture
def refused(run):
    """Runs it and checks that it ends with exactly one line, which it gives."""

    async def refused(*arguments, **settings):
        code, out, err = await run(*arguments, **settings)
        assert (code, out) == (2, "")
        (line,) = err.strip().splitlines()
        return line

    return refused


def url(path):
    return f"sqlite+aiosqlite:///{path}"


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        ("SLACK_BOT_TOKEN is not set", {"SLACK_BOT_TOKEN": None}),
        ("does not accept SLACK_BOT_TOKEN", {"SLACK_BOT_TOKEN": "xoxb-wrong"}),
        ("does not accept SLACK_APP_TOKEN", {"SLACK_APP_TOKEN": "xapp-wrong"}),
        ("cannot be reached", {"SLACK_API_URL": "http://127.0.0.1:9/api/"}),
        ("ANTHROPIC_API_KEY is not set", {"ORCHESTRATOR_MODEL": None}),
        ("DATABASE_URL", {"DATABASE_URL": "nonsense"}),
    ],
)
async def test_a_wrong_setting_is_one_line_that_says_what_to_do(
    refused, expected_refusals, words, settings
):
    expected_refusals.add("invalid_auth")
    line = await refused(**settings)
    assert words in line
    assert "xoxb-" not in line.replace("begins with xoxb-", "")


async def test_a_database_that_cannot_be_written_is_told(refused, tmp_path):
    (tmp_path / "file").write_text("no folder")
    line = await refused(DATABASE_URL=url(tmp_path / "file" / "orchestrator.db"))
    assert str(tmp_path / "file") in line


async def test_a_database_of_a_newer_version_is_told(refused, tmp_path):
    migrate(url(tmp_path / "newer.db"))
    with closing(sqlite3.connect(tmp_path / "newer.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "later version" in await refused(DATABASE_URL=url(tmp_path / "newer.db"))


async def test_a_second_bot_on_the_same_database_is_refused(bot, refused):
    assert "Another process works on" in await refused()


async def test_http_without_a_signing_secret_is_refused(refused):
    assert "SLACK_SIGNING_SECRET is not set" in await refused("--http")


async def test_a_port_in_use_is_told(refused, workspace, tmp_path):
    data = str(tmp_path / "another")
    line = await refused("local", PORT=str(workspace.port), ORCHESTRATOR_LOCAL_DATA=data)
    assert f"Port {workspace.port} is in use" in line


async def test_a_folder_of_the_workspace_that_cannot_be_written_to_is_told(refused, tmp_path):
    (tmp_path / "file").write_text("no folder")
    async with LocalSlack.start() as other:
        free = other.port
    line = await refused("local", PORT=str(free), ORCHESTRATOR_LOCAL_DATA=str(tmp_path / "file"))
    assert "cannot be written to" in line


async def test_the_doctor_says_that_all_is_well(run):
    code, out, err = await run("doctor")
    assert (code, err) == (0, "")
    assert "Slack knows us as" in out
    assert "✗" not in out


async def test_the_doctor_says_everything_that_is_missing(run):
    code, out, err = await run("doctor", SLACK_APP_TOKEN=None, ORCHESTRATOR_MODEL=None)
    assert (code, err) == (2, "")
    wrong = [line for line in out.splitlines() if line.startswith("✗")]
    assert [words in line for words, line in zip(("ANTHROPIC", "SLACK_APP"), wrong, strict=True)]
