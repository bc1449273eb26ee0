import pytest
import pytest_asyncio

from orchestrator.model.anthropic import AnthropicModel
from orchestrator.model.base import Call, Purpose
from tests.messages_service import MessagesService


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_service():
    async with MessagesService() as service:
        yield service


@pytest.fixture
def service(running_service):
    running_service.begin()
    yield running_service
    running_service.release()


@pytest.fixture
def waits():
    """The seconds the model has waited between tries."""
    return []


@pytest_asyncio.fixture(loop_scope="module")
async def make_model(service, waits):
    made = []

    async def sleep(seconds):
        waits.append(seconds)

    def make(**options):
        made.append(AnthropicModel("sk-secret", service.url, sleep=sleep, **options))
        return made[-1]

    yield make
    for model in made:
        await model.close()


@pytest.fixture
def model(make_model):
    return make_model()


@pytest.fixture
def make_call():
    def make(**fields):
        defaults = {
            "purpose": Purpose.SUBTASK,
            "model": "claude-opus-5",
            "system": "You are a writer.",
            "messages": ({"role": "user", "content": "Write."},),
        }
        return Call(**{**defaults, **fields})

    return make
