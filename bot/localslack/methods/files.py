"""files.*: uploads in two steps, and what is known of a file"""

from __future__ import annotations

from bot.localslack import limits
from bot.localslack.errors import ApiError
from bot.localslack.methods.base import ApiCall, Method
from bot.localslack.rates import TIER_3, TIER_4
from bot.localslack.storage import JsonObject
from bot.localslack.tenants import Installation
from bot.localslack.workspace import Workspace


def get_upload_url(call: ApiCall) -> JsonObject:
    """files.getUploadURLExternal"""
    length = call.required("length")
    if not length.isdigit():
        raise ApiError("invalid_arguments", ["[ERROR] length must be a number"])
    owner, name = call.bot.bot_user, call.required("filename")
    file_id, url = call.workspace.files.begin(owner, name, int(length))
    return {"file_id": file_id, "upload_url": url}


def complete_upload(call: ApiCall) -> JsonObject:
    """files.completeUploadExternal"""
    listed = call.objects("files", "invalid_arguments")
    if not listed:
        raise ApiError("invalid_arguments", ["[ERROR] missing required field: files"])
    channels = _channels(call)
    thread_ts = call.optional("thread_ts")
    for channel in channels:
        if thread_ts and call.workspace.messages.find(channel, thread_ts) is None:
            raise ApiError("invalid_thread_ts")
    files = [
        call.workspace.files.complete(str(item.get("id", "")), item.get("title")) for item in listed
    ]
    text = limits.cut_text(call.optional("initial_comment") or "")
    body = {**call.bot.author, "text": text, "file_ids": [file["id"] for file in files]}
    for channel in channels:
        call.workspace.messages.post(channel, body, thread_ts=thread_ts)
    found = [call.workspace.files.find(file["id"]) for file in files]
    return {"files": [call.workspace.files.shown(file) for file in found if file]}


def info(call: ApiCall) -> JsonObject:
    """files.info"""
    file = call.workspace.files.find(call.required("file"))
    if file is None or not bot_may_see(call.workspace, call.bot, file):
        raise ApiError("file_not_found")
    return {"file": call.workspace.files.shown(file)}


def delete(call: ApiCall) -> JsonObject:
    """files.delete"""
    file = call.workspace.files.find(call.required("file"))
    if file is None:
        raise ApiError("file_not_found")
    if file["user"] != call.bot.bot_user:
        raise ApiError("cant_delete_file")
    call.workspace.files.delete(file)
    return {}


def bot_may_see(workspace: Workspace, bot: Installation, file: JsonObject) -> bool:
    """Whether the file is the bot's or was posted where the bot is."""
    if file["user"] == bot.bot_user:
        return True
    shared = {channel for channel, _ in file["shares"]}
    channels = workspace.directory.channels()
    return any(c["id"] in shared and bot.is_in(c) for c in channels)


def _channels(call: ApiCall) -> list[JsonObject]:
    named = call.optional("channels") or call.optional("channel_id")
    found = []
    for name in (named or "").split(","):
        if not name:
            continue
        channel = call.workspace.directory.channel_of(call.bot, name)
        if channel is None or not call.bot.is_in(channel):
            raise ApiError("channel_not_found" if channel is None else "not_in_channel")
        found.append(channel)
    return found


METHODS = (
    Method("files.getUploadURLExternal", get_upload_url, TIER_4, ("files:write",), json=False),
    Method("files.completeUploadExternal", complete_upload, TIER_4, ("files:write",)),
    Method("files.delete", delete, TIER_3, ("files:write",)),
    Method("files.info", info, TIER_4, ("files:read",), json=False),
)
