"""Requests to the bot over HTTP that the local workspace does not send by itself."""

import hashlib
import hmac
import json
import time
from urllib.parse import urlencode

from bot.localslack import seed


class Sender:
    """Whoever knows the signing secret."""

    def __init__(self, session, url):
        self.session = session
        self.url = url

    async def post(self, body, kind="application/json", **changed):
        """A signed request; `changed` overrides headers. Gives the status and what came back."""
        now = changed.pop("now", None)
        headers = signed(body, now) | {"Content-Type": kind} | changed
        url = f"{self.url}/slack/events"
        async with self.session.post(url, data=body, headers=headers) as answer:
            return answer.status, await answer.text()

    async def event(self, team, event, **more):
        """An event of a workspace."""
        body = {
            "type": "event_callback",
            "team_id": team.id,
            "enterprise_id": team.enterprise_id,
            "api_app_id": seed.APP_ID,
            "event_id": f"Ev{id(event)}",
            "event_time": 4_000_000_000,
            "event": event,
            **more,
        }
        return await self.post(json.dumps(body))

    async def payload(self, kind, payload):
        """What Slack sent, in the form that it sends each kind in."""
        if kind == "events_api":
            return await self.post(json.dumps(payload))
        form = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
        return await self.post(urlencode(form), "application/x-www-form-urlencoded")


def signed(body, now=None):
    """The headers that Slack adds; `now` is the time it says it is, in seconds."""
    timestamp = str(int(time.time() if now is None else now))
    content = body if isinstance(body, bytes) else body.encode()
    signed = b"v0:%b:%b" % (timestamp.encode(), content)
    signature = hmac.new(seed.SIGNING_SECRET.encode(), signed, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={signature}"}
