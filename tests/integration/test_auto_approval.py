"""Plans that start without anybody's approval: decided when they are proposed, by their cost and
their subtasks."""

from decimal import Decimal

import pytest
from person import Person

from orchestrator.commands import Replan, SetPolicy
from orchestrator.errors import InvalidInput
from orchestrator.model.base import Purpose
from orchestrator.orchestrator import Orchestrator
from orchestrator.store.tables import RunStatus, WhoActs


def a_dollar(model, tokens_in, tokens_out):
    return Decimal(1)


def nobody_knows(model, tokens_in, tokens_out):
    return None


# Two subtasks and the answer, at a dollar each.
EXPECTED = Decimal(3)


@pytest.fixture
def opened(settings, model):
    """Opens an orchestrator whose calls cost a dollar, with these settings."""

    def open_(price=a_dollar, **changed):
        changed = {"run_usd": None, "run_tokens": None} | changed
        return Orchestrator.open(settings.model_copy(update=changed), model, price=price)

    return open_


@pytest.mark.parametrize(
    ("changed", "starts"),
    [
        ({}, False),
        ({"auto_approve_usd": EXPECTED}, True),
        ({"auto_approve_usd": EXPECTED - 1}, False),
        ({"auto_approve_subtasks": 2}, True),
        ({"auto_approve_subtasks": 1}, False),
        ({"auto_approve_usd": EXPECTED, "auto_approve_subtasks": 1}, False),
        ({"auto_approve_usd": EXPECTED - 1, "auto_approve_subtasks": 2}, False),
    ],
)
async def test_the_settings_say_what_starts_by_itself(opened, changed, starts):
    async with opened(**changed) as orchestrator:
        person = Person(orchestrator)
        run_id = await person.ask()
        if starts:
            assert await person.answer_of(run_id) == "The answer."
            assert "plan_approved" in [kind for kind, _ in await person.events(run_id)]
        else:
            await person.until(run_id, RunStatus.PROPOSED)


async def test_a_plan_of_unknown_cost_is_asked_about(opened):
    async with opened(nobody_knows, auto_approve_usd=Decimal(1_000)) as orchestrator:
        person = Person(orchestrator)
        await person.until(await person.ask(), RunStatus.PROPOSED)


async def test_the_policy_of_a_channel_stands_in_the_place_of_the_settings(opened):
    async with opened(auto_approve_subtasks=5) as orchestrator:
        person = Person(orchestrator)
        await person.do(SetPolicy("C1", WhoActs.REQUESTER))
        await person.do(SetPolicy("C2", WhoActs.REQUESTER, auto_usd=EXPECTED))
        await person.until(await person.ask(channel="C1"), RunStatus.PROPOSED)
        assert await person.answer_of(await person.ask(channel="C2")) == "The answer."
        assert await person.answer_of(await person.ask(channel="C3")) == "The answer."


async def test_the_policy_of_another_team_does_not_count(opened):
    async with opened() as orchestrator:
        await Person(orchestrator, "T2").do(SetPolicy("C1", WhoActs.REQUESTER, auto_subtasks=5))
        person = Person(orchestrator)
        await person.until(await person.ask(channel="C1"), RunStatus.PROPOSED)


async def test_a_policy_that_is_set_while_a_plan_is_made_holds_for_it(person, model):
    gate = model.gate(Purpose.PLAN)
    await person.do(SetPolicy("C1", WhoActs.REQUESTER, auto_subtasks=5))
    run_id = await person.ask(channel="C1")
    await gate.reached()
    await person.do(SetPolicy("C1", WhoActs.REQUESTER))
    gate.open()
    await person.until(run_id, RunStatus.PROPOSED)


async def test_whoever_gave_feedback_is_asked_about_the_next_plan(person, model):
    run_id = await person.ask(channel="C1")
    await person.until(run_id, RunStatus.PROPOSED)
    await person.do(SetPolicy("C1", WhoActs.REQUESTER, auto_subtasks=5))
    await person.do(Replan(run_id, 1, "Less of it."))
    run = await person.until(run_id, RunStatus.PROPOSED)
    assert run.revision == 2


async def test_approvers_have_to_be_named(person):
    with pytest.raises(InvalidInput, match="at least one"):
        await person.do(SetPolicy("C1", WhoActs.APPROVERS))
