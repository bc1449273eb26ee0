"""conversations.*: channels, their members and what was said in them."""

from __future__ import annotations

from bot.localslack import directory
from bot.localslack.errors import ApiError
from bot.localslack.methods.base import ApiCall, Method, make_cursor, read_cursor
from bot.localslack.rates import TIER_2, TIER_3, TIER_4
from bot.localslack.storage import JsonObject, StoredMessage

_TYPES = {"channel": "public_channel", "group": "private_channel", "im": "im", "mpim": "mpim"}
_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
# https://docs.slack.dev/reference/methods/conversations.open
_MOST_TOGETHER = 8


def info(call: ApiCall) -> JsonObject:
    """conversations.info"""
    channel = _shown(call, call.seen_channel("read"))
    if not call.flag("include_num_members"):
        channel.pop("num_members", None)
    return {"channel": channel}


def listed(call: ApiCall) -> JsonObject:
    """conversations.list"""
    return _page(call, _of_types(call, call.bot.bot_user, joined=False))


def of_user(call: ApiCall) -> JsonObject:
    """users.conversations: those a person is in and the bot knows of."""
    user = call.optional("user") or call.bot.bot_user
    person = call.workspace.directory.user(user)
    if person is None or not call.workspace.tenants.knows(call.bot, person):
        raise ApiError("user_not_found")
    return _page(call, _of_types(call, user, joined=True))


def history(call: ApiCall) -> JsonObject:
    """conversations.history"""
    channel = call.channel("history")
    messages = _between(call, call.workspace.messages.history(channel))
    messages.reverse()
    before = read_cursor(call.optional("cursor"))
    if before:
        messages = [message for message in messages if message.ts < before]
    return _messages(call, messages)


def replies(call: ApiCall) -> JsonObject:
    """conversations.replies: the parent and its replies, oldest first"""
    channel = call.channel("history", outside="channel_not_found")
    ts = call.required("ts")
    messages = call.workspace.messages.thread(channel, ts)
    if not messages:
        raise ApiError("thread_not_found")
    parent, following = messages[0], _between(call, messages[1:])
    after = read_cursor(call.optional("cursor"))
    if after:
        following = [message for message in following if message.ts > after]
        return _messages(call, following)
    return _messages(call, [parent, *following])


def members(call: ApiCall) -> JsonObject:
    """conversations.members"""
    channel = call.seen_channel("read")
    found, cursor = call.page(call.workspace.directory.active_members(channel), call.strict_limit())
    return {"members": found, "response_metadata": {"next_cursor": cursor}}


def open_(call: ApiCall) -> JsonObject:
    """conversations.open: a person's messages with the bot, or those of several"""
    if call.optional("channel") is not None:
        channel, is_open = call.seen_channel(), True
        if not channel["is_im"] and not channel.get("is_mpim"):
            raise ApiError("method_not_supported_for_channel_type")
    else:
        channel, is_open = _opened(call, _asked_for(call))
    shown = _shown(call, channel) if call.flag("return_im") else {"id": channel["id"]}
    return {"channel": shown, **({"no_op": True, "already_open": True} if is_open else {})}


def _asked_for(call: ApiCall) -> list[str]:
    """Return whom conversations.open is to bring together, without the bot itself."""
    users = [user.strip() for user in (call.optional("users") or "").split(",")]
    asked_for = [user for user in dict.fromkeys(users) if user and user != call.bot.bot_user]
    if not asked_for:
        raise ApiError("users_list_not_supplied")
    if len(asked_for) > _MOST_TOGETHER:
        raise ApiError("too_many_users")
    for user_id in asked_for:
        user = call.workspace.directory.user(user_id)
        if user is None or not call.workspace.tenants.knows(call.bot, user):
            raise ApiError("user_not_found")
        if user["deleted"]:
            raise ApiError("user_disabled")
    return asked_for


