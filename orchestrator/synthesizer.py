"""The synthesizer: from the results of the subtasks to one answer."""

from __future__ import annotations

from orchestrator import prompts
from orchestrator.context import Context, Result
from orchestrator.errors import ModelEmpty
from orchestrator.model.base import Call, Purpose, Reply

_SYSTEM = """\
You write the final answer to a task from the results of a team. The person who gave the task \
reads only this.

- Answer the task directly, in the form it asks for; the most important thing first. Do not tell \
how the work was organised.
- Use only what the results contain. Where results disagree, say so and say which you follow and \
why. After a claim that rests on a particular result, name its subtask in brackets: [2].
- Where a part of the work is missing, say plainly what the answer therefore does not cover.
- Write Markdown: headings and tables where they help, fenced code for code.

{untrusted}"""


_CONDENSE = """\
The results of a team are too long to be read at once. You condense a part of them for whoever \
writes the final answer.

- Keep every finding, figure, source and decision that the task could need, and code that belongs \
into the answer; leave out what is said twice.
- Keep apart what comes from which subtask, and name it in brackets: [2].

{untrusted}"""


def prepare(context: Context) -> Call:
    """The question that asks for the answer, or for a condensed part of what it rests on."""
    system = _CONDENSE if context.is_part else _SYSTEM
    return Call(
        purpose=Purpose.SYNTHESIS,
        model=context.parameters.model,
        system=system.format(untrusted=prompts.UNTRUSTED),
        messages=({"role": "user", "content": _question(context)},),
        effort=context.parameters.effort,
        temperature=context.parameters.temperature,
        max_tokens=context.parameters.max_tokens,
        timeout_s=context.parameters.timeout_s,
        task=context.task,
        attempt=context.number,
    )


def read(reply: Reply) -> Result:
    """The answer. Raises ModelEmpty where there is none."""
    if not reply.text.strip():
        raise ModelEmpty("The answer was empty.")
    return Result(output=reply.text)


def _question(context: Context) -> str:
    assert context.plan is not None
    parts = [
        prompts.fenced("task", prompts.trimmed(context.task, context.settings.max_task_chars)),
        f"Goal: {context.plan.goal}",
    ]
    for number, condensed in enumerate(context.condensed, start=1):
        parts.append(f"## Results, condensed, part {number}\n{prompts.fenced('result', condensed)}")
    for result in context.results:
        heading = f"## Result of subtask {result.number}: {result.title}"
        if result.text is None:
            parts.append(f"{heading}\n(missing: this part was skipped)")
            continue
        content = prompts.trimmed(result.text, context.settings.synthesis_chars)
        parts.append(f"{heading}\n{prompts.fenced('result', content)}")
    parts += [f"Note from a person: {note}" for note in context.notes]
    if context.failure:
        parts.append(f"Your last answer could not be used: {context.failure}")
    parts.append("Condense these." if context.is_part else "Write the answer.")
    return "\n\n".join(parts)
