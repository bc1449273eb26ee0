"""What Prometheus is told: how things stand, and what this process did."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from person import answers
from prometheus_client.parser import text_string_to_metric_families
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState

from bot.slack_calls import SlackCalls
from orchestrator.errors import ModelOverloaded
from orchestrator.metrics import Metrics
from orchestrator.model.base import Purpose
from orchestrator.store import changes
from orchestrator.store.clock import now
from orchestrator.store.database import Database
from orchestrator.store.tables import (
    Attempt,
    Request,
    RequestKind,
    Run,
    RunStatus,
    Team,
    new_row,
)


@pytest.fixture
def scrape(orchestrator):
    """What it says now, by name and labels."""

    async def scrape():
        return samples(await orchestrator.metrics.text(orchestrator.database))

    return scrape


def samples(said):
    """The values by name and labels, these in the order of their names."""
    return {
        (
            sample.name.removeprefix("orchestrator_"),
            *(v for _, v in sorted(sample.labels.items())),
        ): sample.value
        for family in text_string_to_metric_families(said.decode())
        for sample in family.samples
    }


async def test_a_run_is_counted_where_it_stands_and_what_it_took(scrape, person):
    run_id = await person.ask("A secret task")
    await person.until(run_id, RunStatus.PROPOSED)
    before = await scrape()
    assert (before["runs", "proposed"], before["runs", "completed"]) == (1, 0)
    assert before["requests_open", "approval"] == 1
    assert before["attempts_total", "succeeded", "plan", ""] == 1
    run_id = await person.ask_and_approve("Another")
    await person.answer_of(run_id)
    after = await scrape()
    assert after["runs", "completed"] == 1
    assert after["attempts_total", "succeeded", "subtask", "generalist"] == 2
    assert after["attempts_total", "succeeded", "synthesis", ""] == 1
    assert after["model_seconds_count", "succeeded", "subtask"] == 2
    assert (after["attempts_queued",], after["attempts_queued_seconds",]) == (0, 0)
    assert after["database_up",] == 1


async def test_tokens_and_usd_are_counted_as_they_are_committed(scrape, person):
    run_id = await person.ask_and_approve()
    await person.answer_of(run_id)
    attempts = await person.attempts(run_id)
    said = await scrape()
    for kind in ("input", "output", "cache_read", "cache_write"):
        used = sum(getattr(attempt, f"{kind}_tokens") for attempt in attempts)
        assert said["model_tokens_total", kind] == used
    assert said["model_usd_total",] == float(sum(attempt.cost_usd for attempt in attempts))


async def test_failures_are_counted_by_what_failed(scrape, person, model):
    def overloaded(call):
        if call.purpose is Purpose.SUBTASK and call.subtask == 1:
            raise ModelOverloaded("Too busy.")
        return answers(call)

    model.answering = overloaded
    run_id = await person.ask_and_approve()
    await person.request(run_id, RequestKind.DEAD_LETTER)
    said = await scrape()
    assert said["attempts_total", "errored", "subtask", "generalist"] == 3
    assert said["model_seconds_count", "errored", "subtask"] == 3
    assert said["requests_open", "dead_letter"] == 1


async def test_no_name_that_somebody_made_up_is_a_label():
    metrics = Metrics(["writer"])
    for role in ("writer", "Ada Lovelace's own", "another", None):
        row = {"purpose": Purpose.SUBTASK, "role": role}
        metrics.note_attempt(row, {"outcome": "succeeded"})
    database = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    said = samples(await metrics.text(database))
    await database.close()
    counted = {labels[3]: value for labels, value in said.items() if labels[0] == "attempts_total"}
    assert counted == {"writer": 1, "other": 2, "": 1}


async def test_without_its_database_it_tells_of_itself_and_says_so():
    database = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    said = samples(await Metrics([]).text(database))
    await database.close()
    assert said["database_up",] == 0


async def test_what_waits_is_told_with_its_age(database):
    long_ago = now() - timedelta(days=365)
    run = new_row(
        Run,
        team_id="T1",
        name="R-2AAA",
        task="x",
        requester="U1",
        channel="C1",
        updated_at=long_ago,
    )
    attempt = new_row(Attempt, run_id=run["id"], purpose=Purpose.PLAN, queued_at=long_ago)
    request = new_row(Request, run_id=run["id"], kind=RequestKind.QUESTION)

    def add(connection):
        connection.execute(sa.insert(Team.__table__), [new_row(Team, id="T1")])
        connection.execute(sa.insert(changes.run), [run])
        connection.execute(sa.insert(changes.attempt), [attempt])
        connection.execute(sa.insert(changes.request), [request])

    await database.write(add)
    said = samples(await Metrics([]).text(database))
    assert (said["attempts_queued",], said["attempts_running",]) == (1, 0)
    assert said["attempts_queued_seconds",] > 360 * 86_400
    assert said["threads_behind",] == 1
    assert said["threads_behind_seconds",] > 360 * 86_400
    assert said["requests_open", "question"] == 1


@pytest.mark.parametrize(
    ("url", "status", "body", "labels"),
    [
        ("/api/chat.update", 200, {"ok": True}, ("chat.update", "ok")),
        ("/api/chat.update", 200, {"ok": False, "error": "x"}, ("chat.update", "refused")),
        ("/api/users.info?user=U1", 429, {"ok": False}, ("users.info", "ratelimited")),
        ("/api/auth.test", 503, None, ("auth.test", "failed")),
        ("/upload/v1/CgRzZWNyZXQ", 200, None, ("upload", "ok")),
        ("/upload/v1/a.secret.name.of.it", 200, None, ("upload", "ok")),
    ],
)
async def test_calls_of_slack_are_counted_by_method_and_result(url, status, body, labels):
    metrics = Metrics([])
    calls = SlackCalls(metrics.registry)
    request = HttpRequest(method="POST", url=f"https://slack.com{url}", headers={})
    response = HttpResponse(status_code=status, headers={}, body=body)
    asked = {"state": RetryState(), "request": request, "response": response}
    assert not await calls.can_retry_async(**asked)
    counted = metrics.registry.get_sample_value(
        "orchestrator_slack_calls_total", dict(zip(("method", "result"), labels, strict=True))
    )
    assert counted == 1
