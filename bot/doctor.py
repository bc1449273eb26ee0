"""The doctor: looks at everything the bot needs and says what is missing, and where to get it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from bot.app import check_app_token, check_token, open_client
from bot.settings import BotSettings
from orchestrator.errors import ConfigurationError
from orchestrator.orchestrator import model_of
from orchestrator.roles import Roles
from orchestrator.store.migrate import migrate


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    is_fine: bool
    sentence: str


async def examine(folder: Path) -> list[Finding]:
    """Everything there is to say; `folder` is where manifest.yml may be."""
    try:
        settings = BotSettings.load()
    except ConfigurationError as error:
        return [Finding(is_fine=False, sentence=str(error))]
    manifest = folder / "manifest.yml"
    checks: list[Callable[[], Awaitable[str]]] = [
        lambda: _database(settings),
        lambda: _roles(settings),
        lambda: _model(settings),
        lambda: _slack(settings, manifest if manifest.exists() else None),
    ]
    return [await _finding(check) for check in checks]


async def _finding(check: Callable[[], Awaitable[str]]) -> Finding:
    try:
        return Finding(is_fine=True, sentence=await check())
    except ConfigurationError as error:
        return Finding(is_fine=False, sentence=str(error))


async def _database(settings: BotSettings) -> str:
    revision = await asyncio.to_thread(migrate, settings.database_url)
    return f"The database can be used and is at revision {revision}."


async def _roles(settings: BotSettings) -> str:
    return f"There are {len(Roles.load(settings.roles_file, settings.ladder_file))} roles."


async def _model(settings: BotSettings) -> str:
    await model_of(settings).close()
    if settings.model == "offline":
        return "Answers are made up offline (ORCHESTRATOR_MODEL=offline)."
    place = settings.anthropic_base_url or "Anthropic"
    return f"{place} answers; planner {settings.planner_model}, workers {settings.worker_model}."


async def _slack(settings: BotSettings, manifest: Path | None) -> str:
    if settings.slack_signing_secret is not None:
        token, _ = settings.check_http()
    else:
        token, app_token = settings.check_socket_mode()
        await check_app_token(app_token, settings)
    async with open_client(token, settings) as client:
        await check_token(client, settings)
        answer = await client.auth_test()
    _scopes(answer.headers.get("x-oauth-scopes", ""), manifest)
    return f"Slack knows us as {answer['user']} in {answer['team']}."


def _scopes(granted: str, manifest: Path | None) -> None:
    """Raises ConfigurationError that lists the scopes of the manifest that were not granted."""
    if not granted or manifest is None:
        return
    wanted = yaml.safe_load(manifest.read_text())["oauth_config"]["scopes"]["bot"]
    missing = sorted(set(wanted) - {scope.strip() for scope in granted.split(",")})
    if missing:
        raise ConfigurationError(
            f"The app lacks the scopes {', '.join(missing)}. Add them under OAuth & Permissions "
            "(or paste manifest.yml again) and reinstall the app."
        )
