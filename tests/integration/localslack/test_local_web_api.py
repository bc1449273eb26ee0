"""The Web API of the local workspace, called with Slack's own library."""

from __future__ import annotations

import pytest
from refusal import refused
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack.rates import Rate
from bot.localslack.seed import BOT_USER
from bot.localslack.server import LocalSlack

GENERAL = "C0LOCALGEN1"
SECTION = [{"type": "section", "text": {"type": "mrkdwn", "text": "Hello"}}]


async def test_it_says_who_the_bot_is(client):
    who = await client.auth_test()
    assert (who["user_id"], who["bot_id"]) == (BOT_USER, "B0LOCALBOT1")
    assert (await client.bots_info(bot=who["bot_id"]))["bot"]["user_id"] == BOT_USER
    assert (await client.team_info())["team"]["name"] == "Local workspace"


async def test_tokens_are_checked(workspace):
    url = workspace.api_url
    assert await refused(AsyncWebClient(base_url=url).auth_test()) == "not_authed"
    assert await refused(AsyncWebClient("xoxb-no", base_url=url).auth_test()) == "invalid_auth"
    app = AsyncWebClient(workspace.app_token, base_url=url)
    assert await refused(app.auth_test()) == "not_allowed_token_type"
    bot = AsyncWebClient(workspace.bot_token, base_url=url)
    opening = bot.apps_connections_open(app_token=workspace.bot_token)
    assert await refused(opening) == "not_allowed_token_type"


async def test_unknown_methods_are_refused(client):
    assert await refused(client.api_call("chat.postEverything")) == "unknown_method"


async def test_posting_updating_and_deleting(client):
    posted = await client.chat_postMessage(channel="#general", text="One", blocks=SECTION)
    assert posted["channel"] == GENERAL
    assert posted["message"]["blocks"][0]["block_id"]
    ts = posted["ts"]
    await client.chat_update(channel=GENERAL, ts=ts, text="Two")
    [message] = (await client.conversations_history(channel=GENERAL))["messages"]
    assert (message["text"], message["blocks"][0]["type"]) == ("Two", "rich_text")
    await client.chat_delete(channel=GENERAL, ts=ts)
    again = client.chat_update(channel=GENERAL, ts=ts, text="Three")
    assert await refused(again) == "message_not_found"


async def test_block_ids_stay_over_updates(client):
    posted = await client.chat_postMessage(channel=GENERAL, text="One", blocks=SECTION)
    changed = await client.chat_update(channel=GENERAL, ts=posted["ts"], text="Two", blocks=SECTION)
    before, after = posted["message"]["blocks"], changed["message"]["blocks"]
    assert before[0]["block_id"] == after[0]["block_id"]


async def test_only_the_bots_own_messages_can_be_changed(client, ada):
    said = await ada.post("#general", "mine")
    change = client.chat_update(channel=GENERAL, ts=said.ts, text="yours")
    assert await refused(change) == "cant_update_message"
    assert await refused(client.chat_delete(channel=GENERAL, ts=said.ts)) == "cant_delete_message"


async def test_threads_need_a_parent(client):
    lost = client.chat_postMessage(channel=GENERAL, text="x", thread_ts="1.000001")
    assert await refused(lost) == "thread_not_found"
    parent = await client.chat_postMessage(channel=GENERAL, text="parent")
    reply = await client.chat_postMessage(channel=GENERAL, text="reply", thread_ts=parent["ts"])
    nested = client.chat_postMessage(channel=GENERAL, text="nested", thread_ts=reply["ts"])
    assert await refused(nested) == "cannot_reply_to_message"
    unknown = client.conversations_replies(channel=GENERAL, ts="1.000001")
    assert await refused(unknown) == "thread_not_found"


