"""Who and what is in a new workspace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.localslack.storage import Storage

BOT_TOKEN = "xoxb-local"  # noqa: S105 - fixed and public: the workspace listens on 127.0.0.1 only
APP_TOKEN = "xapp-local"  # noqa: S105
CLIENT_ID = "1000000000.2000000000"
CLIENT_SECRET = "local-client-secret"  # noqa: S105
SIGNING_SECRET = "local-signing-secret"  # noqa: S105
TEAM_ID = "T0LOCAL0001"
APP_ID = "A0LOCALAPP1"
BOT_ID = "B0LOCALBOT1"
BOT_USER = "U0LOCALBOT1"
ADA, GRACE, LINUS = "U0LOCALADA1", "U0LOCALGRC1", "U0LOCALLNS1"

_PEOPLE = (
    (ADA, "ada", "Ada Lovelace", True, "Europe/London", "#7c3aed"),
    (GRACE, "grace", "Grace Hopper", False, "America/New_York", "#0e7490"),
    (LINUS, "linus", "Linus Torvalds", False, "America/Los_Angeles", "#b45309"),
)
_CHANNELS = (
    ("C0LOCALGEN1", "general", "Everything that concerns everyone", False, (ADA, GRACE, LINUS)),
    ("C0LOCALRES1", "research", "What we want to know", False, (ADA, GRACE, LINUS)),
    ("C0LOCALLAU1", "launch", "What we are about to ship", False, (ADA, GRACE, LINUS)),
    ("C0LOCALLEA1", "leadership", "Plans not yet public", True, (ADA, GRACE)),
)
_CREATED = 1_700_000_000
_AVATARS = "https://avatars.slack-edge.com/local"
_SIZES = (24, 32, 48, 72, 192, 512)


def seed(storage: Storage, app_name: str = "Orchestrator", handle: str = "orchestrator") -> None:
    """Fill an empty storage; one that has a workspace only learns what the app is called."""
    storage.put("user", BOT_USER, app_user(BOT_USER, BOT_ID, APP_ID, app_name, handle))
    team = storage.get("workspace", TEAM_ID)
    if not storage.get("installation", BOT_USER):
        is_active = bool((team or {}).get("is_installed", True))
        storage.put("installation", BOT_USER, _installation(is_active=is_active))
    if team:
        return
    for person in _people():
        storage.put("user", person["id"], person)
    for place in [*_channels(), *_direct_messages()]:
        storage.put("channel", place["id"], place)
    storage.put("usergroup", "S0LOCALLEA1", _leads())
    storage.put(
        "workspace",
        TEAM_ID,
        {"id": TEAM_ID, "name": "Local workspace", "domain": "local"},
    )


def app_user(
    user_id: str,
    bot_id: str,
    app_id: str,
    name: str,
    handle: str = "",
    *,
    team_id: str = TEAM_ID,
) -> dict[str, Any]:
    """Return the member of a workspace that an app's bot is."""
    handle = handle or name.casefold().replace(" ", "_")
    ids = {"bot_id": bot_id, "api_app_id": app_id}
    return user(user_id, handle, name, color="#15803d", profile=ids, is_bot=True, team_id=team_id)


def bot_profile(
    bot_id: str, app_id: str, user_id: str, name: str, *, team_id: str = TEAM_ID
) -> dict[str, Any]:
    """Return what messages of a bot say of it."""
    return {
        "id": bot_id,
        "app_id": app_id,
        "user_id": user_id,
        "name": name,
        "icons": {f"image_{size}": f"{_AVATARS}/{bot_id}_{size}.png" for size in (36, 48, 72)},
        "deleted": False,
        "updated": _CREATED,
        "team_id": team_id,
    }


def _people() -> list[dict[str, Any]]:
    return [
        user(
            user_id,
            name,
            real_name,
            tz=tz,
            color=color,
            profile={"email": f"{name}@example.com"},
            is_admin=is_admin,
        )
        for user_id, name, real_name, is_admin, tz, color in _PEOPLE
    ]


def user(
    user_id: str,
    name: str,
    real_name: str,
    *,
    profile: dict[str, str],
    tz: str = "UTC",
    color: str = "#be185d",
    is_admin: bool = False,
    is_bot: bool = False,
    team_id: str = TEAM_ID,
) -> dict[str, Any]:
    """Return an account; `profile` is what more its profile says."""
    first, _, last = real_name.partition(" ")
    display = real_name if is_bot else name
    return {
        "id": user_id,
        "team_id": team_id,
        "name": name,
        "deleted": False,
        "color": color.removeprefix("#"),
        "real_name": real_name,
        "tz": tz,
        "profile": {
            "real_name": real_name,
            "real_name_normalized": real_name,
            "display_name": display,
            "display_name_normalized": display,
            "first_name": first,
            "last_name": last,
            "title": "",
            "phone": "",
            "skype": "",
            "status_text": "",
            "status_emoji": "",
            "status_expiration": 0,
            "always_active": is_bot,
            "avatar_hash": user_id[2:].lower(),
            **{f"image_{size}": f"{_AVATARS}/{user_id}_{size}.png" for size in _SIZES},
            "team": team_id,
            **profile,
        },
        "is_admin": is_admin,
        "is_owner": is_admin,
        "is_primary_owner": is_admin,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "is_bot": is_bot,
        "is_app_user": False,
        "is_email_confirmed": not is_bot,
        "who_can_share_contact_card": "EVERYONE",
        "updated": _CREATED,
    }


def channel(
    channel_id: str, name: str, members: Sequence[str], *, is_private: bool, topic: str = ""
) -> dict[str, Any]:
    """Return a channel, created by its first member."""
    return {
        "id": channel_id,
        "name": name,
        "is_im": False,
        "is_private": is_private,
        "topic": topic,
        "created": _CREATED,
        "creator": members[0],
        "members": list(members),
    }


def direct_message(channel_id: str, user_id: str, bot: str) -> dict[str, Any]:
    """Return a person's conversation with a bot."""
    return {
        "id": channel_id,
        "name": "",
        "is_im": True,
        "is_private": True,
        "topic": "",
        "created": _CREATED,
        "user": user_id,
        "members": [user_id, bot],
    }


def _installation(*, is_active: bool) -> dict[str, Any]:
    return {
        "bot_user": BOT_USER,
        "bot_id": BOT_ID,
        "team_id": TEAM_ID,
        "enterprise_id": None,
        "token": BOT_TOKEN,
        "old_tokens": [],
        "is_active": is_active,
    }


def _channels() -> list[dict[str, Any]]:
    return [
        channel(channel_id, name, [*members, BOT_USER], is_private=is_private, topic=topic)
        for channel_id, name, topic, is_private, members in _CHANNELS
    ]


def _direct_messages() -> list[dict[str, Any]]:
    return [
        direct_message(f"D{user_id.removeprefix('U')}", user_id, BOT_USER)
        for user_id, *_ in _PEOPLE
    ]


def _leads() -> dict[str, Any]:
    return {
        "id": "S0LOCALLEA1",
        "team_id": TEAM_ID,
        "is_usergroup": True,
        "name": "Leads",
        "handle": "leads",
        "description": "Those who decide",
        "date_create": _CREATED,
        "users": [ADA, GRACE],
        "user_count": 2,
    }
