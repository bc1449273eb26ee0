"""The plan gate: nothing is proposed that cannot run, and every repair is told."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal

from orchestrator import graph, schemas, text
from orchestrator.errors import InvalidPlan
from orchestrator.plan import DEFAULT_ROLE, MAX_TITLE, SECONDS_BY_SIZE, Pattern, Plan, Subtask


@dataclass(frozen=True)
class Gated:
    """A plan that can run, and a sentence for each thing that was repaired."""

    plan: Plan
    repairs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gatekeeping:
    """What the gate needs to know of a deployment; `expected_usd` prices a task's plan."""

    roles: Collection[str]
    tools: Collection[str]
    max_subtasks: int
    expected_usd: Callable[[str, Plan], Decimal | None] = lambda _task, _plan: None


def check(
    plan: Plan,
    roles: Collection[str],
    tools: Collection[str] = (),
    max_subtasks: int = 50,
    *,
    keep_numbers: bool = False,
) -> Gated:
    """Repair `plan` until it can run.

    With `keep_numbers` the subtasks' ids are numbers people know already and stay; otherwise
    they are numbered from 1 in the order of the plan. Raises InvalidPlan when nothing is left.
    """
    repairs: list[str] = []
    subtasks = list(plan.subtasks)
    for repair in (_unique_ids, _complete):
        subtasks = repair(subtasks, repairs)
    if not subtasks:
        raise InvalidPlan(["The plan has no subtask that says what to do."])
    known_roles = {*roles, *(role.name for role in plan.roles)}
    subtasks = [_sound(subtask, known_roles, tools, repairs) for subtask in subtasks]
    subtasks = _without_duplicates(subtasks, repairs)
    subtasks = _known_dependencies(subtasks, repairs)
    subtasks = _patterned(plan.pattern, subtasks, repairs)
    subtasks = _acyclic(subtasks, repairs)
    subtasks = _few_enough(subtasks, max_subtasks, repairs)
    if plan.pattern is Pattern.STAGED:
        subtasks = _with_stages_from_one(subtasks)
    if not keep_numbers:
        subtasks = _numbered(subtasks)
    goal = plan.goal or subtasks[0].title
    return Gated(
        plan.model_copy(update={"goal": goal, "subtasks": tuple(subtasks)}), tuple(repairs)
    )


def _name(subtask: Subtask) -> str:
    return f"“{text.shorten(subtask.title or subtask.id, 60)}”"


def _unique_ids(subtasks: list[Subtask], repairs: list[str]) -> list[Subtask]:
    seen: set[str] = set()
    given = {subtask.id for subtask in subtasks}
    free = (str(n) for n in itertools.count(1) if str(n) not in given)
    unique = []
    for subtask in subtasks:
        id_ = subtask.id
        if id_ in seen:
            repairs.append(f"Two subtasks had the id {id_}; {_name(subtask)} got a new one.")
        if not id_ or id_ in seen:
            id_ = next(free)
        seen.add(id_)
        unique.append(subtask.model_copy(update={"id": id_}))
    return unique


def _complete(subtasks: list[Subtask], repairs: list[str]) -> list[Subtask]:
    complete = []
    for subtask in subtasks:
        if not subtask.title and not subtask.instructions:
            repairs.append(f"Subtask {subtask.id} said nothing and was left out.")
            continue
        title = subtask.title or text.one_line(subtask.instructions)
        if len(title) > MAX_TITLE:
            title = text.shorten(title, MAX_TITLE)
        if not subtask.instructions:
            repairs.append(f"{_name(subtask)} had no instructions; its title serves as such.")
        instructions = subtask.instructions or subtask.title
        complete.append(subtask.model_copy(update={"title": title, "instructions": instructions}))
    return complete


def _without_duplicates(subtasks: list[Subtask], repairs: list[str]) -> list[Subtask]:
    first: dict[tuple[str, str, str], str] = {}
    same: dict[str, str] = {}
    kept = []
    for subtask in subtasks:
        key = (subtask.title.casefold(), subtask.instructions.casefold(), subtask.role)
        if key in first:
            same[subtask.id] = first[key]
            repairs.append(f"{_name(subtask)} was in the plan twice and stays once.")
            continue
        first[key] = subtask.id
        kept.append(subtask)
    return [_waiting_for(s, (same.get(need, need) for need in s.depends_on)) for s in kept]


def _waiting_for(subtask: Subtask, needs: Iterable[str]) -> Subtask:
    return subtask.model_copy(update={"depends_on": tuple(dict.fromkeys(needs))})


def _sound(
    subtask: Subtask, roles: Collection[str], tools: Collection[str], repairs: list[str]
) -> Subtask:
    fixed: dict[str, object] = {}
    if subtask.role not in roles:
        fixed["role"] = DEFAULT_ROLE
        repairs.append(f"There is no role “{subtask.role}”; {_name(subtask)} goes to a generalist.")
    if not 1 <= subtask.priority <= 5:
        fixed["priority"] = min(max(subtask.priority, 1), 5)
        repairs.append(f"The priority of {_name(subtask)} became {fixed['priority']} (1 to 5).")
    if subtask.timeout_s is not None and not 0 < subtask.timeout_s <= 3600:
        fixed["timeout_s"] = None
        repairs.append(f"The time limit of {_name(subtask)} made no sense and is the usual one.")
    unknown = [tool for tool in subtask.tools if not _is_known(tool, tools)]
    if unknown:
        fixed["tools"] = tuple(tool for tool in subtask.tools if tool not in unknown)
        repairs.append(
            f"{_name(subtask)} goes without {text.listing(unknown)}: not available here."
        )
    schema = subtask.expected_output.json_schema
    if schema is not None and not schemas.is_sound(schema):
        fixed["expected_output"] = subtask.expected_output.model_copy(update={"json_schema": None})
        repairs.append(f"The output schema of {_name(subtask)} is no JSON Schema and was dropped.")
    return subtask.model_copy(update=fixed) if fixed else subtask


