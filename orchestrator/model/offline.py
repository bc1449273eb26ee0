"""A model without a network: deterministic, free, and steered by directives in the task."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from orchestrator.errors import (
    ModelEmpty,
    ModelError,
    ModelInvalid,
    ModelTimedOut,
    ModelUnavailable,
)
from orchestrator.model import offline_plan
from orchestrator.model.base import Call, JsonObject, OnText, Purpose, Reply, Sleep, ToolCall, Usage
from orchestrator.model.sample import sample_of
from orchestrator.text import one_line, shorten

NAME = "offline"
MARK = "_Offline answer, made up without a model._"
ASK_PERSON = "ask_person"
ADDED_TITLE = "Look again at what is still open"

_CHARACTERS_A_TOKEN = 4
_DIRECTIVE = re.compile(
    r"[ \t]*#(subtasks|fail|empty|invalid|slow|question|tool|replan|cycle|badplan)\b"
    r"(?:\(([^)\n]*)\))?",
    re.IGNORECASE,
)
_TOOL = re.compile(r"^\s*(\d{1,6})\s*,\s*([\w.-]+)\s*(?:,\s*(\{.*\})\s*)?$")
_FENCED = re.compile(r"<(\w+)[^>\n]*>\n(.*)\n</\1>", re.DOTALL)
_ATTACHED = re.compile(r'^<file name="([^"\n]*)">', re.MULTILINE)
_QUESTION_ID = "toolu_offline_question"
_SECONDS = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|m|min)?$")
_SECONDS_BY_UNIT = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0}
_FEEDBACK = re.compile(r"^Feedback on the plan:\s*(.*?)(?:\n\s*\n|\Z)", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r"^Title:\s*(.+)$", re.MULTILINE)
_GOAL = re.compile(r"^Goal:\s*(.+)$", re.MULTILINE)
_NOTE = re.compile(r"^(?:Note|Guidance|Feedback)\b[^:\n]{0,40}:\s*(\S.*)$", re.MULTILINE)
_USED = re.compile(r'^(?:<result subtask="|## Result of subtask )(\d+)', re.MULTILINE)
_RESULT = re.compile(r"^## Result of subtask (\d+): (.*)$", re.MULTILINE)
_FENCED = re.compile(r"\A\s*<(\w+)[^>\n]*>\n(.*?)\n</\1>", re.DOTALL)
_MISSING = re.compile(r"\A\(missing\b", re.IGNORECASE)


class ToolUse(NamedTuple):
    """A tool the offline model is told to use; without arguments it makes some up."""

    name: str
    arguments: JsonObject | None


@dataclass(frozen=True, slots=True)
class Directives:
    """What a task tells the offline model to do; `text` is the task without them.

    Subtasks go by display number. Of `fail`, `empty` and `invalid` the value is how many of the
    first attempts it happens to, None meaning all; of `slow` it is seconds.
    """

    text: str
    subtasks: int | None = None
    fail: Mapping[int, int | None] = field(default_factory=dict)
    empty: Mapping[int, int | None] = field(default_factory=dict)
    invalid: Mapping[int, int | None] = field(default_factory=dict)
    slow: Mapping[int, float] = field(default_factory=dict)
    question: frozenset[int] = frozenset()
    tool: Mapping[int, tuple[ToolUse, ...]] = field(default_factory=dict)
    replan: bool = False
    cycle: bool = False
    badplan: bool = False


def directives(text: str) -> Directives:
    """The directives in `text`. One with arguments that make no sense has no effect."""
    found = [(name.lower(), _arguments(given)) for name, given in _DIRECTIVE.findall(text)]
    numbered = [(name, int(args[0]), args[1:]) for name, args in found if _is_number(args)]
    names = {name for name, _ in found}
    return Directives(
        text=_DIRECTIVE.sub("", text).strip(),
        subtasks=max((n for name, n, _ in numbered if name == "subtasks" and n > 0), default=None),
        fail={n: _times(rest, None) for name, n, rest in numbered if name == "fail"},
        empty={n: _times(rest, 1) for name, n, rest in numbered if name == "empty"},
        invalid={n: _times(rest, 1) for name, n, rest in numbered if name == "invalid"},
        slow={n: _seconds(rest) for name, n, rest in numbered if name == "slow"},
        question=frozenset(n for name, n, _ in numbered if name == "question"),
        tool=_tools(given for name, given in _DIRECTIVE.findall(text) if name.lower() == "tool"),
        replan="replan" in names,
        cycle="cycle" in names,
        badplan="badplan" in names,
    )


def _tools(given: Iterable[str]) -> dict[int, tuple[ToolUse, ...]]:
    uses: dict[int, tuple[ToolUse, ...]] = {}
    for found in filter(None, map(_TOOL.match, given)):
        try:
            arguments = json.loads(found[3]) if found[3] else None
        except ValueError:
            continue
        number = int(found[1])
        uses[number] = (*uses.get(number, ()), ToolUse(found[2], arguments))
    return uses


def _arguments(given: str) -> list[str]:
    return [argument.strip() for argument in given.split(",") if argument.strip()]


def _is_number(arguments: list[str]) -> bool:
    return bool(arguments) and re.fullmatch(r"[0-9]{1,6}", arguments[0]) is not None


def _times(rest: list[str], default: int | None) -> int | None:
    return int(rest[0]) if _is_number(rest) else default


def _seconds(rest: list[str]) -> float:
    found = _SECONDS.match(rest[0]) if rest else None
    return float(found[1]) * _SECONDS_BY_UNIT[found[2] or "s"] if found else 0.0


class OfflineModel:
    """Answers everything by itself, plainly marked as such. `sleep` takes seconds."""

    def __init__(self, sleep: Sleep = asyncio.sleep):
        self._sleep = sleep

    async def complete(self, call: Call, on_text: OnText | None = None) -> Reply:
        """Answer `call` as its purpose and the directives in `call.task` say."""
        try:
            async with asyncio.timeout(call.timeout_s):
                return await self._answered(call, on_text)
        except TimeoutError as error:
            sentence = f"There was no answer within {call.timeout_s:g} seconds."
            raise ModelTimedOut(sentence, _usage(call, ""), Decimal(0)) from error

    async def close(self) -> None:
        """There is nothing to let go of."""

    async def _answered(self, call: Call, on_text: OnText | None) -> Reply:
        told = directives(call.task)
        if call.purpose == Purpose.SUBTASK:
            await self._take_time(call, told)
        reply = _ANSWERS[call.purpose](call, told)
        if on_text is not None:
            for line in reply.text.splitlines(keepends=True):
                on_text(line)
                await self._sleep(0)
        return reply

    async def _take_time(self, call: Call, told: Directives) -> None:
        seconds = told.slow.get(call.subtask or 0, 0.0)
        if seconds > 0:
            await self._sleep(seconds)


def _reply(call: Call, text: str, data: Any = None) -> Reply:
    return Reply(
        text=text,
        model=NAME,
        message={"role": "assistant", "content": [{"type": "text", "text": text}]},
        stop_reason="end_turn",
        data=data,
        usage=_usage(call, text),
        cost_usd=Decimal(0),
    )


def _data_reply(call: Call, data: Any) -> Reply:
    return _reply(call, json.dumps(data, indent=2, ensure_ascii=False), data)


def _usage(call: Call, text: str) -> Usage:
    asked = len(call.system) + len(call.shared) + sum(len(_words(m)) for m in call.messages)
    return Usage(
        input_tokens=asked // _CHARACTERS_A_TOKEN, output_tokens=len(text) // _CHARACTERS_A_TOKEN
    )


def _words(message: JsonObject) -> str:
    """The text of a message, and of tool results in it."""
    return _text_in(message.get("content"))


def _text_in(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(
        _text_in(block.get("text") or block.get("content"))
        for block in content
        if isinstance(block, dict)
    )


def _asked(call: Call) -> str:
    """What the user's messages say, the last one first."""
    said = [_words(message) for message in call.messages if message.get("role") == "user"]
    return "\n\n".join(reversed(said))


