from hypothesis import given, settings
from hypothesis import strategies as st
from plan_strategies import graphs
from run_world import World

from orchestrator.actions import Finished, Start, Synthesize
from orchestrator.budget import Budget, Cost, Estimate
from orchestrator.decide import decide
from orchestrator.model.base import Purpose
from orchestrator.plan import Pattern, Plan, Subtask
from orchestrator.policies import EVERY_PLAN
from orchestrator.state import OpenRequest, Progress, RunState, Work, works
from orchestrator.store.tables import Outcome, RequestKind, RunStatus, SubtaskStatus

FAILURES = (
    Outcome.EMPTY,
    Outcome.INVALID,
    Outcome.TIMED_OUT,
    Outcome.REFUSED,
    Outcome.ERRORED,
)
_SAYS_A_PERSON_HAS = 6


COSTS = {
    Purpose.PLAN: Estimate(Cost(5), Cost(6)),
    Purpose.REVIEW: Estimate(Cost(3), Cost(3)),
    Purpose.SYNTHESIS: Estimate(Cost(7), Cost(8)),
}


def _estimate(draw):
    first = draw(st.integers(1, 9))
    return Estimate(Cost(first), Cost(first + draw(st.integers(0, 3))))


@st.composite
def works_of(draw, max_nodes=7, pattern=Pattern.GRAPH):
    needs = draw(graphs(max_nodes, acyclic=True))
    stages = sorted(draw(st.integers(1, 3)) for _ in needs)
    plan = Plan(
        goal="Know",
        pattern=pattern,
        subtasks=tuple(
            Subtask(
                id=str(n),
                title=f"Do {n}",
                depends_on=of,
                priority=draw(st.integers(1, 5)),
                stage=stages[n - 1],
            )
            for n, of in needs.items()
        ),
    )
    seconds = {number: draw(st.integers(1, 9)) for number in needs}
    return works(plan, seconds, {number: _estimate(draw) for number in needs})


@st.composite
def worlds(draw):
    pattern = draw(st.sampled_from([Pattern.GRAPH, Pattern.STAGED, Pattern.DYNAMIC]))
    limit = draw(st.none() | st.integers(12, 60))
    return World(
        draw(works_of(pattern=pattern)),
        draw(st.integers(1, 4)),
        auto_approve=draw(st.booleans()),
        pattern=pattern,
        budget=Budget(limit),
        costs=COSTS,
    )


class Fate:
    """What happens to a run: drawn, and kept from going on for ever by the person's patience."""

    def __init__(self, world, data):
        self.world = world
        self.draw = data.draw
        self.says = 0
        self.pauses = 0
        self.crashes = 0
        self.troubles = 0

    def go_on(self):
        world = self.world
        choices = [self.finish] * 4 * bool(world.running) + [self.answer] * bool(world.requests)
        if self.crashes < 8:
            choices.append(self.crash)
        self.draw(st.sampled_from(choices))()
        # Several things may happen before anybody looks.
        if self.draw(st.booleans()) or not world.running:
            world.advance()

    def finish(self):
        attempt_id = self.draw(st.sampled_from(self.world.running))
        used = Cost(self.draw(st.integers(0, self.world.reserved[attempt_id].tokens)))
        if self.troubles < 3 and self.draw(st.integers(0, 9)) == 0:
            self.troubles += 1
            self.world.finish(attempt_id, Outcome.ERRORED, is_account_trouble=True)
            return
        outcome = self.draw(st.sampled_from(self.outcomes(attempt_id)))
        self.world.finish(attempt_id, outcome, used)

    def outcomes(self, attempt_id):
        asks = self.world.attempts[attempt_id].purpose is Purpose.SUBTASK and self.pauses < 4
        self.pauses += asks
        return [Outcome.SUCCEEDED] * 3 + list(FAILURES) + [Outcome.PAUSED] * asks

    def crash(self):
        for _ in range(self.draw(st.integers(1, 4))):
            self.crashes += 1
            self.world.crash()
            self.world.advance()

    def answer(self):
        world = self.world
        request = self.draw(st.sampled_from(sorted(world.requests, key=str)))
        self.says += 1
        match request.kind:
            case RequestKind.APPROVAL:
                again = self.says < _SAYS_A_PERSON_HAS and self.draw(st.booleans())
                world.replan() if again else world.approve()
            case RequestKind.BREAKDOWN:
                world.break_down()
            case RequestKind.QUESTION:
                world.answer(request.subtask)
            case RequestKind.DEAD_LETTER:
                self.dig_up(request.subtask)
            case RequestKind.ACCOUNT:
                world.account_is_fixed()
            case RequestKind.BUDGET:
                world.allow(Budget(world.budget.tokens + self.draw(st.integers(20, 60))))

    def dig_up(self, subtask):
        patient = self.says < _SAYS_A_PERSON_HAS
        if subtask is None or (patient and self.draw(st.booleans())):
            self.world.retry(subtask)
        else:
            self.world.skip(subtask)


