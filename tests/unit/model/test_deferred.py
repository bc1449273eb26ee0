import asyncio
import subprocess
import sys
import threading

import pytest

from orchestrator.errors import ModelUnavailable
from orchestrator.model.base import Call, Purpose
from orchestrator.model.deferred import Deferred
from orchestrator.model.scripted import ScriptedModel

CALL = Call(purpose=Purpose.PLAN, model="m", system="", messages=())

OPEN = """
import asyncio, sys
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings

async def main():
    settings = Settings(_env_file=None, database_url=sys.argv[1], anthropic_api_key="key")
    async with Orchestrator.open(settings):
        print(*{"anthropic", "opentelemetry"} & set(sys.modules))

asyncio.run(main())
"""


def deferred():
    made = []

    def make():
        made.append(ScriptedModel(lambda call: "Hello"))
        return made[-1]

    return Deferred(make), made


async def test_it_is_made_once_for_the_first_calls():
    model, made = deferred()
    assert made == []

    replies = await asyncio.gather(model.complete(CALL), model.complete(CALL))
    await model.close()

    assert [reply.text for reply in replies] == ["Hello", "Hello"]
    assert [one.closed for one in made] == [True]


async def test_a_model_that_nobody_asked_is_never_made():
    model, made = deferred()

    await model.close()

    assert made == []
    with pytest.raises(ModelUnavailable):
        await model.complete(CALL)


async def test_a_first_call_that_is_cancelled_leaves_the_others_their_model():
    may_go_on = threading.Event()

    def make():
        may_go_on.wait(10)
        return ScriptedModel(lambda call: "Hello")

    model = Deferred(make)
    first = asyncio.create_task(model.complete(CALL))
    second = asyncio.create_task(model.complete(CALL))
    await asyncio.sleep(0)
    first.cancel()
    may_go_on.set()

    assert (await second).text == "Hello"
    await model.close()


def test_no_library_is_loaded_before_the_first_call_or_without_being_asked_for(
    migrated_file, tmp_path
):
    path = tmp_path / "orchestrator.db"
    path.write_bytes(migrated_file.read_bytes())

    command = [sys.executable, "-c", OPEN, f"sqlite+aiosqlite:///{path}"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    assert ran.stdout.split() == []
