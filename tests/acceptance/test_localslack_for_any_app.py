"""The local workspace as the Slack of any Bolt app's tests: this app is not ours."""

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import LocalSlack


def vote_app(client):
    """A small app: a mention asks a question, a button counts."""
    app = AsyncApp(client=client)
    votes = {}

    def ballot(count):
        text = {"type": "plain_text", "text": "Yes"}
        button = {"type": "button", "action_id": "yes", "text": text}
        said = {"type": "mrkdwn", "text": f"*Lunch?* {count} said yes"}
        return [{"type": "section", "text": said}, {"type": "actions", "elements": [button]}]

    @app.event("app_mention")
    async def ask(event, say):
        await say(text="Lunch?", blocks=ballot(0), thread_ts=event["ts"])

    @app.action("yes")
    async def count(ack, body, client):
        await ack()
        ts = body["message"]["ts"]
        votes.setdefault(ts, set()).add(body["user"]["id"])
        channel, blocks = body["channel"]["id"], ballot(len(votes[ts]))
        await client.chat_update(channel=channel, ts=ts, text="Lunch?", blocks=blocks)

    return app


@pytest.fixture
async def slack():
    """A workspace of the test's own, on a free port, forgotten at the end."""
    async with LocalSlack.start(manifest=None) as workspace:
        yield workspace


@pytest.fixture
async def app(slack):
    """The app, connected over real Socket Mode."""
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
    app = vote_app(client)
    handler = AsyncSocketModeHandler(
        app, slack.app_token, web_client=AsyncWebClient(base_url=slack.api_url)
    )
    await handler.connect_async()
    await slack.wait_connected()
    yield app
    await handler.close_async()


async def test_two_people_vote(slack, app):
    ada, grace = slack.person("Ada"), slack.person("Grace")
    asked = await ada.mention("general", "where do we eat?")
    ballot = await ada.wait_for(asked, lambda message: "Yes" in message.buttons)
    await ada.click(ballot, "Yes")
    await ada.click(ballot, "Yes")
    await grace.click(ballot, "Yes")
    await grace.wait_for(asked, lambda message: "2 said yes" in message.words)
    assert slack.refused == []


async def test_slack_refuses_what_slack_would_refuse(slack, app):
    long = [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]
    with pytest.raises(SlackApiError, match="invalid_blocks"):
        await app.client.chat_postMessage(channel="general", text="x", blocks=long)
    [refused] = slack.refused
    assert "must be less than 151 characters" in refused.problems[0]


async def test_an_app_meets_a_rate_limit_on_demand(slack, app):
    await slack.fault(method="chat.postMessage", error="ratelimited", retry_after=7)
    with pytest.raises(SlackApiError) as caught:
        await app.client.chat_postMessage(channel="general", text="x")
    assert caught.value.response.headers["Retry-After"] == "7"
    await app.client.chat_postMessage(channel="general", text="x")
