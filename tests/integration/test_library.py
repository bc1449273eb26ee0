"""The orchestrator in other programs: the lines of the README, and models of one's own."""

import asyncio
import re
from pathlib import Path

import pytest
from person import Person, answers, plan

import orchestrator as library
from orchestrator import Approve, Orchestrator
from orchestrator.commands import Answer, Stop
from orchestrator.errors import NotFound
from orchestrator.model.base import Purpose, ToolCall
from orchestrator.model.scripted import ScriptedModel, reply
from orchestrator.store.tables import Outcome, RequestKind, RunStatus

README = Path(__file__).parents[2] / "README.md"


# --- as a library --------------------------------------------------------------------------


def test_the_lines_of_the_readme_print_events_and_an_answer(tmp_path, monkeypatch, capsys):
    section = README.read_text().partition("## Without Slack")[2].partition("\n## ")[0]
    lines = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(lines[1], {})

    printed = capsys.readouterr().out
    assert "run_created" in printed
    assert "subtask_succeeded 1" in printed
    assert re.search(r"^completed .*three job queues", printed, re.MULTILINE | re.DOTALL)


def test_what_the_package_offers_is_there():
    assert all(getattr(library, name) for name in library.__all__)


async def test_whoever_waits_is_told_how_the_run_ended(person):
    run_id = await person.ask()
    await person.until(run_id, RunStatus.PROPOSED)
    waiting = asyncio.create_task(person.orchestrator.finished(run_id))
    await person.do(Approve(run_id, 1))
    ended = await waiting

    run = await person.run(run_id)
    assert (ended.name, ended.status, ended.answer) == (run.name, "completed", "The answer.")
    assert (ended.gaps, ended.tokens, ended.cost_usd) == (0, run.tokens, 0)
    assert await person.orchestrator.finished(run_id) == ended


async def test_a_run_that_was_stopped_has_no_answer(person):
    run_id = await person.ask()
    await person.until(run_id, RunStatus.PROPOSED)
    await person.do(Stop(run_id))

    ended = await person.orchestrator.finished(run_id)
    assert (ended.status, ended.answer) == (RunStatus.STOPPED, "")


async def test_waiting_has_an_end(person):
    run_id = await person.ask()
    with pytest.raises(TimeoutError):
        await person.orchestrator.finished(run_id, within_s=0.01)
    with pytest.raises(NotFound):
        await person.orchestrator.finished("nothing")


# --- models of one's own, which do what they should not ------------------------------------


class Strange(BaseException):
    """What no worker should raise."""


class Odd(ScriptedModel):
    """Does with the first subtask what it is given to do; the rest as told."""

    def __init__(self, deed, times=1):
        super().__init__(answers)
        self._deed = deed
        self._times = times

    async def complete(self, call, on_text=None):
        if call.subtask == 1 and self._times:
            self._times -= 1
            return await self._deed()
        return await super().complete(call, on_text)


async def never():
    await asyncio.Event().wait()


async def raise_something_of_its_own():
    raise Strange("secret detail")


async def raise_a_group():
    async with asyncio.TaskGroup() as group:
        group.create_task(_fail())
        group.create_task(_fail())


async def _fail():
    raise ValueError("secret detail")


async def raise_a_group_of_strange_things():
    raise BaseExceptionGroup("many", [Strange("secret detail"), ValueError("secret detail")])


async def be_cancelled_by_itself():
    raise asyncio.CancelledError


DEEDS = [never, raise_something_of_its_own, raise_a_group, raise_a_group_of_strange_things]


@pytest.fixture
def opened(settings):
    """Opens an orchestrator with a model of one's own, and little patience."""
    quick = settings.model_copy(update={"attempt_timeout_s": 0.05})
    return lambda model: Orchestrator.open(quick, model)


@pytest.mark.parametrize("deed", DEEDS)
async def test_an_attempt_in_which_anything_happens_is_made_again(opened, deed):
    async with opened(Odd(deed)) as orchestrator:
        person = Person(orchestrator)
        run_id = await person.ask_and_approve()
        assert await person.answer_of(run_id) == "The answer."
        attempts = await person.attempts_at(run_id, 1)

    failed = Outcome.TIMED_OUT if deed is never else Outcome.ERRORED
    assert [attempt.outcome for attempt in attempts] == [failed, Outcome.SUCCEEDED]
    assert "secret" not in attempts[0].error


@pytest.mark.parametrize("deed", [deed for deed in DEEDS if deed is not never])
async def test_what_happens_every_time_ends_as_a_dead_letter(opened, deed):
    async with opened(Odd(deed, times=3)) as orchestrator:
        person = Person(orchestrator)
        run_id = await person.ask_and_approve()
        request = await person.request(run_id, RequestKind.DEAD_LETTER)

    assert request.subtask == 1
    assert "secret" not in request.text


async def test_a_call_that_is_cancelled_by_nobody_is_made_again(opened):
    async with opened(Odd(be_cancelled_by_itself)) as orchestrator:
        person = Person(orchestrator)
        run_id = await person.ask_and_approve()
        assert await person.answer_of(run_id) == "The answer."
        attempts = await person.attempts_at(run_id, 1)

    assert [a.outcome for a in attempts] == [Outcome.INTERRUPTED, Outcome.SUCCEEDED]
    assert [a.number for a in attempts] == [1, 1]


async def test_five_megabytes_are_kept_whole_and_handed_on_in_part(person, model, settings):
    much = "word " * 1_000_000
    model.enqueue(much, purpose=Purpose.SUBTASK, subtask=1)
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)

    assert (await person.attempts_at(run_id, 1))[0].output == much
    handed_on = str(model.calls_for(Purpose.SUBTASK, 2)[0].messages)
    assert len(handed_on) < 2 * settings.result_chars
    assert "characters left out" in handed_on


HOSTILE = "a\x00b\ud800c\udfffd\u202ee"


async def test_no_text_of_a_worker_is_too_strange_to_be_stored(person, model):
    schema = '{"type": "object"}'
    proposal = plan((), (1,), (1,))
    proposal["subtasks"][1]["expected_output"] = {"description": "", "schema": schema}
    model.enqueue(proposal, purpose=Purpose.PLAN)
    asks = ToolCall("call-1", "ask_person", {"question": HOSTILE, "options": [HOSTILE]})
    model.enqueue(HOSTILE, purpose=Purpose.SUBTASK, subtask=1)
    model.enqueue({HOSTILE: HOSTILE}, purpose=Purpose.SUBTASK, subtask=2)
    model.enqueue(reply(tool_calls=[asks]), purpose=Purpose.SUBTASK, subtask=3)
    run_id = await person.ask_and_approve()
    request = await person.request(run_id, RequestKind.QUESTION)

    assert request.text == "abcde"
    assert request.options[0].encode("utf-8")
    await person.do(Answer(request.id, HOSTILE))
    await person.answer_of(run_id)
    assert (await person.attempts_at(run_id, 1))[0].output == "abcde"


@pytest.mark.parametrize("odd", [float("nan"), object()], ids=["nan", "object"])
async def test_data_that_no_database_takes_costs_an_attempt_and_not_the_run(person, model, odd):
    """JSON knows no NaN, but Python reads it, and PostgreSQL refuses it."""
    model.enqueue(reply("Fine.", data={"price": odd}), purpose=Purpose.SUBTASK, subtask=1)
    run_id = await person.ask_and_approve()

    assert await person.answer_of(run_id) == "The answer."
    assert len(await person.attempts_at(run_id, 1)) in (1, 2)
