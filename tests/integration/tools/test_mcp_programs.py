"""MCP servers that are programs: in order, hanging, dying, and shut down."""

import asyncio

import psutil
import pytest
from tool_servers import Limits, program, programs

from orchestrator.errors import ToolUnavailable


async def test_a_server_is_started_when_it_is_first_needed(start):
    caller = start(program())
    assert caller.server.known == {}

    listing = await caller.server.listing()

    assert set(listing.offers) == set(caller.server.known)
    assert listing.offers["test__add"].tool.description == "Adds two numbers."
    assert not listing.offers["test__add"].changes
    assert listing.offers["test__hang"].changes
    assert (await caller.call("add", a=1, b=2)).text == "3"


async def test_calls_at_the_same_time_share_one_server(start):
    caller = start(program())

    results = await asyncio.gather(*(caller.call("add", a=n, b=n) for n in range(10)))

    assert [result.text for result in results] == [str(2 * n) for n in range(10)]
    assert await caller.pid() == await caller.pid()
    assert len(programs()) == 1


async def test_a_result_of_ten_megabytes_is_cut_with_a_note(start):
    caller = start(program(result_tokens=100))

    result = await caller.call("big")

    assert not result.is_error
    assert len(result.text) < 500
    assert "9,999,600 characters left out" in result.text


async def test_a_server_is_given_its_own_variables_and_none_of_ours(start, monkeypatch):
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    caller = start(program(env={"CITY": "Lisbon"}))

    assert (await caller.call("variable", wanted="CITY")).text == "Lisbon"
    assert (await caller.call("variable", wanted="SLACK_BOT_TOKEN")).text == "not set"


async def test_a_call_that_hangs_ends_in_time_and_harms_no_other(start, begun):
    limits = Limits()
    caller = start(program(call_timeout_s=3), limited=limits)
    pid = await caller.pid()
    hanging = asyncio.create_task(caller.call("hang", begun=str(begun)))
    await begun.wait()

    assert (await caller.call("add", a=1, b=2)).text == "3"
    limits.expire(1)
    result = await hanging

    assert result.is_error
    assert result.text == "hang gave no answer within 3 seconds."
    assert await caller.pid() == pid


async def test_a_server_that_lets_nobody_answer_is_started_again(start, begun):
    limits = Limits()
    caller = start(program(), limited=limits)
    pid = await caller.pid()
    frozen = asyncio.create_task(caller.call("freeze", begun=str(begun)))
    await begun.wait()

    limits.expire(1)

    assert (await frozen).is_error
    assert await caller.pid() != pid
    assert not psutil.pid_exists(pid)


async def test_one_that_freezes_under_many_calls_is_started_again(start, begun):
    limits = Limits()
    caller = start(program(), limited=limits)
    pid = await caller.pid()
    frozen = asyncio.create_task(caller.call("freeze", begun=str(begun)))
    await begun.wait()
    waiting = [asyncio.create_task(caller.call("add", a=1, b=n)) for n in range(5)]
    await asyncio.sleep(0)

    limits.expire(1, 6)

    assert all(result.is_error for result in await asyncio.gather(frozen, *waiting))
    assert await caller.pid() != pid


async def test_a_server_that_dies_in_a_call_is_an_error_and_is_started_again(start, begun):
    caller = start(program())
    pid = await caller.pid()
    hanging = asyncio.create_task(caller.call("hang", begun=str(begun)))
    await begun.wait()

    dying = await caller.call("die")

    broken = "broke off: the server ended in the middle of the call."
    assert (dying.is_error, dying.text) == (True, f"die {broken}")
    assert (await hanging).text == f"hang {broken}"
    assert await caller.pid() != pid


async def test_one_that_was_killed_meanwhile_is_not_noticed_by_the_next_call(start):
    caller = start(program())
    pid = await caller.pid()

    psutil.Process(pid).kill()
    async with asyncio.timeout(20):
        while caller.server.known:  # noqa: ASYNC110 - it tells nobody when it is over
            await asyncio.sleep(0)

    assert await caller.pid() != pid


async def test_one_that_dies_again_and_again_is_started_ever_less_often(start):
    caller = start(program(), first_delay_s=50)

    first, second, third = [await caller.call("die") for _ in range(3)]

    assert "middle of the call" in first.text
    assert "middle of the call" in second.text
    assert "cannot be used just now: it ended; the last it wrote was: out of cheese." in third.text
    assert "tried again in 50 seconds" in third.text


async def test_one_that_cannot_be_started_says_why_and_is_not_tried_at_once(start, tmp_path):
    caller = start(program("crash", cwd=tmp_path), first_delay_s=50)

    with pytest.raises(ToolUnavailable, match="it ended; the last it wrote was: no licence"):
        await caller.server.listing()
    with pytest.raises(ToolUnavailable, match="tried again in 50 seconds"):
        await caller.server.listing()
    assert (await caller.call("add", a=1, b=2)).is_error


async def test_a_command_that_is_not_there_is_named(start):
    config = program().model_copy(update={"command": "no-such-program"})

    with pytest.raises(ToolUnavailable, match="the command no-such-program was not found"):
        await start(config).server.listing()


async def test_one_that_is_not_ready_in_time_is_given_up(start):
    caller = start(program("slow", start_timeout_s=0.2))

    with pytest.raises(ToolUnavailable, match=r"it was not ready within 0\.2 seconds"):
        await caller.server.listing()


async def test_those_who_wait_for_a_start_wait_for_the_same(start):
    caller = start(program("crash"), first_delay_s=50)

    results = await asyncio.gather(*(caller.call("add", a=1, b=2) for _ in range(3)))

    assert len({result.text for result in results}) == 1


async def test_what_is_not_protocol_is_passed_over(start):
    assert (await start(program("shout")).call("add", a=1, b=2)).text == "3"


async def test_secrets_it_writes_are_not_passed_on(start):
    config = program("crash", secrets=["sesame-open-up"])

    with pytest.raises(ToolUnavailable) as unavailable:
        await start(config).server.listing()

    assert "no licence for key [secret]" in str(unavailable.value)


async def test_closing_leaves_no_process_and_ends_waiting_calls(start, begun):
    caller = start(program())
    pid = await caller.pid()
    hanging = asyncio.create_task(caller.call("hang", begun=str(begun)))
    await begun.wait()

    await caller.server.close()

    assert not psutil.pid_exists(pid)
    assert (await hanging).is_error
    assert (await caller.call("add", a=1, b=2)).text == "The tool server test has been closed."


async def test_closing_ends_one_that_is_just_being_started(start, begun):
    caller = start(program("slow", env={"BEGUN": str(begun)}))
    starting = asyncio.create_task(caller.call("add", a=1, b=2))
    await begun.wait()

    await caller.server.close()

    assert (await starting).text == "The tool server test has been closed."
    assert programs() == []


async def test_a_call_that_is_cancelled_leaves_the_server_to_others(start, begun):
    caller = start(program())
    pid = await caller.pid()
    hanging = asyncio.create_task(caller.call("hang", begun=str(begun)))
    await begun.wait()

    hanging.cancel()

    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert await caller.pid() == pid


async def test_who_gives_up_waiting_for_a_start_does_not_end_it(start, begun):
    caller = start(program(env={"BEGUN": str(begun)}))
    impatient = asyncio.create_task(caller.call("add", a=1, b=2))
    await begun.wait()
    pids = [child.pid for child in programs()]

    impatient.cancel()

    assert [await caller.pid()] == pids
