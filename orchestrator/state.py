"""A run's state as decisions see it: no clock, no database, no model."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from orchestrator import graph
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
from orchestrator.budget import FREE, NO_LIMIT, NOTHING, Budget, Cost, Estimate
from orchestrator.model.base import Purpose
from orchestrator.plan import Pattern, Plan
from orchestrator.policies import AutoApproval
from orchestrator.store.tables import Outcome, RequestKind, RunStatus, SubtaskStatus

_DONE = frozenset({SubtaskStatus.SUCCEEDED, SubtaskStatus.SKIPPED})
_OVER = _DONE | {SubtaskStatus.CANCELLED}
# Not begun: a review may still change these.
STARTABLE = frozenset({SubtaskStatus.WAITING, SubtaskStatus.READY})


@dataclass(frozen=True, slots=True)
class Limits:
    """How often something is tried before a person is asked."""

    plan_attempts: int = 2
    subtask_attempts: int = 3
    synthesis_attempts: int = 3
    review_attempts: int = 2
    interruptions: int = 3
    replans: int = 3


@dataclass(frozen=True, slots=True)
class Work:
    """A subtask as decisions see it: what it waits for and how soon it should start."""

    after: tuple[int, ...]
    # Longest remaining path first, then priority 1 to 5, then the order of the plan.
    rank: tuple[float, int, int]
    stage: int = 1
    cost: Estimate = FREE


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a subtask, or the run's own planning and synthesis, has come."""

    status: SubtaskStatus = SubtaskStatus.WAITING
    tries: int = 0
    failed: tuple[Outcome, ...] = ()
    interruptions: int = 0
    attempt_id: str | None = None
    output_attempt_id: str | None = None
    # Characters of the output.
    size: int = 0


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A request nobody has answered yet."""

    kind: RequestKind
    subtask: int | None


# A run with one of these open starts nothing.
_HOLDING = frozenset({RequestKind.BUDGET, RequestKind.ACCOUNT, RequestKind.PLAN_CHANGE})


@dataclass(slots=True)
class RunState:
    """The state of one run, kept up to date by `apply` and `finish` in constant time a change.

    `own` is the progress of what the run does itself (planning, reviews, synthesis). `left`
    holds, for every subtask changed since the last commit, the status it had then. `reviewed`
    counts the subtasks that were done (in a staged plan: the stages) when the last review began,
    `replans` the reviews that changed the plan. Results of more than `allowance` characters are
    condensed in parts before the answer is written from `condensed`, the attempts at that.
    Planning waits for attached files to be read (`awaits_files`).
    `auto_approval` is what starts without being proposed; None: no plan does.
    """

    status: RunStatus
    own: Progress = Progress()
    auto_approval: AutoApproval | None = None
    awaits_files: bool = False
    concurrency: int = 5
    limits: Limits = Limits()
    pattern: Pattern = Pattern.GRAPH
    reviewed: int = 0
    replans: int = 0
    allowance: int | None = None
    condensed: tuple[str, ...] = ()
    budget: Budget = NO_LIMIT
    spent: Cost = NOTHING
    reserved: Cost = NOTHING
    own_costs: Mapping[Purpose, Estimate] = field(default_factory=dict)
    work: Mapping[int, Work] = field(default_factory=dict)
    subtasks: dict[int, Progress] = field(default_factory=dict)
    finished: list[Finished] = field(default_factory=list)
    requests: set[OpenRequest] = field(default_factory=set)
    left: dict[int, SubtaskStatus] = field(default_factory=dict)
    _blocked_by: dict[int, int] = field(default_factory=dict)
    _dependents: dict[int, list[int]] = field(default_factory=dict)
    _ready: list[tuple[tuple[float, int, int], int]] = field(default_factory=list)
    _counts: Counter[SubtaskStatus] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._dependents = {number: [] for number in self.work}
        for number, work in self.work.items():
            for need in work.after:
                self._dependents[need].append(number)
        for number, progress in self.subtasks.items():
            needs = self.work[number].after
            self._blocked_by[number] = sum(
                self.subtasks[need].status not in _DONE for need in needs
            )
            self._counts[progress.status] += 1
        for number in self.subtasks:
            self._line_up(number)

    def finish(self, finished: Finished) -> None:
        """Take note that an attempt is over, and settle what was reserved for it."""
        self.finished.append(finished)
        self.reserved -= finished.reserved
        self.spent += finished.spent

    def startable(self) -> int | None:
        """The subtask that should start next, or None when none can or there is no room."""
        if self._counts[SubtaskStatus.RUNNING] >= self.concurrency or not self._ready:
            return None
        return self._ready[0][1]

    @property
    def is_over(self) -> bool:
        """Whether no subtask is left to do; never so before there are any."""
        over = sum(self._counts[status] for status in _OVER)
        return bool(self.subtasks) and over == len(self.subtasks)

    @property
    def is_held(self) -> bool:
        """Whether nothing may start until somebody has answered."""
        return any(request.kind in _HOLDING for request in self.requests)

    @property
    def asks_about_account(self) -> bool:
        """Whether trouble with the account is known, whichever attempt met it first."""
        return any(request.kind is RequestKind.ACCOUNT for request in self.requests)

    @property
    def is_busy(self) -> bool:
        """Whether anything is under way."""
        return self.own.attempt_id is not None or self._counts[SubtaskStatus.RUNNING] > 0

    @property
    def changeable(self) -> frozenset[int]:
        """The subtasks that have not started, which a review may still change."""
        return frozenset(n for n, p in self.subtasks.items() if p.status in STARTABLE)

    @property
    def is_review_due(self) -> bool:
        """Whether the orchestrator should look at results before (staged) or while others run."""
        if self.replans >= self.limits.replans or not self.subtasks:
            return False
        if self.pattern is Pattern.STAGED:
            # Until the review is over: the next stage waits for that.
            return self.own.attempt_id is not None or self._to_see > self.reviewed
        return self.pattern is Pattern.DYNAMIC and self._to_see > self.reviewed

    @property
    def _to_see(self) -> int:
        """What there is for a review to see: subtasks that are done, in a staged plan stages."""
        if self.pattern is Pattern.STAGED:
            return self._next_stage - 1
        return self._counts[SubtaskStatus.SUCCEEDED]

    @property
    def _next_stage(self) -> int:
        """The stage of what could start now; 1 where nothing can."""
        return self.work[self._ready[0][1]].stage if self._ready else 1

    @property
    def portions(self) -> list[list[int]]:
        """The subtasks whose results one call can read together, in the order of the plan."""
        done = SubtaskStatus.SUCCEEDED
        sizes = {n: self.subtasks[n].size for n in self.work if self.subtasks[n].status is done}
        return portions(sizes, self.allowance)

    @property
    def portion(self) -> list[int] | None:
        """The results to be condensed next; None when the answer itself is to be written."""
        if self.allowance is None or self.status is not RunStatus.SYNTHESIZING:
            return None
        parts = self.portions
        is_next = len(parts) > 1 and len(self.condensed) < len(parts)
        return parts[len(self.condensed)] if is_next else None

    def cost_of(self, start: Start) -> Cost:
        """What such an attempt costs at the most."""
        if start.subtask is not None:
            return self.work[start.subtask].cost.after(self.subtasks[start.subtask].failed)
        return self.own_costs.get(start.purpose, FREE).after(self.own.failed)

    def can_afford(self, start: Start) -> bool:
        """Whether the attempt stays within the budget, with the answer's cost held back."""
        needed = self.spent + self.reserved + self.cost_of(start)
        if start.purpose is not Purpose.SYNTHESIS:
            needed += self.own_costs.get(Purpose.SYNTHESIS, FREE).first
        return self.budget.allows(needed)

    def is_current(self, finished: Finished) -> bool:
        """Whether `finished` is the attempt its subtask (or the run) is waiting for."""
        progress = self.own if finished.subtask is None else self.subtasks.get(finished.subtask)
        return progress is not None and progress.attempt_id == finished.attempt_id

    def asks(self, kind: RequestKind, subtask: int | None = None) -> bool:
        """Whether such a request is open."""
        return OpenRequest(kind, subtask) in self.requests

    def apply(self, action: Action) -> Action:
        """Move to the state after `action`, and return it."""
        if not isinstance(action, Start | Synthesize | AskBudget):
            self.finished.remove(action.finished)
        if isinstance(action, Start):
            self.reserved += self.cost_of(action)
            self.named(action.subtask, _UNNAMED)
            if action.purpose is Purpose.REVIEW:
                self.reviewed = self._to_see
        elif isinstance(action, Succeed):
            self._succeed(action.finished)
        elif isinstance(action, TryAgain | Bury):
            self._failed(action)
        elif isinstance(action, Pause):
            self._pause(action.finished)
        elif isinstance(action, AskAccount | PutBack):
            self._put_back(action)
        elif isinstance(action, AskBudget):
            self.requests.add(OpenRequest(RequestKind.BUDGET, None))
        else:
            self._apply_to_run(action)
        return action

    def _apply_to_run(
        self, action: Propose | AskBreakdown | Synthesize | Condense | Complete | EndReview
    ) -> None:
        match action:
            case EndReview():
                self.own = Progress()
            case Propose(finished):
                self._propose(finished)
            case AskBreakdown(finished):
                self.own = _after_failure(self.own, finished)
                self.requests.add(OpenRequest(RequestKind.BREAKDOWN, None))
            case Synthesize():
                self.status = RunStatus.SYNTHESIZING
                self.own = Progress()
                self.condensed = ()
            case Condense(finished):
                self.own = Progress()
                self.condensed = (*self.condensed, finished.attempt_id)
            case Complete(finished):
                self.status = RunStatus.COMPLETED
                tries = self.own.tries + 1
                self.own = Progress(tries=tries, output_attempt_id=finished.attempt_id)

    def _propose(self, finished: Finished) -> None:
        """A plan that nobody needs to be asked about begins to run."""
        starts = self.auto_approval is not None and self.auto_approval.covers(finished.proposal)
        self.status = RunStatus.RUNNING if starts else RunStatus.PROPOSED
        self.own = Progress(tries=0 if starts else self.own.tries + 1)

    def named(self, subtask: int | None, attempt_id: str) -> None:
        """An attempt has been started, under this id."""
        if subtask is None:
            self.own = replace(self.own, attempt_id=attempt_id)
        else:
            self._change(subtask, status=SubtaskStatus.RUNNING, attempt_id=attempt_id)

    def _succeed(self, finished: Finished) -> None:
        number = finished.subtask
        assert number is not None
        self._change(
            number,
            status=SubtaskStatus.SUCCEEDED,
            tries=self.subtasks[number].tries + 1,
            attempt_id=None,
            output_attempt_id=finished.attempt_id,
            size=finished.size,
        )
        for dependent in self._dependents[number]:
            self._blocked_by[dependent] -= 1
            self._line_up(dependent)

    def _failed(self, action: TryAgain | Bury) -> None:
        number, is_dead = action.finished.subtask, isinstance(action, Bury)
        self._unsee(action.finished)
        if is_dead:
            self.requests.add(OpenRequest(RequestKind.DEAD_LETTER, number))
        if number is None:
            self.own = _after_failure(self.own, action.finished)
            return
        after = _after_failure(self.subtasks[number], action.finished)
        self._change(
            number,
            status=SubtaskStatus.DEAD if is_dead else SubtaskStatus.READY,
            tries=after.tries,
            failed=after.failed,
            interruptions=after.interruptions,
            attempt_id=None,
        )
        self._line_up(number)

    def _unsee(self, finished: Finished) -> None:
        """A review that is to be made again has seen nothing."""
        if finished.purpose is Purpose.REVIEW:
            self.reviewed = _UNREVIEWED

    def _put_back(self, action: AskAccount | PutBack) -> None:
        """The attempt does not count; what it was for waits until the account is in order."""
        finished = action.finished
        if isinstance(action, AskAccount):
            self.requests.add(OpenRequest(RequestKind.ACCOUNT, finished.subtask))
        self._unsee(finished)
        if finished.subtask is None:
            self.own = replace(self.own, attempt_id=None)
            return
        self._change(finished.subtask, status=SubtaskStatus.READY, attempt_id=None)
        self._line_up(finished.subtask)

    def _pause(self, finished: Finished) -> None:
        number = finished.subtask
        assert number is not None
        tries = self.subtasks[number].tries + 1
        self._change(number, status=SubtaskStatus.PAUSED, tries=tries, attempt_id=None)
        kind = RequestKind.QUESTION if finished.tool is None else RequestKind.TOOL
        self.requests.add(OpenRequest(kind, number))

    def _change(self, number: int, **changes: object) -> None:
        before = self.subtasks[number]
        after = replace(before, **changes)  # type: ignore[arg-type]
        self.left.setdefault(number, before.status)
        self.subtasks[number] = after
        self._counts[before.status] -= 1
        self._counts[after.status] += 1
        if before.status in STARTABLE and after.status not in STARTABLE:
            self._ready.remove((self.work[number].rank, number))

    def _line_up(self, number: int) -> None:
        """Among the ready ones, if nothing holds the subtask back any more."""
        if self.subtasks[number].status in STARTABLE and not self._blocked_by[number]:
            if self.subtasks[number].status is SubtaskStatus.WAITING:
                self._change(number, status=SubtaskStatus.READY)
            bisect.insort(self._ready, (self.work[number].rank, number))


