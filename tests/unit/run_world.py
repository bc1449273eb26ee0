"""A run without a database: the rows that decisions leave, and everything that can happen to it.

Keeps the incremental state as the engine does, and checks at every step that nothing happened
which must not, and that a state built anew from the rows decides the same.
"""

import copy
from dataclasses import replace

from orchestrator.actions import (
    AskAccount,
    AskBreakdown,
    AskBudget,
    Bury,
    Complete,
    EndReview,
    Finished,
    Pause,
    Propose,
    Start,
    Succeed,
    Synthesize,
)
from orchestrator.budget import FREE, NO_LIMIT, NOTHING
from orchestrator.decide import decide
from orchestrator.model.base import Purpose
from orchestrator.plan import Pattern
from orchestrator.policies import EVERY_PLAN
from orchestrator.state import Limits, OpenRequest, Progress, RunState
from orchestrator.store.tables import Outcome, RequestKind, RunStatus, SubtaskStatus

DONE = (SubtaskStatus.SUCCEEDED, SubtaskStatus.SKIPPED)


class World:
    """`work` is what each subtask waits for and its rank, as `state.works` gives it."""

    def __init__(
        self, work, concurrency, *, auto_approve, pattern=Pattern.GRAPH, budget=NO_LIMIT, costs=None
    ):
        self.work = work
        self.concurrency = concurrency
        self.auto_approve = auto_approve
        self.pattern = pattern
        self.budget = budget
        self.own_costs = costs or {}
        self.limits = Limits()
        # The rows.
        self.status = RunStatus.PLANNING
        self.own = Progress()
        self.reviewed = 0
        self.spent = NOTHING
        self.subtasks = {}
        self.requests = set()
        self.reserved = {}  # id → Cost, of attempts under way
        self.attempts = {}  # id → the Start it came from
        self.over = {}  # id → Finished, in the order they came
        # What was seen.
        self.starts = []
        self.fails_since_a_person = {}
        self.interruptions_since_a_person = {}
        self.state = self.read()

    def read(self):
        """The state as it is loaded from the rows."""
        current = [self.own.attempt_id, *(p.attempt_id for p in self.subtasks.values())]
        return RunState(
            status=self.status,
            own=self.own,
            auto_approval=EVERY_PLAN if self.auto_approve else None,
            concurrency=self.concurrency,
            limits=self.limits,
            pattern=self.pattern,
            reviewed=self.reviewed,
            budget=self.budget,
            spent=self.spent,
            reserved=sum(self.reserved.values(), NOTHING),
            own_costs=self.own_costs,
            work=self.work if self.subtasks else {},
            subtasks=dict(self.subtasks),
            finished=[f for id_, f in self.over.items() if id_ in current],
            requests=set(self.requests),
        )

    @property
    def running(self):
        """The attempts that have been started and are not over."""
        return [id_ for id_ in self.attempts if id_ not in self.over]

    @property
    def is_over(self):
        return not self.status.is_live

    # --- the engine -------------------------------------------------------------------------

    def advance(self):
        """Decide and commit, as the engine does."""
        self._check_that_rows_decide_the_same()
        actions = decide(self.state)
        started = []
        for action in actions:
            if isinstance(action, Start):
                started.append(self._start(action))
            self._note(action)
        for number, left in self.state.left.items():
            assert self.subtasks[number].status is left, "the guard would have failed"
            self.subtasks[number] = self.state.subtasks[number]
        self.state.left.clear()
        self.status, self.own = self.state.status, self.state.own
        self.reviewed = self.state.reviewed
        if any(isinstance(action, Propose) for action in actions):
            self._proposed()
        self._check_what_started(started)
        return actions

    def _check_that_rows_decide_the_same(self):
        kept, again, anew = copy.deepcopy(self.state), copy.deepcopy(self.state), self.read()
        actions = decide(kept)
        assert actions == decide(again), "the same state decided differently"
        assert actions == decide(anew), "the rows decide differently"
        for name in ("status", "own", "subtasks", "requests", "reviewed", "spent", "reserved"):
            assert getattr(kept, name) == getattr(anew, name), name
        assert decide(kept) == [], "something was left to decide"

    def _start(self, action):
        attempt_id = f"attempt-{len(self.attempts) + 1}"
        self.attempts[attempt_id] = action
        self.starts.append(action)
        self.reserved[attempt_id] = self.state.cost_of(action)
        self.state.named(action.subtask, attempt_id)
        if action.subtask is not None:
            before = self.subtasks[action.subtask]
            assert before.status is not SubtaskStatus.SUCCEEDED, "done work was started again"
            assert len(before.failed) < self.limits.subtask_attempts
        return action

    def _note(self, action):
        if isinstance(action, Pause):
            self.requests.add(OpenRequest(RequestKind.QUESTION, action.finished.subtask))
        elif isinstance(action, Bury):
            self.requests.add(OpenRequest(RequestKind.DEAD_LETTER, action.finished.subtask))
        elif isinstance(action, AskBreakdown):
            self.requests.add(OpenRequest(RequestKind.BREAKDOWN, None))
        elif isinstance(action, AskAccount):
            kinds = {request.kind for request in self.requests}
            assert RequestKind.ACCOUNT not in kinds, "people were asked twice"
            self.requests.add(OpenRequest(RequestKind.ACCOUNT, action.finished.subtask))
        elif isinstance(action, AskBudget):
            assert not self.running, "what runs could still come out cheaper"
            self.requests.add(OpenRequest(RequestKind.BUDGET, None))
        elif isinstance(action, EndReview):
            self.a_person_has_a_say(Purpose.REVIEW, None)
        elif isinstance(action, Succeed):
            assert action.finished.outcome is Outcome.SUCCEEDED
        elif isinstance(action, Synthesize):
            assert all(progress.status in DONE for progress in self.state.subtasks.values())
        elif isinstance(action, Complete):
            assert action.finished.purpose is Purpose.SYNTHESIS

    def _proposed(self):
        if self.auto_approve:
            self.subtasks = {number: Progress() for number in self.work}
            self.state = self.read()
            self.advance()
        else:
            self.requests.add(OpenRequest(RequestKind.APPROVAL, None))
            self.state = self.read()

    def _check_what_started(self, started):
        numbers = {action.subtask for action in started if action.subtask is not None}
        running = [n for n, p in self.subtasks.items() if p.status is SubtaskStatus.RUNNING]
        assert len(running) <= self.concurrency
        for number in numbers:
            assert all(self.subtasks[need].status in DONE for need in self.work[number].after)
        needed = self.spent + sum(self.reserved.values(), NOTHING)
        assert self.budget.allows(needed)
        if any(action.purpose is not Purpose.SYNTHESIS for action in started):
            held_back = self.own_costs.get(Purpose.SYNTHESIS, FREE).first
            assert self.budget.allows(needed + held_back), "nothing is left for the answer"
        left = [n for n, p in self.subtasks.items() if self._could_start(n, p)]
        if self.status is RunStatus.RUNNING and len(running) < self.concurrency and left:
            assert self._has_reason_to_wait(left), "there was room and something to do"
        if numbers and left:
            worst = max(self.work[number].rank for number in numbers)
            assert worst <= min(self.work[number].rank for number in left)

    def _has_reason_to_wait(self, left):
        best = min(left, key=lambda number: self.work[number].rank)
        return (
            self.state.is_held
            or (self.pattern is Pattern.STAGED and self.state.is_review_due)
            or not self.state.can_afford(Start(Purpose.SUBTASK, best))
        )

    def _could_start(self, number, progress):
        return progress.status in (SubtaskStatus.WAITING, SubtaskStatus.READY) and all(
            self.subtasks[need].status in DONE for need in self.work[number].after
        )

    # --- what happens -----------------------------------------------------------------------

    def finish(self, attempt_id, outcome, used=NOTHING, *, is_account_trouble=False):
        """The attempt is over; nobody has looked yet."""
        start = self.attempts[attempt_id]
        finished = Finished(
            attempt_id,
            start.purpose,
            start.subtask,
            outcome,
            data={"account": is_account_trouble},
            reserved=self.reserved.pop(attempt_id),
            spent=used,
        )
        self.over[attempt_id] = finished
        self.spent += used
        self.state.finish(finished)
        if not is_account_trouble:
            self._count(start, outcome)

    def _count(self, start, outcome):
        key = (start.purpose, start.subtask)
        if outcome is Outcome.INTERRUPTED:
            counts, most = self.interruptions_since_a_person, self.limits.interruptions
        elif outcome in (Outcome.SUCCEEDED, Outcome.PAUSED):
            return
        else:
            counts = self.fails_since_a_person
            most = {
                Purpose.PLAN: self.limits.plan_attempts,
                Purpose.REVIEW: self.limits.review_attempts,
                Purpose.SUBTASK: self.limits.subtask_attempts,
                Purpose.SYNTHESIS: self.limits.synthesis_attempts,
            }[start.purpose]
        counts[key] = counts.get(key, 0) + 1
        assert counts[key] <= most, "it was tried more often than the ladder allows"

    def crash(self):
        """The process ends: what was under way is interrupted, what was in memory is gone."""
        for attempt_id in self.running:
            self.finish(attempt_id, Outcome.INTERRUPTED)
        self.state = self.read()

    def a_person_has_a_say(self, purpose, subtask):
        self.fails_since_a_person.pop((purpose, subtask), None)
        self.interruptions_since_a_person.pop((purpose, subtask), None)

    def approve(self):
        self.requests.discard(OpenRequest(RequestKind.APPROVAL, None))
        self.subtasks = {number: Progress() for number in self.work}
        self._command(RunStatus.RUNNING, tries=0, failed=())

    def replan(self):
        self.requests.discard(OpenRequest(RequestKind.APPROVAL, None))
        self.a_person_has_a_say(Purpose.PLAN, None)
        self._command(RunStatus.PLANNING, tries=0, failed=(), interruptions=0)

    def break_down(self):
        self.requests.discard(OpenRequest(RequestKind.BREAKDOWN, None))
        self.requests.add(OpenRequest(RequestKind.APPROVAL, None))
        self._command(RunStatus.PROPOSED, tries=0, failed=(), interruptions=0)

    def allow(self, more):
        """More budget."""
        self.requests.discard(OpenRequest(RequestKind.BUDGET, None))
        self.budget = more
        self._command()

    def account_is_fixed(self):
        self.requests = {r for r in self.requests if r.kind is not RequestKind.ACCOUNT}
        self._command()

    def answer(self, subtask):
        self.requests.discard(OpenRequest(RequestKind.QUESTION, subtask))
        paused = self.subtasks[subtask]
        self.subtasks[subtask] = replace(paused, status=SubtaskStatus.READY)
        self._command()

    def retry(self, subtask):
        self.requests.discard(OpenRequest(RequestKind.DEAD_LETTER, subtask))
        if subtask is None:
            self.a_person_has_a_say(Purpose.SYNTHESIS, None)
            self._command(failed=(), interruptions=0)
            return
        self.a_person_has_a_say(Purpose.SUBTASK, subtask)
        dead = self.subtasks[subtask]
        assert dead.status is SubtaskStatus.DEAD
        self.subtasks[subtask] = replace(
            dead, status=SubtaskStatus.READY, failed=(), interruptions=0
        )
        self._command()

    def skip(self, subtask):
        self.requests.discard(OpenRequest(RequestKind.DEAD_LETTER, subtask))
        self.subtasks[subtask] = replace(self.subtasks[subtask], status=SubtaskStatus.SKIPPED)
        self._command()

    def _command(self, status=None, **own):
        """What a command leaves in the run's row; the state is read anew."""
        self.status = status or self.status
        self.own = replace(self.own, **own)
        self.state = self.read()
