"""Who administers a workspace."""

import pytest

from bot.access import Access
from bot.people import People
from bot.starters import Starters
from orchestrator.commands import Actor

TEAM = "T1"


class Slack:
    """Knows one person."""

    def __init__(self, user):
        self._user = user

    async def __call__(self, team_id):
        return self

    async def users_info(self, user):
        return {"user": {"id": user, **self._user}}


@pytest.mark.parametrize(
    ("user", "is_admin"),
    [
        ({"team_id": "T1", "is_admin": True}, True),
        ({"team_id": "T1", "is_owner": True}, True),
        ({"team_id": "T1"}, False),
        # In shared channels Slack describes people of other companies, with what they are there.
        ({"team_id": "T2", "is_admin": True}, False),
        ({"team_id": "T2", "is_owner": True, "is_stranger": True}, False),
        ({"team_id": "T1", "is_admin": True, "deleted": True}, False),
        ({"team_id": "T1", "is_admin": True, "is_bot": True}, False),
        ({"team_id": "T1", "is_admin": True, "is_restricted": True}, False),
        ({"team_id": "T2", "is_admin": True, "enterprise_user": {"teams": ["T1", "T2"]}}, True),
    ],
)
async def test_only_members_of_a_workspace_administer_it(user, is_admin):
    slack = Slack(user)
    access = Access(None, slack, People(slack), Starters(), 6)
    assert await access.is_admin(Actor(TEAM, "U1")) is is_admin
