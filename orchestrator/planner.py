"""The planner: from a task to a plan that has passed the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from orchestrator import gate, prompts, text
from orchestrator.context import Context, Result
from orchestrator.errors import InvalidInput, InvalidPlan, ModelInvalid
from orchestrator.model.base import Call, JsonObject, Purpose, Reply
from orchestrator.plan import Pattern, Plan, to_text
from orchestrator.playbooks import Playbook

_SYSTEM = """\
You lead a team of specialists. You break a task into subtasks that they can do without asking \
you again, and you decide what has to wait for what.

How to decompose:
- {strategy}
- Every dependency must be real: a subtask waits for another only if it uses its result.
- What can go in parallel should. Do not chain subtasks for tidiness.
- A subtask is one piece of work for one specialist with one clear result. Its instructions say \
what to do, on what material, to what standard, and what the result looks like; the specialist \
sees the task, these instructions and the results it depends on, and nothing else.
- As few subtasks as do the job well: a simple task has 1 to 3, most have 3 to 8. Never more \
than {max_subtasks}.
- Do not plan a subtask that merely collects the results into one answer: that is done afterwards.

Fields: `pattern` is graph unless the task demands a strict chain (linear), independent parts \
(fan_out), phases with a review between them (staged, with `stage` 1, 2, …), or steps that depend \
on what is found (dynamic). `priority` 1 is the most important, 5 the least. `size` is the work of \
one specialist: S under 15 seconds, M half a minute, L a minute or more. \
`expected_output.schema` is a JSON Schema as a string where a later step needs exact fields, \
otherwise null. `roles` defines a new role only if none of the existing ones fits.

