"""The worker: does one subtask with one model, and asks a person rather than guess."""

from __future__ import annotations

import json

from orchestrator import prompts, schemas, text
from orchestrator.context import Context, Result
from orchestrator.errors import ModelEmpty, ModelInvalid
from orchestrator.model.base import Call, JsonObject, Purpose, Reply, Tool, ToolCall
from orchestrator.store.tables import Outcome

ASK_PERSON = Tool(
    name="ask_person",
    description=(
        "Ask the person who gave the task one question, when something essential is missing "
        "that only a person can know. The work pauses until they answer."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "question": {"type": "string"},
            "options": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Up to 4 likely answers; empty where none are likely.",
            },
        },
        "required": ["question", "options"],
        "additionalProperties": False,
    },
    pauses=True,
)

# Every attempt sends and stores the overview of the plan, so it must not grow without limit.
_OVERVIEW_CHARS = 2_000

_SYSTEM = """\
{prompt}

You work in a team on the task and do one subtask of it.
- Your result is handed to the others and to whoever writes the final answer. It must stand on its \
own: they see it, and nothing of how you came to it.
- Begin with the result itself, without a preamble, in the language of the task. State what you \
assumed, and what you could not do.
- If something essential is missing that only a person can know, and a wrong guess would make the \
work useless, ask one precise question with ask_person before you begin. Otherwise take the \
likeliest reading and say which one. What tools, files or earlier results can tell you, you look up.
- Never present a guess as a fact, or as done what was not done.

{untrusted}"""


def prepare(context: Context) -> Call:
    """The question that asks for the subtask's result, or the conversation carried on."""
    assert context.role is not None
    assert context.subtask is not None
    assert context.plan is not None
    return Call(
        purpose=Purpose.SUBTASK,
        model=context.parameters.model,
        system=_SYSTEM.format(prompt=context.role.prompt.strip(), untrusted=prompts.UNTRUSTED),
        shared=context.shared or shared(context),
        messages=_messages(context),
        schema=_schema(context),
        tools=(ASK_PERSON, *context.kit.tools),
        server_tools=context.kit.server_tools,
        effort=context.parameters.effort,
        temperature=context.parameters.temperature,
        max_tokens=context.parameters.max_tokens,
        timeout_s=context.parameters.timeout_s,
        task=context.task,
        subtask=context.subtask.number,
        attempt=context.number,
    )


def read(context: Context, call: Call, reply: Reply) -> Result:
    """The result in the reply, or the question. Raises ModelEmpty, ModelInvalid."""
    for tool_call in reply.tool_calls:
        if tool_call.name == ASK_PERSON.name:
            return _paused(call, reply, tool_call)
    if not reply.text.strip() and reply.data is None:
        raise ModelEmpty("The worker answered with nothing.")
    schema = _schema(context)
    if schema is None:
        return Result(output=reply.text, data=reply.data)
    problems = schemas.misfits(schema, reply.data)
    if problems:
        raise ModelInvalid(problems)
    return Result(output=json.dumps(reply.data, indent=2, ensure_ascii=False), data=reply.data)


def _paused(call: Call, reply: Reply, tool_call: ToolCall) -> Result:
    question = str(tool_call.input.get("question", "")).strip()
    if not question:
        raise ModelInvalid(["ask_person was called without a question."])
    options = [text.one_line(str(option)) for option in tool_call.input.get("options") or []][:4]
    return Result(
        outcome=Outcome.PAUSED,
        output=question,
        data={"options": options},
        transcript=[*call.messages, reply.message],
    )


def _messages(context: Context) -> tuple[JsonObject, ...]:
    if context.transcript:
        return context.transcript
    question: JsonObject = {"type": "text", "text": _question(context)}
    content = [*context.pictures, question] if context.pictures else question["text"]
    return ({"role": "user", "content": content},)


def shared(context: Context) -> str:
    """What every worker of the run is told; worth keeping, since it grows with the plan."""
    plan = context.plan
    assert plan is not None
    limit = context.settings.max_task_chars
    overview = "\n".join(f"{s.number}. {s.title} ({s.role})" for s in plan.subtasks)
    parts = [
        prompts.fenced("task", prompts.trimmed(context.task, limit)),
        f"Goal: {plan.goal}",
        prompts.fenced("plan", prompts.trimmed(overview, _OVERVIEW_CHARS)),
    ]
    if context.thread:
        parts.append(prompts.fenced("thread", prompts.trimmed(context.thread, limit)))
    parts += prompts.attached(context.files)
    return "\n\n".join(parts)


def _question(context: Context) -> str:
    subtask = context.subtask
    assert subtask is not None
    parts = [f"Your subtask is number {subtask.number}.\nTitle: {subtask.title}"]
    parts.append(f"Instructions:\n{subtask.instructions}")
    if subtask.expected_output.description:
        parts.append(f"Expected output: {subtask.expected_output.description}")
    parts += [_result(r.number, r.title, r.text, context) for r in context.results]
    return "\n\n".join([*parts, *_missing_tools(context), *told(context)])


def _missing_tools(context: Context) -> list[str]:
    """Say which tools the worker would have, if their servers could be used."""
    if not context.kit.missing:
        return []
    said = prompts.fenced("missing_tools", "\n".join(context.kit.missing))
    return [
        f"Some of your tools cannot be used just now. Say in your result what it lacks.\n{said}"
    ]


def told(context: Context) -> list[str]:
    """What people said meanwhile, and what was wrong with the attempt before."""
    told = [f"Note from a person: {note}" for note in context.notes]
    if context.failure:
        told.append(f"The last attempt at this failed: {context.failure} Do better this time.")
    return told


def _result(number: int, title: str, result: str | None, context: Context) -> str:
    if result is None:
        return f"Subtask {number} ({title}) was skipped: work without its result and say so."
    content = prompts.trimmed(result, context.settings.result_chars)
    return prompts.fenced("result", content, subtask=number, title=title)


def _schema(context: Context) -> JsonObject | None:
    assert context.subtask is not None
    own = context.subtask.expected_output.json_schema
    return own or (context.role.output_schema if context.role else None)
