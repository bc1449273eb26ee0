"""An answer that grows in the thread while it is written, and is there once and whole after all."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.app import connected
from bot.localslack.faults import Fault
from orchestrator.errors import ModelTimedOut
from orchestrator.model.base import Purpose
from orchestrator.model.offline import OfflineModel
from orchestrator.orchestrator import Orchestrator
from tests.acceptance.conftest import (
    PATIENCE_S,
    answered,
    approved,
    done,
    is_answer,
    kill,
    same,
    says,
)
from tests.integration.person import eventually

TASK = "Look at apples #subtasks(2)"
ANSWER = (
    "# Apples\n\nFirst the *red* ones, <!channel>.\n\nThen `a < b` and\n\n```\nx < y\n```\nthe end."
)
BEGUN = "I am writing the answer of"


class WritingModel:
    """The offline model, which writes its answers as it is told; a failure is raised."""

    def __init__(self):
        self._offline = OfflineModel()
        self._told = asyncio.Queue()

    def write(self, *told):
        for piece in told:
            self._told.put_nowait(piece)

    def end(self):
        self.write(None)

    async def complete(self, call, on_text=None):
        reply = await self._offline.complete(call)
        if call.purpose is not Purpose.SYNTHESIS:
            return reply
        written = ""
        while (told := await self._told.get()) is not None:
            if isinstance(told, Exception):
                raise told
            written += told
            if on_text is not None:
                on_text(told)
        return replace(reply, text=written)

    async def close(self):
        await self._offline.close()


@pytest.fixture
def model():
    return WritingModel()


def calls_of(workspace, method):
    return [call for call in workspace.calls if call.method == method]


async def begun(person, mention):
    return await person.wait_for(person.thread(mention), says(BEGUN), PATIENCE_S)


async def answers(person, mention):
    messages = await person.messages(person.thread(mention))
    return [message for message in messages if is_answer(message)]


async def no_answer(rows):
    return rows("SELECT key FROM message WHERE key LIKE 'answer%'") == []


async def test_an_answer_grows_while_it_is_written_and_becomes_the_answer(
    start_bot, ada, model, workspace, rows
):
    async with start_bot(model):
        mention, plan = await approved(ada, TASK)
        model.write(ANSWER[:30])
        growing = await begun(ada, mention)
        assert ada.id in growing.text
        model.write(ANSWER[30:])
        await ada.wait_for(growing, same(growing, says("a < b", "x < y")), PATIENCE_S)
        model.end()
        await done(ada, mention, plan)
        [answer] = await answers(ada, mention)
        assert answer.ts == growing.ts
        assert BEGUN not in answer.words
        assert "the end." in answer.words
    assert rows("SELECT has_streams FROM team") == [(1,)]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_an_answer_grows_while_another_process_writes_it(
    workspace, settings, database_url, ada, model
):
    shared = settings.model_copy(update={"database_url": database_url})
    async with (
        Orchestrator.open(shared, model),
        connected(shared, works=False),
        connected(shared, works=False),
    ):
        await workspace.wait_connected()
        mention, plan = await approved(ada, TASK)
        model.write("Apples ")
        growing = await begun(ada, mention)
        model.write("are red. ")
        await ada.wait_for(growing, same(growing, says("are red.")), PATIENCE_S)
        model.end()
        await done(ada, mention, plan)
        assert [answer.ts for answer in await answers(ada, mention)] == [growing.ts]
    assert len(calls_of(workspace, "chat.startStream")) == 1


async def test_an_answer_that_is_there_at_once_is_posted(bot, ada, workspace):
    mention, plan = await approved(ada, TASK)
    await done(ada, mention, plan)
    assert calls_of(workspace, "chat.startStream") == []


async def test_what_a_stream_cannot_hold_comes_with_the_answer(start_bot, ada, model, workspace):
    async with start_bot(model):
        mention, plan = await approved(ada, TASK)
        model.write("Apples. ")
        growing = await begun(ada, mention)
        model.write("A line about apples.\n\n" * 500)
        model.end()
        await done(ada, mention, plan)
        [answer] = await answers(ada, mention)
        assert answer.ts == growing.ts
        assert "This is the beginning" in answer.words


async def test_what_a_failed_attempt_wrote_is_replaced(start_bot, ada, model):
    async with start_bot(model):
        mention, plan = await approved(ada, TASK)
        model.write("Apples are blue. ")
        growing = await begun(ada, mention)
        model.write(ModelTimedOut("It took too long."), "Apples ", "are red. ")
        again = says("Apples are blue.", "anew", "Apples are red.")
        await ada.wait_for(growing, same(growing, again), PATIENCE_S)
        model.end()
        await done(ada, mention, plan)
        [answer] = await answers(ada, mention)
        assert (answer.ts, "blue" in answer.words) == (growing.ts, False)
        assert "Apples are red." in answer.words


async def test_what_was_written_goes_when_the_run_is_stopped(start_bot, ada, model, rows):
    async with start_bot(model):
        mention, plan = await approved(ada, TASK)
        model.write("Apples are ")
        growing = await begun(ada, mention)
        await ada.click(plan, "Stop")
        await ada.wait_gone(growing, PATIENCE_S)
        await ada.wait_for(plan, same(plan, says("Stopped")), PATIENCE_S)
        await eventually(partial(no_answer, rows))


async def test_ended_and_started_again_the_bot_writes_into_the_same_message(start_bot, ada, model):
    async with start_bot(model):
        mention, plan = await approved(ada, TASK)
        model.write("Apples are blue. ")
        growing = await begun(ada, mention)
    async with start_bot():
        await done(ada, mention, plan)
        assert [answer.ts for answer in await answers(ada, mention)] == [growing.ts]


async def test_killed_while_it_writes_the_bot_writes_into_the_same_message(
    start_process, start_bot, ada
):
    async with start_process("tests.acceptance.held_bot", "synthesis") as process:
        mention, plan = await approved(ada, TASK)
        growing = await begun(ada, mention)
        await kill(process)
    async with start_bot():
        await done(ada, mention, plan)
        assert [answer.ts for answer in await answers(ada, mention)] == [growing.ts]


class TestRefused:
    """What Slack says no to, or says nothing about."""

    @pytest.fixture
    def expected_refusals(self):
        return {
            "team_not_supported",
            "message_not_in_streaming_state",
            "message_not_found",
            "internal_error",
        }

    async def test_a_workspace_without_streams_is_asked_once(
        self, start_bot, ada, model, workspace, rows
    ):
        fault = Fault("chat.startStream", error="team_not_supported", times=None)
        workspace.workspace.faults.add(fault)

        async def is_known():
            return rows("SELECT has_streams FROM team") == [(0,)]

        async with start_bot(model):
            mention, plan = await approved(ada, TASK)
            model.write("One ", "two")
            await eventually(is_known)
            model.end()
            await done(ada, mention, plan)
            assert "One two" in (await answered(ada, mention)).words
        async with start_bot(model):
            mention, plan = await approved(ada, TASK)
            model.write("Three")
            await asyncio.sleep(0)
            model.end()
            await done(ada, mention, plan)
        assert len(calls_of(workspace, "chat.startStream")) == 1

    async def test_a_stream_that_slack_ends_early_leaves_no_gap(
        self, start_bot, ada, model, workspace
    ):
        fault = Fault("chat.appendStream", error="message_not_in_streaming_state")
        async with start_bot(model):
            mention, plan = await approved(ada, TASK)
            model.write(ANSWER[:30])
            growing = await begun(ada, mention)
            workspace.workspace.faults.add(fault)
            model.write(ANSWER[30:])
            model.end()
            await done(ada, mention, plan)
            [answer] = await answers(ada, mention)
            assert (answer.ts, "the end." in answer.words) == (growing.ts, True)

    async def test_a_start_of_which_the_answer_is_lost_is_found_again(
        self, start_bot, ada, model, workspace
    ):
        workspace.workspace.faults.add(Fault("chat.startStream", status=500, lose_answer=True))
        async with start_bot(model):
            mention, plan = await approved(ada, TASK)
            model.write("Apples ", "are red.")
            growing = await begun(ada, mention)
            model.end()
            await done(ada, mention, plan)
            assert [answer.ts for answer in await answers(ada, mention)] == [growing.ts]

    async def test_deleted_while_it_is_written_the_answer_is_posted(
        self, start_bot, ada, model, workspace
    ):
        async with start_bot(model):
            mention, plan = await approved(ada, TASK)
            model.write("Apples ")
            growing = await begun(ada, mention)
            client = AsyncWebClient(workspace.bot_token, base_url=workspace.api_url)
            await client.chat_delete(channel=growing.channel, ts=growing.ts)
            model.write("are red.")
            model.end()
            await done(ada, mention, plan)
            [answer] = await answers(ada, mention)
            assert "Apples are red." in answer.words
