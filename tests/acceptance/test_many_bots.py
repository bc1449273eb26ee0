"""Several processes behind one workspace: two that listen, and one that works."""

from collections import Counter
from contextlib import AsyncExitStack

import pytest

from bot.app import connected
from orchestrator.model.offline import OfflineModel
from orchestrator.orchestrator import Orchestrator
from tests.acceptance.conftest import answered, proposed


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
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
            thread = await ada.messages(ada.thread(mention))
            said = Counter(message.text for message in thread)
            assert set(said.values()) == {1}
