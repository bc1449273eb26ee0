"""A picture of what ran when: each attempt as a bar, the critical path marked.

`chart` is pure. The drawing needs libraries that take much memory, so `picture` has it done by a
process of its own: `python -m bot.timeline`, which reads a chart and writes a PNG.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.view import AttemptView, RunView
from orchestrator import text
from orchestrator.errors import OrchestratorError
from orchestrator.model.base import Purpose
from orchestrator.store.tables import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DRAWING_S = 60.0
_MOST_LABEL = 60
# A time in which nothing ran is cut short when it is longer than this part of the rest.
_LONG_PAUSE = 0.15
_CUT_TO = 0.04

_WORKED, _FAILED, _BROKEN_OFF, _RUNNING, _ASKED = "worked", "failed", "off", "running", "asked"
_WAITED = "waited"
_KINDS = {
    None: _RUNNING,
    Outcome.SUCCEEDED: _WORKED,
    Outcome.PAUSED: _ASKED,
    Outcome.INTERRUPTED: _BROKEN_OFF,
    Outcome.CANCELLED: _BROKEN_OFF,
}


class TimelineFailed(OrchestratorError):
    """The picture could not be drawn."""


@dataclass(frozen=True, slots=True)
class Bar:
    """An attempt: seconds since the beginning, and how it went."""

    start: float
    end: float
    kind: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the picture."""

    label: str
    bars: tuple[Bar, ...] = ()
    is_critical: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything the picture shows; times are in seconds."""

    title: str
    subtitle: str
    rows: tuple[Row, ...]
    end: float


# --- what is shown -------------------------------------------------------------------------


def chart(view: RunView, attempts: Sequence[AttemptView], now: datetime) -> Chart | None:
    """What ran when, until `now` where the run is not over; None before anything ran."""
    begun = [a for a in attempts if a.started_at and a.purpose is not Purpose.PLAN]
    if not begun:
        return None
    zero = min(a.started_at for a in begun if a.started_at)
    critical = critical_path(view, begun)
    bars = {
        s.number: _bars((a for a in begun if a.subtask == s.number), zero, now)
        for s in view.subtasks
    }
    rows = [
        Row(
            _label(f"{subtask.number}. {subtask.title}"),
            (
                *_waits([bars[n] for n in subtask.after], bars[subtask.number]),
                *bars[subtask.number],
            ),
            subtask.number in critical,
        )
        for subtask in view.subtasks
    ]
    for purpose, label in ((Purpose.REVIEW, "Reviews"), (Purpose.SYNTHESIS, "The answer")):
        if own := _bars((a for a in begun if a.purpose is purpose), zero, now):
            rows.append(Row(label, own, purpose is Purpose.SYNTHESIS))
    end = max(bar.end for row in rows for bar in row.bars)
    return Chart(f"{view.name}: what ran when", _subtitle(view, zero, end), tuple(rows), end)


def critical_path(view: RunView, attempts: Iterable[AttemptView]) -> set[int]:
    """The subtasks that the end had to wait for: from the last one to finish back to its latest
    dependency, and so on."""
    finished = {a.subtask: a.finished_at for a in attempts if a.subtask and a.finished_at}
    after = {s.number: [n for n in s.after if n in finished] for s in view.subtasks}
    candidates: Iterable[int] = [number for number in after if number in finished]
    path: set[int] = set()
    while candidates := [number for number in candidates if number not in path]:
        last = max(candidates, key=lambda number: finished[number])
        path.add(last)
        candidates = after[last]
    return path


def _bars(attempts: Iterable[AttemptView], zero: datetime, now: datetime) -> tuple[Bar, ...]:
    return tuple(
        Bar(
            (a.started_at - zero) / timedelta(seconds=1),
            ((a.finished_at or now) - zero) / timedelta(seconds=1),
            _KINDS.get(a.outcome, _FAILED),
        )
        for a in attempts
        if a.started_at
    )


def _waits(needed: Iterable[Sequence[Bar]], own: Sequence[Bar]) -> list[Bar]:
    """The times in which the subtask could have run: since all it needs was there, between
    attempts."""
    ready = max((bars[-1].end for bars in needed if bars), default=0.0)
    ends = [ready, *(bar.end for bar in own[:-1])]
    pairs = zip(ends, (bar.start for bar in own), strict=False)
    return [Bar(end, start, _WAITED) for end, start in pairs if start > end]


def _label(title: str) -> str:
    return text.shorten(text.one_line(title), _MOST_LABEL)


def _subtitle(view: RunView, zero: datetime, end: float) -> str:
    so_far = " so far" if view.status.is_live else ""
    return f"began {zero:%Y-%m-%d %H:%M} UTC, {span(end)}{so_far}"


def span(seconds: float) -> str:
    """`45 s`, `2:05`, `1:02:05`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