async def test_a_thread_is_read_in_pages(client):
    parent = (await client.chat_postMessage(channel=GENERAL, text="parent"))["ts"]
    for number in range(5):
        await client.chat_postMessage(channel=GENERAL, text=str(number), thread_ts=parent)
    texts, cursor = [], None
    while cursor != "":
        page = await client.conversations_replies(
            channel=GENERAL, ts=parent, limit=2, cursor=cursor
        )
        texts += [message["text"] for message in page["messages"]]
        cursor = page.get("response_metadata", {}).get("next_cursor", "")
    assert texts == ["parent", "0", "1", "2", "3", "4"]


async def test_history_is_newest_first_and_read_in_pages(client):
    for number in range(3):
        await client.chat_postMessage(channel=GENERAL, text=str(number))
    first = await client.conversations_history(channel=GENERAL, limit=2)
    cursor = first["response_metadata"]["next_cursor"]
    second = await client.conversations_history(channel=GENERAL, limit=2, cursor=cursor)
    assert [m["text"] for m in [*first["messages"], *second["messages"]]] == ["2", "1", "0"]
    wrong = client.conversations_history(channel=GENERAL, cursor="nonsense")
    assert await refused(wrong) == "invalid_cursor"


async def test_metadata_is_kept_and_shown_on_demand(client):
    metadata = {"event_type": "intent", "event_payload": {"id": "m-1"}}
    posted = await client.chat_postMessage(channel=GENERAL, text="x", metadata=metadata)
    plain = await client.conversations_history(channel=GENERAL)
    full = await client.conversations_history(channel=GENERAL, include_all_metadata=True)
    assert "metadata" not in plain["messages"][0]
    assert full["messages"][0]["metadata"] == metadata
    await client.chat_update(channel=GENERAL, ts=posted["ts"], text="y")
    full = await client.conversations_history(channel=GENERAL, include_all_metadata=True)
    assert full["messages"][0]["metadata"] == metadata
    wrong = client.chat_postMessage(channel=GENERAL, text="x", metadata={"event_type": "x"})
    assert await refused(wrong) == "invalid_metadata_format"


async def test_people_and_channels_are_listed(client):
    members = (await client.users_list())["members"]
    assert {user["name"] for user in members} == {"ada", "grace", "linus", "orchestrator"}
    assert (await client.users_info(user="U0LOCALADA1"))["user"]["is_admin"] is True
    assert await refused(client.users_info(user="U1")) == "user_not_found"
    channels = await client.conversations_list(types="public_channel,private_channel")
    assert {c["name"] for c in channels["channels"]} == {
        "general",
        "research",
        "launch",
        "leadership",
    }
    theirs = await client.users_conversations(
        user="U0LOCALLNS1", types="public_channel,private_channel"
    )
    assert "leadership" not in {c["name"] for c in theirs["channels"]}
    opened = await client.conversations_open(users="U0LOCALADA1")
    assert opened["channel"]["id"].startswith("D")
    [group] = (await client.usergroups_list(include_users=True))["usergroups"]
    listed = await client.usergroups_users_list(usergroup=group["id"])
    assert listed["users"] == group["users"]


async def test_channels_that_are_not_there_or_closed_refuse(workspace, client):
    assert await refused(client.chat_postMessage(channel="C1", text="x")) == "channel_not_found"
    storage = workspace.workspace.storage
    general = storage.get("channel", GENERAL)
    storage.put("channel", GENERAL, general | {"is_archived": True})
    assert await refused(client.chat_postMessage(channel=GENERAL, text="x")) == "is_archived"
    outside = general | {"members": ["U0LOCALADA1"]}
    storage.put("channel", GENERAL, outside)
    assert await refused(client.chat_postMessage(channel=GENERAL, text="x")) == "not_in_channel"
    storage.put("channel", GENERAL, outside | {"is_private": True})
    hidden = client.chat_postMessage(channel=GENERAL, text="x")
    assert await refused(hidden) == "channel_not_found"
    storage.put("channel", GENERAL, outside)
    await client.conversations_join(channel=GENERAL)
    await client.chat_postMessage(channel=GENERAL, text="x")


