"""Messages as other apps, workflows and people's other programs make them."""

from __future__ import annotations

import pytest

from bot.localslack import PersonError
from bot.localslack.seed import ADA, BOT_ID, BOT_USER, TEAM_ID

ALERT = {"color": "d00000", "title": "Disk full", "text": "db-1 has 0 bytes left"}
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "db-1 is down"}}


@pytest.fixture
async def heard(bot):
    """A bot that is told of messages and of mentions."""

    @bot.app.event("message")
    async def on_message(event):
        await bot.seen.put(event)

    @bot.app.event("app_mention")
    async def on_mention(event):
        await bot.seen.put(event)

    await bot.connect()
    return bot


async def thread(client, message):
    answer = await client.conversations_replies(channel=message.channel, ts=message.ts)
    return answer["messages"]


async def test_what_a_person_says_carries_rich_text_and_the_id_of_their_client(heard, ada):
    said = await ada.mention("general", "compare *two* printers")
    mention, message = [await heard.next(), await heard.next()]
    events = {event["type"]: event for event in (mention, message)}
    for event in events.values():
        [block] = event["blocks"]
        assert block["type"] == "rich_text"
        assert block["elements"][0]["elements"][0] == {"type": "user", "user_id": BOT_USER}
        assert len(event["client_msg_id"]) == 36
    assert said.blocks == events["message"]["blocks"]


async def test_edited_words_have_blocks_of_their_own(heard, ada):
    said = await ada.post("general", "one")
    await heard.next()
    await ada.edit(said, "two")
    changed = await heard.next()
    assert "two" in str(changed["message"]["blocks"])
    assert "one" in str(changed["previous_message"]["blocks"])


async def test_another_app_posts_attachments_without_text(workspace, heard, client, ada):
    posted = await workspace.app_posts("general", attachments=[ALERT])
    event = await heard.next()
    assert event["text"] == ""
    assert event["attachments"] == [{"id": 1, **ALERT}]
    assert event["bot_profile"]["name"] == "Alerts"
    assert event["bot_id"] not in ("", BOT_ID)
    [message] = await thread(client, posted)
    assert message["user"] == event["bot_profile"]["user_id"]
    assert "db-1 has 0 bytes left" in posted.words


async def test_another_app_posts_blocks_without_text(workspace, heard):
    posted = await workspace.app_posts("general", blocks=[SECTION], app="Pager")
    event = await heard.next()
    assert event["blocks"][0]["text"] == SECTION["text"]
    assert posted.data["username"] == "Pager"


async def test_other_apps_can_be_looked_up(workspace, client):
    posted = await workspace.app_posts("general", "x", app="Pager")
    bot = (await client.bots_info(bot=posted.data["bot_id"]))["bot"]
    user = (await client.users_info(user=posted.user))["user"]
    assert (bot["name"], user["real_name"], user["is_bot"]) == ("Pager", "Pager", True)


async def test_nothing_is_posted_that_slack_would_refuse(workspace):
    with pytest.raises(PersonError, match="no_text"):
        await workspace.app_posts("general")


async def test_a_webhook_is_nobodys_message(workspace, heard, client, ada):
    posted = await workspace.app_posts("general", "build failed", app="CI", webhook=True)
    event = await heard.next()
    assert (event["subtype"], event["username"]) == ("bot_message", "CI")
    assert "user" not in event
    await ada.reply(posted, "which one?")
    [parent, reply] = await thread(client, posted)
    assert "parent_user_id" not in reply
    assert parent["reply_users"] == [ADA]


async def test_a_workflow_mentions_the_bot(workspace, heard):
    await workspace.workflow_posts("general", "@orchestrator write the weekly report")
    events = [await heard.next(), await heard.next()]
    mention = next(event for event in events if event["type"] == "app_mention")
    assert mention["subtype"] == "bot_message"
    assert mention["bot_profile"]["name"] == "Workflow Builder"
    assert mention["blocks"][0]["type"] == "rich_text"


async def test_a_person_posts_through_an_app(heard, ada):
    await ada.send_through("Assistant", "general", "@orchestrator look at this")
    events = [await heard.next(), await heard.next()]
    for event in events:
        assert event["user"] == ADA
        assert event["bot_id"] != BOT_ID
        assert event["app_id"]
    assert {event["type"] for event in events} == {"app_mention", "message"}


async def test_a_person_says_what_they_do(heard, ada):
    await ada.me("general", "goes home")
    event = await heard.next()
    assert (event["subtype"], event["text"], "blocks" in event) == (
        "me_message",
        "goes home",
        False,
    )
    await ada.command("/me", "is back", channel="general")
    assert (await heard.next())["text"] == "is back"


async def test_a_forwarded_message_has_its_author_words_and_files(heard, ada, linus):
    file = await linus.attach(("plan.txt", b"all of it"))
    said = await linus.post("research", "what does *this* cost?", files=[file])
    await heard.next()
    forwarded = await ada.forward(said, "general", "@orchestrator answer this")
    events = [await heard.next(), await heard.next()]
    for event in events:
        [share] = event["attachments"]
        assert share["is_share"]
        assert share["is_msg_unfurl"]
        assert share["author_name"] == "Linus Torvalds"
        assert share["text"] == "what does *this* cost?"
        assert share["message_blocks"][0]["message"]["blocks"][0]["type"] == "rich_text"
        assert share["files"][0]["name"] == "plan.txt"
        assert share["channel_team"] == TEAM_ID
        assert share["from_url"].endswith(f"/p{said.ts.replace('.', '')}")
    assert "answer this" in forwarded.text


async def test_a_message_is_forwarded_without_words(heard, ada):
    said = await ada.post("research", "look")
    await heard.next()
    await ada.forward(said, "general")
    event = await heard.next()
    assert event["text"] == ""
    assert event["attachments"][0]["text"] == "look"


async def test_what_is_not_seen_cannot_be_forwarded(ada, linus):
    said = await ada.post("leadership", "secret")
    with pytest.raises(PersonError, match="channel_not_found"):
        await linus.forward(said, "general")


async def test_a_link_is_drawn_some_moments_later(workspace, heard, ada):
    said = await ada.post("general", "see https://x.org/")
    await heard.next()
    await workspace.unfurl(said, [{"id": 1, "title": "X", "from_url": "https://x.org/"}])
    changed = await heard.next()
    assert changed["subtype"] == "message_changed"
    assert changed["message"]["text"] == changed["previous_message"]["text"]
    assert "edited" not in changed["message"]


async def test_a_reply_is_shown_in_the_channel_too(heard, client, ada):
    asked = await ada.post("general", "who knows?")
    await heard.next()
    await ada.post("general", "I do", thread=asked, broadcast=True)
    event = await heard.next()
    assert event["subtype"] == "thread_broadcast"
    assert event["root"]["ts"] == asked.ts
    history = await client.conversations_history(channel=asked.channel)
    assert [message["text"] for message in history["messages"][:2]] == ["I do", "who knows?"]


async def test_changes_come_without_what_was_before_where_a_test_wants_it(workspace, heard, ada):
    said = await ada.post("general", "one")
    await heard.next()
    await workspace.fault(without_previous=True)
    await ada.edit(said, "two")
    await ada.delete(said)
    changed, deleted = [await heard.next(), await heard.next()]
    assert changed["message"]["text"] == "two"
    assert deleted["deleted_ts"] == said.ts
    assert "previous_message" not in {**changed, **deleted}
