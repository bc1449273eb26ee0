import pytest
from person import Person, answers

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
