"""Answers to what a run asks: a question, the budget, the account, a change of the plan."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from orchestrator import reviewer, text
from orchestrator.commands import (
    Answer,
    Choose,
    Done,
)
from orchestrator.control.working import Working
from orchestrator.errors import InvalidInput, NotFound
from orchestrator.events import EventKind
from orchestrator.record import UNTIL
from orchestrator.reviewer import Review
from orchestrator.state import STARTABLE
from orchestrator.store import calls, changes
from orchestrator.store.tables import (
    RequestKind,
    RunStatus,
    SubtaskStatus,
    ToolCallStatus,
    deadline_of,
)

_CHOICES = (
    RequestKind.BUDGET,
    RequestKind.ACCOUNT,
    RequestKind.PLAN_CHANGE,
    RequestKind.TOOL,
)


# What becomes of a tool call with each option of its request.
_BEFORE = (ToolCallStatus.APPROVED, ToolCallStatus.DENIED)
_AFTER_CUT_OFF = (ToolCallStatus.APPROVED, ToolCallStatus.FINISHED, ToolCallStatus.DENIED)


class Answering(Working):
    """An answer to a request of a run."""

    def perform(self, request: dict[str, Any], command: Answer | Choose) -> Done:  # type: ignore[override]
        if isinstance(command, Choose):
            return self._choose(request, command.option)
        return self._answer(request, command.text)

    def _answer(self, request: dict[str, Any], typed: str) -> Done:
        self.take(request, RequestKind.QUESTION)
        said = text.block(typed)
        if not said:
            raise InvalidInput("The answer is empty.")
        self.mark_answered(request["id"], "Answer", said)
        self.set_status(request["subtask"], SubtaskStatus.PAUSED, SubtaskStatus.READY)
        self.event(EventKind.QUESTION_ANSWERED, request["subtask"])
        self.change()
        return self.done(f"Subtask {request['subtask']} goes on with the answer.")

    def _choose(self, request: dict[str, Any], option: int) -> Done:
        if request["kind"] not in _CHOICES:
            raise NotFound("That question no longer exists.")
        self.take(request, request["kind"])
        options = request["options"]
        if not 0 <= option < len(options):
            raise InvalidInput("There is no such option.")
        self.mark_answered(request["id"], options[option])
        if request["kind"] is RequestKind.TOOL:
            return self._decide_on_tool(request, option)
        self.event(EventKind.RUN_RESUMED, answer=options[option])
        match request["kind"], option:
            case RequestKind.BUDGET, 0 if UNTIL in (request["data"] or {}):
                self.change()
                return self.done("The run tries again.")
            case RequestKind.BUDGET, 0:
                self.change(**self._raised(request["data"] or {}))
                return self.done("The budget is raised; the run goes on.")
            case RequestKind.BUDGET, _:
                return self._answer_with_rest()
            case RequestKind.PLAN_CHANGE, 0:
                return self._change_plan(request["data"])
            case _:
                self.change()
                return self.done("The run goes on.")

    def _decide_on_tool(self, request: dict[str, Any], option: int) -> Done:
        """Let just this call be made, once, or not; the subtask goes on either way."""
        tool, number = request["data"], request["subtask"]
        choices = _AFTER_CUT_OFF if tool["is_cut_off"] else _BEFORE
        calls.decide(self.connection, tool["id"], self.actor.user_id, choices[option])
        self.set_status(number, SubtaskStatus.PAUSED, SubtaskStatus.READY)
        self.event(EventKind.TOOL_DECIDED, number, tool=tool["name"], answer=choices[option])
        self.change()
        return self.done(f"Subtask {number} goes on.")

    def _raised(self, more: dict[str, Any]) -> dict[str, Any]:
        """Every limit of the run, with as much again from where it is now."""
        raised: dict[str, Any] = {}
        if self.run.limit_tokens is not None:
            used = max(self.run.limit_tokens, self.run.tokens)
            raised["limit_tokens"] = used + (more.get("tokens") or 0)
        if self.run.limit_usd is not None:
            used_usd = max(self.run.limit_usd, self.run.cost_usd)
            raised["limit_usd"] = used_usd + Decimal(more.get("usd") or 0)
        if self.run.limit_s is not None:
            raised["deadline"] = deadline_of(self.run.limit_s)
        return raised

    def _answer_with_rest(self) -> Done:
        """The answer is still to be paid: its cost is let through on top of the budget."""
        if self.run.status is RunStatus.PLANNING:
            raise InvalidInput("There is nothing to answer with yet: allow more, or stop the run.")
        changes.close_requests(self.connection, self.run_id)
        given_up = self.give_up(self.unfinished())
        unlimited = {"limit_tokens": None, "limit_usd": None, "deadline": None}
        self.change(**unlimited, **self.without_reviews())
        return self.done(f"{text.plural(given_up, 'subtask')} skipped; the answer follows.")

    def _change_plan(self, data: dict[str, Any]) -> Done:
        plan = self.plan()
        changeable = self.numbers(STARTABLE)
        reviewed = reviewer.apply(plan, Review.model_validate(data), changeable, self.gatekeeping)
        if not reviewed.made:
            self.change()
            return self.done("Nothing of it can be changed any more; the run goes on.")
        number = int(self.run.revision) + 1
        expected = self.gatekeeping.expected_usd(self.run.task, reviewed.plan)
        changed = changes.changed_plan(self.run_id, number, plan, reviewed, expected)
        self.connection.execute(
            sa.insert(changes.revision), [changed.revision | {"author": self.actor.user_id}]
        )
        if changed.new_subtasks:
            self.connection.execute(sa.insert(changes.subtask), changed.new_subtasks)
        if changed.dropped:
            self.start_over(changed.dropped, [*STARTABLE], SubtaskStatus.CANCELLED)
        self.event(EventKind.PLAN_CHANGED, revision=number, left_out=list(reviewed.left_out))
        self.change(revision=number, replans=self.run.replans + 1)
        return self.done(f"The plan is now revision {number}; the run goes on.")