_UNNAMED = "starting"
_UNREVIEWED = -1


def _after_failure(progress: Progress, finished: Finished) -> Progress:
    """An interrupted attempt uses up none; any other failure is one step on the ladder."""
    if finished.outcome is Outcome.INTERRUPTED:
        return replace(progress, interruptions=progress.interruptions + 1, attempt_id=None)
    return replace(
        progress,
        tries=progress.tries + 1,
        failed=(*progress.failed, finished.outcome),
        attempt_id=None,
    )


def portions(sizes: Mapping[int, int], allowance: int | None) -> list[list[int]]:
    """`sizes` in order, in groups of at most `allowance` together; a larger one is alone."""
    parts: list[list[int]] = [[]]
    used = 0
    for number, size in sizes.items():
        if allowance is not None and parts[-1] and used + size > allowance:
            parts.append([])
            used = 0
        parts[-1].append(number)
        used += size
    return parts


def works(
    plan: Plan, seconds: Mapping[int, float], costs: Mapping[int, Estimate] | None = None
) -> dict[int, Work]:
    """What `plan` means for decisions, with the expected seconds and worst cost of each subtask."""
    costs = costs or {}
    after = dict(edges(plan))
    longest = graph.remaining(after, seconds)
    return {
        subtask.number: Work(
            after[subtask.number],
            (-longest[subtask.number], subtask.priority, position),
            subtask.stage or 1,
            costs.get(subtask.number, FREE),
        )
        for position, subtask in enumerate(plan.subtasks)
    }


def edges(plan: Plan) -> Iterator[tuple[int, tuple[int, ...]]]:
    """What each subtask waits for; in a staged plan also everything of the stage before."""
    if plan.pattern is not Pattern.STAGED:
        yield from ((subtask.number, subtask.after) for subtask in plan.subtasks)
        return
    stages: dict[int, list[int]] = {}
    for subtask in plan.subtasks:
        stages.setdefault(subtask.stage or 1, []).append(subtask.number)
    before = dict(zip(sorted(stages)[1:], sorted(stages), strict=False))
    for subtask in plan.subtasks:
        barrier = stages[before[subtask.stage or 1]] if (subtask.stage or 1) in before else []
        yield subtask.number, tuple(dict.fromkeys([*subtask.after, *barrier]))
