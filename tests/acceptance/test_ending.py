"""Being told to end: from the first moment, also as process 1, as in a container."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import ROOT, environment

PATIENCE_S = 20.0
BOT = (sys.executable, "-m", "bot")
AS_FIRST = ("unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc")


def can_be_first():
    """Whether this machine lets a test be process 1 of a namespace."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*AS_FIRST, "true"], capture_output=True, check=False).returncode == 0


first_process = pytest.mark.skipif(
    not can_be_first(), reason="this machine does not let us begin a namespace of processes"
)


@pytest.fixture
async def silent_slack():
    """A Slack that takes connections and never answers: its address, and a way to wait for one."""
    reached = asyncio.Event()

    async def keep(reader, writer):
        reached.set()
        with contextlib.suppress(ConnectionError):
            await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/", reached


@contextlib.asynccontextmanager
async def running(*command, **settings):
    process = await asyncio.create_subprocess_exec(
        *command,
        env=settings,
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def children(process):
    """The processes that it began."""
    listing = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(number) for number in listing.read_text().split()]


@pytest.mark.parametrize("way", [(), ("--http",)])
async def test_it_ends_while_slack_does_not_answer(workspace, tmp_path, silent_slack, way):
    url, reached = silent_slack
    known = environment(workspace, tmp_path) | {"SLACK_API_URL": url}
    known |= {"SLACK_SIGNING_SECRET": "secret", "PORT": "0"}
    async with running(*BOT, *way, **known) as process, asyncio.timeout(PATIENCE_S):
        await reached.wait()
        process.send_signal(signal.SIGTERM)
        said = await process.stderr.read()
        assert await process.wait() == 0
        assert b"Traceback" not in said


@first_process
async def test_it_ends_as_process_1_while_slack_does_not_answer(workspace, tmp_path, silent_slack):
    url, reached = silent_slack
    known = environment(workspace, tmp_path) | {"SLACK_API_URL": url}
    async with running(*AS_FIRST, *BOT, **known) as process, asyncio.timeout(PATIENCE_S):
        await reached.wait()
        (first,) = children(process)
        os.kill(first, signal.SIGTERM)
        said = await process.stderr.read()
        assert await process.wait() == 0
        assert b"Traceback" not in said


@first_process
async def test_it_ends_as_process_1_once_it_is_connected(workspace, tmp_path):
    known = environment(workspace, tmp_path)
    async with running(*AS_FIRST, *BOT, **known) as process, asyncio.timeout(PATIENCE_S):
        async for line in process.stderr:
            if b"connected" in line:
                break
        (first,) = children(process)
        os.kill(first, signal.SIGTERM)
        await process.stderr.read()
        assert await process.wait() == 0
