"""A person and a Bolt app talk in the local workspace, over real Socket Mode."""

from __future__ import annotations

import asyncio

import pytest

from bot.localslack.errors import NotSeen, PersonError
from bot.localslack.person import Person
from bot.localslack.seed import BOT_USER

APPROVE = [
    {
        "type": "actions",
        "block_id": "plan",
        "elements": [
            {
                "type": "button",
                "action_id": "approve",
                "text": {"type": "plain_text", "text": ":white_check_mark: Approve"},
                "value": "R-7F3K",
            }
        ],
    }
]


def answers_mentions(bot):
    @bot.app.event("app_mention")
    async def on_mention(event, client):
        await client.chat_postMessage(
            channel=event["channel"],
            thread_ts=event.get("thread_ts", event["ts"]),
            text=f"Planning: {event['text']}",
            blocks=APPROVE,
        )

    @bot.app.event("message")
    async def on_message(event):
        await bot.seen.put(event)


async def test_a_mention_is_answered_in_its_thread(bot, ada):
    answers_mentions(bot)
    await bot.connect()
    said = await ada.post("#general", "@orchestrator write <b>it</b> & go to https://x.org/a?b&c.")
    answer = await ada.wait_for(said, lambda m: m.text.startswith("Planning"))
    assert said.text == (
        f"<@{BOT_USER}> write &lt;b&gt;it&lt;/b&gt; &amp; go to <https://x.org/a?b&amp;c>."
    )
    assert answer.buttons == [":white_check_mark: Approve"]
    assert answer.user == BOT_USER
    parent = await ada.current(said)
    assert parent.data["reply_count"] == 1
    assert parent.data["reply_users"] == [BOT_USER]


async def test_a_click_reaches_the_bot_and_its_update_reaches_the_person(bot, ada):
    answers_mentions(bot)

    @bot.app.action("approve")
    async def on_approve(ack, body, client):
        await ack()
        await bot.seen.put(body)
        await client.chat_update(
            channel=body["channel"]["id"], ts=body["message"]["ts"], text="Approved", blocks=[]
        )

    await bot.connect()
    said = await ada.mention("#general", "go")
    answer = await ada.wait_for(said, lambda m: "Planning" in m.text)
    await ada.click(answer, "Approve")
    changed = await ada.wait_for(said, lambda m: m.text == "Approved")
    assert changed.ts == answer.ts
    assert changed.buttons == []
    body = await bot.next()
    while body.get("type") != "block_actions":
        body = await bot.next()
    assert body["user"]["id"] == ada.id
    assert body["actions"][0]["value"] == "R-7F3K"
    assert body["container"]["thread_ts"] == said.ts
    with pytest.raises(PersonError, match="no_such_control"):
        await ada.click(answer, "Approve")


async def test_every_message_in_its_channels_is_sent_to_the_bot(bot, ada):
    answers_mentions(bot)
    await bot.connect()
    said = await ada.post("#general", "hello")
    posted = await bot.next()
    await ada.edit(said, "hello there")
    changed = await bot.next()
    await ada.delete(said)
    deleted = await bot.next()
    direct = await ada.post("dm", "hi")
    in_private = await bot.next()
    assert (posted["text"], posted["channel_type"]) == ("hello", "channel")
    assert changed["subtype"] == "message_changed"
    assert changed["previous_message"]["text"] == "hello"
    assert changed["message"]["edited"]["user"] == ada.id
    assert (deleted["subtype"], deleted["deleted_ts"]) == ("message_deleted", said.ts)
    assert (in_private["channel_type"], in_private["channel"]) == ("im", direct.channel)


async def test_the_bot_can_answer_only_one_person(bot, ada, linus, client):
    await client.chat_postEphemeral(channel="#general", user=ada.id, text="Only you")
    seen = await ada.wait_for("#general", lambda m: m.is_ephemeral)
    assert seen.text == "Only you"
    assert await linus.ephemerals("#general") == []


