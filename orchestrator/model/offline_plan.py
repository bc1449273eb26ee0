"""Plans made up from the words of a task, without a model. Pure and deterministic."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

from orchestrator.model.base import JsonObject
from orchestrator.text import listing, one_line, shorten

MAX_TITLE = 60
MAX_GOAL = 200
MAX_SUBTASKS = 200

_VERBS = {
    "researcher": "research investigate explore find collect gather search look survey read list "
    "identify study learn discover",
    "analyst": "analyse analyze compare evaluate calculate estimate rank choose assess forecast "
    "measure decide weigh benchmark score prioritise prioritize pick select group cluster sort",
    "architect": "design plan structure model outline architect specify define draw sketch "
    "organise organize",
    "developer": "code implement build program develop fix deploy refactor migrate script "
    "automate debug install configure prototype create make set",
    "writer": "write draft summarise summarize translate explain describe document compose edit "
    "present report recommend suggest propose prepare answer tell rewrite announce send",
    "reviewer": "review check verify proofread test validate audit critique inspect",
}
_ROLE_OF_VERB = {verb: role for role, verbs in _VERBS.items() for verb in verbs.split()}
_VERB = "|".join(sorted(_ROLE_OF_VERB, key=len, reverse=True))
_ANY_VERB = re.compile(rf"\b(?:{_VERB})\b", re.IGNORECASE)

# The order in which work of these kinds uses one another's results.
_RANKS = {
    "researcher": 0,
    "analyst": 1,
    "architect": 1,
    "developer": 2,
    "writer": 3,
    "reviewer": 4,
}
_SIZES = {"developer": "L", "reviewer": "S"}
_OUTPUTS = {
    "researcher": "Findings as a short list, each with where it comes from.",
    "analyst": "A comparison or calculation, and what follows from it.",
    "architect": "A design: the parts, how they fit, and why.",
    "developer": "Working code with a note on how to run it.",
    "writer": "A finished text in Markdown.",
    "reviewer": "What is wrong, how much it matters, and what to change.",
}
_ASPECTS = (
    "the background",
    "examples and options",
    "costs",
    "risks",
    "the people concerned",
    "the timing",
    "the rules that apply",
    "what others did",
    "numbers and sources",
    "open questions",
)

_ITEM = re.compile(r"^\s*(?:\d{1,3}[.)]|[-*•])\s+(.+)$")
_SENTENCE_END = re.compile(r"(?<!e\.g\.)(?<!i\.e\.)(?<!vs\.)(?<=[.!?;])\s+|\n+")
_THEN_WORDS = r"(?:and\s+)?(?:then|after that|afterwards|after this|finally|lastly|next)"
_THEN = re.compile(
    r"\s?[,;]?\s?(?:\b(?:and\s+)(?:then|after that|afterwards|finally|lastly)\b"
    r"|\b(?:then|after that|afterwards)\b|,\s*finally\b)[\s,:]*",
    re.IGNORECASE,
)
_STARTS_THEN = re.compile(rf"^{_THEN_WORDS}\b[\s,:]+", re.IGNORECASE)
_BESIDE = re.compile(rf"(?:,\s*(?:and\s+)?|\s+and\s+)(?=(?:{_VERB})\b)", re.IGNORECASE)
_BACK = re.compile(
    r"\b(?:them|it|both|these|those|the (?:results?|findings|outcomes?))\b", re.IGNORECASE
)
_NUMBERS = r"(\d{1,3}(?:\s*(?:,|and|&)\s*\d{1,3})*)"
_AFTER_NUMBERS = re.compile(
    rf"[\s,(|]{{0,3}}\bafter:?\s*(?:steps?\s+)?{_NUMBERS}\)?$", re.IGNORECASE
)
_NAMED_NUMBERS = re.compile(rf"\b(?:step|subtask|item|point)s?\s+{_NUMBERS}", re.IGNORECASE)
_POLITE = re.compile(
    r"^(?:(?:please|kindly|can you|could you|would you|i need you to|i want you to|help me|hey|hi)"
    r"[\s,]+)+",
    re.IGNORECASE,
)
_LIST = re.compile(r"\s*,\s*(?:and\s+|or\s+)?|\s+(?:and|or|vs\.?|versus|with)\s+", re.IGNORECASE)
_OF = re.compile(r"\s+(?:of|for|in|about|on|from|to|at)\s+.*$", re.IGNORECASE)
_UNITS = r"(?:sub-?tasks?|steps?|parts?|tasks?)"
_COUNT = re.compile(rf"\b(\d{{1,3}})\s+{_UNITS}\b", re.IGNORECASE)
_FEWER = re.compile(rf"\b(?:fewer|simpler|shorter|less {_UNITS})\b", re.IGNORECASE)
_MORE = re.compile(rf"\bmore (?:{_UNITS}|detail\w*)\b|^more\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Step:
    """A subtask to be; `after` are indexes of earlier steps."""

    text: str
    role: str
    after: tuple[int, ...] = ()


class _Clause(NamedTuple):
    """A piece of the task and how it hangs on what came before it."""

    text: str
    link: str  # then, beside (the piece before it) or apart


def plan_of(
    task: str, *, count: int | None = None, cycle: bool = False, feedback: str = ""
) -> JsonObject:
    """A plan in its JSON form. `count` forces the number of subtasks, `feedback` changes it.

    With `cycle`, two of the subtasks wait for each other.
    """
    task = task.strip() or "Do what was asked"
    count = None if count is None else min(count, MAX_SUBTASKS)
    steps = _steps_of(task, count)
    if feedback.strip():
        steps = _considered(task, steps, one_line(feedback))
    if cycle:
        steps = _in_a_circle(_resized(steps, max(len(steps), 2), _topic(_goal(task))))
    goal = _goal(task)
    return {
        "goal": goal,
        "pattern": "graph",
        "subtasks": [_subtask(number, step, goal) for number, step in enumerate(steps, 1)],
        "roles": [],
    }


def subtask_of(id_: str, text: str, role: str = "researcher") -> JsonObject:
    """One subtask in its JSON form, which waits for nothing."""
    return _json(id_, _Step(text, role), one_line(text))


def _subtask(number: int, step: _Step, goal: str) -> JsonObject:
    instructions = _capital(one_line(step.text))
    if instructions.rstrip(".") != goal.rstrip("."):
        instructions = f"{instructions.rstrip('.')}.\n\nThis is a part of: {goal}"
    return _json(str(number), step, instructions)


def _json(id_: str, step: _Step, instructions: str) -> JsonObject:
    return {
        "id": id_,
        "title": _title(step.text),
        "instructions": instructions,
        "role": step.role,
        "depends_on": [str(index + 1) for index in step.after],
        "stage": None,
        "priority": _priority(step.text),
        "size": _SIZES.get(step.role, "M"),
        "expected_output": {"description": _OUTPUTS[step.role], "schema": None},
        "tools": [],
        "timeout_s": None,
    }


def _title(text: str) -> str:
    return shorten(_capital(one_line(text).rstrip(" .;,:")), MAX_TITLE) or "Do this"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _goal(task: str) -> str:
    """The first line of the task; of a list without a heading, what is in it."""
    first = next(line for line in task.splitlines() if line.strip())
    if _ITEM.match(first):
        first = listing([clause.text for clause in _items(task)]) or first
    return shorten(_capital(_POLITE.sub("", one_line(first)).rstrip(" :")), MAX_GOAL)


def _priority(text: str) -> int:
    if re.search(r"\b(?:urgent\w*|important\w*|first of all|most of all)\b", text, re.IGNORECASE):
        return 1
    if re.search(r"\b(?:optional\w*|if there is time|nice to have)\b", text, re.IGNORECASE):
        return 5
    return 3


def _role(text: str) -> str:
    found = _ANY_VERB.search(text)
    return _ROLE_OF_VERB[found[0].lower()] if found else "researcher"


# --- from the text to steps --------------------------------------------------------------


def _steps_of(task: str, count: int | None) -> list[_Step]:
    clauses = (_items(task) or _clauses(task))[:MAX_SUBTASKS]
    if len(clauses) < 2:
        return _steps_for_one(clauses[0].text if clauses else task, count)
    steps = _linked(clauses)
    return steps if count is None else _resized(steps, count, _topic(_goal(task)))


def _items(task: str) -> list[_Clause]:
    """The entries of a list with two or more of them; lines below one belong to it."""
    items: list[str] = []
    for line in task.splitlines():
        if found := _ITEM.match(line):
            items.append(found[1])
        elif items and line.strip() and line[0].isspace():
            items[-1] += f" {line.strip()}"
    if len(items) < 2:
        return []
    return [_opened(item) for item in items]


def _opened(text: str) -> _Clause:
    if found := _STARTS_THEN.match(text):
        return _Clause(text[found.end() :], "then")
    return _Clause(text, "apart")


def _clauses(task: str) -> list[_Clause]:
    clauses: list[_Clause] = []
    for sentence in _SENTENCE_END.split(task):
        opened = _opened(_POLITE.sub("", sentence.strip()))
        link = opened.link
        for part in _THEN.split(opened.text):
            for piece in _pieces(part):
                clauses.append(_Clause(piece, link))
                link = "beside"
            link = "then"
    return clauses


def _pieces(part: str) -> list[str]:
    found = [piece.strip(" .;,") for piece in _BESIDE.split(part)]
    return [single for piece in found if piece for single in _distributed(piece)]


def _distributed(piece: str) -> list[str]:
    """`Research A, B and C` is three pieces of work, for the verbs whose work divides so."""
    verb, _, rest = piece.partition(" ")
    if _ROLE_OF_VERB.get(verb.lower()) != "researcher":
        return [piece]
    things = [thing for thing in _LIST.split(rest) if thing]
    is_list = "," in rest or all(thing[0].isupper() or thing[0].isdigit() for thing in things)
    if not 2 <= len(things) <= 8 or not is_list:
        return [piece]
    shared = _OF.search(things[-1])
    tail = shared[0] if shared else ""
    return [f"{verb} {thing}{'' if _OF.search(thing) else tail}" for thing in things]


def _linked(clauses: list[_Clause]) -> list[_Step]:
    steps: list[_Step] = []
    for clause in clauses:
        text, named = _without_numbers(clause.text, len(steps))
        step = _Step(text, _role(text))
        after = named or _after(clause, step, steps)
        steps.append(replace(step, after=after))
    return steps


def _without_numbers(text: str, known: int) -> tuple[str, tuple[int, ...]]:
    found = _AFTER_NUMBERS.search(text)
    if found:
        text = text[: found.start()].rstrip()
    else:
        found = _NAMED_NUMBERS.search(text)
    numbers = re.findall(r"\d+", found[1]) if found else []
    return text, tuple(sorted({int(n) - 1 for n in numbers if 1 <= int(n) <= known}))


def _after(clause: _Clause, step: _Step, steps: list[_Step]) -> tuple[int, ...]:
    ends = _ends(steps)
    if clause.link == "then" or _BACK.search(clause.text):
        return ends
    rank = _RANKS[step.role]
    if clause.link == "apart":
        return tuple(index for index in ends if _RANKS[steps[index].role] < rank)
    # What is written or reviewed rests on what was found out just before it.
    before = steps[-1]
    if rank >= _RANKS["writer"] and _RANKS[before.role] <= _RANKS["analyst"]:
        return ends
    return before.after


def _ends(steps: list[_Step]) -> tuple[int, ...]:
    """The steps that no other waits for."""
    waited_for = {index for step in steps for index in step.after}
    return tuple(index for index in range(len(steps)) if index not in waited_for)


# --- a task that is one piece ------------------------------------------------------------


def _steps_for_one(clause: str, count: int | None) -> list[_Step]:
    if count == 1:
        return [_Step(clause, _role(clause))]
    role = _role(clause) if _ANY_VERB.match(clause) else ""
    if role == "analyst" and len(_options(clause)[0]) > 1:
        steps = _comparison(clause)
    elif role in ("developer", "architect"):
        steps = _construction(clause)
    else:
        return _study(clause, count or 4)
    return steps if count is None else _resized(steps, count, _topic(clause))


def _topic(clause: str) -> str:
    """What the task is about: without politeness, its verb, and the form of the answer."""
    text = _POLITE.sub("", one_line(clause)).rstrip(" .?!:;")
    text = re.sub(rf"^(?:{_VERB})\s+(?:me\s+|us\s+|into\s+)?", "", text, flags=re.IGNORECASE)
    text = re.sub(r"^(?:\S+\s+){1,4}?about\s+", "", text)
    return text or "the task"


def _options(clause: str) -> tuple[list[str], str]:
    """What is to be compared, at most four, and the rest of the sentence."""
    topic = _topic(clause)
    purpose = _OF.search(topic)
    tail = purpose[0].strip() if purpose else ""
    named = topic[: purpose.start()] if purpose else topic
    return list(islice((thing for thing in _LIST.split(named) if thing), 4)), tail


def _comparison(clause: str) -> list[_Step]:
    options, tail = _options(clause)
    found = tuple(range(len(options)))
    return [
        *(_Step(f"Research {option} {tail}", "researcher") for option in options),
        _Step(f"Compare {listing(options)} {tail}", "analyst", found),
        _Step("Write the recommendation", "writer", (len(options),)),
    ]


def _construction(clause: str) -> list[_Step]:
    topic = _topic(clause)
    return [
        _Step(f"Collect what is needed: {topic}", "researcher"),
        _Step(f"Design {topic}", "architect", (0,)),
        _Step(clause, "developer", (1,)),
        _Step(f"Review {topic}", "reviewer", (2,)),
    ]


def _study(clause: str, count: int) -> list[_Step]:
    """Aspects looked at in parallel, then analysed, written, and in larger plans reviewed."""
    topic = _topic(clause)
    written = clause if _role(clause) == "writer" else f"Write the answer: {topic}"
    last = [
        _Step(f"Analyse the findings: {topic}", "analyst"),
        _Step(written, "writer"),
        _Step(f"Review the answer: {topic}", "reviewer"),
    ]
    ending = {2: last[1:2], 3: last[:2], 4: last[:2], 5: last[:2]}.get(count, last)
    steps = list(islice(_aspects(topic), count - len(ending)))
    for step in ending:
        steps.append(replace(step, after=_ends(steps)))
    return steps


def _aspects(topic: str) -> list[_Step]:
    return [
        _Step(f"Research {aspect}{f' ({round_})' if round_ > 1 else ''}: {topic}", "researcher")
        for round_ in range(1, 101)
        for aspect in _ASPECTS
    ]


# --- changes to a plan -------------------------------------------------------------------


def _resized(steps: list[_Step], count: int, topic: str) -> list[_Step]:
    count = max(count, 1)
    if count < len(steps):
        return _merged(steps, count)
    added = islice(_aspects(topic), count - len(steps))
    for step in added:
        steps = _with(steps, step, len(steps) - 1, waited_for=bool(steps[-1].after))
    return steps


def _merged(steps: list[_Step], count: int) -> list[_Step]:
    """The last ones become one."""
    kept, merged = steps[: count - 1], steps[count - 1 :]
    after = {index for step in merged for index in step.after if index < len(kept)}
    text = "; ".join(step.text for step in merged)
    return [*kept, _Step(text, merged[-1].role, tuple(sorted(after)))]


def _with(steps: list[_Step], new: _Step, at: int, *, waited_for: bool) -> list[_Step]:
    """`new` at the index `at`; the ends wait for it where it is `waited_for`."""
    ends = _ends(steps) if waited_for else ()
    moved = []
    for index, step in enumerate(steps):
        after = {before + (before >= at) for before in step.after}
        after |= {at} if index in ends else set()
        moved.append(replace(step, after=tuple(sorted(after))))
    return [*moved[:at], new, *moved[at:]]


def _considered(task: str, steps: list[_Step], feedback: str) -> list[_Step]:
    if found := _COUNT.search(feedback):
        return _steps_of(task, min(int(found[1]), MAX_SUBTASKS))
    if _FEWER.search(feedback):
        return _steps_of(task, max(len(steps) - 1, 1))
    if _MORE.search(feedback):
        return _steps_of(task, len(steps) + 2)
    new = _Step(f"Consider: {feedback}", "researcher")
    return _with(steps, new, _ends(steps)[0], waited_for=True)


def _in_a_circle(steps: list[_Step]) -> list[_Step]:
    later = next((index for index, step in enumerate(steps) if step.after), 1)
    earlier = steps[later].after[0] if steps[later].after else 0
    circle = list(steps)
    circle[later] = replace(steps[later], after=tuple({*steps[later].after, earlier}))
    circle[earlier] = replace(steps[earlier], after=(*steps[earlier].after, later))
    return circle