async def test_a_deleted_parent_leaves_a_note_for_its_replies(client, ada):
    parent = (await client.chat_postMessage(channel=GENERAL, text="parent"))["ts"]
    await client.chat_postMessage(channel=GENERAL, text="reply", thread_ts=parent)
    await client.chat_delete(channel=GENERAL, ts=parent)
    [note, _reply] = await ada.messages("#general")
    assert note.data["subtype"] == "tombstone"
    assert await refused(client.chat_delete(channel=GENERAL, ts=parent)) == "message_not_found"


async def test_reactions_of_the_bot(client, ada):
    said = await ada.post("#general", "hello")
    reaction = {"channel": GENERAL, "timestamp": said.ts, "name": "eyes"}
    assert await refused(client.reactions_remove(**reaction)) == "no_reaction"
    await client.reactions_add(**reaction)
    assert await refused(client.reactions_add(**reaction)) == "already_reacted"
    assert await refused(client.reactions_add(**reaction | {"name": "Eyes!"})) == "invalid_name"


async def test_permalinks_lead_to_the_page(workspace, client, ada):
    said = await ada.post("#general", "hello")
    link = (await client.chat_getPermalink(channel=GENERAL, message_ts=said.ts))["permalink"]
    assert link == f"{workspace.url}/archives/{GENERAL}/p{said.ts.replace('.', '')}"
    async with workspace.session.get(link) as response:
        assert response.status == 200


async def test_a_stream_grows_one_message(client, ada):
    said = await ada.post("#general", "hello")
    stream = await client.chat_startStream(
        channel=GENERAL,
        thread_ts=said.ts,
        recipient_user_id=ada.id,
        recipient_team_id="T0LOCAL0001",
    )
    at = {"channel": GENERAL, "ts": stream["ts"]}
    await client.chat_appendStream(**at, markdown_text="**One**")
    await client.chat_appendStream(**at, markdown_text=" two")
    await client.chat_stopStream(**at)
    reply = await ada.wait_for(said, lambda m: m.text == "**One** two")
    assert reply.blocks[0]["type"] == "markdown"
    ended = client.chat_appendStream(**at, markdown_text="!")
    assert await refused(ended) == "message_not_in_streaming_state"


async def test_posting_too_fast_is_limited_for_each_channel(client, workspace):
    for number in range(10):
        await client.chat_postMessage(channel=GENERAL, text=str(number))
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=GENERAL, text="too much")
    assert caught.value.response["error"] == "ratelimited"
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "1"
    await client.chat_postMessage(channel="C0LOCALRES1", text="elsewhere")
    assert [call.error for call in workspace.refused] == ["ratelimited"]


async def test_limits_can_be_changed_and_switched_off(client, workspace):
    await admin(workspace, "limits", method="chat.postMessage", per_minute=1, burst=1)
    await client.chat_postMessage(channel=GENERAL, text="one")
    assert await refused(client.chat_postMessage(channel=GENERAL, text="two")) == "ratelimited"
    await admin(workspace, "limits", enabled=False)
    await client.chat_postMessage(channel=GENERAL, text="three")


async def test_the_library_waits_out_a_rate_limit(client, workspace):
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
    workspace.workspace.rates.set("chat.postMessage", Rate(120, 1))
    for number in range(2):
        await client.chat_postMessage(channel=GENERAL, text=str(number))
    assert [call.error for call in workspace.calls] == [None, "ratelimited", None]


async def test_troubles_on_demand(client, workspace):
    await admin(workspace, "faults", method="chat.update", error="ratelimited", times=2)
    await client.chat_postMessage(channel=GENERAL, text="not this one")
    for _ in range(2):
        with pytest.raises(SlackApiError) as caught:
            await client.chat_update(channel=GENERAL, ts="1", text="x")
        assert caught.value.response.status_code == 429
    assert await refused(client.chat_update(channel=GENERAL, ts="1", text="x")) == (
        "message_not_found"
    )
    await admin(workspace, "faults", status=500)
    with pytest.raises(SlackApiError) as caught:
        await client.auth_test()
    assert caught.value.response.status_code == 500