def _line(pattern: re.Pattern[str], text: str, default: str) -> str:
    found = pattern.search(text)
    return one_line(found[1]) if found else default


# --- planning and reviewing --------------------------------------------------------------


def _plan(call: Call, told: Directives) -> Reply:
    if told.badplan:
        return _reply(call, "This cannot be broken down. (offline)")
    plan = offline_plan.plan_of(
        told.text, count=told.subtasks, cycle=told.cycle, feedback=_feedback(call)
    )
    return _data_reply(call, plan)


def _feedback(call: Call) -> str:
    """The last such section of the last message: the task before it may have the same words."""
    sections = _FEEDBACK.findall(_words(call.messages[-1])) if call.messages else []
    return sections[-1] if sections else ""


def _review(call: Call, told: Directives) -> Reply:
    known = "\n".join((call.system, call.shared, *(_words(m) for m in call.messages)))
    if not told.replan or ADDED_TITLE in known:
        return _data_reply(call, {"changes": []})
    change = {
        "kind": "add",
        "reason": "The results left something open. (offline)",
        "subtask": offline_plan.subtask_of("added-1", ADDED_TITLE),
    }
    return _data_reply(call, {"changes": [change]})


# --- subtasks ----------------------------------------------------------------------------


def _subtask(call: Call, told: Directives) -> Reply:
    number = call.subtask or 0
    title = _line(_TITLE, _asked(call), f"Subtask {number}")
    if _happens(told.fail, call):
        raise _failure(ModelUnavailable, "The offline model was told to fail here.", call)
    if _happens(told.empty, call):
        raise _failure(ModelEmpty, "The offline model was told to answer with nothing here.", call)
    if _happens(told.invalid, call):
        return _misfit(call)
    if _may_ask(call, told):
        return _question(call, title)
    if (use := _next_use(call, told)) is not None:
        return _calling(call, use)
    if call.schema is not None:
        return _data_reply(call, sample_of(call.schema, f"{title} (offline)"))
    return _reply(call, _result(call, title))


