"""Other companies beside the local workspace: partners, organisations, guests, shared channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from bot.localslack import seed
from bot.localslack.directory import Directory
from bot.localslack.ids import new_id
from bot.localslack.manifest import Manifest
from bot.localslack.storage import JsonObject
from bot.localslack.tenants import Installation, Organisation, Team, Tenants

Guest = Literal["multi_channel", "single_channel"]


class Companies:
    """Adds companies, people and channels, and installs the app in them."""

    def __init__(self, tenants: Tenants, directory: Directory, manifest: Manifest):
        self._tenants = tenants
        self._directory = directory
        self._manifest = manifest

    @property
    def home(self) -> Team:
        """The workspace that is always there."""
        return self._tenants.team(seed.TEAM_ID)

    def add_company(
        self, name: str, people: Sequence[str] = (), organisation: Organisation | None = None
    ) -> Team:
        """Add a workspace with these people, the first of whom is its admin, and #general.

        It is a company of its own, or one more workspace of an `organisation`.
        """
        enterprise_id = None if organisation is None else organisation.id
        team = Team(new_id("T"), name, _handle(name), enterprise_id)
        self._tenants.put_team(team)
        ids = [self.add_person(team, person, is_admin=not at) for at, person in enumerate(people)]
        if ids:
            self.add_channel(team, "general", ids)
        return team

    def add_organisation(self, name: str) -> Organisation:
        """Add an organisation (Enterprise Grid), which has no workspaces yet."""
        organisation = Organisation(new_id("E"), name)
        self._tenants.put_organisation(organisation)
        return organisation

    def add_person(
        self, team: Team, real_name: str, *, is_admin: bool = False, guest: Guest | None = None
    ) -> str:
        """Add a person, or a guest, to a workspace. Return the id."""
        handle = real_name.split()[0].casefold()
        profile = {"email": f"{handle}@{team.domain}.example.com"}
        user = seed.user(
            new_id("U"), handle, real_name, profile=profile, is_admin=is_admin, team_id=team.id
        )
        user |= {
            "is_restricted": guest is not None,
            "is_ultra_restricted": guest == "single_channel",
        }
        self._directory.put_user(user)
        self._meet(user["id"])
        return str(user["id"])

    def add_channel(
        self,
        host: Team,
        name: str,
        members: Sequence[str],
        *,
        shared_with: Sequence[Team] = (),
        is_private: bool = False,
    ) -> JsonObject:
        """Add a channel that `host` created, with people by their ids or names there.

        It may be shared with other companies (Slack Connect) or with other workspaces of the
        organisation. The app is a member wherever it is installed.
        """
        teams = [host, *shared_with]
        ids = [self._directory.person(member, *teams)["id"] for member in members]
        bots = [each.bot_user for each in self._tenants.installations() if _is_here(each, teams)]
        channel = seed.channel(new_id("C"), name, [*ids, *bots], is_private=is_private)
        channel |= {"team": host.id, "shared_with": [team.id for team in shared_with]}
        self._directory.put_channel(channel)
        for user_id in ids:
            self._meet(user_id)
        return channel

    def invite(self, channel: JsonObject, user_id: str) -> JsonObject:
        """Bring a person into a channel. Return the channel as it is then."""
        joined = self._directory.join(channel, user_id)
        self._meet(user_id)
        return joined

    def install(self, where: Team | Organisation) -> Installation:
        """Install the app in a workspace or in all of an organisation's, or find it there.

        After it was removed it comes back with another token. It joins public channels only.
        """
        found = self._installed(where)
        if found is not None and found.is_active:
            return found
        installation = self._new(where) if found is None else _again(found)
        self._tenants.put_installation(installation)
        self._directory.put_user(self._account(installation))
        self._join(installation)
        for user in self._directory.users():
            self._meet(user["id"])
        return installation

    def forget_installation(self, where: Team | Organisation) -> None:
        """Make it as if the app was not installed there, without telling the app."""
        found = self._installed(where)
        if found is not None:
            self._tenants.put_installation(replace(found, is_active=False))

    def revoke_token(self, installation: Installation) -> None:
        """Make the token worth nothing, without telling the app."""
        self._tenants.put_installation(_again(installation))

    def _installed(self, where: Team | Organisation) -> Installation | None:
        found = [each for each in self._tenants.installations() if _place(each) == where.id]
        return next(iter(found), None)

    def _new(self, where: Team | Organisation) -> Installation:
        team_id = where.id if isinstance(where, Team) else None
        enterprise_id = where.enterprise_id if isinstance(where, Team) else where.id
        bot_user, bot_id = new_id("U"), new_id("B")
        return Installation(bot_user, bot_id, team_id, enterprise_id, _token(where.id, 1))

    def _account(self, installation: Installation) -> JsonObject:
        team_id = installation.team_id or self._workspaces(installation)[0].id
        name, handle = self._manifest.app_name, self._manifest.handle
        ids = installation.bot_user, installation.bot_id, seed.APP_ID
        return seed.app_user(*ids, name, handle, team_id=team_id)

    def _join(self, installation: Installation) -> None:
        for channel in self._directory.channels():
            is_open = not channel["is_im"] and not channel["is_private"]
            is_member = installation.is_in(channel)
            if is_open and not is_member and self._tenants.sees(installation, channel):
                self._directory.join(channel, installation.bot_user)

    def _workspaces(self, installation: Installation) -> list[Team]:
        return [team for team in self._tenants.teams() if installation.covers(team)]

    def _meet(self, user_id: str) -> None:
        """Give a person a conversation with the bot they meet."""
        user = self._directory.user(user_id)
        assert user is not None, "people are stored before they meet anybody"
        bot = self._directory.bot_of(user_id)
        may = not user["is_bot"] and bot.is_active and self._tenants.knows(bot, user)
        if not may or self._directory.direct_message(user_id, bot.bot_user):
            return
        own = self._tenants.team(user["team_id"])
        homes = [own] if bot.covers(own) else self._workspaces(bot)
        channel = seed.direct_message(new_id("D"), user_id, bot.bot_user)
        channel |= {"team": homes[0].id, "shared_with": [] if own in homes else [own.id]}
        self._directory.put_channel(channel)


def _place(installation: Installation) -> str | None:
    return installation.team_id or installation.enterprise_id


def _is_here(installation: Installation, teams: Sequence[Team]) -> bool:
    return installation.is_active and any(installation.covers(team) for team in teams)


def _again(installation: Installation) -> Installation:
    old = (*installation.old_tokens, installation.token)
    token = _token(_place(installation) or "", len(old) + 1)
    return replace(installation, token=token, old_tokens=old, is_active=True)


def _token(place: str, number: int) -> str:
    return f"xoxb-{place}-{number}"


def _handle(name: str) -> str:
    return "-".join(name.casefold().split())
