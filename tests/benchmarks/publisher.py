"""How stale threads are, and how much Slack refuses, with twenty runs of ten subtasks at once.

`python -m tests.benchmarks.publisher` prints two JSON lines. Everything goes ten times as fast as
it would in Slack: the workspace's limits, the bot's pace and the subtasks. Staleness is how long
what a thread shows has been outdated, over all moments at which it was; its measure is half the
time in which each live thread gets one of the 50 edits a minute that Slack allows.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import col, select

from bot.app import connected
from bot.bot import Bot
from bot.localslack.person import Message, Person
from bot.localslack.server import LocalSlack
from bot.settings import BotSettings
from orchestrator.model.offline import OfflineModel
from orchestrator.store.tables import Message as MessageRow
from tests.benchmarks.processes import add_channels

RUNS = 20
SUBTASKS = 10
SPEED = 10
EDITS_PER_MINUTE = 50
LIMIT_REFUSED = 0.01
LIMIT_STALENESS = 1.5
_PATIENCE_S = 120.0
_SAMPLE_S = 0.5


@dataclass(frozen=True, slots=True)
class Watched:
    """When each run changed and its thread was edited, in seconds of the workspace, and how many
    calls there were, refused ones, and threads that showed the end."""

    changes: list[list[float]]
    edits: list[list[float]]
    calls: int
    refused: int
    exact: int


class Clock:
    """Time that goes faster."""

    def __init__(self) -> None:
        self._begun = time.time()

    def __call__(self) -> float:
        return self._begun + SPEED * (time.time() - self._begun)


async def measure() -> Watched:
    """Twenty runs, approved at once, each in a channel of its own, to their end."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        add_channels(Path(folder), RUNS)
        async with LocalSlack.start(data=Path(folder), clock=clock) as slack:
            settings = BotSettings(
                _env_file=None,
                database_url=f"sqlite+aiosqlite:///{folder}/orchestrator.db",
                model="offline",
                slack_api_url=slack.api_url,
                slack_bot_token=slack.bot_token,
                slack_app_token=slack.app_token,
                updates_per_minute=SPEED * 40,
                concurrency=RUNS * SUBTASKS,
                run_concurrency=SUBTASKS,
            )
            async with connected(settings, OfflineModel()) as bot:
                await slack.wait_connected()
                return await _watch(slack, bot, clock)


async def _watch(slack: LocalSlack, bot: Bot, clock: Clock) -> Watched:
    changes: defaultdict[str, list[float]] = defaultdict(list)
    ada = slack.person("Ada")
    plans = await asyncio.gather(*(_proposed(ada, number) for number in range(RUNS)))
    before = len(slack.calls)
    unsubscribe = bot.orchestrator.subscribe(lambda event: changes[event.run_id].append(clock()))
    await asyncio.gather(*(ada.click(plan, "Approve") for plan in plans))
    exact = await asyncio.gather(*(_ended(ada, plan) for plan in plans))
    unsubscribe()
    calls = slack.calls[before:]
    edits = [call for call in calls if call.method == "chat.update" and call.error is None]
    threads = await _threads(bot)
    return Watched(
        [changes[run_id] for run_id in threads],
        [[edit.at for edit in edits if edit.arguments["ts"] == ts] for ts in threads.values()],
        len(calls),
        sum(call.error is not None for call in calls),
        sum(exact),
    )


async def _proposed(person: Person, number: int) -> Message:
    slow = " ".join(
        f"#slow({subtask},{1 + (3 * subtask + number) % 5}s)" for subtask in range(1, SUBTASKS + 1)
    )
    task = f"Look at apples #subtasks({SUBTASKS}) {slow}"
    mention = await person.mention(f"bench-{number}", task)
    return await person.wait_for(mention, lambda m: "Approve" in m.buttons, _PATIENCE_S)


async def _ended(person: Person, plan: Message) -> bool:
    """Whether the thread shows the end of the run."""
    words = f"{SUBTASKS} of {SUBTASKS} done"
    await person.wait_for(
        plan, lambda m: m.ts == plan.ts and "Done" in m.words and words in m.words, _PATIENCE_S
    )
    return True


async def _threads(bot: Bot) -> dict[str, str]:
    """The id of the message with the status, by the run."""
    async with bot.orchestrator.database.read() as session:
        rows = await session.exec(
            select(MessageRow.run_id, MessageRow.ts).where(col(MessageRow.key).startswith("plan:"))
        )
    return {run_id: ts or "" for run_id, ts in rows}


def staleness(watched: Watched) -> list[float]:
    """At moments evenly apart, for each thread that is behind: how long it has been, as a part of
    what is asked for."""
    spans = [(min(changes), max(edits)) for changes, edits in _threads_of(watched)]
    moments = _moments(min(a for a, _ in spans), max(b for _, b in spans))
    ratios = []
    for moment in moments:
        live = sum(begun <= moment <= ended for begun, ended in spans)
        measure_s = live * 60 / EDITS_PER_MINUTE / 2
        found = (_behind(changes, edits, moment) for changes, edits in _threads_of(watched))
        ratios += [behind_s / measure_s for behind_s in found if behind_s is not None]
    return ratios


def _threads_of(watched: Watched) -> Iterable[tuple[list[float], list[float]]]:
    return zip(watched.changes, watched.edits, strict=True)


def _moments(begun: float, ended: float) -> list[float]:
    return [begun + _SAMPLE_S * number for number in range(int((ended - begun) / _SAMPLE_S))]


def _behind(changes: list[float], edits: list[float], moment: float) -> float | None:
    """For how long a thread has not shown the latest at that moment; None where it does."""
    shown = max((edit for edit in edits if edit <= moment), default=0.0)
    missing = [change for change in changes if shown < change <= moment]
    return moment - min(missing) if missing else None


def main() -> int:
    """Print both figures beside their limits; 1 where one is over."""
    watched = asyncio.run(measure())
    refused = watched.refused / watched.calls
    stale = statistics.median(staleness(watched))
    figures = [
        {
            "benchmark": "calls that Slack refuses, 20 runs of 10 subtasks at once",
            "calls": watched.calls,
            "threads_exact": watched.exact,
            "refused": round(refused, 4),
            "limit": LIMIT_REFUSED,
            "ratio": round(refused / LIMIT_REFUSED, 3),
        },
        {
            "benchmark": "median staleness of a thread, to half a round of all live threads",
            "edits": sum(map(len, watched.edits)),
            "figure": round(stale, 3),
            "limit": LIMIT_STALENESS,
            "ratio": round(stale / LIMIT_STALENESS, 3),
        },
    ]
    for figure in figures:
        sys.stdout.write(json.dumps(figure) + "\n")
    is_exact = watched.exact == RUNS
    return int(refused > LIMIT_REFUSED or stale > LIMIT_STALENESS or not is_exact)


if __name__ == "__main__":
    sys.exit(main())
