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
        connection.execute("UPDATE oldest_code SET revision = '9999'")
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


async def test_a_port_in_use_is_told_over_http(refused, workspace):
    line = await refused("--http", SLACK_SIGNING_SECRET="secret", PORT=str(workspace.port))
    assert f"127.0.0.1:{workspace.port} cannot be listened on" in line


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        ("SLACK_CLIENT_SECRET is not set", {}),
        ("ORCHESTRATOR_SECRET_KEY is not set", {"SLACK_CLIENT_SECRET": "secret"}),
        (
            "ORCHESTRATOR_SECRET_KEY is not a key",
            {"SLACK_CLIENT_SECRET": "secret", "ORCHESTRATOR_SECRET_KEY": "short"},
        ),
    ],
)
async def test_what_many_workspaces_need_is_told(refused, words, settings):
    known = {"SLACK_CLIENT_ID": "1.2", "SLACK_SIGNING_SECRET": "secret", "PORT": "0"}
    assert words in await refused("--http", **known, **settings)


async def test_the_bot_over_http_ends_in_good_order_when_it_is_told_to(workspace, tmp_path, rows):
    known = environment(workspace, tmp_path) | {"SLACK_SIGNING_SECRET": "secret", "PORT": "0"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "--http",
        env=known,
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            said = await process.stderr.readuntil(b"listening")
            process.terminate()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert b"xoxb" not in said


async def test_the_doctor_says_that_all_is_well(run):
    code, out, err = await run("doctor")
    assert (code, err) == (0, "")
    assert "Slack knows us by SLACK_BOT_TOKEN" in out
    assert "Socket Mode can be used" in out
    assert "✗" not in out


async def test_the_doctor_says_everything_that_is_missing(run):
    code, out, err = await run("doctor", SLACK_APP_TOKEN=None, ORCHESTRATOR_MODEL=None)
    assert (code, err) == (1, "")
    wrong = [line for line in out.splitlines() if line.startswith("✗")]
    assert [words in line for words, line in zip(("ANTHROPIC", "SLACK_APP"), wrong, strict=True)]


async def test_the_doctor_names_the_scopes_that_are_missing(run, workspace):
    manifest = workspace.workspace.manifest
    granted = manifest.scopes - {"users:read"}
    object.__setattr__(manifest, "scopes", granted)
    code, out, _ = await run("doctor")
    assert code == 1
    assert "lacks the scopes users:read." in out


async def test_the_doctor_looks_at_http_where_that_is_set(run):
    code, out, _ = await run("doctor", SLACK_APP_TOKEN=None, SLACK_SIGNING_SECRET="secret")
    assert (code, "SLACK_SIGNING_SECRET is set" in out) == (0, True)


async def test_the_doctor_asks_nobody_where_it_must_not(run, workspace):
    code, out, _ = await run("doctor", "--quiet", "--no-calls", SLACK_BOT_TOKEN="xoxb-wrong")
    assert (code, out) == (0, "")
    assert workspace.calls == []


async def test_the_doctor_asks_the_model_and_says_what_it_says(run):
    settings = {
        "ORCHESTRATOR_MODEL": None,
        "ANTHROPIC_API_KEY": "sk-ant-x",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
    }
    code, out, _ = await run("doctor", **settings)
    assert code == 1
    (wrong,) = [line for line in out.splitlines() if line.startswith("✗")]
    assert "model" in wrong
    assert "sk-ant" not in out
