"""Several processes behind one workspace, on one PostgreSQL."""

from collections import Counter
from contextlib import AsyncExitStack

import psycopg
import pytest

from bot.app import connected
from orchestrator.model.offline import OfflineModel
from orchestrator.orchestrator import Orchestrator
from tests.acceptance.conftest import (
    PATIENCE_S,
    answered,
    approved,
    done,
    kill,
    proposed,
    same,
    says,
    until,
)

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def expected_refusals():
    """Killed between a deletion and the record of it, the next bot deletes once more."""
    return {"message_not_found"}


async def test_two_bots_that_leave_the_work_to_a_worker_say_everything_once(
    workspace, settings, database_url, ada
):
    shared = settings.model_copy(update={"database_url": database_url})
    async with AsyncExitStack() as running:
        await running.enter_async_context(Orchestrator.open(shared, OfflineModel()))
        for _ in range(2):
            bot = await running.enter_async_context(connected(shared, works=False))
            assert bot.orchestrator.engine is None
        await workspace.wait_connected()
        for task in ("First this, then that", "Look at apples, then pears"):
            mention, plan = await proposed(ada, task)
            await ada.click(plan, "Approve")
            await answered(ada, mention)
            assert_said_once(await ada.messages(ada.thread(mention)))


@pytest.mark.soak
async def test_bots_killed_in_turn_are_replaced_by_each_other_and_the_thread_is_exact(
    start_process, workspace, database_url, ada
):
    connections = workspace.workspace.sockets
    shared = {"DATABASE_URL": database_url, "ORCHESTRATOR_BEAT_S": "0.5"}
    async with AsyncExitStack() as running:
        bots = [await running.enter_async_context(start_process(**shared)) for _ in range(2)]
        await until(lambda: connections.count == 2)
        mention, plan = await approved(ada, "Look at apples #subtasks(4) #slow(2,3s)")
        await ada.wait_for(plan, same(plan, says("of 4 done")), PATIENCE_S)
        for killed in bots:
            await kill(killed)
            await running.enter_async_context(start_process(**shared))
            await until(lambda: connections.count == 2)
        assert_said_once(messages := await done(ada, mention, plan))
        assert len(messages) == 3
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        query = "SELECT count(*) FROM attempt WHERE outcome = 'succeeded' GROUP BY purpose, subtask"
        assert {times for (times,) in connection.execute(query)} == {1}


def assert_said_once(messages):
    said = Counter(message.text for message in messages)
    assert set(said.values()) == {1}
