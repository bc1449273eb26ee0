"""What ran when: the chart, and the picture of it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot import timeline
from bot.timeline import Bar, Chart, Pause, Row
from bot.view import AttemptView
from orchestrator.model.base import Purpose
from orchestrator.store.tables import Outcome, RunStatus
from tests.unit.blocks.block_views import ASKED, HOSTILE, run, subtask


def attempt(of, start, end, outcome=Outcome.SUCCEEDED, purpose=Purpose.SUBTASK):
    """An attempt at subtask `of` from one second to another; None where it goes on."""
    return AttemptView(
        id=f"{of}-{start}",
        purpose=purpose,
        subtask=of,
        number=1,
        outcome=outcome if end is not None else None,
        model="m",
        tokens=0,
        cost_usd=Decimal(0),
        error=None,
        started_at=ASKED + timedelta(seconds=start),
        finished_at=None if end is None else ASKED + timedelta(seconds=end),
    )


def later(seconds):
    return ASKED + timedelta(seconds=seconds)


def kinds(row):
    return [bar.kind for bar in row.bars]


DIAMOND = run(
    RunStatus.COMPLETED,
    subtasks=(subtask(1), subtask(2, after=(1,)), subtask(3, after=(1,)), subtask(4, after=(2, 3))),
)
AS_IT_WENT = [
    attempt(None, -9, -1, purpose=Purpose.PLAN),
    attempt(1, 0, 10),
    attempt(2, 10, 15, Outcome.TIMED_OUT),
    attempt(2, 16, 40),
    attempt(3, 10, 20),
    attempt(4, 41, 50),
    attempt(None, 50, 60, purpose=Purpose.SYNTHESIS),
]


def test_each_attempt_is_a_bar_from_its_start_to_its_end():
    chart = timeline.chart(DIAMOND, AS_IT_WENT, later(999))
    assert [row.label[:2] for row in chart.rows] == ["1.", "2.", "3.", "4.", "Th"]
    assert chart.rows[1].bars == (
        Bar(15, 16, "waited"),
        Bar(10, 15, "failed"),
        Bar(16, 40, "worked"),
    )
    assert chart.rows[4].bars == (Bar(50, 60, "worked"),)
    assert chart.end == 60


def test_the_critical_path_goes_back_from_the_last_over_the_latest_dependency():
    chart = timeline.chart(DIAMOND, AS_IT_WENT, later(999))
    assert [row.is_critical for row in chart.rows] == [True, True, False, True, True]


def test_what_could_have_run_earlier_has_waited():
    chart = timeline.chart(DIAMOND, AS_IT_WENT, later(999))
    assert chart.rows[3].bars[0] == Bar(40, 41, "waited")
    assert "waited" not in kinds(chart.rows[2])


def test_what_runs_goes_to_the_present():
    running = replace(DIAMOND, status=RunStatus.RUNNING)
    chart = timeline.chart(running, [attempt(1, 0, None)], later(30))
    assert chart.rows[0].bars == (Bar(0, 30, "running"),)
    assert chart.rows[1].bars == ()
    assert chart.subtitle.endswith("30 s so far")


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [(Outcome.PAUSED, "asked"), (Outcome.INTERRUPTED, "off"), (Outcome.REFUSED, "failed")],
)
def test_each_outcome_has_its_colour(outcome, kind):
    chart = timeline.chart(DIAMOND, [attempt(1, 0, 1, outcome)], later(1))
    assert kinds(chart.rows[0]) == [kind]


def test_before_anything_ran_there_is_no_timeline():
    assert timeline.chart(DIAMOND, AS_IT_WENT[:1], later(9)) is None


def test_a_night_in_which_nothing_ran_is_cut_short():
    (pause,) = timeline.pauses([Bar(0, 50, "worked"), Bar(30_000, 30_050, "worked")])
    assert (pause.start, pause.end) == (50, 30_000)
    assert pause.shown < 10


def test_short_gaps_stay_as_they_are():
    assert timeline.pauses([Bar(0, 50, "worked"), Bar(55, 100, "worked")]) == []


def test_after_a_pause_everything_moves_to_the_left():
    cut = [Pause(50, 30_000, 4)]
    at = [timeline.position(seconds, cut) for seconds in (0, 50, 15_025, 30_000, 30_050)]
    assert at == [0, 50, 52, 54, 104]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (45.4, "45 s"), (125, "2:05"), (3_725, "1:02:05")]
)
def test_a_span_is_said_briefly(seconds, said):
    assert timeline.span(seconds) == said


async def test_the_picture_is_drawn_whatever_the_titles_are():
    titles = ["$x$ \\frac{", *HOSTILE.values()]
    view = run(subtasks=tuple(subtask(n, title=title) for n, title in enumerate(titles, start=1)))
    attempts = [attempt(n, n, n + 2) for n in range(1, len(titles) + 1)]
    chart = timeline.chart(view, attempts, later(99))
    assert (await timeline.picture(chart)).startswith(b"\x89PNG")


async def test_what_cannot_be_drawn_is_said():
    with pytest.raises(timeline.TimelineFailed, match="could not be drawn"):
        await timeline.picture(Chart("", "", (Row("", (Bar(0, 1, "no such kind"),)),), 1))