# --- long pauses ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which nothing ran, and how long it is in the picture."""

    start: float
    end: float
    shown: float


def pauses(bars: Iterable[Bar]) -> list[Pause]:
    """The times without work that are too long to be drawn as they were."""
    gaps: list[tuple[float, float]] = []
    busy = until = 0.0
    for start, end in sorted((bar.start, bar.end) for bar in bars):
        if start > until:
            gaps.append((until, start))
        busy += max(0.0, end - max(start, until))
        until = max(until, end)
    longest = max(busy * _LONG_PAUSE, 1.0)
    shown = max(busy * _CUT_TO, 0.3)
    return [Pause(start, end, shown) for start, end in gaps if end - start > longest]


def position(seconds: float, cut: Sequence[Pause]) -> float:
    """Where a moment is in the picture, once the pauses are cut short."""
    moved = seconds
    for pause in cut:
        if seconds >= pause.end:
            moved -= (pause.end - pause.start) - pause.shown
        elif seconds > pause.start:
            part = (seconds - pause.start) / (pause.end - pause.start)
            moved -= (seconds - pause.start) - part * pause.shown
    return moved


# --- the picture ---------------------------------------------------------------------------


async def picture(shown: Chart) -> bytes:
    """The chart as a PNG. Raises TimelineFailed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.timeline",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_DRAWING_S):
            drawn, _ = await process.communicate(json.dumps(asdict(shown)).encode())
    except TimeoutError as error:
        raise TimelineFailed("Drawing the timeline took too long.") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise TimelineFailed("The timeline could not be drawn.")
    return drawn


# Readable on Slack's light and dark themes: the picture brings its own background.
_PAPER, _INK, _FAINT, _STRIPE, _PATH = "#ffffff", "#1d1c1d", "#616061", "#f4f4f6", "#5b2a86"
_COLOURS = {
    _WORKED: ("#2f7d5b", "done"),
    _FAILED: ("#d64545", "failed"),
    _BROKEN_OFF: ("#9a9aa3", "broken off"),
    _RUNNING: ("#4a78c8", "running"),
    _ASKED: ("#c98a1b", "asked somebody"),
    _WAITED: ("#b9b9c2", "waiting"),
}
# Small and with large letters, to be read at the width of a thread. Labels are above their bars.
_INCHES_WIDE, _INCHES_A_ROW, _INCHES_AROUND, _DOTS_AN_INCH = 6.2, 0.5, 1.9, 160
_TITLE_PT, _WORDS_PT, _SMALL_PT = 15, 11, 9.5
_LABEL_AT, _BAR_AT = -0.22, 0.2
_MOST_TICKS = 6
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


def draw(shown: Chart) -> bytes:
    """The chart as a PNG, drawn in this process."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    height = _INCHES_AROUND + _INCHES_A_ROW * len(shown.rows)
    figure, axes = plt.subplots(figsize=(_INCHES_WIDE, height), facecolor=_PAPER)
    cut = pauses(bar for row in shown.rows for bar in row.bars if bar.kind != _WAITED)
    _draw_rows(axes, shown, cut)
    _draw_pauses(axes, cut)
    _draw_axis(axes, shown, cut)
    _draw_words(axes, shown, height)
    content = io.BytesIO()
    figure.savefig(
        content,
        format="png",
        dpi=_DOTS_AN_INCH,
        facecolor=_PAPER,
        bbox_inches="tight",
        pad_inches=0.2,
    )
    plt.close(figure)
    return content.getvalue()


