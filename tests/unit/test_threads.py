"""Long threads: the first message and the latest, in a few calls, however they are spread."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.errors import SlackClientError

from bot.threads import message_at, read


class Slack:
    """conversations.replies as Slack has it: the parent, then the earliest of the time first.

    `limit` is the most it gives, `calls` how many calls it takes before it refuses.
    """

    def __init__(self, times, limit=1_000, calls=99):
        self.messages = [{"ts": f"{time:.6f}", "text": str(time)} for time in times]
        self.messages[0] |= {
            "reply_count": len(times) - 1,
            "latest_reply": self.messages[-1]["ts"],
        }
        self.limit = limit
        self.left = calls
        self.calls = 0

    async def conversations_replies(self, *, channel, ts, limit, oldest="0", latest="9e9", **_):
        self.calls += 1
        if self.calls > self.left:
            raise SlackClientError("refused")
        inside = [m for m in self.messages[1:] if float(oldest) <= float(m["ts"]) <= float(latest)]
        if "inclusive" not in _:
            inside = [m for m in inside if m["ts"] != oldest]
        page = [self.messages[0], *inside][: min(limit, self.limit)]
        return {"messages": page, "has_more": len(page) < len(inside) + 1}


@pytest.mark.parametrize("count", [1, 2, 199, 200, 201, 300, 1_051, 3_000, 10_000])
async def test_the_first_and_the_latest_are_read_in_a_few_calls(count):
    slack = Slack([1_700_000_000.0 + 60 * n for n in range(count)])
    thread = await read(slack, "C1", slack.messages[0]["ts"])
    assert thread.messages[0] == slack.messages[0]
    assert thread.messages[-1] == slack.messages[-1]
    assert len(thread.messages) + thread.left_out == count
    assert len(thread.messages) >= min(count, 150)
    assert slack.calls <= 3


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(1, 1_500), st.sampled_from([0.000_001, 0.1, 30.0, 90_000.0])),
        min_size=1,
        max_size=5,
    )
)
async def test_however_they_are_spread_over_time_calls_are_few_and_counts_are_true(bursts):
    times = [1_700_000_000.0]
    for count, pause in bursts:
        times += [times[-1] + pause * n for n in range(1, count + 1)]
    slack = Slack(times)
    thread = await read(slack, "C1", slack.messages[0]["ts"])
    assert slack.calls <= 6
    assert thread.messages[0] == slack.messages[0]
    assert len({m["ts"] for m in thread.messages}) == len(thread.messages)
    assert thread.left_out == len(times) - len(thread.messages)
    assert thread.ends_early or thread.messages[-1] == slack.messages[-1]


async def test_what_was_read_before_a_refusal_is_kept():
    slack = Slack([1.0 + n for n in range(100)], limit=15, calls=1)
    thread = await read(slack, "C1", slack.messages[0]["ts"])
    assert (len(thread.messages), thread.left_out, thread.ends_early) == (15, 85, True)


async def test_a_thread_that_is_refused_at_once_is_not_read():
    slack = Slack([1.0, 2.0], calls=0)
    assert not (await read(slack, "C1", "1.000000")).is_read


async def test_any_message_of_a_long_thread_is_found_by_its_time():
    slack = Slack([1.0 + n for n in range(1_051)])
    found = await message_at(slack, "C1", slack.messages[-1]["ts"], slack.messages[0]["ts"])
    assert found == slack.messages[-1]
    assert await message_at(slack, "C1", "5.500000", slack.messages[0]["ts"]) is None
    assert slack.calls == 2
