"""`python -m bot local`: the local workspace, alone or with the bot as a process beside it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

import aiohttp

from bot import welcome
from bot.ending import told_to_end
from bot.localslack import seed, server
from bot.localslack.errors import PortInUse
from bot.settings import BotSettings
from orchestrator.errors import ConfigurationError
from orchestrator.orchestrator import model_of
from orchestrator.store.migrate import migrate

_START_SECONDS = 20.0
_RESTART_SECONDS = 1.0


async def run(settings: BotSettings, *, with_bot: bool) -> None:
    """Serve the workspace until the process is told to end. Raises ConfigurationError."""
    data = settings.local_data / "local"
    if with_bot:
        _check_bot(settings)
    _check_port(settings.port)
    serving = asyncio.create_task(_serve(settings, data))
    ending = asyncio.create_task(told_to_end())
    keeping = None
    try:
        await _first(serving, asyncio.create_task(_answers(settings.port)))
        _say(settings, with_bot=with_bot)
        if with_bot:
            keeping = asyncio.create_task(_keep_bot(settings))
        await _first(serving, ending)
    finally:
        for task in filter(None, (keeping, ending, serving)):
            task.cancel()
        await asyncio.gather(*filter(None, (keeping, ending, serving)), return_exceptions=True)


def _check_port(port: int) -> None:
    """Another workspace on the port would answer in our place."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((server.HOST, port))
        except OSError as error:
            raise _in_use(port) from error


def _in_use(port: int) -> ConfigurationError:
    return ConfigurationError(f"Port {port} is in use. Choose another: make run PORT={port + 1}.")


def _check_bot(settings: BotSettings) -> None:
    """Find out before anything starts what would keep the bot from starting."""
    migrate(settings.database_url)
    if _is_claude(settings):
        model_of(settings.model_copy(update={"model": "anthropic"}))


def _is_claude(settings: BotSettings) -> bool:
    return settings.anthropic_api_key is not None or settings.anthropic_base_url is not None


async def _serve(settings: BotSettings, data: Path) -> None:
    words = welcome.CLAUDE if _is_claude(settings) else welcome.OFFLINE
    try:
        await asyncio.to_thread(data.mkdir, parents=True, exist_ok=True)
        await server.serve(settings.port, data, _manifest(), words)
    except PortInUse as error:
        raise _in_use(settings.port) from error
    except OSError as error:
        raise ConfigurationError(
            f"The folder {data} cannot be written to ({error.strerror}). "
            "Set ORCHESTRATOR_LOCAL_DATA to one that can."
        ) from error


def _manifest() -> Path:
    path = Path("manifest.yml")
    return path if path.exists() else server.DEFAULT_MANIFEST


async def _first(*tasks: asyncio.Task[None]) -> None:
    """Wait until one of `tasks` ends; raise what it raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def _answers(port: int) -> None:
    """Wait until the workspace answers."""
    async with asyncio.timeout(_START_SECONDS), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"{_address(port)}/local/workspace") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


def _address(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _say(settings: BotSettings, *, with_bot: bool) -> None:
    address = _address(settings.port)
    lines = [f"The local workspace is at {address}"]
    if not with_bot:
        lines += [
            "Connect a bot to it with these settings:",
            f"  SLACK_API_URL={address}/api/",
            f"  SLACK_BOT_TOKEN={seed.BOT_TOKEN}",
            f"  SLACK_APP_TOKEN={seed.APP_TOKEN}",
        ]
    elif not _is_claude(settings):
        lines.append("Answers are made up offline; set ANTHROPIC_API_KEY to use Claude.")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


async def _keep_bot(settings: BotSettings) -> None:
    """Run the bot as a process of its own, and start it again when it dies."""
    environment = os.environ | {
        "SLACK_API_URL": f"{_address(settings.port)}/api/",
        "SLACK_BOT_TOKEN": seed.BOT_TOKEN,
        "SLACK_APP_TOKEN": seed.APP_TOKEN,
        "ORCHESTRATOR_MODEL": "anthropic" if _is_claude(settings) else "offline",
    }
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", env=environment, stdin=asyncio.subprocess.DEVNULL
        )
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            if process.returncode is None:
                process.terminate()
                await process.wait()
            raise
        if code == 2:
            sys.stderr.write("The bot cannot start; see above.\n")
            return
        sys.stderr.write(f"The bot ended ({code}) and is started again.\n")
        await asyncio.sleep(_RESTART_SECONDS)
