"""A database that goes away in the middle of an attempt."""

import pytest
from person import Person, answers, eventually
from structlog.testing import capture_logs

from orchestrator.model.base import Purpose, ToolCall
from orchestrator.model.scripted import reply
from orchestrator.orchestrator import Orchestrator
from orchestrator.store.tables import Outcome

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
async def person(settings, model):
    model.answering = lambda call: answers(call, [()])
    async with Orchestrator.open(settings, model) as opened:
        yield Person(opened)


async def test_an_attempt_that_loses_its_database_is_made_again_and_uses_up_no_try(
    person, model, postgres
):
    calculates = ToolCall("id", "calculate", {"expression": "1 + 1"})
    model.enqueue(reply("Let me see.", tool_calls=[calculates]), purpose=Purpose.SUBTASK)
    gate = model.gate(Purpose.SUBTASK)
    run_id = await person.ask_and_approve()
    await gate.reached()

    with capture_logs() as logged, postgres.away():
        gate.open()

        async def noticed():
            return any(entry["event"] == "result_not_stored_yet" for entry in logged)

        await eventually(noticed)

    assert await person.answer_of(run_id) == "The answer."
    attempts = await person.attempts_at(run_id, 1)
    assert [(a.outcome, a.number) for a in attempts] == [
        (Outcome.INTERRUPTED, 1),
        (Outcome.SUCCEEDED, 1),
    ]
    # What the first had used by then counts.
    assert attempts[0].input_tokens == 10