async def test_an_answer_can_be_lost_after_the_work_was_done(client, workspace, ada):
    await admin(workspace, "faults", method="chat.postMessage", lose_answer=True)
    with pytest.raises(SlackApiError):
        await client.chat_postMessage(channel=GENERAL, text="posted all the same")
    assert [m.text for m in await ada.messages("#general")] == ["posted all the same"]


async def test_missing_scopes_are_named(tmp_path):
    path = tmp_path / "manifest.yml"
    path.write_text("oauth_config: {scopes: {bot: [chat:write, channels:history]}}")
    async with LocalSlack.start(manifest=path) as workspace:
        client = AsyncWebClient(workspace.bot_token, base_url=workspace.api_url)
        await client.chat_postMessage(channel=GENERAL, text="x")
        await client.conversations_history(channel=GENERAL)
        with pytest.raises(SlackApiError) as caught:
            await client.users_list()
        assert caught.value.response["needed"] == "users:read"
        private = client.conversations_history(channel="C0LOCALLEA1")
        assert await refused(private) == "missing_scope"


async def test_a_scope_lets_the_bot_post_in_public_channels_it_is_not_in(tmp_path):
    path = tmp_path / "manifest.yml"
    path.write_text(
        "oauth_config: {scopes: {bot: [chat:write, chat:write.public, channels:manage]}}"
    )
    async with LocalSlack.start(manifest=path) as workspace:
        client = AsyncWebClient(workspace.bot_token, base_url=workspace.api_url)
        await client.conversations_leave(channel=GENERAL)
        posted = await client.chat_postMessage(channel=GENERAL, text="x")
        change = client.chat_update(channel=GENERAL, ts=posted["ts"], text="y")
        assert await refused(change) == "channel_not_found"


async def test_calls_are_recorded_without_tokens(client, workspace):
    await client.chat_postMessage(channel=GENERAL, text="x")
    async with workspace.session.get(f"{workspace.url}/local/calls") as response:
        text = await response.text()
    assert '"chat.postMessage"' in text
    assert workspace.bot_token not in text


async def admin(workspace, path, **body):
    async with workspace.session.post(f"{workspace.url}/local/{path}", json=body) as response:
        assert (await response.json())["ok"]


async def test_reactions_are_read_back(client, ada):
    said = await ada.post("#general", "hello")
    await ada.react(said, "eyes")
    found = await client.reactions_get(channel=GENERAL, timestamp=said.ts)
    assert found["message"]["reactions"] == [{"name": "eyes", "users": [ada.id], "count": 1}]


async def test_a_person_is_found_by_address(client, ada):
    found = await client.users_lookupByEmail(email="Ada@example.com")
    assert found["user"]["id"] == ada.id
    assert await refused(client.users_lookupByEmail(email="x@y.z")) == "users_not_found"


async def test_a_bot_leaves_a_channel_by_itself(client):
    await client.conversations_leave(channel=GENERAL)
    posted = client.chat_postMessage(channel=GENERAL, text="x")
    assert await refused(posted) == "not_in_channel"
    assert (await client.conversations_leave(channel=GENERAL))["not_in_channel"]


async def test_a_deleted_file_is_gone_from_its_message(client, ada):
    uploaded = await client.files_upload_v2(channel=GENERAL, content="x", filename="a.txt")
    file_id = uploaded["files"][0]["id"]
    shared = await ada.wait_for("general", lambda message: bool(message.files))
    await client.files_delete(file=file_id)
    assert (await ada.current(shared)).files == []
    assert await refused(client.files_info(file=file_id)) == "file_not_found"
    foreign = await ada.attach(("b.txt", b"x"))
    assert await refused(client.files_delete(file=foreign)) == "cant_delete_file"