Roles:
{roles}
{grantable}{look}{playbooks}
{untrusted}"""

# What the tools file calls it: it may look at what there is before it plans.
ROLE = "planner"

_LOOK = """
Where the plan depends on what is in a file or can be looked up, look first with your tools, and \
no more than the plan needs: the work itself is for the subtasks.
"""

_STRATEGIES = {
    "dependency_based": (
        "Name the deliverables the task needs, then work back from each to what it needs, until "
        "you are at work that needs nothing: that is where the plan begins."
    ),
    "top_down": (
        "Name the goal, divide it into a few areas that do not overlap and together cover it, "
        "then divide each area into pieces of work; only those pieces are subtasks."
    ),
}

_TOOLS = """
A subtask has the tools of its role. Where it needs others, name these in its `tools`, and no \
more than it needs: {names}; of a server also single tools, as server__tool.
"""

_PLAYBOOKS = """
Playbooks are plans that were good before. If one of them is just what the task asks for, name it \
in `playbook` with its parameters and leave `subtasks` empty; otherwise plan yourself.
{listed}
"""

SUBTASK_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "title": {"type": "string", "description": "At most 60 characters, begins with a verb."},
        "instructions": {"type": "string"},
        "role": {"type": "string"},
        "depends_on": {"type": "array", "items": {"type": "string"}},
        "stage": {"type": ["integer", "null"]},
        "priority": {"type": "integer", "minimum": 1, "maximum": 5},
        "size": {"type": "string", "enum": ["S", "M", "L"]},
        "expected_output": {
            "type": "object",
            "properties": {
                "description": {"type": "string"},
                "schema": {"type": ["string", "null"]},
            },
            "required": ["description", "schema"],
            "additionalProperties": False,
        },
        "tools": {"type": "array", "items": {"type": "string"}},
        "timeout_s": {"type": ["number", "null"]},
    },
    "required": [
        "id",
        "title",
        "instructions",
        "role",
        "depends_on",
        "stage",
        "priority",
        "size",
        "expected_output",
        "tools",
        "timeout_s",
    ],
    "additionalProperties": False,
}

_ROLE_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "prompt": {"type": "string"},
        "tools": {"type": "array", "items": {"type": "string"}},
        "model": {"type": ["string", "null"]},
    },
    "required": ["name", "prompt", "tools", "model"],
    "additionalProperties": False,
}

PLAN_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "goal": {
            "type": "string",
            "description": "What will be there at the end, in one sentence.",
        },
        "pattern": {"type": "string", "enum": [pattern.value for pattern in Pattern]},
        "subtasks": {"type": "array", "items": SUBTASK_SCHEMA},
        "roles": {"type": "array", "items": _ROLE_SCHEMA},
        "playbook": {
            "type": ["object", "null"],
            "properties": {
                "name": {"type": "string"},
                "parameters": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
                        "required": ["name", "value"],
                        "additionalProperties": False,
                    },
                },
            },
            "required": ["name", "parameters"],
            "additionalProperties": False,
        },
    },
    "required": ["goal", "pattern", "subtasks", "roles"],
    "additionalProperties": False,
}


def prepare(context: Context) -> Call:
    """The question that asks for a plan."""
    return Call(
        purpose=Purpose.PLAN,
        model=context.parameters.model,
        system=_SYSTEM.format(
            max_subtasks=context.settings.max_subtasks,
            roles=_described(context),
            grantable=_grantable(context),
            strategy=_STRATEGIES[context.settings.strategy],
            look=_LOOK if context.kit.tools or context.kit.server_tools else "",
            playbooks=_listed(context.playbooks),
            untrusted=prompts.UNTRUSTED,
        ),
        messages=({"role": "user", "content": _question(context)},),
        schema=PLAN_SCHEMA,
        tools=context.kit.tools,
        server_tools=context.kit.server_tools,
        effort=context.parameters.effort,
        temperature=context.parameters.temperature,
        max_tokens=context.parameters.max_tokens,
        timeout_s=context.parameters.timeout_s,
        task=context.task,
        attempt=context.number,
    )


def of_no_use(context: Context) -> frozenset[str]:
    """The tools that would bring nothing before there is a plan, or for this task."""
    return frozenset(
        {"current_date", "calculate", "read_result", "save_file"}
        | ({"read_file"} if not context.files else set())
        | ({"read_thread"} if not context.thread else set())
    )


def read(context: Context, reply: Reply) -> Result:
    """The plan in the reply, through the gate. Raises ModelInvalid with every problem."""
    try:
        if (chosen := _chosen(reply.data)) is not None:
            return from_playbook(context, *chosen)
        plan = Plan.model_validate(reply.data)
        _check_size(context, plan)
        return _gated(context, plan)
    except ValidationError as error:
        raise ModelInvalid(problems_of(error)) from error
    except InvalidPlan as error:
        raise ModelInvalid(error.problems) from error


def from_playbook(context: Context, name: str, values: Mapping[str, str]) -> Result:
    """The plan of a playbook, through the gate. Raises ModelInvalid that says what is missing."""
    if name not in context.playbooks:
        there = text.listing(sorted(context.playbooks)) or "none yet"
        raise ModelInvalid([f"There is no playbook {name}; there is {there}."])
    try:
        plan = context.playbooks[name].filled_in(values)
    except InvalidInput as error:
        raise ModelInvalid([str(error)]) from error
    return _gated(context, plan, f"The plan is the playbook {name}.")


def _gated(context: Context, plan: Plan, *told: str) -> Result:
    gated = gate.check(
        plan,
        roles=context.roles,
        tools=context.roles.tools,
        max_subtasks=context.settings.max_subtasks,
    )
    unread = [file.note for file in context.files if file.note]
    data = {"plan": gated.plan.to_json(), "repairs": [*unread, *told, *gated.repairs]}
    return Result(output=to_text(gated.plan), data=data)


def _check_size(context: Context, plan: Plan) -> None:
    """A plan that is too large is asked for once more; a second one is cut by the gate."""
    count, limit = len(plan.subtasks), context.settings.max_subtasks
    if count > limit and context.failure is None:
        raise ModelInvalid(
            [f"The plan has {count} subtasks and {limit} are allowed: plan larger pieces of work."]
        )


def _chosen(data: Any) -> tuple[str, dict[str, str]] | None:
    """The playbook the planner chose, with its values."""
    playbook = data.get("playbook") if isinstance(data, dict) else None
    if not isinstance(playbook, dict) or not isinstance(playbook.get("name"), str):
        return None
    given = playbook.get("parameters")
    if isinstance(given, dict):
        return playbook["name"], {str(name): str(value) for name, value in given.items()}
    pairs = [p for p in given if isinstance(p, dict)] if isinstance(given, list) else []
    values = {str(p["name"]): str(p["value"]) for p in pairs if {"name", "value"} <= p.keys()}
    return playbook["name"], values


def _listed(playbooks: Mapping[str, Playbook]) -> str:
    if not playbooks:
        return ""
    lines = []
    for playbook in playbooks.values():
        blanks = f" (parameters: {', '.join(playbook.blanks)})" if playbook.blanks else ""
        lines.append(f"- {playbook.name}: {playbook.description}{blanks}")
    return _PLAYBOOKS.format(listed="\n".join(lines))


def _described(context: Context) -> str:
    return "\n".join(
        f"- {role.name}: {role.description}{_having(context.offered.get(role.name, ()))}"
        for role in context.roles.values()
    )


def _having(tools: Sequence[str]) -> str:
    return f" (tools: {', '.join(tools)})" if tools else ""


def _grantable(context: Context) -> str:
    return _TOOLS.format(names=", ".join(context.grantable)) if context.grantable else ""


def _question(context: Context) -> str:
    limit = context.settings.max_task_chars
    parts = [prompts.fenced("task", prompts.trimmed(context.task, limit))]
    if context.thread:
        parts.append(prompts.fenced("thread", prompts.trimmed(context.thread, limit)))
    parts += prompts.attached(context.files)
    if context.plan is not None:
        parts.append(prompts.fenced("current_plan", to_text(context.plan)))
    if context.notes:
        parts.append("Feedback on the plan:\n" + "\n".join(context.notes))
    if context.failure:
        parts.append(f"Your last answer could not be used: {context.failure}")
    parts.append("Write the plan.")
    return "\n\n".join(parts)


def problems_of(error: ValidationError) -> list[str]:
    """What does not fit, a sentence each with its place."""
    problems = []
    for problem in error.errors()[:10]:
        place = ".".join(str(part) for part in problem["loc"])
        problems.append(f"{place or 'the plan'}: {problem['msg']}.")
    return problems