def _is_known(tool: str, tools: Collection[str]) -> bool:
    """Return whether it is a tool, or one of a server, which may not have said yet what it has."""
    server, separator, own_name = tool.partition("__")
    return tool in tools or bool(separator and own_name and server in tools)


def _known_dependencies(subtasks: list[Subtask], repairs: list[str]) -> list[Subtask]:
    ids = {subtask.id for subtask in subtasks}
    known = []
    for subtask in subtasks:
        for need in subtask.depends_on:
            if need == subtask.id:
                repairs.append(f"{_name(subtask)} waited for itself; that was dropped.")
            elif need not in ids:
                repairs.append(f"{_name(subtask)} waited for {need}, which is not in the plan.")
        needs = (need for need in subtask.depends_on if need in ids and need != subtask.id)
        known.append(_waiting_for(subtask, needs))
    return known


def _patterned(pattern: Pattern, subtasks: list[Subtask], repairs: list[str]) -> list[Subtask]:
    if pattern is Pattern.LINEAR:
        return _chained(subtasks, repairs)
    if pattern is Pattern.FAN_OUT:
        if any(subtask.depends_on for subtask in subtasks):
            repairs.append("The plan fans out: its subtasks do not wait for one another.")
        return [_waiting_for(subtask, ()) for subtask in subtasks]
    if pattern is Pattern.STAGED:
        return _staged(subtasks, repairs)
    return subtasks


def _chained(subtasks: list[Subtask], repairs: list[str]) -> list[Subtask]:
    chain = [_waiting_for(s, (before.id,) if before else ()) for before, s in _pairs(subtasks)]
    if chain != subtasks:
        repairs.append("The plan is linear: each subtask waits for the one before it.")
    return chain


def _pairs(subtasks: list[Subtask]) -> Iterable[tuple[Subtask | None, Subtask]]:
    return zip([None, *subtasks[:-1]], subtasks, strict=True)


def _staged(subtasks: list[Subtask], repairs: list[str]) -> list[Subtask]:
    if any(subtask.stage is None for subtask in subtasks):
        repairs.append("Subtasks without a stage belong to the first.")
    staged = _with_stages_from_one(subtasks)
    stage_of = {subtask.id: subtask.stage or 1 for subtask in staged}
    ordered = []
    for subtask in staged:
        own = stage_of[subtask.id]
        needs = [need for need in subtask.depends_on if stage_of[need] <= own]
        if len(needs) < len(subtask.depends_on):
            repairs.append(f"{_name(subtask)} no longer waits for a later stage.")
        ordered.append(_waiting_for(subtask, needs))
    return ordered


def _with_stages_from_one(subtasks: list[Subtask]) -> list[Subtask]:
    stages = sorted({subtask.stage or 1 for subtask in subtasks})
    rank = {stage: position for position, stage in enumerate(stages, start=1)}
    return [s.model_copy(update={"stage": rank[s.stage or 1]}) for s in subtasks]


def _acyclic(subtasks: list[Subtask], repairs: list[str]) -> list[Subtask]:
    needs = {subtask.id: subtask.depends_on for subtask in subtasks}
    edges = graph.cycle_breakers(
        needs,
        priority={subtask.id: subtask.priority for subtask in subtasks},
        seconds={subtask.id: SECONDS_BY_SIZE[subtask.size] for subtask in subtasks},
    )
    if not edges:
        return subtasks
    by_id = {subtask.id: subtask for subtask in subtasks}
    for need, id_ in edges:
        repairs.append(
            f"The plan went round in a circle: {_name(by_id[id_])} no longer waits for "
            f"{_name(by_id[need])}."
        )
    dropped = set(edges)
    return [
        _waiting_for(s, (need for need in s.depends_on if (need, s.id) not in dropped))
        for s in subtasks
    ]


def _few_enough(subtasks: list[Subtask], limit: int, repairs: list[str]) -> list[Subtask]:
    """Cut the least important subtasks that nothing waits for, until it fits."""
    kept = list(subtasks)
    needed = Counter(need for subtask in kept for need in subtask.depends_on)
    cut = []
    while len(kept) > limit:
        leaf = max(
            (subtask for subtask in enumerate(kept) if not needed[subtask[1].id]),
            key=lambda leaf: (leaf[1].priority, leaf[0]),
        )[1]
        kept.remove(leaf)
        needed.subtract(leaf.depends_on)
        cut.append(_name(leaf))
    if cut:
        repairs.append(
            f"The plan had {len(subtasks)} subtasks and {limit} are allowed; "
            f"left out: {text.shorten(text.listing(cut), 600)}."
        )
    return kept


def _numbered(subtasks: list[Subtask]) -> list[Subtask]:
    number = {subtask.id: str(n) for n, subtask in enumerate(subtasks, start=1)}
    return [
        subtask.model_copy(
            update={
                "id": number[subtask.id],
                "depends_on": tuple(number[need] for need in subtask.depends_on),
            }
        )
        for subtask in subtasks
    ]
