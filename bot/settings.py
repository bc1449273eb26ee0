"""Settings of the bot: the orchestrator's and those of the workspace."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from bot.starters import Starters
from orchestrator.errors import ConfigurationError, InvalidInput
from orchestrator.settings import Settings
from orchestrator.store.database import parse, sqlite_path


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """An app that many workspaces install; `secret_keys` encrypt their tokens, newest first."""

    client_id: str
    client_secret: str
    secret_keys: tuple[str, ...]


class BotSettings(Settings):
    """Everything the bot needs to know, from the environment and an .env file."""

    slack_bot_token: SecretStr | None = Field(
        default=None, alias="SLACK_BOT_TOKEN", description="The bot token, `xoxb-…`."
    )
    slack_app_token: SecretStr | None = Field(
        default=None,
        alias="SLACK_APP_TOKEN",
        description="The app-level token for Socket Mode, `xapp-…`, with `connections:write`.",
    )
    slack_signing_secret: SecretStr | None = Field(
        default=None,
        alias="SLACK_SIGNING_SECRET",
        description="The signing secret, for `--http` in place of Socket Mode.",
    )
    slack_client_id: str | None = Field(
        default=None,
        alias="SLACK_CLIENT_ID",
        description="The client id: with it and `--http` many workspaces can install the app.",
    )
    slack_client_secret: SecretStr | None = Field(
        default=None, alias="SLACK_CLIENT_SECRET", description="The client secret."
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="What encrypts the tokens of many workspaces: 32 bytes in base64; to change "
        "it put the new one before the old one, with a comma.",
    )
    public_url: str | None = Field(
        default=None,
        pattern="^https?://",
        description="Where Slack reaches `--http`, for the redirect after an installation.",
    )
    slack_api_url: str = Field(
        default="https://slack.com/api/",
        alias="SLACK_API_URL",
        pattern="^https?://",
        description="Another server that speaks Slack's Web API, such as the local workspace.",
    )
    starters: str = Field(
        default="members",
        description="Who may start runs and act on them: `members` (full members of the "
        "workspace), `guests`, `partners` (people of other companies in shared channels), and ids "
        "of people, user groups, channels (everybody in them) and bots, with commas. Channels can "
        "differ: `/orchestrate policy`.",
    )
    bot_runs_per_hour: int = Field(
        default=6, ge=0, description="Runs that one bot, where bots may, starts in an hour."
    )
    updates_per_minute: int = Field(
        default=40,
        ge=1,
        description="Edits of messages in a workspace a minute; Slack allows 50 and more.",
    )
    approval_days: int = Field(
        default=7, ge=1, description="Days a plan waits for approval before it expires."
    )
    remind_hours: float | None = Field(
        default=24.0,
        gt=0,
        description="Hours after which people are reminded, once, of what waits for them; `none` "
        "for never.",
    )
    digest_hour: int | None = Field(
        default=9,
        ge=0,
        le=23,
        description="The hour, in each person's time zone, at which they are told of their dead "
        "letters of the days before; `none` for never.",
    )
    retention_days: float | None = Field(
        default=None,
        gt=0,
        description="Days after which prompts, results and files of runs that are over are "
        "deleted; what happened when and at which cost stays.",
    )
    local_data: Path = Field(
        default=Path("data"), description="The folder of the local workspace's own files."
    )
    port: int = Field(
        default=3000,
        alias="PORT",
        ge=0,
        le=65535,
        description="The port of the local workspace or of `--http`.",
    )
    health_port: int | None = Field(
        default=None,
        alias="HEALTH_PORT",
        ge=0,
        le=65535,
        description="A port for `/healthz`, `/readyz` and `/metrics` without `--http`, which has "
        "them on its own.",
    )
    host: str = Field(
        default="127.0.0.1", description="The address `--http` and `HEALTH_PORT` listen on."
    )

    @property
    def has_oauth(self) -> bool:
        """Whether many workspaces can install the app."""
        return bool(self.slack_client_id or self.slack_client_secret)

    @field_validator("starters")
    @classmethod
    def _check_starters(cls, value: str) -> str:
        try:
            Starters.of(value.split(","))
        except InvalidInput as error:
            raise ValueError(str(error)) from error
        return value

    @property
    def may_start(self) -> Starters:
        """Who may start runs where nothing was set for the channel."""
        return Starters.of(self.starters.split(","))

    def check_bot_token(self) -> str:
        """The bot token. Raises ConfigurationError that says where to get it."""
        return _said(self.slack_bot_token, _NO_BOT)

    def check_app_token(self) -> str:
        """The token for Socket Mode. Raises ConfigurationError that says where to get it."""
        return _said(self.slack_app_token, _NO_APP)

    def check_signing_secret(self) -> str:
        """The signing secret. Raises ConfigurationError that says where to get it."""
        return _said(self.slack_signing_secret, _NO_SECRET)

    def check_shared(self) -> None:
        """Raises ConfigurationError unless several processes can share the database."""
        if sqlite_path(parse(self.database_url)) is not None:
            raise ConfigurationError(
                "With SQLite one process does everything. For workers of their own set "
                "DATABASE_URL to a PostgreSQL database."
            )

    def check_oauth(self) -> OAuthApp:
        """What OAuth needs. Raises ConfigurationError that says which part is missing."""
        if not self.slack_client_id:
            raise ConfigurationError(f"SLACK_CLIENT_ID is not set. {_ON_BASIC}")
        secret = _said(self.slack_client_secret, f"SLACK_CLIENT_SECRET is not set. {_ON_BASIC}")
        keys = _said(self.secret_key, f"ORCHESTRATOR_SECRET_KEY is not set. {_MAKE_KEY}")
        listed = tuple(key.strip() for key in keys.split(","))
        if not all(map(_is_key, listed)):
            raise ConfigurationError(f"ORCHESTRATOR_SECRET_KEY is not a key. {_MAKE_KEY}")
        return OAuthApp(self.slack_client_id, secret, listed)


def _said(secret: SecretStr | None, otherwise: str) -> str:
    value = secret.get_secret_value().strip() if secret is not None else ""
    if not value:
        raise ConfigurationError(otherwise)
    return value


def _is_key(value: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(value)) == _KEY_BYTES
    except (binascii.Error, ValueError):
        return False


_KEY_BYTES = 32
_NO_BOT = (
    "SLACK_BOT_TOKEN is not set. Install the app into your workspace and copy the token from its "
    "page under OAuth & Permissions (it begins with xoxb-). To try everything without a "
    "workspace, use `make run`."
)
_NO_APP = (
    "SLACK_APP_TOKEN is not set. Create one on your app's page under Basic "
    "Information → App-Level Tokens with the scope connections:write (it begins "
    "with xapp-), or start with --http and SLACK_SIGNING_SECRET."
)
_ON_BASIC = "It is on your app's page under Basic Information → App Credentials."
_NO_SECRET = f"SLACK_SIGNING_SECRET is not set. {_ON_BASIC}"
_MAKE_KEY = "Make one with `openssl rand -base64 32`, and keep it: it encrypts the stored tokens."
