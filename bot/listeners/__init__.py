"""What the bot listens to: each module registers its own listeners."""

from slack_bolt.app.async_app import AsyncApp

from bot.bot import Bot
from bot.listeners import (
    actions,
    commands,
    events,
    home,
    installations,
    policies,
    schedules,
    shortcuts,
    views,
)


def register(app: AsyncApp, bot: Bot) -> None:
    """Register every listener of the bot."""
    for module in (
        events,
        commands,
        actions,
        views,
        shortcuts,
        home,
        schedules,
        policies,
        installations,
    ):
        module.register(app, bot)
