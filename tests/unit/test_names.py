"""Names behind ids: looked up at once, remembered, and never a reason to fail."""

import asyncio

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.markup import Kind, Reference
from bot.names import Names
from bot.people import People

GRACE = Reference(Kind.USER, "U0GRACE", "grace")


class Slack:
    """The three calls, counted; `error` is what all of them answer."""

    def __init__(self):
        self.calls = []
        self.error = None
        self.users = {"U0GRACE": "Grace Hopper", "U1GRACE": "Grace Hopper", "U0EVIL": "<!here>\nx"}
        self.free = asyncio.Event()
        self.free.set()

    async def __call__(self, team_id):
        return self

    async def users_info(self, user):
        await self._answer(("users.info", user))
        profile = {"display_name": self.users[user]}
        return {"user": {"id": user, "name": "x", "profile": profile, "is_bot": user == "U0EVIL"}}

    async def conversations_info(self, channel):
        await self._answer(("conversations.info", channel))
        private = channel == "C0SECRET"
        return {"channel": {"name": channel.lower(), "is_channel": True, "is_private": private}}

    async def usergroups_list(self):
        await self._answer(("usergroups.list",))
        return {"usergroups": [{"id": "S1", "handle": "dev"}, {"id": "S2", "handle": "ops"}]}

    async def _answer(self, call):
        self.calls.append(call)
        await self.free.wait()
        if self.error is not None:
            raise self.error


def refusal(status, code, **headers):
    response = AsyncSlackResponse(
        client=None,
        http_verb="POST",
        api_url="",
        req_args={},
        data={"ok": False, "error": code},
        headers=headers,
        status_code=status,
    )
    return SlackApiError(code, response)


@pytest.fixture
async def slack():
    return Slack()


@pytest.fixture
def time():
    return [0.0]


@pytest.fixture
async def names(slack, time):
    people = People(slack, clock=lambda: time[0])
    names = Names(slack, people, clock=lambda: time[0])
    yield names
    await names.close()


async def test_names_are_looked_up_once_and_again_when_they_are_old(names, slack, time):
    group, other = Reference(Kind.GROUP, "S1"), Reference(Kind.GROUP, "S2")
    assert await names.of("T1", [GRACE, GRACE, group]) == {"U0GRACE": "Grace Hopper", "S1": "dev"}
    assert await names.of("T1", [GRACE, other]) == {"U0GRACE": "Grace Hopper", "S2": "ops"}
    assert len(slack.calls) == 2
    time[0] += 3_600
    await names.of("T1", [GRACE])
    assert len(slack.calls) == 3


async def test_teams_do_not_share_what_is_known(names, slack):
    await names.of("T1", [GRACE])
    await names.of("T2", [GRACE])
    assert len(slack.calls) == 2


async def test_a_name_can_be_no_markup_and_of_two_alike_each_has_its_id(names):
    evil, twin = Reference(Kind.USER, "U0EVIL"), Reference(Kind.USER, "U1GRACE")
    found = await names.of("T1", [evil, GRACE, twin])
    assert found["U0EVIL"] == "!here x"
    assert found["U0GRACE"] == "Grace Hopper (U0GRACE)"
    assert found["U1GRACE"] == "Grace Hopper (U1GRACE)"


async def test_the_name_of_a_private_channel_is_not_for_everybody(names):
    wanted = [Reference(Kind.CHANNEL, "C0SECRET"), Reference(Kind.CHANNEL, "C0GEN")]
    assert await names.of("T1", wanted) == {"C0GEN": "c0gen"}


async def test_what_slack_refuses_is_left_and_not_asked_again_at_once(names, slack, time):
    slack.error = refusal(200, "missing_scope")
    assert await names.of("T1", [GRACE]) == {}
    assert await names.of("T1", [GRACE]) == {}
    assert len(slack.calls) == 1
    time[0] += 61
    slack.error = None
    assert await names.of("T1", [GRACE]) == {"U0GRACE": "Grace Hopper"}


async def test_after_too_many_calls_no_name_is_asked_for_until_slack_allows(names, slack, time):
    slack.error = refusal(429, "ratelimited", **{"Retry-After": "30"})
    await names.of("T1", [GRACE])
    slack.error = None
    await names.of("T1", [Reference(Kind.USER, "U1GRACE")])
    assert len(slack.calls) == 1
    time[0] += 31
    assert await names.of("T1", [GRACE]) == {"U0GRACE": "Grace Hopper"}


async def test_a_slow_slack_holds_nobody_up_and_many_who_ask_make_one_call(names, slack):
    slack.free.clear()
    asked = await asyncio.gather(*(names.of("T1", [GRACE]) for _ in range(20)))
    assert asked == [{}] * 20
    assert len(slack.calls) == 1


async def test_a_bot_is_no_person_and_neither_is_whoever_is_not_known(names, slack):
    assert await names.is_person("T1", "U0GRACE")
    assert not await names.is_person("T1", "U0EVIL")
    slack.error = refusal(200, "user_not_found")
    assert not await names.is_person("T1", "U0NOBODY")
