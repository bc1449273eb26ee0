"""Runs to show, and what every message must keep to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.blocks.payload import Payload
from bot.localslack import limits
from bot.view import (
    AnswerView,
    RequestView,
    RevisionView,
    RunRow,
    RunView,
    SubtaskView,
)
from orchestrator.plan import Plan, Subtask
from orchestrator.store.tables import (
    Outcome,
    RequestKind,
    RequestStatus,
    RevisionSource,
    RunStatus,
    SubtaskStatus,
)

RUN = "0190a0b0-0000-7000-8000-000000000001"
ASKED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

HOSTILE = {
    "mentions": "<!channel> <!here|here> <@U999|you> <!subteam^S1> <#C1> &#60;!everyone> \\<!here>",
    "endless": "x" * 100_000,
    "endless words": "word " * 20_000,
    "endless lines": "line\n" * 20_000,
    "emoji": "👩‍👩‍👧‍👦" * 500,
    "controls": "a\x00b\x1b[31m\x07\r\nc\ud800d\u2028e",
    "only controls": "\x00\x01\x02",
    "blank": "   \n\t ",
    "right to left": "\u202egnihtemos\u202c \u200f\u061c \u2066a\u2069",
    "markdown": "**bold *both ~~strike [link](javascript:alert(1)) ![i](http://x) | a | b\n|--",
    "open fence": "before\n```python\nprint('<!channel>')\n<@U999>",
    "mrkdwn": "*b* _i_ `c ``` > quote\n&gt; <https://x|<!channel>> @channel",
    "json": '"}]}, {"type": "broadcast", "range": "channel"}',
}


def subtask(number: int, **given: Any) -> SubtaskView:
    fields: dict[str, Any] = {
        "title": f"Find fact {number}",
        "role": "researcher",
        "instructions": f"Look up fact {number} and name the source.",
        "priority": 3,
        "after": (),
        "stage": None,
        "expected_s": 25.0,
    }
    return SubtaskView(number=number, **{**fields, **given})


def request(kind: RequestKind, **given: Any) -> RequestView:
    fields: dict[str, Any] = {
        "id": f"request-{kind.value}-{given.get('subtask')}",
        "subtask": None,
        "revision": 1,
        "text": "The worker answered with nothing.",
        "options": (),
        "status": RequestStatus.OPEN,
        "answer": None,
        "answer_text": "",
        "answered_by": None,
        "created_at": ASKED,
        "tries": 3,
        "outcome": Outcome.EMPTY,
    }
    return RequestView(kind=kind, **{**fields, **given})


def answered(asked: RequestView, answer: str, by: str = "U222", words: str = "") -> RequestView:
    return replace(
        asked,
        status=RequestStatus.ANSWERED,
        answer=answer,
        answer_text=words,
        answered_by=by,
    )


def revision(number: int = 1, **given: Any) -> RevisionView:
    fields: dict[str, Any] = {
        "source": RevisionSource.PLANNER,
        "author": None,
        "feedback": "",
        "repairs": (),
    }
    return RevisionView(number=number, **{**fields, **given})


def run(status: RunStatus = RunStatus.PROPOSED, **given: Any) -> RunView:
    fields: dict[str, Any] = {
        "id": RUN,
        "name": "R-7F3K",
        "team_id": "T1",
        "version": 7,
        "task": "Compare three job queues and recommend one.",
        "note": "",
        "requester": "U111",
        "channel": "C1",
        "thread": "1.0",
        "revision": 1,
        "goal": "Recommend a job queue",
        "subtasks": (
            subtask(1),
            subtask(2, title="Compare them", role="analyst", after=(1,), priority=1),
            subtask(3, title="Write it up", role="writer", after=(1, 2)),
        ),
        "revisions": (revision(),),
        "expected_s": 125.0,
        "expected_usd": Decimal("0.03"),
        "created_at": ASKED,
        "started_at": ASKED + timedelta(minutes=1),
    }
    return RunView(status=status, **{**fields, **given})


def going(*states: SubtaskStatus, status: RunStatus = RunStatus.RUNNING, **given: Any) -> RunView:
    subtasks = tuple(
        subtask(number, status=state, tries=int(state is SubtaskStatus.SUCCEEDED))
        for number, state in enumerate(states, start=1)
    )
    fields = {"subtasks": subtasks, "cost_usd": Decimal("0.0132"), "tokens": 12_345}
    return run(status, **{**fields, **given})


def done(said: str = "Take the *third* one.", **given: Any) -> RunView:
    fields = {
        "status": RunStatus.COMPLETED,
        "answer": AnswerView(1, said),
        "finished_at": ASKED + timedelta(minutes=3, seconds=5),
        "models": ("claude-opus-5-5", "claude-sonnet-5-5"),
    }
    return going(*[SubtaskStatus.SUCCEEDED] * 3, **{**fields, **given})


def large(count: int, text: str = "Find every fact that matters here", **given: Any) -> RunView:
    """A run of many subtasks with long texts, in every state."""
    states = list(SubtaskStatus)
    long = f"{text} " * 40
    subtasks = tuple(
        subtask(
            number,
            title=long[:150],
            instructions=long * 3,
            role="researcher",
            after=(number - 7,) if number > 7 else (),
            status=states[number % len(states)],
            tries=number % 4,
            output=long[:600],
            error=long[:600],
            seconds=12.3,
        )
        for number in range(1, count + 1)
    )
    return run(RunStatus.RUNNING, subtasks=subtasks, goal=long, **given)


def hostile(text: str, status: RunStatus) -> RunView:
    """A run in which every text that comes from outside is `text`."""
    states = [*SubtaskStatus, None]
    subtasks = tuple(
        subtask(
            number,
            title=text,
            role=text,
            instructions=text,
            after=(number - 1,) if number > 1 else (),
            status=state,
            tries=2,
            error=text[:600],
            output=text[:600],
            outcome=Outcome.ERRORED,
        )
        for number, state in enumerate(states, start=1)
    )
    return run(
        status,
        task=text,
        note=text,
        goal=text,
        subtasks=subtasks,
        revisions=(revision(feedback=text, repairs=(text,) * 30),),
        answer=AnswerView(2, text),
        models=(text, "offline"),
        gaps=2,
        finished_at=ASKED + timedelta(hours=1),
    )


def plan(count: int, **given: Any) -> Plan:
    return Plan(
        goal="Recommend a job queue",
        subtasks=tuple(
            Subtask(
                id=str(number),
                title=f"Find fact {number}",
                instructions=f"Look up fact {number}.",
                role="researcher",
                depends_on=(str(number - 1),) if number > 1 else (),
                **given,
            )
            for number in range(1, count + 1)
        ),
    )


def run_row(number: int = 1, **given: Any) -> RunRow:
    fields: dict[str, Any] = {
        "id": f"run-{number}",
        "name": f"R-{number:04}",
        "task": "Compare three job queues",
        "status": RunStatus.COMPLETED,
        "requester": "U111",
        "channel": "C123",
        "thread": "1.0",
        "created_at": ASKED,
        "finished_at": ASKED + timedelta(minutes=2),
        "cost_usd": Decimal("0.5"),
        "cost_known": True,
        "gaps": 0,
        "subtasks": 5,
        "done": 5,
    }
    return RunRow(**{**fields, **given})


# --- what every message must keep to ----------------------------------------------------------

_LIVE = re.compile(r"<[@!#][^>]*>?")
_OWN = re.compile(r"<(?:@U111|@U222|#C123|!date\^\d+\^[^|<>]*\|[^<>]*)>")
_UNREAD = ("initial_value", "value", "private_metadata")


def checked(payload: Payload) -> Payload:
    """The payload, which Slack takes and which notifies nobody but whom the bot means."""
    limits.check_message(payload.text, payload.blocks, None)
    limits.check_updated_text(payload.text)
    assert len(payload.text) <= 1000
    assert payload.text.strip()
    assert live_mentions({"text": payload.text, "blocks": payload.blocks}) == []
    return payload


def checked_modal(view: dict[str, Any]) -> dict[str, Any]:
    limits.check_modal(view)
    return view


def live_mentions(value: Any) -> list[str]:
    """What could notify anywhere in `value`, except for the people the tests mean to mention."""
    return [
        found
        for text in _strings(value)
        for found in _LIVE.findall(text)
        if not _OWN.fullmatch(found)
    ] + [element["type"] for element in nodes(value) if element.get("type") == "broadcast"]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in _UNREAD:
                yield from _strings(item)


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object in `value`."""
    if isinstance(value, dict):
        yield value
    children = value.values() if isinstance(value, dict) else value
    if isinstance(children, str | int | float | None):
        return
    for child in children:
        if isinstance(child, dict | list):
            yield from nodes(child)


def words(value: Any) -> str:
    """Everything in `value` that a person reads."""
    return "\n".join(
        node["text"]
        for node in nodes(value)
        if isinstance(node.get("text"), str) and "options" not in node
    )


def labels(value: Any) -> list[str]:
    """The labels of all buttons."""
    return [node["text"]["text"] for node in nodes(value) if node.get("type") == "button"]


def values(value: Any) -> dict[str, str]:
    """The values of all buttons by action id."""
    return {
        node["action_id"]: node["value"]
        for node in nodes(value)
        if "action_id" in node and node.get("type") == "button"
    }
