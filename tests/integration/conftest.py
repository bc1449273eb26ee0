from contextlib import ExitStack, contextmanager

import pytest
from person import Person, answers
from processes import Workers

from orchestrator.model.scripted import ScriptedModel
from orchestrator.orchestrator import Orchestrator


@pytest.fixture
def model():
    """Plans two subtasks, the second after the first, and can do everything."""
    return ScriptedModel(answers)


@pytest.fixture
async def orchestrator(settings, model):
    async with Orchestrator.open(settings, model) as opened:
        yield opened


@pytest.fixture
def person(orchestrator):
    return Person(orchestrator)


@pytest.fixture
def working(database_url, tmp_path):
    """Starts that many workers; what they log stays in the test's folder."""

    @contextmanager
    def start(count):
        with (tmp_path / "workers.log").open("ab") as log, ExitStack() as ends:
            workers = Workers(database_url, ends, log)
            for _ in range(count):
                workers.start()
            yield workers

    return start
