"""Modals, of which each person may have three on top of each other, and Home tabs."""

from __future__ import annotations

import secrets

from bot.localslack import limits, seed
from bot.localslack.controls import with_ids
from bot.localslack.errors import ApiError, PersonError
from bot.localslack.feed import Feed
from bot.localslack.ids import Clock, new_id
from bot.localslack.inputs import State, initial_state
from bot.localslack.storage import JsonObject, Storage
from bot.localslack.tenants import Installation, Tenants

MOST_MODALS = 3


class Views:
    """The open views of all people."""

    def __init__(self, storage: Storage, tenants: Tenants, clock: Clock, feed: Feed):
        self._storage = storage
        self._tenants = tenants
        self._clock = clock
        self._feed = feed

    def stack(self, user: str) -> list[JsonObject]:
        """The open modals of a person, the top last."""
        stored = self._storage.get("views", user)
        return [] if stored is None else list(stored["stack"])

    def home(self, user: str, bot: Installation) -> JsonObject | None:
        """A person's Home tab of that bot, once there is one."""
        return self._storage.get("home", f"{user}/{bot.bot_user}")

    def open(self, bot: Installation, user: str, view: JsonObject) -> JsonObject:
        """Open a modal, in place of any that are open. Raises `ApiError`."""
        limits.check_modal(view)
        self._check_external_id(bot, view)
        opened = self._new(bot, user, view)
        opened["root_view_id"] = opened["id"]
        self._save(user, [opened])
        return opened

    def push(self, bot: Installation, user: str, view: JsonObject) -> JsonObject:
        """Open a modal on top of the one that is open. Raises `ApiError`."""
        limits.check_modal(view)
        self._check_external_id(bot, view)
        stack = self.stack(user)
        if not stack:
            raise ApiError("not_found")
        if len(stack) >= MOST_MODALS:
            raise ApiError("push_limit_reached")
        opened = self._new(bot, user, view)
        opened |= {"previous_view_id": stack[-1]["id"], "root_view_id": stack[0]["id"]}
        self._save(user, [*stack, opened])
        return opened

    def update(
        self, bot: Installation, key: str, view: JsonObject, view_hash: str | None = None
    ) -> JsonObject:
        """Change an open view, named by its id or external id. Raises `ApiError`."""
        found = self._find(bot, key)
        if found is None:
            raise ApiError("not_found")
        user, current = found
        if view_hash is not None and view_hash != current["hash"]:
            raise ApiError("hash_conflict")
        if current["type"] == "home":
            return self.publish(bot, user, view)
        limits.check_modal(view)
        changed = self._changed(bot, user, current, view)
        stack = [changed if open_["id"] == current["id"] else open_ for open_ in self.stack(user)]
        self._save(user, stack)
        return changed

    def publish(
        self, bot: Installation, user: str, view: JsonObject, view_hash: str | None = None
    ) -> JsonObject:
        """Set a person's Home tab. Raises `ApiError`."""
        limits.check_home(view)
        current = self.home(user, bot)
        if view_hash is not None and current is not None and view_hash != current["hash"]:
            raise ApiError("hash_conflict")
        if current is None:
            published = self._new(bot, user, view)
        else:
            published = self._changed(bot, user, current, view)
        published["root_view_id"] = published["id"]
        self._storage.put("home", f"{user}/{bot.bot_user}", published)
        self._feed.publish("home", {"view": published}, [user])
        return published

    def close(self, user: str, view_id: str) -> list[JsonObject]:
        """Close a modal and what is on top of it. Gives the closed ones, the top first."""
        stack = self.stack(user)
        at = next((i for i, view in enumerate(stack) if view["id"] == view_id), None)
        if at is None:
            raise PersonError("view_not_found", "That dialog is not open any more.", 404)
        self._save(user, stack[:at])
        return stack[at:][::-1]

    def clear(self, user: str) -> None:
        """Close all of a person's modals."""
        self._save(user, [])

    def find(self, user: str, view_id: str) -> JsonObject:
        """A view this person has open. Raises `PersonError`."""
        for view in self._views_of(user):
            if view["id"] == view_id:
                return view
        raise PersonError("view_not_found", "That dialog is not open any more.", 404)

    def keep_state(self, user: str, view: JsonObject, state: State) -> JsonObject:
        """Remember what is in a view's inputs. Gives the view with it."""
        changed = {**view, "state": {"values": state}}
        if view["type"] == "home":
            bot = self._tenants.of_bot(view["bot_id"])
            assert bot is not None, "installations are not removed"
            self._storage.put("home", f"{user}/{bot.bot_user}", changed)
        else:
            stack = [changed if v["id"] == view["id"] else v for v in self.stack(user)]
            self._storage.put("views", user, {"user": user, "stack": stack})
        return changed

    def _views_of(self, user: str) -> list[JsonObject]:
        homes = [self.home(user, bot) for bot in self._tenants.installations()]
        return [*self.stack(user), *(home for home in homes if home is not None)]

    def _find(self, bot: Installation, key: str) -> tuple[str, JsonObject] | None:
        for user in self._storage.every("user"):
            for view in self._views_of(user["id"]):
                is_named = key in (view["id"], view.get("external_id") or None)
                if is_named and view["bot_id"] == bot.bot_id:
                    return user["id"], view
        return None

    def _check_external_id(self, bot: Installation, view: JsonObject) -> None:
        external_id = view.get("external_id")
        if external_id and self._find(bot, external_id) is not None:
            raise ApiError("duplicate_external_id")

    def _new(self, bot: Installation, user: str, view: JsonObject) -> JsonObject:
        blocks = with_ids(view["blocks"], [])
        person = self._storage.get("user", user)
        assert person is not None, "views are shown to people who are there"
        return {
            "id": new_id("V"),
            "team_id": person["team_id"],
            "type": view["type"],
            "title": view.get("title"),
            "close": view.get("close"),
            "submit": view.get("submit"),
            "blocks": blocks,
            "private_metadata": view.get("private_metadata", ""),
            "callback_id": view.get("callback_id", ""),
            "external_id": view.get("external_id", ""),
            "state": {"values": initial_state(blocks, {})},
            "hash": self._hash(),
            "clear_on_close": bool(view.get("clear_on_close")),
            "notify_on_close": bool(view.get("notify_on_close")),
            "submit_disabled": bool(view.get("submit_disabled")),
            "previous_view_id": None,
            "root_view_id": None,
            "app_id": seed.APP_ID,
            "app_installed_team_id": bot.team_id or bot.enterprise_id,
            "bot_id": bot.bot_id,
        }

    def _changed(
        self, bot: Installation, user: str, current: JsonObject, view: JsonObject
    ) -> JsonObject:
        """An updated view keeps its id, its place, and what people typed under the same ids."""
        changed = self._new(bot, user, view)
        blocks = with_ids(view["blocks"], current["blocks"])
        state = initial_state(blocks, current["state"]["values"])
        kept = {name: current[name] for name in ("id", "previous_view_id", "root_view_id")}
        return {**changed, **kept, "blocks": blocks, "state": {"values": state}}

    def _hash(self) -> str:
        return f"{int(self._clock())}.{secrets.token_hex(4)}"

    def _save(self, user: str, stack: list[JsonObject]) -> None:
        self._storage.put("views", user, {"user": user, "stack": stack})
        self._feed.publish("views", {"views": stack}, [user])
