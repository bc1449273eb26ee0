"""Messages that grow while they are written, and what the bot says it is doing."""

from __future__ import annotations

import pytest
from refusal import refused

from bot.localslack.errors import PersonError
from bot.localslack.methods.streams import LIFE_S, MOST_BYTES
from bot.localslack.server import LocalSlack

GENERAL = "C0LOCALGEN1"


@pytest.fixture
def clock():
    """Time that only moves when told to."""

    class Clock:
        now = 1_700_000_000.0

        def __call__(self) -> float:
            return self.now

    return Clock()


@pytest.fixture
async def workspace(tmp_path, manifest, clock):
    async with LocalSlack.start(data=tmp_path / "data", manifest=manifest, clock=clock) as running:
        yield running


@pytest.fixture
async def said(ada):
    return await ada.post("general", "hello")


async def started(client, said, **more):
    stream = await client.chat_startStream(
        channel=GENERAL,
        thread_ts=said.ts,
        recipient_user_id=said.user,
        recipient_team_id="T0LOCAL0001",
        **more,
    )
    return {"channel": GENERAL, "ts": stream["ts"]}


async def test_a_stream_ends_by_itself_after_five_minutes(client, said, clock):
    at = await started(client, said, markdown_text="One")
    clock.now += LIFE_S - 1
    await client.chat_appendStream(**at, markdown_text=" two")
    clock.now += 2
    late = client.chat_appendStream(**at, markdown_text=" three")
    assert await refused(late) == "message_not_in_streaming_state"
    assert await refused(client.chat_stopStream(**at)) == "message_not_in_streaming_state"


async def test_a_stream_holds_so_many_bytes(client, said):
    at = await started(client, said, markdown_text="é" * (MOST_BYTES // 2))
    assert await refused(client.chat_appendStream(**at, markdown_text="x")) == "msg_too_long"
    await client.chat_stopStream(**at)


async def test_text_and_chunks_exclude_each_other(client, said):
    at = await started(client, said)
    chunk = {"type": "markdown_text", "text": "x"}
    both = client.chat_appendStream(**at, markdown_text="x", chunks=[chunk])
    assert await refused(both) == "invalid_chunks"
    odd = client.chat_appendStream(**at, markdown_text="", chunks=[{"type": "odd"}])
    assert await refused(odd) == "invalid_chunks"


async def test_tasks_of_a_stream_become_a_plan(client, ada, said):
    at = await started(client, said, task_display_mode="plan")
    task = {"type": "task_update", "id": "1", "title": "Collect", "details": "Read."}
    await client.chat_appendStream(
        **at, markdown_text="", chunks=[{**task, "status": "in_progress"}]
    )
    done = [
        {**task, "status": "complete", "output": "All read."},
        {"type": "plan_update", "title": "The plan"},
        {"type": "markdown_text", "text": "Done."},
    ]
    await client.chat_stopStream(**at, chunks=done)
    seen = await ada.wait_for(said, lambda message: "Done." in message.words)
    plan, text = seen.blocks
    assert plan["title"] == "The plan"
    [card] = plan["tasks"]
    assert (card["status"], card["title"]) == ("complete", "Collect")
    assert {"Read.", "All read."} < set(seen.words.split("\n"))
    assert text["text"] == "Done."


async def test_tasks_of_a_timeline_are_cards_of_their_own(client, ada, said):
    at = await started(client, said)
    tasks = [
        {"type": "task_update", "id": name, "title": name, "status": "complete"}
        for name in ("Collect", "Compare")
    ]
    await client.chat_appendStream(**at, markdown_text="", chunks=tasks)
    await client.chat_stopStream(**at, markdown_text="Done.")
    seen = await ada.wait_for(said, lambda message: "Done." in message.words)
    assert [block["type"] for block in seen.blocks] == ["task_card", "task_card", "markdown"]


async def test_a_workspace_without_streams_says_so_until_the_fault_is_cleared(
    workspace, client, said
):
    fault = {"method": "chat.startStream", "error": "team_not_supported", "times": None}
    url = f"{workspace.url}/local/faults"
    async with workspace.session.post(url, json=fault) as answer:
        assert answer.status == 200
    for _ in range(3):
        assert await refused(started(client, said)) == "team_not_supported"
    async with workspace.session.post(url, json={"clear": True}) as answer:
        assert answer.status == 200
    await started(client, said)


async def test_a_person_stops_what_a_session_is_processing(bot, client, ada, said):
    @bot.app.event("agent_session_stopped")
    async def stopped(event):
        await bot.seen.put(event)

    await bot.connect()
    with pytest.raises(PersonError, match="Nothing is at work"):
        await ada.stop(said)
    place = {"channel_id": GENERAL, "thread_ts": said.ts}
    answer = await client.api_call(
        "agents.sessions.setStatus", json={**place, "status": "processing", "title": "Apples"}
    )
    assert (answer["status"], answer["title"]) == ("processing", "Apples")
    at = await started(client, said, markdown_text="One")
    await ada.stop(said)
    event = await bot.next()
    assert (event["thread_ts"], event["user"]) == (said.ts, ada.id)
    assert event["streaming_message_ts"] == [at["ts"]]
    ended = client.chat_appendStream(**at, markdown_text="!")
    assert await refused(ended) == "message_not_in_streaming_state"


async def test_a_passing_status_goes_when_the_bot_posts(workspace, client, said):
    place = {"channel_id": GENERAL, "thread_ts": said.ts}
    sessions = workspace.workspace.sessions
    channel = workspace.workspace.directory.channel(GENERAL)
    await client.assistant_threads_setStatus(**place, status="is thinking…")
    assert sessions.find(channel, said.ts).words == "is thinking…"
    await client.chat_postMessage(channel=GENERAL, thread_ts=said.ts, text="done")
    assert sessions.find(channel, said.ts).words == ""