def _next_use(call: Call, told: Directives) -> ToolUse | None:
    """The next tool it was told to use here, if there is such a tool."""
    uses = told.tool.get(call.subtask or 0, ())
    done = sum(id_ != _QUESTION_ID for id_, _ in _tool_results(call))
    return uses[done] if done < len(uses) and call.tools else None


def _calling(call: Call, use: ToolUse) -> Reply:
    done = len(_tool_results(call))
    arguments = _made_up(call, use.name) if use.arguments is None else use.arguments
    return _tool_reply(call, f"toolu_offline_{call.subtask}_{done}", use.name, arguments)


def _made_up(call: Call, name: str) -> JsonObject:
    """Arguments that fit; a file is one of those attached."""
    schema = next((tool.input_schema for tool in call.tools if tool.name == name), {})
    arguments = sample_of(schema, "Made up offline")
    attached = _ATTACHED.findall(call.shared)
    if name == "read_file" and attached:
        arguments = {"name": attached[0]}
    return arguments if isinstance(arguments, dict) else {}


def _tool_results(call: Call) -> list[tuple[str, str]]:
    """The ids and texts of what tools brought so far, and of what a person answered."""
    blocks = [
        block
        for message in call.messages
        for block in (message["content"] if isinstance(message["content"], list) else ())
        if isinstance(block, dict) and block.get("type") == "tool_result"
    ]
    return [(block["tool_use_id"], _unfenced(_text_in(block.get("content")))) for block in blocks]


def _unfenced(said: str) -> str:
    found = _FENCED.fullmatch(said)
    return found[2] if found else said


def _happens(attempts: Mapping[int, int | None], call: Call) -> bool:
    if call.subtask is None or call.subtask not in attempts:
        return False
    times = attempts[call.subtask]
    return times is None or call.attempt <= times


def _failure(kind: type[ModelError], sentence: str, call: Call) -> ModelError:
    return kind(sentence, _usage(call, ""), Decimal(0))


def _misfit(call: Call) -> Reply:
    if call.schema is not None:
        return _reply(call, "This is not of the form that was asked for. (offline)")
    problems = ["The offline model was told not to fit the form asked for here."]
    raise ModelInvalid(problems, _usage(call, ""), Decimal(0))


def _may_ask(call: Call, told: Directives) -> bool:
    offered = any(tool.name == ASK_PERSON for tool in call.tools)
    return call.subtask in told.question and offered and _answer_in(call) is None


def _answer_in(call: Call) -> str | None:
    """What the person answered, where the conversation has it."""
    return next((said for id_, said in _tool_results(call) if id_ == _QUESTION_ID), None)


def _question(call: Call, title: str) -> Reply:
    asked = {
        "question": f"What matters most for “{title}”? (offline)",
        "options": ["Quality", "Speed"],
    }
    return _tool_reply(call, _QUESTION_ID, ASK_PERSON, asked)