async def test_slash_commands_show_what_the_bot_acknowledges(bot, ada):
    @bot.app.command("/runs")
    async def on_runs(ack, command, respond):
        await bot.seen.put(command)
        await ack(f"Runs for {command['text']}")
        await respond("And later", response_type="in_channel")

    await bot.connect()
    await ada.command("/runs", "@Grace in #general", channel="#general")
    assert "Runs for" in (await ada.wait_for("#general", lambda m: m.is_ephemeral)).text
    later = await ada.wait_for("#general", lambda m: m.text == "And later")
    assert not later.is_ephemeral
    command = await bot.next()
    assert command["channel_name"] == "general"
    assert command["user_name"] == "ada"


async def test_slash_commands_are_refused_in_threads(workspace, ada):
    said = await ada.post("#general", "hello")
    body = {
        "user": ada.id,
        "channel": said.channel,
        "command": "/runs",
        "text": "",
        "thread_ts": said.ts,
    }
    async with workspace.session.post(f"{workspace.url}/local/commands", json=body) as response:
        assert response.status == 400
        assert (await response.json())["error"] == "not_in_thread"


async def test_a_click_without_a_bot_is_an_error_the_person_sees(ada, client):
    await client.chat_postMessage(channel="#general", text="Plan", blocks=APPROVE)
    plan = await ada.wait_for("#general", lambda m: bool(m.buttons))
    with pytest.raises(PersonError, match="bot_offline"):
        await ada.click(plan, "Approve")


async def test_a_click_the_bot_does_not_acknowledge_times_out(workspace, bot, ada, client):
    release = asyncio.Event()

    @bot.app.action("approve")
    async def on_approve(ack):
        await release.wait()
        await ack()

    workspace.workspace.sockets.ack_timeout_s = 0.05
    await bot.connect()
    await client.chat_postMessage(channel="#general", text="Plan", blocks=APPROVE)
    plan = await ada.wait_for("#general", lambda m: bool(m.buttons))
    with pytest.raises(PersonError, match="bot_timeout"):
        await ada.click(plan, "Approve")
    release.set()


async def test_events_of_an_apps_own_messages_have_their_metadata(bot, ada):
    await bot.connect()
    recorder = bot.workspace.workspace.recorder
    metadata = {"event_type": "issue", "event_payload": {"user": ada.id}}
    await bot.client.chat_postMessage(channel="general", text="An issue", metadata=metadata)
    await recorder.wait_for(lambda: bool(messages_of(recorder)), 5)
    assert messages_of(recorder)[0]["metadata"] == metadata


def messages_of(recorder):
    events = [e.payload["event"] for e in recorder.envelopes if e.type == "events_api"]
    return [event for event in events if event["type"] == "message"]


async def test_what_an_app_responds_has_no_empty_fields(bot, ada, client):
    @bot.app.command("/runs")
    async def on_runs(ack, respond):
        await ack()
        await respond("Here", response_type="in_channel")

    await bot.connect()
    await ada.command("/runs", channel="general")
    await ada.wait_for("general", lambda message: message.text == "Here")
    [message] = (await client.conversations_history(channel="general"))["messages"]
    assert not [name for name, value in message.items() if value is None]


async def test_a_response_url_replaces_and_deletes_what_was_clicked(bot, ada, client):
    @bot.app.action("approve")
    async def on_approve(ack, body, respond):
        await ack()
        if "message" in body:
            await respond("Done", replace_original=True)
        else:
            await respond(delete_original=True)

    await bot.connect()
    await client.chat_postMessage(channel="#general", text="Plan", blocks=APPROVE)
    plan = await ada.wait_for("#general", lambda m: m.text == "Plan")
    await ada.click(plan, "approve")
    await ada.wait_for("#general", lambda m: m.ts == plan.ts and m.text == "Done")
    await client.chat_postEphemeral(channel="#general", user=ada.id, text="Note", blocks=APPROVE)
    note = await ada.wait_for("#general", lambda m: m.is_ephemeral)
    await ada.click(note, "approve")
    await ada.wait_gone(note)