@settings(max_examples=120)
@given(worlds(), st.data())
def test_whatever_happens_a_run_whose_requests_are_answered_ends(world, data):
    """And on the way nothing happens that must not: see World."""
    fate = Fate(world, data)
    world.advance()
    for _ in range(1000):
        if world.is_over:
            break
        fate.go_on()
    assert world.status is RunStatus.COMPLETED
    assert all(
        progress.status in (SubtaskStatus.SUCCEEDED, SubtaskStatus.SKIPPED)
        for progress in world.subtasks.values()
    )


@given(works_of(), st.integers(1, 4))
def test_where_nothing_fails_every_subtask_starts_once(work, concurrency):
    world = World(work, concurrency, auto_approve=True)
    world.advance()
    while world.running:
        world.finish(world.running[0], Outcome.SUCCEEDED)
        world.advance()
    purposes = [start.purpose for start in world.starts]
    numbers = [start.subtask for start in world.starts if start.purpose is Purpose.SUBTASK]
    assert world.status is RunStatus.COMPLETED
    assert sorted(numbers) == sorted(work)
    assert (purposes[0], purposes[-1]) == (Purpose.PLAN, Purpose.SYNTHESIS)


@given(works_of(), st.data())
def test_a_run_that_is_over_decides_nothing(work, data):
    over = data.draw(st.sampled_from([status for status in RunStatus if not status.is_live]))
    subtasks = dict.fromkeys(work, Progress())

    assert decide(RunState(status=over, work=work, subtasks=subtasks)) == []


# --- one thing each ------------------------------------------------------------------------


def running(work, concurrency=5, **progress):
    """A running run; progress by number as `s1=Progress(…)`."""
    subtasks = {number: progress.get(f"s{number}", Progress()) for number in work}
    return RunState(RunStatus.RUNNING, work=work, subtasks=subtasks, concurrency=concurrency)


def alone(*numbers):
    return {number: Work((), (0.0, 3, number)) for number in numbers}


def under_way(**fields):
    return Progress(SubtaskStatus.RUNNING, attempt_id="a", **fields)


def over(outcome, purpose=Purpose.SUBTASK, subtask=1):
    return Finished("a", purpose, subtask, outcome)


def starts(actions):
    return [action.subtask for action in actions if isinstance(action, Start)]


def test_the_longest_remaining_path_starts_first_then_priority_then_the_order_of_the_plan():
    plan = Plan(
        goal="Know",
        subtasks=(
            Subtask(id="1", title="short"),
            Subtask(id="2", title="leads far"),
            Subtask(id="3", title="far", depends_on=("2",)),
            Subtask(id="4", title="short but important", priority=1),
            Subtask(id="5", title="short"),
        ),
    )
    state = running(works(plan, dict.fromkeys(range(1, 6), 10.0)), concurrency=9)

    assert starts(decide(state)) == [2, 4, 1, 5]


def test_a_stage_waits_for_all_of_the_stage_before():
    plan = Plan(
        goal="Know",
        pattern=Pattern.STAGED,
        subtasks=tuple(
            Subtask(id=str(n), title="x", stage=stage)
            for n, stage in enumerate((1, 1, 4, 9), start=1)
        ),
    )
    work = works(plan, dict.fromkeys(range(1, 5), 1.0))

    assert {number: item.after for number, item in work.items()} == {
        1: (),
        2: (),
        3: (1, 2),
        4: (3,),
    }


