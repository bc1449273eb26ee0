"""Threads with an assistant in the local workspace, as Bolt's own Assistant is sent them."""

from __future__ import annotations

import pytest
from conftest import SmallBot
from slack_bolt.async_app import AsyncAssistant

from bot.localslack.errors import NotSeen
from bot.localslack.server import LocalSlack

MANIFEST = """
display_information: {name: Librarian}
features:
  assistant_view: {assistant_description: Finds books}
  bot_user: {display_name: librarian}
settings:
  event_subscriptions:
    bot_events: [assistant_thread_started, assistant_thread_context_changed, message.im,
      app_home_opened]
"""
ADA_DIRECT = "D0LOCALADA1"


@pytest.fixture
async def workspace(tmp_path):
    manifest = tmp_path / "manifest.yml"
    manifest.write_text(MANIFEST)
    async with LocalSlack.start(data=tmp_path / "data", manifest=manifest) as running:
        yield running


@pytest.fixture
async def librarian(bot: SmallBot):
    """Greets, suggests what to say, and repeats what it is told and what is looked at."""
    assistant = AsyncAssistant()

    @assistant.thread_started
    async def on_start(say, set_suggested_prompts):
        await say("How can I help?")
        await set_suggested_prompts(prompts=[{"title": "A book", "message": "Find me a book"}])

    @assistant.user_message
    async def on_message(payload, say, set_status, set_title, get_thread_context):
        await set_title(payload["text"])
        await set_status("is looking…")
        context = await get_thread_context()
        await say(f"{payload['text']} in {context and context.channel_id}")

    bot.app.use(assistant)
    await bot.connect()
    return bot


async def test_a_person_begins_a_thread_and_is_greeted(librarian, ada):
    thread = await ada.start_thread()
    assert thread.channel == ADA_DIRECT
    await ada.wait_for(thread, lambda message: message.text == "How can I help?")
    assert await ada.prompts(thread) == {"A book": "Find me a book"}
    await ada.reply(thread, "Find me a book")
    await ada.wait_for(thread, lambda message: message.text == "Find me a book in None")
    with pytest.raises(NotSeen):
        await ada.prompts(thread, timeout=0.05)


async def test_the_assistant_knows_which_channel_the_person_looks_at(librarian, ada):
    thread = await ada.start_thread(viewing="general")
    await ada.wait_for(thread, lambda message: message.text == "How can I help?")
    await ada.reply(thread, "first")
    await ada.wait_for(thread, lambda message: message.text == "first in C0LOCALGEN1")
    await ada.look_at(thread, "research")
    await changed(librarian, thread, "C0LOCALRES1")
    await ada.reply(thread, "second")
    await ada.wait_for(thread, lambda message: message.text == "second in C0LOCALRES1")


async def changed(librarian, thread, channel_id):
    """Return when the app has kept what is looked at, as metadata of its first message."""
    recorder = librarian.workspace.workspace.recorder
    await recorder.wait_for(
        lambda: any(
            call.method == "chat.update" and channel_id in str(call.arguments)
            for call in recorder.calls
        ),
        5,
    )


async def test_what_is_said_outside_of_threads_begins_one(librarian, ada):
    said = await ada.post(ADA_DIRECT, "hello")
    assert said.thread_ts
    root, *others = await ada.messages(said)
    assert root.text == "New Assistant Thread"
    assert said.ts in [message.ts for message in others]
    await ada.wait_for(said, lambda message: message.text == "hello in None")


async def test_suggestions_outside_of_threads_stand_in_the_direct_message(bot, ada):
    @bot.app.event("app_home_opened")
    async def on_opened(event, client):
        await client.assistant_threads_setSuggestedPrompts(
            channel_id=event["channel"],
            thread_ts=None,
            prompts=[{"title": event["tab"], "message": "Hello"}],
        )

    await bot.connect()
    await ada.open_messages()
    assert await ada.prompts(ADA_DIRECT) == {"messages": "Hello"}


async def test_the_app_is_told_of_the_thread_with_its_place(bot, ada):
    @bot.app.event("assistant_thread_started")
    async def on_start(body):
        await bot.seen.put(body)

    await bot.connect()
    thread = await ada.start_thread(viewing="research")
    body = await bot.next()
    assert body["event"]["assistant_thread"] == {
        "user_id": ada.id,
        "context": {
            "channel_id": "C0LOCALRES1",
            "team_id": "T0LOCAL0001",
            "enterprise_id": None,
        },
        "channel_id": thread.channel,
        "thread_ts": thread.ts,
    }
