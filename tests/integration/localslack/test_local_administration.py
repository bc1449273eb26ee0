"""What admins and people do to the workspace itself, and what the bot is told of it."""

from __future__ import annotations

import pytest
from refusal import refused

from bot.localslack.errors import PersonError
from bot.localslack.seed import BOT_USER

GENERAL = "C0LOCALGEN1"


def listens(bot, *kinds):
    for kind in kinds:

        @bot.app.event(kind)
        async def take(event, body):
            await bot.seen.put({**event, "event_id": body["event_id"]})


async def test_an_archived_channel_can_be_read_and_not_written(bot, ada, client):
    listens(bot, "channel_archive", "channel_unarchive")
    await bot.connect()
    said = await ada.post("general", "before")
    await ada.archive("general")
    event = await bot.next()
    assert (event["type"], event["channel"], event["user"]) == ("channel_archive", GENERAL, ada.id)
    assert await refused(client.chat_postMessage(channel=GENERAL, text="x")) == "is_archived"
    with pytest.raises(PersonError, match="archived"):
        await ada.post("general", "x")
    info = await client.conversations_info(channel=GENERAL)
    assert info["channel"]["is_archived"]
    history = await client.conversations_history(channel=GENERAL)
    assert history["messages"][0]["ts"] == said.ts
    await ada.archive("general", archived=False)
    assert (await bot.next())["type"] == "channel_unarchive"
    await client.chat_postMessage(channel=GENERAL, text="after")


async def test_a_bot_removed_from_a_channel_is_told_so_and_hears_nothing_more(bot, ada, client):
    listens(bot, "channel_left", "member_joined_channel", "app_mention")
    await bot.connect()
    await ada.remove_bot("general")
    left = await bot.next()
    assert (left["type"], left["channel"], left["actor_id"]) == ("channel_left", GENERAL, ada.id)
    await ada.mention("general", "are you there?")
    assert await refused(client.chat_postMessage(channel=GENERAL, text="x")) == "not_in_channel"
    await ada.add_bot("general")
    joined = await bot.next()
    assert (joined["type"], joined["user"]) == ("member_joined_channel", BOT_USER)


async def test_a_person_without_an_account_does_nothing_more(bot, ada, linus, client):
    listens(bot, "user_change")
    await bot.connect()
    await ada.deactivate("Linus")
    changed = await bot.next()
    assert changed["user"]["id"] == linus.id
    assert changed["user"]["deleted"]
    with pytest.raises(PersonError, match="deactivated"):
        await linus.post("general", "I am still here")
    members = await client.conversations_members(channel=GENERAL)
    assert linus.id not in members["members"]
    assert (await client.users_info(user=linus.id))["user"]["deleted"]
    ephemeral = client.chat_postEphemeral(channel=GENERAL, user=linus.id, text="x")
    assert await refused(ephemeral) == "user_not_in_channel"
    await ada.deactivate("Linus", deleted=False)
    await linus.post("general", "back")


async def test_an_uninstalled_app_has_no_token_and_hears_nothing(bot, ada, client):
    listens(bot, "tokens_revoked", "app_uninstalled", "app_mention")
    await bot.connect()
    await ada.uninstall_app()
    kinds = {(await bot.next())["type"], (await bot.next())["type"]}
    assert kinds == {"tokens_revoked", "app_uninstalled"}
    assert await refused(client.auth_test()) == "account_inactive"
    await ada.mention("general", "hello?")
    await ada.install_app()
    await client.auth_test()
    again = await ada.mention("general", "hello again")
    assert (await bot.next())["ts"] == again.ts


async def test_only_admins_administer(linus):
    for attempt in (
        linus.archive("general"),
        linus.deactivate("Grace"),
        linus.uninstall_app(),
    ):
        with pytest.raises(PersonError, match="Only workspace admins"):
            await attempt


async def test_a_mention_that_is_edited_comes_again_under_another_event_id(bot, ada):
    listens(bot, "app_mention", "message")
    await bot.connect()
    said = await ada.mention("general", "look at apples")
    first = [await bot.next(), await bot.next()]
    await ada.edit(said, f"<@{BOT_USER}> look at pears")
    second = [await bot.next(), await bot.next()]
    mentions = [event for event in first + second if event["type"] == "app_mention"]
    assert [event["text"].split()[-1] for event in mentions] == ["apples", "pears"]
    assert mentions[0]["ts"] == mentions[1]["ts"]
    assert mentions[0]["event_id"] != mentions[1]["event_id"]
    assert "edited" in mentions[1]
    changed = next(event for event in second if event["type"] == "message")
    assert changed["subtype"] == "message_changed"
    assert changed["previous_message"]["text"].endswith("apples")
    await ada.delete(said)
    gone = await bot.next()
    assert (gone["subtype"], gone["deleted_ts"]) == ("message_deleted", said.ts)
