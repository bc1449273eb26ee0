"""Direct messages of several people in the local workspace."""

from __future__ import annotations

import pytest
from refusal import refused

ADA, GRACE = "U0LOCALADA1", "U0LOCALGRC1"


@pytest.fixture
async def group(client):
    return (await client.conversations_open(users=f"{ADA},{GRACE}"))["channel"]["id"]


async def test_several_people_are_brought_together_once(client, group):
    again = await client.conversations_open(users=f"{GRACE},{ADA}", return_im=True)
    assert (again["already_open"], again["channel"]["id"]) == (True, group)
    assert again["channel"]["is_mpim"] is True
    assert again["channel"]["name"] == "mpdm-ada--grace--orchestrator-1"
    resumed = await client.conversations_open(channel=group)
    assert resumed["channel"]["id"] == group
    listed = await client.users_conversations(types="mpim")
    assert [channel["id"] for channel in listed["channels"]] == [group]


async def test_the_bot_is_sent_what_is_said_there_and_answers(bot, client, ada, group):
    @bot.app.event("message")
    async def on_message(event):
        await bot.seen.put(event)

    await bot.connect()
    await ada.post(group, "hello")
    event = await bot.next()
    assert (event["channel_type"], event["channel"]) == ("mpim", group)
    await client.chat_postMessage(channel=group, text="hi")
    assert [message.text for message in await ada.messages(group)] == ["hello", "hi"]


async def test_a_mention_there_is_a_mention(bot, ada, group):
    @bot.app.event("app_mention")
    async def on_mention(event):
        await bot.seen.put(event)

    await bot.connect()
    await ada.mention(group, "hello")
    assert (await bot.next())["channel"] == group


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"users": ""}, "users_list_not_supplied"),
        ({"users": f"{ADA},U1"}, "user_not_found"),
        ({"users": ",".join(f"U{number}" for number in range(9))}, "too_many_users"),
        ({"channel": "C0LOCALGEN1"}, "method_not_supported_for_channel_type"),
    ],
)
async def test_what_cannot_be_opened_is_refused_with_the_reason(client, asked, code):
    assert await refused(client.conversations_open(**asked)) == code
