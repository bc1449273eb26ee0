"""A whole run as Markdown, for people: task, plan, results, answer and totals.

What people and models wrote stands in quotes, where it cannot pass for a part of the report.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal

from orchestrator import text
from orchestrator.export import Export, ExportedAttempt, ExportedRequest, ExportedRevision
from orchestrator.model.base import Purpose
from orchestrator.plan import Plan, Subtask
from orchestrator.store.tables import RunStatus

# What means something in Markdown or in HTML, within a line.
_MARKS = re.compile(r"([\\`*_\[\]<>|#~])")


def markdown(run: Export) -> str:
    """The report; ends with a line feed."""
    plan = Plan.model_validate(run.revisions[-1].plan) if run.revisions else None
    parts = [
        f"# {run.run.name}: {run.run.status.value}",
        _facts(run),
        "## Task",
        _quoted(run.run.task),
    ]
    if plan is not None:
        parts += ["## Plan", *_plan(run, plan), "## Results", *_results(run, plan)]
    if run.requests:
        parts += ["## Asked", "\n".join(_request(request) for request in run.requests)]
    if run.answer is not None:
        parts += ["## Answer", *_notes(run), _quoted(run.answer)]
    return "\n\n".join([*parts, "## Totals", _totals(run)]) + "\n"


def _facts(run: Export) -> str:
    facts = {
        "Asked for by": _line(run.run.requester),
        "Created": _time(run.run.created_at),
        "Started": _time(run.run.started_at),
        "Ended": _time(run.run.finished_at),
        "Ended by": _line(run.run.ended_by or ""),
    }
    return "\n".join(f"- {name}: {said}" for name, said in facts.items() if said)


def _plan(run: Export, plan: Plan) -> Iterator[str]:
    yield f"{_line(plan.goal)} ({plan.pattern.value})"
    yield "\n".join(_planned(subtask) for subtask in plan.subtasks)
    yield "\n".join(_revision(revision) for revision in run.revisions)


def _planned(subtask: Subtask) -> str:
    after = f", after {text.listing(list(subtask.depends_on))}" if subtask.depends_on else ""
    return f"{subtask.id}. {_line(subtask.title)} ({_line(subtask.role)}{after})"


def _revision(revision: ExportedRevision) -> str:
    by = f" by {_line(revision.author)}" if revision.author else ""
    said = [
        f"Revision {revision.number}, {revision.source.value}{by}, {_time(revision.created_at)}"
    ]
    if revision.feedback:
        said.append(f"feedback: {_line(revision.feedback)}")
    said += [f"repaired: {_line(repair)}" for repair in revision.repairs]
    return f"- {'; '.join(said)}"


def _results(run: Export, plan: Plan) -> Iterator[str]:
    standing = {subtask.number: subtask for subtask in run.subtasks}
    outputs = {attempt.id: attempt.output for attempt in run.attempts}
    for subtask in plan.subtasks:
        yield f"### {subtask.id}. {_line(subtask.title)}"
        stands = standing.get(subtask.number)
        attempts = [a for a in run.attempts if a.subtask == subtask.number]
        state = stands.status.value if stands else "not approved"
        yield ", ".join([state, *_effort(attempts)])
        output = outputs.get(stands.output_attempt_id or "") if stands else None
        if output:
            yield _quoted(output)
        elif attempts and attempts[-1].error:
            yield f"Last failure: {_line(attempts[-1].error)}"


def _effort(attempts: list[ExportedAttempt]) -> list[str]:
    if not attempts:
        return []
    seconds = sum(attempt.seconds for attempt in attempts)
    return [text.plural(len(attempts), "attempt"), f"{seconds:.1f} s"]


def _request(request: ExportedRequest) -> str:
    about = f" about subtask {request.subtask}" if request.subtask is not None else ""
    kind = request.kind.value.replace("_", " ").capitalize()
    asked = f": {_line(request.text)}" if request.text else ""
    return f"- {kind}{about}{asked} {_answered(request)}"


def _answered(request: ExportedRequest) -> str:
    if request.answer is None:
        return f"({request.status.value})"
    said = f": {_line(request.answer_text)}" if request.answer_text else ""
    return f"→ {_line(request.answer)}{said} ({_line(request.answered_by or '')})"


def _notes(run: Export) -> Iterator[str]:
    """What to know before the answer is read."""
    if run.run.status is not RunStatus.COMPLETED:
        yield "The run was taken up again after this answer."
    if run.run.gaps:
        yield f"Without {text.plural(run.run.gaps, 'subtask')}."


def _totals(run: Export) -> str:
    lines = ["| | attempts | tokens | USD | seconds |", "|---|---:|---:|---:|---:|"]
    for purpose in Purpose:
        of_purpose = [a for a in run.attempts if a.purpose is purpose]
        if of_purpose:
            lines.append(_total(purpose.value, of_purpose))
    return "\n".join([*lines, _total("all", run.attempts)])


def _total(name: str, attempts: Iterable[ExportedAttempt]) -> str:
    made = list(attempts)
    tokens = sum(attempt.tokens for attempt in made)
    seconds = sum(attempt.seconds for attempt in made)
    return f"| {name} | {len(made)} | {tokens:,} | {_usd(made)} | {seconds:.1f} |"


def _usd(attempts: list[ExportedAttempt]) -> str:
    """The sum; unknown as soon as something was used whose price is."""
    if any(attempt.cost_usd is None and attempt.tokens for attempt in attempts):
        return "unknown"
    return f"{sum((a.cost_usd or Decimal(0) for a in attempts), Decimal(0)):.4f}"


def _time(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else ""


def _line(said: str) -> str:
    return _MARKS.sub(r"\\\1", text.one_line(said))


def _quoted(said: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.block(said).split("\n"))