async def test_a_message_shortcut_carries_the_message(bot, ada):
    @bot.app.shortcut("orchestrate_this")
    async def on_shortcut(ack, body):
        await ack()
        await bot.seen.put(body)

    await bot.connect()
    said = await ada.post("#research", "do this")
    await ada.shortcut("orchestrate_this", said)
    body = await bot.next()
    assert body["type"] == "message_action"
    assert body["message"]["text"] == "do this"
    assert body["message_ts"] == said.ts


async def test_opening_the_home_tab_shows_what_the_bot_publishes(bot, ada):
    @bot.app.event("app_home_opened")
    async def on_home(event, client):
        section = {"type": "section", "text": {"type": "mrkdwn", "text": f"Tab {event['tab']}"}}
        await client.views_publish(
            user_id=event["user"], view={"type": "home", "blocks": [section, *APPROVE]}
        )

    @bot.app.action("approve")
    async def on_approve(ack, body):
        await ack()
        await bot.seen.put(body)

    await bot.connect()
    home = await ada.open_home()
    assert "Tab home" in home.words
    await home.click("Approve")
    body = await bot.next()
    assert body["view"]["type"] == "home"
    assert "response_url" not in body


async def test_a_person_gets_told_what_was_there_instead(ada):
    await ada.post("#general", "something else")
    with pytest.raises(NotSeen, match="something else"):
        await ada.wait_for("#general", lambda m: m.text == "never", timeout=0.05)


async def test_reactions_toggle_and_are_sent_to_the_bot(bot, ada, client):
    @bot.app.event("reaction_added")
    async def on_reaction(event):
        await bot.seen.put(event)

    await bot.connect()
    said = await ada.post("#general", "hello")
    await ada.react(said, "eyes")
    event = await bot.next()
    assert (event["reaction"], event["item"]["ts"]) == ("eyes", said.ts)
    await client.reactions_add(channel=said.channel, timestamp=said.ts, name="tada")
    await ada.react(said, "eyes")
    current = await ada.current(said)
    assert [r["name"] for r in current.data["reactions"]] == ["tada"]


async def test_an_edit_that_adds_the_mention_is_a_mention(bot, ada):
    @bot.app.event("app_mention")
    async def on_mention(event):
        await bot.seen.put(event)

    await bot.connect()
    said = await ada.post("#general", "plan it")
    await ada.edit(said, "@orchestrator plan it")
    event = await bot.next()
    assert event["ts"] == said.ts
    assert event["edited"]["user"] == ada.id


async def test_choosing_in_a_menu_sends_the_whole_option(bot, ada, client):
    options = [
        {"text": {"type": "plain_text", "text": words}, "value": value}
        for words, value in (("Writer", "w"), ("Reviewer", "r"))
    ]
    select = {"type": "static_select", "action_id": "role", "options": options}
    menu = {"type": "overflow", "action_id": "more", "options": options}

    @bot.app.action("role")
    @bot.app.action("more")
    async def on_role(ack, action):
        await ack()
        await bot.seen.put(action)

    await bot.connect()
    blocks = [{"type": "actions", "elements": [select, menu]}]
    await client.chat_postMessage(channel="#general", text="Role?", blocks=blocks)
    message = await ada.wait_for("#general", lambda m: m.text == "Role?")
    await ada.choose(message, "role", "Reviewer")
    assert (await bot.next())["selected_option"] == options[1]
    await ada.click(message, "Writer")
    chosen = await bot.next()
    assert (chosen["type"], chosen["selected_option"]) == ("overflow", options[0])


async def test_a_person_can_be_anyone_in_a_workspace_of_another_process(workspace, ada):
    async with Person.at(workspace.url, "Grace") as grace:
        said = await grace.post("#general", "hello")
    assert [m.ts for m in await ada.messages("#general")] == [said.ts]
