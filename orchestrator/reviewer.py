"""The reviewer: looks at results between steps and changes what has not been started."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from orchestrator import gate, prompts, text
from orchestrator.context import Context, Result
from orchestrator.errors import ModelInvalid
from orchestrator.gate import Gatekeeping
from orchestrator.model.base import Call, JsonObject, Purpose, Reply
from orchestrator.plan import Id, Line, Plan, Subtask
from orchestrator.planner import SUBTASK_SCHEMA, problems_of

_SYSTEM = """\
You lead a team that works on a task. Some results are in. Decide whether what is still to be done \
should change because of them, and otherwise change nothing: most reviews change nothing.

- Add a subtask only if the results show that something needed is missing.
- Change or drop a subtask that the results have made wrong or needless.
- Split a subtask that turned out to be too large into parts.
- Only subtasks that have not been started can be changed; their numbers are listed.
- Give each change its reason in one sentence that the person who gave the task understands.
- New subtasks get ids such as "new1"; others may depend on them by that id.

{untrusted}"""


class Change(BaseModel):
    """One change to a plan, with its reason."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Literal["add", "change", "drop", "split"]
    reason: Line = ""
    subtask: Subtask | None = None
    number: Id | None = None
    parts: tuple[Subtask, ...] = ()


class Review(BaseModel):
    """What a review says."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    changes: tuple[Change, ...] = ()


_CHANGE_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "kind": {"type": "string", "enum": ["add", "change", "drop", "split"]},
        "reason": {"type": "string"},
        "number": {
            "type": ["string", "null"],
            "description": "The subtask to change, drop or split; null to add.",
        },
        "subtask": {
            "anyOf": [SUBTASK_SCHEMA, {"type": "null"}],
            "description": "The subtask to add, or as it should be after the change.",
        },
        "parts": {"type": "array", "items": SUBTASK_SCHEMA, "description": "Only for split."},
    },
    "required": ["kind", "reason", "number", "subtask", "parts"],
    "additionalProperties": False,
}

REVIEW_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"changes": {"type": "array", "items": _CHANGE_SCHEMA}},
    "required": ["changes"],
    "additionalProperties": False,
}


def prepare(context: Context) -> Call:
    """The question whether anything should change."""
    return Call(
        purpose=Purpose.REVIEW,
        model=context.parameters.model,
        system=_SYSTEM.format(untrusted=prompts.UNTRUSTED),
        messages=({"role": "user", "content": _question(context)},),
        schema=REVIEW_SCHEMA,
        effort=context.parameters.effort,
        temperature=context.parameters.temperature,
        max_tokens=context.parameters.max_tokens,
        timeout_s=context.parameters.timeout_s,
        task=context.task,
        attempt=context.number,
    )


def read(reply: Reply) -> Result:
    """The changes in the reply. Raises ModelInvalid with every problem."""
    try:
        review = Review.model_validate(reply.data)
    except ValidationError as error:
        raise ModelInvalid(problems_of(error)) from error
    return Result(output=reply.text, data=review.model_dump(mode="json", by_alias=True))


def _question(context: Context) -> str:
    assert context.plan is not None
    parts = [
        prompts.fenced("task", prompts.trimmed(context.task, context.settings.max_task_chars)),
        f"Goal: {context.plan.goal}",
    ]
    for result in context.results:
        heading = f"## Result of subtask {result.number}: {result.title}"
        content = result.text if result.text is not None else "(missing: this part was skipped)"
        content = prompts.trimmed(content, context.settings.result_chars)
        parts.append(f"{heading}\n{prompts.fenced('result', content)}")
    todo = [_listed(s) for s in context.plan.subtasks if s.number in context.changeable]
    parts.append("Not started yet, may be changed:\n" + ("\n".join(todo) or "(nothing)"))
    busy = [
        f"{s.number}. {s.title}"
        for s in context.plan.subtasks
        if s.number not in context.changeable
    ]
    parts.append("Started or done, may not be changed:\n" + ("\n".join(busy) or "(nothing)"))
    parts += [f"Note from a person: {note}" for note in context.notes]
    if context.failure:
        parts.append(f"Your last answer could not be used: {context.failure}")
    parts.append("Which changes, if any?")
    return "\n\n".join(parts)


def _listed(subtask: Subtask) -> str:
    after = f", after {', '.join(subtask.depends_on)}" if subtask.depends_on else ""
    stage = f", stage {subtask.stage}" if subtask.stage else ""
    heading = f"{subtask.number}. {subtask.title} ({subtask.role}{stage}{after})"
    return f"{heading}: {subtask.instructions}"


# --- applying a review ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reviewed:
    """The plan after a review, and a sentence for each change that was made or left undone."""

    plan: Plan
    made: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def apply(
    plan: Plan, review: Review, changeable: Collection[int], gatekeeping: Gatekeeping
) -> Reviewed:
    """The plan with the changes of `review` that still can be made.

    `changeable` are the numbers of the subtasks that have not been started by now; what concerns
    others is left out and said. Raises InvalidPlan when nothing would be left of the plan.
    """
    applying = _Applying(plan, changeable, gatekeeping.max_subtasks)
    for change in review.changes:
        applying.take(change)
    if not applying.made:
        return Reviewed(plan, (), tuple(applying.left_out))
    gated = gate.check(
        applying.result(),
        gatekeeping.roles,
        gatekeeping.tools,
        gatekeeping.max_subtasks,
        keep_numbers=True,
    )
    if not applying.started <= {subtask.id for subtask in gated.plan.subtasks}:
        told = "Left out: with these changes, work that has been started would be lost."
        return Reviewed(plan, (), (*applying.left_out, told))
    return Reviewed(gated.plan, (*applying.made, *gated.repairs), tuple(applying.left_out))


class _Applying:
    """A plan while the changes of a review are made to it, one by one."""

    def __init__(self, plan: Plan, changeable: Collection[int], most: int) -> None:
        self._plan = plan
        self._changeable = {str(number) for number in changeable}
        self._most = most
        self._subtasks = {subtask.id: subtask for subtask in plan.subtasks}
        self._next = max((subtask.number for subtask in plan.subtasks), default=0) + 1
        # The numbers of what the review calls by ids of its own.
        self._named: dict[str, str] = {}
        # A number that is no longer there stands for these.
        self._stands_for: dict[str, tuple[str, ...]] = {}
        self.made: list[str] = []
        self.left_out: list[str] = []

    @property
    def started(self) -> set[str]:
        """What may not be changed."""
        return {subtask.id for subtask in self._plan.subtasks} - self._changeable

    def take(self, change: Change) -> None:
        if change.kind == "add":
            self._add(change)
        elif change.number not in self._changeable or change.number not in self._subtasks:
            self._leave_out(change, f"subtask {change.number} has been started or is not there")
        elif change.kind == "drop":
            self._drop(change, self._subtasks[change.number])
        elif change.kind == "split":
            self._split(change, self._subtasks[change.number])
        elif change.subtask is None:
            self._leave_out(change, "it did not say what should change")
        else:
            self._change(change, change.subtask)

    def result(self) -> Plan:
        subtasks = (
            subtask.model_copy(update={"depends_on": self._needs(subtask)})
            for subtask in self._subtasks.values()
        )
        return self._plan.model_copy(update={"subtasks": tuple(subtasks)})

    def _needs(self, subtask: Subtask) -> tuple[str, ...]:
        found: list[str] = []
        waiting = [self._named.get(need, need) for need in subtask.depends_on]
        for need in waiting:
            if need in self._stands_for:
                waiting.extend(n for n in self._stands_for[need] if n not in waiting)
            elif need != subtask.id:
                found.append(need)
        return tuple(dict.fromkeys(found))

    def _add(self, change: Change) -> None:
        if change.subtask is None:
            self._leave_out(change, "it did not say what to add")
        elif len(self._subtasks) >= self._most:
            self._leave_out(change, f"a plan has at most {self._most} subtasks")
        else:
            self._made(change, f"Subtask {self._insert(change.subtask)} was added")

    def _insert(self, subtask: Subtask) -> str:
        number = str(self._next)
        self._next += 1
        if subtask.id not in self._subtasks:
            self._named[subtask.id] = number
        self._subtasks[number] = subtask.model_copy(update={"id": number})
        return number

    def _change(self, change: Change, subtask: Subtask) -> None:
        assert change.number is not None
        stage = subtask.stage or self._subtasks[change.number].stage
        changed = subtask.model_copy(update={"id": change.number, "stage": stage})
        self._subtasks[change.number] = changed
        self._made(change, f"Subtask {change.number} was changed")

    def _drop(self, change: Change, subtask: Subtask) -> None:
        del self._subtasks[subtask.id]
        self._stands_for[subtask.id] = subtask.depends_on
        self._made(change, f"Subtask {subtask.id} was dropped")

    def _split(self, change: Change, subtask: Subtask) -> None:
        room = self._most - len(self._subtasks) + 1
        if not 2 <= len(change.parts) <= room:
            self._leave_out(change, "it needs two parts or more, and room for them in the plan")
            return
        del self._subtasks[subtask.id]
        parts = tuple(
            self._insert(
                part.model_copy(
                    update={
                        "depends_on": part.depends_on or subtask.depends_on,
                        "stage": part.stage or subtask.stage,
                    }
                )
            )
            for part in change.parts
        )
        self._stands_for[subtask.id] = parts
        self._made(change, f"Subtask {subtask.id} was split into {text.listing(list(parts))}")

    def _made(self, change: Change, what: str) -> None:
        self.made.append(f"{what}: {change.reason}" if change.reason else f"{what}.")

    def _leave_out(self, change: Change, why: str) -> None:
        wanted = text.shorten(change.reason, 150) or change.kind
        self.left_out.append(f"Left out ({wanted}): {why}.")
