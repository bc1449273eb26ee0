"""From decisions to the rows that record them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator import attempts, reviewer, text
from orchestrator.actions import (
    Action,
    AskAccount,
    AskBreakdown,
    AskBudget,
    Bury,
    Complete,
    Condense,
    EndReview,
    Finished,
    Pause,
    Propose,
    PutBack,
    Start,
    Succeed,
    Synthesize,
    TryAgain,
)
from orchestrator.attempts import Parameters
from orchestrator.budget import Budget, Cost
from orchestrator.events import Event, EventKind
from orchestrator.gate import Gatekeeping
from orchestrator.model.base import Purpose
from orchestrator.plan import Plan
from orchestrator.reviewer import Review, Reviewed
from orchestrator.store.changes import Changes, TeamLimit, changed_plan, new_subtasks
from orchestrator.store.clock import now
from orchestrator.store.load import Deployment, Live, expected_usd
from orchestrator.store.tables import (
    Attempt,
    Outcome,
    PlanRevision,
    Request,
    RequestKind,
    RevisionSource,
    RunStatus,
    SubtaskStatus,
    deadline_of,
    new_row,
    row,
)

# When a run that waits for more money goes on by itself, in the request's data.
UNTIL = "until"
WAITING_OPTIONS = ["Try again", "Answer with what we have"]
BUDGET_OPTIONS = ["Allow as much again", "Answer with what we have"]
ACCOUNT_OPTIONS = ["Try again"]
TOOL_OPTIONS = ["Approve", "Deny"]
# Of a call that began and of which nobody knows whether it was done.
CUT_OFF_OPTIONS = ["Run it again", "It was done", "Leave it out"]
PLAN_CHANGE_OPTIONS = ["Change the plan", "Leave the plan"]


def changes_of(live: Live, actions: list[Action], deployment: Deployment) -> Changes:
    """The rows of `actions`, which have been applied to the state of `live` already."""
    return _Record(live, deployment).of(actions)


class _Record:
    def __init__(self, live: Live, deployment: Deployment) -> None:
        self._live = live
        self._deployment = deployment
        self._settings = deployment.settings
        self._changes = Changes()

    def of(self, actions: list[Action]) -> Changes:
        for action in actions:
            self._add(action)
        state = self._live.state
        dropped = {number for number, _, _ in self._changes.dropped}
        self._changes.subtasks = [
            (number, left, state.subtasks[number])
            for number, left in state.left.items()
            if number not in dropped
        ] + self._changes.dropped
        if any(_is_own(action) for action in actions):
            self._changes.run |= {
                "status": state.status,
                "tries": state.own.tries,
                "failed": list(state.own.failed),
                "interruptions": state.own.interruptions,
                "attempt_id": state.own.attempt_id,
                "reviewed": state.reviewed,
            }
        self._changes.team = TeamLimit(self._live.run.team_id, self._settings.team_usd_per_day)
        return self._changes

    def _add(self, action: Action) -> None:
        match action:
            case Start(purpose=purpose, subtask=subtask):
                self._start(purpose, subtask)
            case Succeed(finished):
                self._event(EventKind.SUBTASK_SUCCEEDED, finished)
            case TryAgain(finished) | PutBack(finished):
                self._event(EventKind.ATTEMPT_FAILED, finished, outcome=finished.outcome)
            case Bury(finished):
                self._bury(finished)
            case Pause(finished):
                self._pause(finished)
            case AskAccount(finished):
                self._request(RequestKind.ACCOUNT, finished, ACCOUNT_OPTIONS)
                self._event(EventKind.RUN_PAUSED, finished, reason=finished.text)
            case _:
                self._add_to_run(action)

    def _add_to_run(self, action: Action) -> None:
        """What is about the run as a whole."""
        match action:
            case Propose(finished):
                self._propose(finished)
            case AskBreakdown(finished):
                self._request(RequestKind.BREAKDOWN, finished)
                self._event(EventKind.BREAKDOWN_ASKED, finished)
            case EndReview(finished):
                self._end_review(finished)
            case AskBudget():
                self._ask_budget()
            case Condense(finished):
                self._changes.run["condensed"] = list(self._live.state.condensed)
                self._event(EventKind.RESULTS_CONDENSED, finished)
            case Synthesize():
                self._changes.run["condensed"] = []
                self._changes.events.append(Event(EventKind.SYNTHESIS_STARTED, self._live.run.id))
            case Complete(finished):
                self._complete(finished)

    def _start(self, purpose: Purpose, subtask: int | None) -> None:
        state, run = self._live.state, self._live.run
        progress = state.own if subtask is None else state.subtasks[subtask]
        cost = state.cost_of(Start(purpose, subtask))
        first, role = self._first(purpose, subtask)
        parameters = attempts.climb(
            first,
            progress.failed,
            self._live.roles.ladder_of(role),
            self._settings.fallback_model,
        )
        attempt = new_row(
            Attempt,
            run_id=run.id,
            subtask=subtask,
            purpose=purpose,
            number=progress.tries + 1,
            revision=run.revision,
            role=role,
            parameters=parameters.to_json(),
            reserved_tokens=cost.tokens,
            reserved_usd=cost.usd,
        )
        state.named(subtask, attempt["id"])
        self._changes.attempts.append(attempt)
        self._changes.events.append(
            Event(
                EventKind.ATTEMPT_STARTED,
                run.id,
                subtask,
                attempt["id"],
                data={"purpose": purpose, "number": attempt["number"]},
            )
        )

    def _first(self, purpose: Purpose, subtask: int | None) -> tuple[Parameters, str | None]:
        if subtask is None:
            return attempts.of_run(purpose, self._settings), None
        item = self._live.items[subtask]
        role = self._live.roles[item.role]
        return attempts.of_role(role, self._settings, item.timeout_s), role.name

    def _pause(self, finished: Finished) -> None:
        tool = finished.tool
        if tool is None:
            options = (finished.data or {}).get("options", [])
            self._request(RequestKind.QUESTION, finished, options)
        else:
            options = CUT_OFF_OPTIONS if tool["is_cut_off"] else TOOL_OPTIONS
            self._request(RequestKind.TOOL, finished, options, data=tool)
        self._event(EventKind.SUBTASK_PAUSED, finished)

    def _bury(self, finished: Finished) -> None:
        self._request(RequestKind.DEAD_LETTER, finished)
        self._event(EventKind.SUBTASK_DEAD, finished, outcome=finished.outcome)

    def _propose(self, finished: Finished) -> None:
        run = self._live.run
        number = run.revision + 1
        plan = Plan.model_validate(finished.data["plan"])
        self._changes.revisions.append(
            row(
                PlanRevision(
                    run_id=run.id,
                    number=number,
                    source=RevisionSource.PLANNER,
                    feedback=run.note,
                    repairs=finished.data["repairs"],
                    plan=plan.to_json(),
                    expected_usd=finished.proposal.expected_usd if finished.proposal else None,
                )
            )
        )
        self._changes.run |= {"revision": number, "note": ""}
        self._event(EventKind.PLAN_PROPOSED, finished, revision=number)
        if self._live.state.status is RunStatus.RUNNING:
            self._changes.is_partial = True
            self._changes.new_subtasks += new_subtasks(run.id, plan)
            self._changes.run |= {"started_at": now(), "deadline": deadline_of(run.limit_s)}
            self._event(EventKind.PLAN_APPROVED, finished, revision=number, automatic=True)
        else:
            self._request(RequestKind.APPROVAL, finished, revision=number)

    def _end_review(self, finished: Finished) -> None:
        """Make the changes the review asks for to the plan and the state as they are now."""
        state, run, plan = self._live.state, self._live.run, self._live.plan
        assert plan is not None
        review = Review.model_validate(finished.data or {})
        if finished.outcome is not Outcome.SUCCEEDED or not review.changes:
            self._event(EventKind.PLAN_REVIEWED, finished, changes=0)
            return
        self._changes.is_partial = True
        if run.asks_changes:
            told = [change.reason or change.kind for change in review.changes]
            self._request(
                RequestKind.PLAN_CHANGE,
                replace(finished, text="\n".join(told)),
                PLAN_CHANGE_OPTIONS,
                data=finished.data,
            )
            return
        gatekeeping = Gatekeeping(
            tuple(self._live.roles), tuple(self._live.roles.tools), self._settings.max_subtasks
        )
        reviewed = reviewer.apply(plan, review, state.changeable, gatekeeping)
        self._event(
            EventKind.PLAN_REVIEWED,
            finished,
            changes=len(reviewed.made),
            left_out=list(reviewed.left_out),
        )
        if reviewed.made:
            self._change_plan(finished, plan, reviewed)

    def _change_plan(self, finished: Finished, plan: Plan, reviewed: Reviewed) -> None:
        run, state = self._live.run, self._live.state
        expected = expected_usd(self._deployment, run.task, reviewed.plan)
        changed = changed_plan(run.id, run.revision + 1, plan, reviewed, expected)
        self._changes.revisions.append(changed.revision)
        self._changes.new_subtasks += changed.new_subtasks
        self._changes.run |= {"revision": run.revision + 1, "replans": run.replans + 1}
        for number in changed.dropped:
            before = state.subtasks[number]
            left = state.left.get(number, before.status)
            after = replace(before, status=SubtaskStatus.CANCELLED)
            self._changes.dropped.append((number, left, after))
        self._event(EventKind.PLAN_CHANGED, finished, revision=run.revision + 1)

    def _ask_budget(self) -> None:
        run, state = self._live.run, self._live.state
        request = Request(
            run_id=run.id,
            kind=RequestKind.BUDGET,
            revision=run.revision,
            text=_used(state.spent, state.budget),
            options=BUDGET_OPTIONS,
            data={
                "tokens": self._settings.run_tokens or run.limit_tokens,
                "usd": str(self._settings.run_usd or run.limit_usd or 0),
            },
        )
        self._changes.requests.append(row(request))
        self._changes.events.append(Event(EventKind.RUN_PAUSED, run.id, data={"reason": "budget"}))

    def _complete(self, finished: Finished) -> None:
        skipped = (SubtaskStatus.SKIPPED, SubtaskStatus.CANCELLED)
        subtasks = self._live.state.subtasks.values()
        self._changes.run |= {
            "answer_attempt_id": finished.attempt_id,
            "answer_revision": self._live.run.answer_revision + 1,
            "gaps": sum(progress.status in skipped for progress in subtasks),
            "finished_at": now(),
        }
        self._event(EventKind.RUN_COMPLETED, finished)

    def _request(
        self,
        kind: RequestKind,
        finished: Finished,
        options: list[str] | None = None,
        revision: int | None = None,
        data: Any = None,
    ) -> None:
        request = Request(
            run_id=self._live.run.id,
            kind=kind,
            subtask=finished.subtask,
            attempt_id=finished.attempt_id,
            revision=self._live.run.revision if revision is None else revision,
            text=text.clean(finished.text),
            options=options or [],
            data=data,
        )
        self._changes.requests.append(row(request))

    def _event(self, kind: EventKind, finished: Finished, **data: Any) -> None:
        event = Event(kind, self._live.run.id, finished.subtask, finished.attempt_id, data=data)
        self._changes.events.append(event)


def _is_own(action: Action) -> bool:
    if isinstance(action, Synthesize | AskBudget):
        return True
    return action.subtask is None if isinstance(action, Start) else action.finished.subtask is None


def _used(spent: Cost, budget: Budget) -> str:
    """How much of the budget is used, in words."""
    parts = []
    if budget.usd is not None:
        parts.append(f"${spent.usd:.2f} of ${budget.usd:.2f}")
    if budget.tokens is not None:
        parts.append(f"{spent.tokens:,} of {budget.tokens:,} tokens")
    return f"{text.listing(parts)} are used, and the next step could need more than is left."
