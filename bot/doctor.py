"""The doctor: looks at everything the bot needs and says what is missing, and where to get it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot import scopes
from bot.app import check_app_token, check_token
from bot.settings import BotSettings
from orchestrator import playbooks, text
from orchestrator.errors import (
    ConfigurationError,
    ModelEmpty,
    ModelError,
    ModelInvalid,
    ModelRefused,
    ModelTruncated,
)
from orchestrator.model.base import Call, Model, Purpose
from orchestrator.orchestrator import model_of
from orchestrator.roles import Roles
from orchestrator.store.clock import CLOCK, set_clock
from orchestrator.store.database import Database
from orchestrator.store.migrate import migrate
from orchestrator.tools.configuration import ToolsConfig
from orchestrator.tools.toolbox import Toolbox

# An answer, if not a good one: the key and the model are in order.
_ANSWERED = (ModelEmpty, ModelInvalid, ModelRefused, ModelTruncated)
_MODEL_TOKENS = 64
_MODEL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    is_fine: bool
    sentence: str


Check = Callable[[BotSettings], Awaitable[str]]


async def examine(*, calls: bool = True) -> list[Finding]:
    """Everything there is to say; without `calls` only what needs neither Slack nor a model."""
    try:
        settings = BotSettings.load()
    except ConfigurationError as error:
        return [Finding(is_fine=False, sentence=str(error))]
    checks: list[Check] = [_database, _roles]
    if calls:
        checks += [_model, *_ways_in(settings)]
    findings = [await _finding(check, settings) for check in checks]
    return [*findings, *await _tools(settings)] if calls else findings


async def _finding(check: Check, settings: BotSettings) -> Finding:
    try:
        return Finding(is_fine=True, sentence=await check(settings))
    except (ConfigurationError, ModelError) as error:
        return Finding(is_fine=False, sentence=str(error))


async def _database(settings: BotSettings) -> str:
    revision = await asyncio.to_thread(migrate, settings.database_url)
    sentence = f"The database can be used and is at revision {revision}."
    ahead_s = await _clock_ahead_s(settings)
    if not ahead_s:
        return sentence
    off = f"{abs(ahead_s):,} seconds {'ahead of' if ahead_s > 0 else 'behind'}"
    return f"{sentence} This host's clock is {off} the database's, which counts."


async def _clock_ahead_s(settings: BotSettings) -> int:
    """Seconds that this host's clock is ahead of the database's, where they differ at all."""
    database = Database(settings.database_url)
    try:
        await set_clock(database)
        return round(CLOCK.ahead.total_seconds())
    finally:
        await database.close()


async def _roles(settings: BotSettings) -> str:
    toolbox = Toolbox(ToolsConfig.load(settings.tools_file))
    roles = Roles.load(settings.roles_file, settings.ladder_file).with_tools(toolbox.names)
    books = playbooks.load(settings.playbooks)
    return f"There are {text.plural(len(roles), 'role')} and {text.plural(len(books), 'playbook')}."


async def _tools(settings: BotSettings) -> list[Finding]:
    """How it stands with each tool; tool servers are started to see."""
    try:
        toolbox = Toolbox(ToolsConfig.load(settings.tools_file))
    except ConfigurationError as error:
        return [Finding(is_fine=False, sentence=str(error))]
    try:
        return [Finding(state.is_fine, state.sentence) for state in await toolbox.states()]
    finally:
        await toolbox.close()


async def _model(settings: BotSettings) -> str:
    """Ask each model a few words: nothing else shows whether key, limit and model are in order."""
    if settings.model == "offline":
        return "Answers are made up offline (ORCHESTRATOR_MODEL=offline)."
    model = model_of(settings)
    names = (settings.planner_model, settings.worker_model, settings.fallback_model)
    try:
        for name in dict.fromkeys(names):
            await _ask(model, name)
    finally:
        await model.close()
    place = settings.anthropic_base_url or "Anthropic"
    return f"{place} answers as {text.listing(list(dict.fromkeys(names)))}."


async def _ask(model: Model, name: str) -> None:
    call = Call(
        Purpose.SYNTHESIS,
        name,
        "Answer with the word: yes.",
        ({"role": "user", "content": "Are you there?"},),
        max_tokens=_MODEL_TOKENS,
        timeout_s=_MODEL_SECONDS,
        task="Are you there?",
    )
    try:
        await model.complete(call)
    except _ANSWERED:
        return


def _ways_in(settings: BotSettings) -> list[Check]:
    """How Slack reaches the bot, by what is set."""
    if settings.has_oauth:
        return [_signing_secret, _oauth]
    if settings.slack_signing_secret is None:
        return [_token, _socket_mode]
    checks: list[Check] = [_token, _signing_secret]
    return checks if settings.slack_app_token is None else [*checks, _socket_mode]


async def _token(settings: BotSettings) -> str:
    granted = await check_token(settings.check_bot_token(), settings)
    if missing := scopes.missing(granted):
        raise ConfigurationError(
            f"The app lacks the scopes {', '.join(missing)}. Add them under OAuth & Permissions "
            "(or paste manifest.yml again) and reinstall the app."
        )
    return f"Slack knows us by SLACK_BOT_TOKEN, with all {len(scopes.NEEDED)} scopes."


async def _socket_mode(settings: BotSettings) -> str:
    await check_app_token(settings.check_app_token(), settings)
    return "Socket Mode can be used."


async def _signing_secret(settings: BotSettings) -> str:
    settings.check_signing_secret()
    return "SLACK_SIGNING_SECRET is set, for --http."


async def _oauth(settings: BotSettings) -> str:
    settings.check_oauth()
    return (
        "Many workspaces can install the app: start with --http and open /slack/install. "
        "Distributed to other companies outside the Marketplace it may read threads only once a "
        "minute, 15 messages of each (docs/slack.md)."
    )
