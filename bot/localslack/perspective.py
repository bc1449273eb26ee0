"""What one installation of the app is shown: a channel, a person or a message looks different
from another company."""

from __future__ import annotations

from typing import Any

from bot.localslack.storage import JsonObject, Storage
from bot.localslack.tenants import Installation, Team, Tenants

_ADMIN = ("is_admin", "is_owner", "is_primary_owner")


class Perspective:
    """Shows things as the Web API and events show them to an installation.

    https://docs.slack.dev/apis/slack-connect
    """

    def __init__(self, storage: Storage, tenants: Tenants):
        self._storage = storage
        self._tenants = tenants

    def channel(self, viewer: Installation, channel: JsonObject) -> JsonObject:
        """Show a channel."""
        home = self._tenants.home_of(viewer, channel)
        common = {
            "id": channel["id"],
            "created": channel["created"],
            "is_archived": channel.get("is_archived", False),
            "is_im": channel["is_im"],
            "is_org_shared": self.is_org_shared(channel),
            "context_team_id": home.id,
        }
        if channel["is_im"]:
            return {**common, "user": channel["user"], "is_user_deleted": False, "priority": 0}
        return {
            **common,
            **self._sharing(channel, home),
            "name": channel["name"],
            "name_normalized": channel["name"],
            "is_channel": not channel["is_private"],
            "is_group": False,
            "is_mpim": bool(channel.get("is_mpim")),
            "is_private": channel["is_private"],
            "is_general": channel["name"] == "general",
            "is_member": viewer.is_in(channel),
            "creator": channel["creator"],
            "topic": {"value": channel["topic"], "creator": channel["creator"], "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
            "num_members": len(channel["members"]),
        }

    def user(self, viewer: Installation, user: JsonObject) -> JsonObject:
        """Show a person; of another company's people Slack says less."""
        team = self._tenants.team(user["team_id"])
        shown = {**user, **self._enterprise_user(user, team)}
        if not self._tenants.is_foreign(viewer, user):
            return shown
        profile = {key: value for key, value in user["profile"].items() if key != "email"}
        shown = {key: value for key, value in shown.items() if key not in _ADMIN}
        return {**shown, "profile": profile, "is_stranger": not self._meets(viewer, user)}

    def author(self, viewer: Installation, user_id: str) -> JsonObject:
        """Show whose person wrote a message; nothing of one's own company's people."""
        user = self._storage.get("user", user_id)
        if user is None or not self._tenants.is_foreign(viewer, user):
            return {}
        company = self._tenants.team(user["team_id"]).company_id
        return {
            "user_team": company,
            "source_team": company,
            "user_profile": _profile(user, company),
        }

    def is_foreign(self, viewer: Installation, user_id: str) -> bool:
        """Whether somebody belongs to another company."""
        user = self._storage.get("user", user_id)
        return user is not None and self._tenants.is_foreign(viewer, user)

    def is_ext_shared(self, channel: JsonObject) -> bool:
        """Whether companies share the channel (Slack Connect)."""
        return len({team.company_id for team in self._tenants.teams_of(channel)}) > 1

    def is_org_shared(self, channel: JsonObject) -> bool:
        """Whether workspaces of one organisation share the channel."""
        teams = self._tenants.teams_of(channel)
        return len({team.company_id for team in teams}) < len(teams)

    def _sharing(self, channel: JsonObject, home: Team) -> dict[str, Any]:
        teams = self._tenants.teams_of(channel)
        shown = {
            "is_shared": len(teams) > 1,
            "is_ext_shared": self.is_ext_shared(channel),
            "is_pending_ext_shared": False,
            "pending_shared": [],
            "pending_connected_team_ids": [],
            "shared_team_ids": [team.id for team in teams],
        }
        if len(teams) == 1:
            return shown
        ours = [team.id for team in teams if team.company_id == home.company_id]
        others = {team.company_id for team in teams} - {home.company_id}
        return {
            **shown,
            "internal_team_ids": ours,
            "connected_team_ids": sorted(others),
            "conversation_host_id": teams[0].id,
        }

    def _enterprise_user(self, user: JsonObject, team: Team) -> dict[str, Any]:
        if team.enterprise_id is None:
            return {}
        organisation = self._tenants.organisation(team.enterprise_id)
        known = {
            "id": user["id"],
            "enterprise_id": organisation.id,
            "enterprise_name": organisation.name,
            "is_admin": user["is_admin"],
            "is_owner": user["is_owner"],
            "teams": [team.id],
        }
        return {"enterprise_user": known}

    def _meets(self, viewer: Installation, user: JsonObject) -> bool:
        """Whether the person is in a channel that the bot is in, too."""
        channels = self._storage.every("channel")
        return any(user["id"] in c["members"] and viewer.is_in(c) for c in channels)


def _profile(user: JsonObject, company: str) -> dict[str, Any]:
    return {
        "avatar_hash": "",
        "image_72": "",
        "first_name": user["real_name"].split()[0],
        "real_name": user["real_name"],
        "display_name": user["profile"]["display_name"],
        "team": company,
        "name": user["name"],
        "is_restricted": user["is_restricted"],
        "is_ultra_restricted": user["is_ultra_restricted"],
    }