def _opened(call: ApiCall, users: list[str]) -> tuple[JsonObject, bool]:
    """Return the direct message with these people, and whether there was one before."""
    here = call.workspace.directory
    members = [*users, call.bot.bot_user]
    found = here.group_message(members)
    if len(users) == 1:
        found = here.direct_message(users[0], call.bot.bot_user)
        if found is None:
            raise ApiError("user_not_found")
    if found is not None:
        return found, True
    team = call.workspace.directory.team_of(users[0])
    opened = here.open_group_message(members, team)
    call.workspace.feed.publish("channel", directory.for_person(opened), opened["members"])
    return opened, False


def join(call: ApiCall) -> JsonObject:
    """conversations.join"""
    channel = call.seen_channel()
    if channel["is_private"]:
        raise ApiError("method_not_supported_for_channel_type")
    if call.bot.is_in(channel):
        return {"channel": _shown(call, channel), "warning": "already_in_channel"}
    joined = call.workspace.directory.join(channel, call.bot.bot_user)
    call.workspace.feed.publish("channel", directory.for_person(joined), joined["members"])
    return {"channel": _shown(call, joined)}


def leave(call: ApiCall) -> JsonObject:
    """conversations.leave"""
    channel = call.seen_channel()
    if channel["is_im"] or channel.get("is_mpim"):
        raise ApiError("method_not_supported_for_channel_type")
    if not call.bot.is_in(channel):
        return {"not_in_channel": True}
    left = call.workspace.directory.leave(channel, call.bot.bot_user)
    call.workspace.feed.publish("channel", directory.for_person(left), left["members"])
    return {}


def _of_types(call: ApiCall, user: str, *, joined: bool) -> list[JsonObject]:
    types = (call.optional("types") or "public_channel").split(",")
    if set(types) - set(_TYPES.values()):
        raise ApiError("invalid_types")
    found = []
    for channel in call.workspace.directory.channels_of(call.bot, call.team):
        known = not channel["is_private"] or call.bot.is_in(channel)
        theirs = user in channel["members"] or not joined
        if known and theirs and _TYPES[directory.kind_of(channel)] in types:
            found.append(channel)
    return found


def _page(call: ApiCall, channels: list[JsonObject]) -> JsonObject:
    found, cursor = call.page([_shown(call, channel) for channel in channels], call.strict_limit())
    return {"channels": found, "response_metadata": {"next_cursor": cursor}}


def _shown(call: ApiCall, channel: JsonObject) -> JsonObject:
    return call.workspace.perspective.channel(call.bot, channel)


def _between(call: ApiCall, messages: list[StoredMessage]) -> list[StoredMessage]:
    oldest, latest = call.optional("oldest") or "0", call.optional("latest") or "9"
    inclusive = call.flag("inclusive")
    return [
        message
        for message in messages
        if oldest < message.ts < latest or (inclusive and message.ts in (oldest, latest))
    ]


def _messages(call: ApiCall, messages: list[StoredMessage]) -> JsonObject:
    limit = call.limit(call.workspace.rates.most_messages)
    shown = messages[:limit]
    metadata = call.flag("include_all_metadata")
    answer: JsonObject = {
        "messages": [call.shown(m, metadata=metadata) for m in shown],
        "has_more": len(messages) > limit,
    }
    if len(messages) > limit:
        answer["response_metadata"] = {"next_cursor": make_cursor(shown[-1].ts)}
    return answer


METHODS = (
    Method("conversations.info", info, TIER_3, _READ, json=False),
    Method("conversations.list", listed, TIER_2, _READ, json=False),
    Method("users.conversations", of_user, TIER_3, _READ, json=False),
    Method("conversations.history", history, TIER_3, _HISTORY),
    Method("conversations.replies", replies, TIER_3, _HISTORY, json=False),
    Method("conversations.members", members, TIER_4, _READ, json=False),
    Method("conversations.open", open_, TIER_3, ("im:write", "channels:manage", "mpim:write")),
    Method("conversations.leave", leave, TIER_3, ("channels:manage", "groups:write")),
    Method("conversations.join", join, TIER_3, ("channels:join",)),
)
