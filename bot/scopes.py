"""What the app has to be granted. The manifest says the same, which the tests check."""

from __future__ import annotations

NEEDED = (
    "app_mentions:read",
    "assistant:write",
    "channels:history",
    "channels:read",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "im:write",
    "mpim:history",
    "mpim:read",
    "usergroups:read",
    "users:read",
)


def missing(granted: str) -> list[str]:
    """What is needed and not in `granted`, which Slack writes with commas."""
    has = {scope.strip() for scope in granted.split(",")}
    return [scope for scope in NEEDED if scope not in has]
