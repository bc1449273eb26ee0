"""Settings of the bot: the orchestrator's and those of the workspace."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from orchestrator.errors import ConfigurationError
from orchestrator.settings import Settings


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
    slack_api_url: str = Field(
        default="https://slack.com/api/",
        alias="SLACK_API_URL",
        description="Another server that speaks Slack's Web API, such as the local workspace.",
    )
    updates_per_minute: int = Field(
        default=40,
        ge=1,
        description="Edits of messages in a workspace a minute; Slack allows 50 and more.",
    )
    approval_days: int = Field(
        default=7, ge=1, description="Days a plan waits for approval before it expires."
    )
    local_data: Path = Field(
        default=Path("data"), description="The folder of the local workspace's own files."
    )
    port: int = Field(
        default=3000, alias="PORT", description="The port of the local workspace or of `--http`."
    )
    host: str = Field(default="127.0.0.1", description="The address `--http` listens on.")

    def check_socket_mode(self) -> tuple[str, str]:
        """The bot and app tokens. Raises ConfigurationError that says which is missing."""
        bot, app = self.slack_bot_token, self.slack_app_token
        if bot is None:
            raise ConfigurationError(_NO_BOT)
        if app is None:
            raise ConfigurationError(
                "SLACK_APP_TOKEN is not set. Create one on your app's page under Basic "
                "Information → App-Level Tokens with the scope connections:write (it begins "
                "with xapp-), or start with --http and SLACK_SIGNING_SECRET."
            )
        return bot.get_secret_value(), app.get_secret_value()

    def check_http(self) -> tuple[str, str]:
        """The bot token and the signing secret. Raises ConfigurationError for a missing one."""
        bot, secret = self.slack_bot_token, self.slack_signing_secret
        if bot is None:
            raise ConfigurationError(_NO_BOT)
        if secret is None:
            raise ConfigurationError(
                "SLACK_SIGNING_SECRET is not set. It is on your app's page under Basic "
                "Information → App Credentials."
            )
        return bot.get_secret_value(), secret.get_secret_value()


_NO_BOT = (
    "SLACK_BOT_TOKEN is not set. Install the app into your workspace and copy the token from its "
    "page under OAuth & Permissions (it begins with xoxb-). To try everything without a "
    "workspace, use `make run`."
)