def test_what_depends_on_a_dead_subtask_waits_and_the_rest_goes_on():
    work = alone(1, 2) | {3: Work((1,), (0.0, 3, 3))}
    state = running(work, s1=under_way(failed=(Outcome.EMPTY, Outcome.EMPTY)))
    state.finish(over(Outcome.EMPTY))

    assert starts(decide(state)) == [2]
    assert state.subtasks[1].status is SubtaskStatus.DEAD
    assert state.subtasks[3].status is SubtaskStatus.WAITING
    assert state.asks(RequestKind.DEAD_LETTER, 1)


def test_a_skipped_subtask_lets_its_dependents_run():
    work = alone(1) | {2: Work((1,), (0.0, 3, 2))}

    assert starts(decide(running(work, s1=Progress(SubtaskStatus.SKIPPED)))) == [2]


def test_the_third_interruption_is_the_last_and_uses_up_no_attempt():
    state = running(alone(1), s1=under_way(interruptions=1, failed=(Outcome.EMPTY,)))
    state.finish(over(Outcome.INTERRUPTED))
    decide(state)
    assert state.subtasks[1].failed == (Outcome.EMPTY,)
    assert state.subtasks[1].status is SubtaskStatus.RUNNING

    state = running(alone(1), s1=under_way(interruptions=2))
    state.finish(over(Outcome.INTERRUPTED))
    decide(state)
    assert state.subtasks[1].status is SubtaskStatus.DEAD


def test_the_end_of_an_attempt_nobody_waits_for_changes_nothing():
    state = running(alone(1), s1=Progress(SubtaskStatus.SKIPPED))
    state.finish(over(Outcome.SUCCEEDED))

    assert decide(state) == [Synthesize(), Start(Purpose.SYNTHESIS, None)]
    assert state.subtasks[1].status is SubtaskStatus.SKIPPED


def test_an_end_told_twice_counts_once():
    state = running(alone(1, 2), concurrency=1, s1=under_way())
    state.finish(over(Outcome.EMPTY))
    state.finish(over(Outcome.EMPTY))

    decide(state)

    assert state.subtasks[1].failed == (Outcome.EMPTY,)


def test_an_answer_that_cannot_be_written_asks_a_person_and_waits():
    state = RunState(
        RunStatus.SYNTHESIZING,
        own=Progress(attempt_id="a", failed=(Outcome.EMPTY, Outcome.TIMED_OUT)),
        work=alone(1),
        subtasks={1: Progress(SubtaskStatus.SUCCEEDED)},
    )
    state.finish(over(Outcome.ERRORED, Purpose.SYNTHESIS, None))

    assert starts(decide(state)) == []
    assert state.asks(RequestKind.DEAD_LETTER)
    assert decide(state) == []


def test_planning_that_fails_twice_asks_for_a_breakdown_and_waits():
    state = RunState(RunStatus.PLANNING, own=Progress(attempt_id="a", failed=(Outcome.INVALID,)))
    state.finish(over(Outcome.INVALID, Purpose.PLAN, None))

    decide(state)

    assert state.requests == {OpenRequest(RequestKind.BREAKDOWN, None)}
    assert decide(state) == []


def test_a_plan_approved_by_policy_is_not_over_before_it_has_begun():
    state = RunState(RunStatus.PLANNING, own=Progress(attempt_id="a"), auto_approval=EVERY_PLAN)
    state.finish(over(Outcome.SUCCEEDED, Purpose.PLAN, None))

    decide(state)

    assert state.status is RunStatus.RUNNING
    assert decide(state) == []


def test_a_question_holds_no_place():
    state = running(alone(1, 2), concurrency=1, s1=under_way())
    state.finish(over(Outcome.PAUSED))

    assert starts(decide(state)) == [2]
    assert state.asks(RequestKind.QUESTION, 1)
