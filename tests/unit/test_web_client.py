"""Look-ups keep to what Slack allows, wait as long as it asks, and are not held up for longer."""

import asyncio
from itertools import pairwise

import pytest
from slack_sdk.errors import SlackApiError

from bot.web_client import LOOK_UPS, Budgets, patience
from tests.driven_clock import drive, now, passes
from tests.limited_slack import LimitedSlack
from tests.slack_reference import METHODS

ALLOWED = {"t2": 20, "t3": 50, "t4": 100}
"""Calls in any minute, by the tiers of the reference."""


async def refusal(look_up):
    """What the look-up was refused with, and after how long."""
    begun = now()
    with pytest.raises(SlackApiError) as caught:
        await look_up
    return caught.value.response["error"], now() - begun


def look(slack, number=1):
    return slack.conversations_replies(channel="C1", ts=f"{number}.0")


@pytest.mark.parametrize("method", LOOK_UPS)
def test_no_method_is_asked_more_often_than_its_tier_allows(method):
    async def scene():
        slack = LimitedSlack(call_s=0.01)
        with patience(10_000.0):
            await asyncio.gather(*(slack.api_call(method) for _ in range(300)))
        return slack.asked_at

    asked = drive(scene())
    most = max(sum(at <= other < at + 60 for other in asked) for at in asked)
    assert 0.9 * ALLOWED[METHODS[method]["rate"]] <= most <= ALLOWED[METHODS[method]["rate"]]


def test_a_wait_of_half_a_minute_costs_two_calls_however_many_look():
    async def scene():
        slack = LimitedSlack()
        slack.open_at = 30.0
        await asyncio.gather(*(look(slack, number) for number in range(5)))
        return slack.asked_at

    asked = drive(scene())
    assert len(asked) == 5 + 2
    assert not [at for at in asked if 0.1 < at < 30]


def test_a_wait_that_is_too_long_is_told_at_once_and_slack_is_not_asked_meanwhile():
    async def scene():
        slack = LimitedSlack()
        slack.open_at, slack.retry_after = 60.0, "60"
        first, second = await refusal(look(slack)), await refusal(look(slack, 2))
        await passes(60)
        await look(slack)
        return first, second, len(slack.asked_at)

    assert drive(scene()) == (("ratelimited", 0.1), ("ratelimited", 0.0), 2)


@pytest.mark.parametrize("retry_after", ["", "soon", "0"])
def test_a_wait_without_a_time_is_a_second(retry_after):
    async def scene():
        slack = LimitedSlack()
        slack.open_at, slack.retry_after = 3.0, retry_after
        await look(slack)
        return slack.asked_at

    asked = drive(scene())
    assert 3 <= len(asked) <= 4
    assert all(later - earlier >= 1 for earlier, later in pairwise(asked))


def test_who_is_less_patient_is_refused_earlier():
    async def scene():
        slack = LimitedSlack(call_s=0.0)
        looking = [asyncio.create_task(look(slack, number)) for number in range(40)]
        await passes(0.1)
        with patience(4.0):
            refused = await refusal(look(slack))
        await asyncio.gather(*looking)
        return refused, len(slack.asked_at)

    assert drive(scene()) == (("ratelimited", 0.0), 40)


def test_other_refusals_and_other_methods_are_not_held_up():
    async def scene():
        slack = LimitedSlack()
        slack.open_at, slack.code = 100.0, "channel_not_found"
        refused = await refusal(look(slack))
        slack.open_at = 0.0
        edits = [slack.chat_update(channel="C1", ts="1", text="a") for _ in range(90)]
        await asyncio.gather(*edits)
        return refused, now()

    assert drive(scene()) == (("channel_not_found", 0.1), 0.2)


def test_workspaces_do_not_wait_for_each_other():
    async def scene():
        budgets = Budgets()
        slow, other = LimitedSlack(budgets=budgets), LimitedSlack(budgets=budgets, token="xoxb-2")
        slow.open_at = 30.0
        waiting = asyncio.create_task(look(slow))
        await passes(0.5)
        begun = now()
        await look(other)
        took = now() - begun
        await waiting
        return round(took, 3)

    assert drive(scene()) == 0.1


def test_who_gives_up_takes_nobodys_turn():
    async def scene():
        slack = LimitedSlack()
        slack.open_at = 20.0
        first = asyncio.create_task(look(slack))
        await passes(1)
        leaving = [asyncio.create_task(look(slack, number)) for number in range(6)]
        await passes(1)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        await first
        with patience(5.0):
            await asyncio.gather(look(slack), look(slack))
        return len(slack.asked_at)

    assert drive(scene()) == 4
