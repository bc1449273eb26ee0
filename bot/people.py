"""What Slack knows of people."""

from __future__ import annotations

from zoneinfo import available_timezones

from slack_sdk.web.async_client import AsyncWebClient

_UTC = "UTC"


async def timezone(client: AsyncWebClient, user_id: str) -> str:
    """The time zone a person has chosen; UTC where Slack names none that is known here."""
    named = (await client.users_info(user=user_id))["user"].get("tz")
    return named if named in available_timezones() else _UTC