def _draw_rows(axes: Axes, shown: Chart, cut: Sequence[Pause]) -> None:
    width = position(shown.end, cut) or 1.0
    for line, row in enumerate(shown.rows):
        if line % 2:
            axes.axhspan(line - 0.5, line + 0.5, color=_STRIPE, zorder=0)
        for bar in row.bars:
            start, end = position(bar.start, cut), position(bar.end, cut)
            is_wait = bar.kind == _WAITED
            is_outlined = row.is_critical and not is_wait
            axes.barh(
                line + _BAR_AT,
                max(end - start, 0 if is_wait else width / 300),
                left=start,
                height=0.08 if is_wait else 0.34,
                color=_COLOURS[bar.kind][0],
                edgecolor=_PATH if is_outlined else _PAPER,
                linewidth=1.6 if is_outlined else 0.0,
                zorder=3,
            )
        axes.text(
            width / 200,
            line + _LABEL_AT,
            f"◆ {row.label}" if row.is_critical else row.label,
            va="center",
            fontsize=_WORDS_PT,
            zorder=4,
            color=_PATH if row.is_critical else _INK,
            parse_math=False,
        )


def _draw_pauses(axes: Axes, cut: Sequence[Pause]) -> None:
    for pause in cut:
        start = position(pause.start, cut)
        axes.axvspan(start, start + pause.shown, color="#e3e3e8", zorder=2)
        axes.text(
            start + pause.shown / 2,
            -0.55,
            f"{span(pause.end - pause.start)} idle",
            ha="center",
            va="bottom",
            fontsize=_SMALL_PT,
            color=_FAINT,
        )


def _draw_axis(axes: Axes, shown: Chart, cut: Sequence[Pause]) -> None:
    ticks = _ticks(shown.end, cut)
    axes.set_xticks([position(tick, cut) for tick in ticks], [span(tick) for tick in ticks])
    axes.tick_params(axis="x", labelsize=_SMALL_PT, colors=_FAINT, length=0)
    axes.set_yticks([])
    axes.set_ylim(len(shown.rows) - 0.45, -0.5)
    axes.set_xlim(0, (position(shown.end, cut) or 1.0) * 1.01)
    axes.grid(axis="x", color="#dddde2", linewidth=0.7, zorder=1)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)


def _ticks(end: float, cut: Sequence[Pause]) -> list[float]:
    """Round times to name, outside of the pauses."""
    length = position(end, cut)
    step = next((step for step in _STEPS if length / step <= _MOST_TICKS), _STEPS[-1])
    within = [float(tick) for tick in range(0, int(end) + 1, step)]
    return [tick for tick in within if not any(p.start < tick < p.end for p in cut)][:60]


def _draw_words(axes: Axes, shown: Chart, height: float) -> None:
    from matplotlib.patches import Patch

    figure = axes.get_figure()
    assert figure is not None
    top = 1.0 + 0.68 / height
    axes.text(
        0,
        top,
        shown.title,
        transform=axes.transAxes,
        fontsize=_TITLE_PT,
        weight="bold",
        color=_INK,
        parse_math=False,
    )
    axes.text(
        0,
        top - 0.27 / height,
        shown.subtitle,
        transform=axes.transAxes,
        fontsize=_WORDS_PT,
        color=_FAINT,
    )
    used = {bar.kind for row in shown.rows for bar in row.bars}
    key = [
        Patch(color=colour, label=label)
        for kind, (colour, label) in _COLOURS.items()
        if kind in used
    ]
    key.append(Patch(facecolor=_PAPER, edgecolor=_PATH, linewidth=1.6, label="◆ critical path"))
    axes.legend(
        handles=key,
        loc="upper left",
        bbox_to_anchor=(0, -0.28 / height),
        ncols=4,
        frameon=False,
        borderpad=0,
        columnspacing=1.4,
        handlelength=1.6,
        fontsize=_SMALL_PT,
    )


def _read(content: str) -> Chart:
    given: dict[str, Any] = json.loads(content)
    rows = tuple(
        Row(row["label"], tuple(Bar(**bar) for bar in row["bars"]), row["is_critical"])
        for row in given["rows"]
    )
    return Chart(given["title"], given["subtitle"], rows, given["end"])


if __name__ == "__main__":
    sys.stdout.buffer.write(draw(_read(sys.stdin.read())))
