"""What Slack knows of people."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.refusals import code_of

_UTC = "UTC"
_UNKNOWN = frozenset({"user_not_found", "user_not_visible"})


async def timezone(client: AsyncWebClient, user_id: str) -> str:
    """The time zone a person has chosen; UTC where Slack names none that is known here."""
    named = (await client.users_info(user=user_id))["user"].get("tz")
    try:
        return ZoneInfo(named or _UTC).key
    except (ZoneInfoNotFoundError, ValueError):
        return _UTC


async def is_active(client: AsyncWebClient, user_id: str) -> bool:
    """Whether a person still has an account in the workspace."""
    try:
        user = (await client.users_info(user=user_id))["user"]
    except SlackApiError as error:
        if code_of(error) in _UNKNOWN:
            return False
        raise
    return not user.get("deleted")