def _tool_reply(call: Call, id_: str, name: str, arguments: JsonObject) -> Reply:
    block = {"type": "tool_use", "id": id_, "name": name, "input": arguments}
    return Reply(
        text="",
        model=NAME,
        message={"role": "assistant", "content": [block]},
        stop_reason="tool_use",
        tool_calls=(ToolCall(id_, name, arguments),),
        usage=_usage(call, json.dumps(arguments)),
        cost_usd=Decimal(0),
    )


def _result(call: Call, title: str) -> str:
    asked = _asked(call)
    points = [f"This stands where a worker's result on “{title}” would."]
    used = list(dict.fromkeys(_USED.findall(asked)))
    if used:
        points.append(f"It builds on what came of subtask {', '.join(used)}.")
    answer = _answer_in(call)
    if answer:
        points.append(f"The person answered: {one_line(answer)}")
    points += [
        f"A tool said: {shorten(one_line(said), 200)}"
        for id_, said in _tool_results(call)
        if id_ != _QUESTION_ID
    ]
    points += [f"Taken into account: {one_line(note)}" for note in _NOTE.findall(asked)[:2]]
    points.append("Nothing was looked up, and no model was asked.")
    bullets = "\n".join(f"- {point}" for point in points)
    parts = [f"**{title}** (offline)", bullets, _extra(call.system, title)]
    return "\n\n".join(part for part in parts if part)


def _extra(prompt: str, title: str) -> str:
    """Something for the eye that goes with the kind of work: a table or code."""
    words = f"{title} {prompt[:200]}".lower()
    if re.search(r"\banaly[sz]|\bcompar|\bevaluat", words):
        return "| Option | Fit (offline) |\n| --- | --- |\n| A | good |\n| B | fair |"
    if re.search(r"\bdevelop|\bcode\b|\bimplement|\bbuild", words):
        return '```python\ndef answer() -> str:\n    return "made up offline"\n```'
    return ""


# --- the answer --------------------------------------------------------------------------


class _Part(NamedTuple):
    number: str
    title: str
    text: str  # empty where the part is missing


def _synthesis(call: Call, told: Directives) -> Reply:
    asked = _asked(call)
    goal = _line(_GOAL, f"{asked}\n{call.shared}", one_line(told.text) or "The task")
    parts = _parts(asked)
    sections = [MARK, f"# {goal}", _summary(parts), *map(_section, parts)]
    if parts:
        sections.append(_table(parts))
    gaps = [part for part in parts if not part.text]
    if gaps:
        named = "\n".join(f"- Subtask {part.number}: {part.title}" for part in gaps)
        sections.append(f"## Not covered\n\n{named}")
    return _reply(call, "\n\n".join(sections))


def _parts(asked: str) -> list[_Part]:
    found = list(_RESULT.finditer(asked))
    if not found:
        return []
    ends = [match.start() for match in found[1:]] + [len(asked)]
    return [
        _Part(match[1], one_line(match[2]), _body(asked[match.end() : end]))
        for match, end in zip(found, ends, strict=True)
    ]


def _body(text: str) -> str:
    if fenced := _FENCED.match(text):
        return fenced[2].strip()
    body = re.split(r"^#{1,2} ", text, maxsplit=1, flags=re.MULTILINE)[0].strip()
    return "" if _MISSING.match(body) else body


def _summary(parts: list[_Part]) -> str:
    done = sum(1 for part in parts if part.text)
    return (
        f"This answer was put together from {done} of {len(parts)} results, without a model. "
        "It shows where the real one would stand."
    )


def _section(part: _Part) -> str:
    return f"## {part.title} [{part.number}]\n\n{part.text or '_This part is missing._'}"


def _table(parts: list[_Part]) -> str:
    rows = [
        f"| {part.number} | {part.title.replace('|', '/')} | {'done' if part.text else 'missing'} |"
        for part in parts
    ]
    return "\n".join(["## Subtasks", "", "| # | Subtask | Result |", "| --- | --- | --- |", *rows])


_ANSWERS = {
    Purpose.PLAN: _plan,
    Purpose.SUBTASK: _subtask,
    Purpose.REVIEW: _review,
    Purpose.SYNTHESIS: _synthesis,
}
