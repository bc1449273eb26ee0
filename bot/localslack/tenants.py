"""Companies with their workspaces, and where the app is installed."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from bot.localslack import seed
from bot.localslack.storage import JsonObject, Storage


@dataclass(frozen=True, slots=True)
class Team:
    """A workspace. `enterprise_id` is the organisation it belongs to, if any."""

    id: str
    name: str
    domain: str
    enterprise_id: str | None = None

    @property
    def company_id(self) -> str:
        """How other companies know whose people these are: by organisation where there is one."""
        return self.enterprise_id or self.id


@dataclass(frozen=True, slots=True)
class Organisation:
    """Several workspaces of one company (Enterprise Grid)."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Installation:
    """The app in one workspace, or (without `team_id`) in all workspaces of an organisation.

    `token` is what it may call the Web API with; `old_tokens` were revoked.
    """

    bot_user: str
    bot_id: str
    team_id: str | None
    enterprise_id: str | None
    token: str
    old_tokens: tuple[str, ...] = ()
    is_active: bool = True

    @property
    def is_org(self) -> bool:
        """Whether an organisation installed the app as a whole."""
        return self.team_id is None

    @property
    def author(self) -> JsonObject:
        """What marks a message as this bot's."""
        return {"user": self.bot_user, "bot_id": self.bot_id, "app_id": seed.APP_ID}

    def token_problem(self, token: str | None) -> str | None:
        """Why a token of this installation is not taken, as an error code; None where it is."""
        if token != self.token:
            return "token_revoked"
        return None if self.is_active else "account_inactive"

    def covers(self, team: Team) -> bool:
        """Whether the app is at home in that workspace."""
        if self.is_org:
            return team.enterprise_id == self.enterprise_id
        return team.id == self.team_id

    def is_in(self, channel: JsonObject) -> bool:
        """Whether the bot is a member of that channel."""
        return self.bot_user in channel["members"]


class Tenants:
    """Looks up workspaces, organisations and installations."""

    def __init__(self, storage: Storage):
        self._storage = storage

    def teams(self) -> list[Team]:
        """Every workspace, the one that is always there first."""
        teams = [_team(body) for body in self._storage.every("workspace")]
        return sorted(teams, key=lambda team: team.id != seed.TEAM_ID)

    def team(self, team_id: str) -> Team:
        """One workspace."""
        found = self._storage.get("workspace", team_id)
        assert found is not None, "a workspace is stored before its people and channels are"
        return _team(found)

    def find_team(self, name: str) -> Team | None:
        """A workspace by id, name or domain."""
        wanted = name.casefold()
        for team in self.teams():
            if wanted in (team.id.casefold(), team.name.casefold(), team.domain):
                return team
        return None

    def put_team(self, team: Team) -> None:
        """Store a workspace."""
        self._storage.put("workspace", team.id, asdict(team))

    def organisation(self, enterprise_id: str) -> Organisation:
        """One organisation."""
        found = self._storage.get("organisation", enterprise_id)
        assert found is not None, "an organisation is stored before its workspaces are"
        return Organisation(**found)

    def put_organisation(self, organisation: Organisation) -> None:
        """Store an organisation."""
        self._storage.put("organisation", organisation.id, asdict(organisation))

    def installations(self) -> list[Installation]:
        """Every place the app is or was installed in, the one of the first workspace first."""
        found = [_installation(body) for body in self._storage.every("installation")]
        return sorted(found, key=lambda each: each.team_id != seed.TEAM_ID)

    def put_installation(self, installation: Installation) -> None:
        """Store an installation."""
        self._storage.put("installation", installation.bot_user, asdict(installation))

    def of_token(self, token: str) -> Installation | None:
        """The installation a token belongs or belonged to."""
        for each in self.installations():
            if token in (each.token, *each.old_tokens):
                return each
        return None

    def of_bot(self, bot: str) -> Installation | None:
        """The installation of a bot, by its user id or its bot id."""
        for each in self.installations():
            if bot in (each.bot_user, each.bot_id):
                return each
        return None

    def of_team(self, team_id: str) -> Installation | None:
        """The installation that is at home in a workspace: its own before its organisation's."""
        found = self.home_bot(self.team(team_id))
        return found if found is not None and found.is_active else None

    def home_bot(self, team: Team) -> Installation | None:
        """The same, whether or not the app was removed since."""
        found = [each for each in self.installations() if each.covers(team)]
        return min(found, key=lambda each: (not each.is_active, each.is_org), default=None)

    def in_channel(self, channel: JsonObject) -> list[Installation]:
        """The installations whose bot is in that channel."""
        return [each for each in self.installations() if each.is_active and each.is_in(channel)]

    def teams_of(self, channel: JsonObject) -> list[Team]:
        """The workspaces a channel belongs to, the one that hosts it first."""
        return [self.team(team_id) for team_id in team_ids_of(channel)]

    def sees(self, installation: Installation, channel: JsonObject) -> bool:
        """Whether the channel exists for that installation at all."""
        if channel["is_im"]:
            return installation.is_in(channel)
        return any(installation.covers(team) for team in self.teams_of(channel))

    def knows(self, installation: Installation, user: JsonObject) -> bool:
        """Whether a person's company is this installation's, or shares a channel with it."""
        theirs = self.team(user["team_id"])
        if installation.covers(theirs):
            return True
        return any(self._connects(installation, theirs, c) for c in self._storage.every("channel"))

    def is_foreign(self, installation: Installation, user: JsonObject) -> bool:
        """Whether a person belongs to another company than the one that installed the app."""
        team = self.team(user["team_id"])
        return self.company_of(installation) != team.company_id

    def company_of(self, installation: Installation) -> str:
        """The organisation or, where there is none, the workspace that installed the app."""
        if installation.team_id is None:
            return installation.enterprise_id or ""
        return self.team(installation.team_id).company_id

    def home_of(self, installation: Installation, channel: JsonObject) -> Team:
        """The workspace through which the app is in that channel."""
        teams = self.teams_of(channel)
        return next((team for team in teams if installation.covers(team)), teams[0])

    def _connects(self, installation: Installation, team: Team, channel: JsonObject) -> bool:
        return team.id in team_ids_of(channel) and self.sees(installation, channel)


def team_ids_of(channel: JsonObject) -> list[str]:
    """The ids of the workspaces a channel belongs to, the one that hosts it first."""
    return [channel.get("team") or seed.TEAM_ID, *channel.get("shared_with", ())]


def _team(body: JsonObject) -> Team:
    return Team(body["id"], body["name"], body["domain"], body.get("enterprise_id"))


def _installation(body: JsonObject) -> Installation:
    return Installation(**{**body, "old_tokens": tuple(body["old_tokens"])})
