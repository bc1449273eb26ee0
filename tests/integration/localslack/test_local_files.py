"""Files in the local workspace, up and down, and who may see what."""

from __future__ import annotations

import asyncio

import pytest
from slack_sdk.errors import SlackApiError

from bot.localslack.errors import PersonError, PortInUse
from bot.localslack.server import LocalSlack, serve

GENERAL = "C0LOCALGEN1"


async def test_the_bot_reads_a_file_a_person_attached(bot, workspace, ada, client):
    @bot.app.event("message")
    async def on_message(event):
        await bot.seen.put(event)

    @bot.app.event("app_mention")
    async def on_mention(event):
        await bot.seen.put(event)

    await bot.connect()
    file_id = await ada.attach(("notes.md", b"# Notes"))
    await ada.mention("#general", "read this", files=[file_id])
    events = {event["type"]: event for event in [await bot.next(), await bot.next()]}
    assert events["message"]["subtype"] == "file_share"
    assert "files" not in events["app_mention"]
    [file] = events["message"]["files"]
    assert (file["name"], file["mimetype"], file["size"]) == ("notes.md", "text/markdown", 7)
    token = {"Authorization": f"Bearer {workspace.bot_token}"}
    async with workspace.session.get(file["url_private"], headers=token) as response:
        assert await response.read() == b"# Notes"
    async with workspace.session.get(file["url_private"]) as response:
        assert response.content_type == "text/html"
    assert (await client.files_info(file=file_id))["file"]["channels"] == [GENERAL]


async def test_a_file_nobody_posted_is_not_for_the_bot(ada, client):
    file_id = await ada.attach(("secret.txt", b"secret"))
    with pytest.raises(SlackApiError, match="file_not_found"):
        await client.files_info(file=file_id)


async def test_the_bot_uploads_into_a_thread(ada, client):
    said = await ada.post("#general", "hello")
    await client.files_upload_v2(
        channel=GENERAL,
        thread_ts=said.ts,
        initial_comment="The answer",
        filename="answer.md",
        content="# Answer",
    )
    message = await ada.wait_for(said, lambda m: bool(m.files))
    assert message.text == "The answer"
    assert await ada.download(message.files[0]["id"]) == b"# Answer"


async def test_an_upload_of_another_length_is_refused(workspace, client):
    begun = await client.files_getUploadURLExternal(filename="a.txt", length=3)
    async with workspace.session.post(begun["upload_url"], data=b"more than 3") as response:
        assert response.status == 400
    with pytest.raises(SlackApiError, match="file_not_found"):
        await client.files_completeUploadExternal(files=[{"id": begun["file_id"], "title": "a"}])


async def test_a_private_channel_is_hidden_from_others(ada, linus, workspace):
    secret = await ada.post("#leadership", "secret")
    with pytest.raises(PersonError, match="channel_not_found"):
        await linus.messages(secret.channel)
    with pytest.raises(PersonError, match="channel_not_found"):
        await linus.post(secret.channel, "hello")
    url = f"{workspace.url}/local/workspace"
    async with workspace.session.get(url, params={"user": linus.id}) as response:
        names = {channel["name"] for channel in (await response.json())["channels"]}
    assert "leadership" not in names


async def test_a_stream_carries_only_what_a_person_may_see(workspace, ada, linus):
    params = {"user": linus.id}
    async with workspace.session.get(f"{workspace.url}/local/events", params=params) as stream:
        await stream.content.readline()
        await ada.post("#leadership", "secret")
        await ada.post("dm", "private")
        await ada.post("#general", "public")
        data = b""
        while b"public" not in data:
            data = await asyncio.wait_for(stream.content.readline(), 5)
            assert b"secret" not in data
            assert b"private" not in data


async def test_only_authors_change_and_delete_what_they_said(ada, linus):
    said = await ada.post("#general", "mine")
    with pytest.raises(PersonError, match="cant_update_message"):
        await linus.edit(said, "yours")
    with pytest.raises(PersonError, match="cant_delete_message"):
        await linus.delete(said)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.org"},
        {"Host": "example.org"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
async def test_other_web_sites_are_kept_out(workspace, headers):
    url = f"{workspace.url}/local/workspace"
    async with workspace.session.get(url, headers=headers) as response:
        assert response.status == 403
        assert (await response.json())["error"] == "foreign_origin"


async def test_the_page_itself_may_call(workspace):
    headers = {"Origin": workspace.url}
    async with workspace.session.get(f"{workspace.url}/local/workspace", headers=headers) as page:
        assert page.status == 200


async def test_a_port_in_use_is_said_in_a_sentence(workspace, tmp_path):
    with pytest.raises(PortInUse, match=f"Port {workspace.port} is already in use"):
        async with LocalSlack.start(workspace.port):
            pass
    with pytest.raises(PortInUse):
        await serve(workspace.port, tmp_path, None)
