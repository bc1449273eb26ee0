"""What Slack says when it says no."""

from __future__ import annotations

from slack_sdk.errors import SlackApiError


def code_of(error: BaseException) -> str:
    """What Slack calls the error; empty where it is not Slack's, or no JSON came with it."""
    if not isinstance(error, SlackApiError) or not isinstance(error.response.data, dict):
        return ""
    return str(error.response.data.get("error", ""))