async def test_an_app_that_revokes_its_token_is_out(client):
    assert not (await client.auth_revoke(test=True))["revoked"]
    assert (await client.auth_revoke())["revoked"]
    assert await refused(client.auth_test()) == "account_inactive"


async def test_the_app_is_called_as_its_manifest_says(tmp_path):
    manifest = tmp_path / "votes.yml"
    manifest.write_text(
        "display_information: {name: Votes}\nfeatures: {bot_user: {display_name: votes}}\n"
    )
    async with LocalSlack.start(manifest=manifest) as workspace:
        client = AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url)
        assert (await client.auth_test())["user"] == "votes"
        ada = workspace.person("Ada")
        said = await ada.post("general", "hello @votes")
        assert said.text == f"hello <@{BOT_USER}>"
        posted = await client.chat_postMessage(channel=GENERAL, text="hi")
        assert posted["message"]["bot_profile"]["name"] == "Votes"


async def test_methods_that_read_forms_only_overlook_json(client, workspace):
    await client.chat_postMessage(channel=GENERAL, text="JSON is read here")
    in_json = client.api_call("conversations.info", json={"channel": GENERAL})
    assert await refused(in_json) == "invalid_arguments"
    await client.api_call("conversations.info", params={"channel": GENERAL})
    await client.api_call("conversations.info", data={"channel": GENERAL})
    listed = await client.api_call("users.list", json={"limit": 1})
    assert len(listed["members"]) == 4


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_an_odd_limit_is_refused_or_overlooked(client, limit):
    assert await refused(client.conversations_list(limit=limit)) == "invalid_limit"
    assert await refused(client.users_conversations(limit=limit)) == "invalid_limit"
    await client.conversations_history(channel=GENERAL, limit=limit)


async def test_the_time_of_a_reply_stands_for_its_thread_in_ephemeral_messages(client, ada):
    asked = await ada.post("general", "hello")
    reply = await client.chat_postMessage(channel=GENERAL, text="hi", thread_ts=asked.ts)
    await client.chat_postEphemeral(
        channel=GENERAL, user=ada.id, text="thanks", thread_ts=reply["ts"]
    )
    [seen] = await ada.ephemerals(asked)
    assert (seen.text, seen.thread_ts) == ("thanks", asked.ts)


async def test_a_stream_needs_a_reader(client, ada):
    said = await ada.post("general", "hello")
    place = {"channel": GENERAL, "thread_ts": said.ts}
    nobody = client.chat_startStream(**place)
    assert await refused(nobody) == "missing_recipient_user_id"
    nowhere = client.chat_startStream(**place, recipient_user_id=ada.id)
    assert await refused(nowhere) == "missing_recipient_team_id"


async def test_a_session_says_what_it_lacks(client, ada):
    said = await ada.post("general", "hello")
    call = {"channel_id": GENERAL, "status": "processing"}
    status = "agents.sessions.setStatus"
    assert await refused(client.api_call(status, json=call)) == "thread_ts_required"
    call["thread_ts"] = said.ts
    odd = client.api_call(status, json={**call, "status": "asleep"})
    assert await refused(odd) == "invalid_status"
    await client.conversations_leave(channel=GENERAL)
    assert await refused(client.api_call(status, json=call)) == "not_authorized"


async def test_an_app_outside_the_marketplace_reads_15_messages_once_a_minute(client, workspace):
    workspace.workspace.rates.set("chat.postMessage", Rate(6000, 100))
    for number in range(20):
        await client.chat_postMessage(channel=GENERAL, text=str(number))
    await admin(workspace, "limits", outside_marketplace=True)
    page = await client.conversations_history(channel=GENERAL, limit=100)
    assert (len(page["messages"]), page["has_more"]) == (15, True)
    again = client.conversations_history(channel=GENERAL)
    assert await refused(again) == "ratelimited"
    assert workspace.refused[-1].retry_after_s == 60
