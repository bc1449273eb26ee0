"""How long the database takes to find a page of `/runs` among 100,000 runs.

`python -m tests.benchmarks.history` prints one JSON line for each database: the slowest of many
kinds of question, each as the median of several times.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import count, islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from uuid6 import UUID

from orchestrator import history
from orchestrator.commands import Actor
from orchestrator.history import Place, State, Wanted
from orchestrator.store import changes
from orchestrator.store.database import Database
from orchestrator.store.migrate import migrate
from orchestrator.store.tables import Request, RequestKind, Run, RunStatus, Team, new_row, row
from tests.benchmarks.processes import postgres

RUNS = 100_000
LIMIT_MS = 50
_TIMES = 7
_PAGE = 9
_AT_ONCE = 5_000
_BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
_ADA = Actor("T1", "U7")
_CHANNELS = [f"C{number:03}" for number in range(60)]
_HERS = frozenset(_CHANNELS[:20])
_VOCABULARY = 20_000


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody looks for, and where in the list."""

    name: str
    wanted: Wanted
    at: Place | None = None


def questions() -> list[Question]:
    """Of every kind that `/runs` knows, with those that are bad for one index or another."""
    hers = partial(Wanted, _ADA, _HERS)
    mine = partial(hers, people=frozenset({_ADA.user_id}))
    failed, running = frozenset({State.FAILED}), frozenset({State.RUNNING})
    stranger = partial(Wanted, Actor("T1", "U9999"), frozenset({"C059"}))
    return [
        Question("mine", mine()),
        Question("mine, deep", mine(), Place(RUNS // 2)),
        Question("all", hers()),
        Question("all, the last page", hers(), Place(_PAGE)),
        Question("all, back from the end", hers(), Place(1, is_after=True)),
        Question("all, in one quiet channel", stranger()),
        Question("all, for somebody new", Wanted(Actor("T1", "U9999"))),
        Question("all, in many channels", Wanted(_ADA, frozenset(_CHANNELS) | _many(500))),
        Question("a channel", hers(places=frozenset({"C003"}))),
        Question("running", hers(states=running)),
        Question("failed", hers(states=failed)),
        Question("dead", hers(states=frozenset({State.DEAD}))),
        Question("mine, failed", mine(states=failed)),
        Question("a word of every task", hers(words=("compare",))),
        Question("a word of every task, deep", hers(words=("compare",)), Place(RUNS // 2)),
        Question("a word of old tasks only", hers(words=("ancient",))),
        Question("a rare word", hers(words=(_words()[-1],))),
        Question("a word that is nowhere", hers(words=("nowhere",))),
        Question("a letter", hers(words=("b",))),
        Question("a common beginning", hers(words=("bab",))),
        Question("a longer common beginning", hers(words=("baba",))),
        Question("a phrase", hers(words=(f"compare-{_words()[0]}",))),
        Question("three words", hers(words=("compare", *_words()[:2]))),
        Question("a name", hers(words=("R-99999",))),
        Question("a common word, failed", hers(words=("compare",), states=failed)),
        Question("a common word, running", hers(words=("compare",), states=running)),
        Question("a common word, in one quiet channel", stranger(words=("compare",))),
        Question("everything", mine(words=("compare",), states=failed, places=_HERS)),
    ]


@cache
def _words() -> list[str]:
    """Made of syllables, of which some are as common as those of a language; common words first."""
    chance = random.Random(2)
    syllables = [f"{first}{second}" for first in "bcdfghjklmnprstvw" for second in "aeiou"]
    weights = _falling(len(syllables))
    made = ("".join(chance.choices(syllables, weights, k=chance.randint(2, 5))) for _ in count())
    return list(islice(dict.fromkeys(islice(made, 10 * _VOCABULARY)), _VOCABULARY))


def _falling(length: int) -> list[float]:
    return [1 / (rank + 1) for rank in range(length)]


def _many(channels: int) -> frozenset[str]:
    return frozenset(f"C9{number:04}" for number in range(channels))


def _rows() -> Iterator[dict[str, Any]]:
    chance = random.Random(1)
    words, weights = _words(), _falling(_VOCABULARY)
    for number in range(RUNS):
        said = " ".join(chance.choices(words, weights, k=12))
        age = " ancient" if number < RUNS // 50 else ""
        moment = _BEGIN + timedelta(minutes=5 * number)
        yield new_row(
            Run,
            id=_id(moment, number),
            team_id="T1",
            name=f"R-{number}",
            task=f"Compare {said}{age}",
            requester=f"U{chance.randrange(300)}",
            channel=chance.choice(_CHANNELS[:-1]) if number != RUNS // 20 else _CHANNELS[-1],
            status=_status(number, chance),
            version=1,
            advanced_version=1,
            shown_version=1,
            created_at=moment,
        )


def _status(number: int, chance: random.Random) -> RunStatus:
    if number > RUNS - 100:
        return RunStatus.RUNNING
    return RunStatus.FAILED if chance.random() < 0.05 else RunStatus.COMPLETED


def _id(moment: datetime, number: int) -> str:
    """A UUIDv7 of that moment."""
    return str(UUID(int=(int(moment.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62) | number))


def _fill(connection: Connection) -> None:
    connection.execute(sa.insert(Team.__table__), [row(Team(id="T1"))])  # type: ignore[attr-defined]
    rows = list(_rows())
    for start in range(0, RUNS, _AT_ONCE):
        connection.execute(sa.insert(changes.run), rows[start : start + _AT_ONCE])
    letters = [new_row(Request, run_id=r["id"], kind=RequestKind.DEAD_LETTER) for r in rows[-50:]]
    connection.execute(sa.insert(changes.request), letters)
    if connection.dialect.name == "postgresql":
        # As it does by itself within a minute.
        connection.exec_driver_sql("ANALYZE")


async def measure(url: str) -> dict[str, float]:
    """Milliseconds to answer each kind of question."""
    async with _filled(url) as database:
        return {question.name: await _time(database, question) for question in questions()}


@asynccontextmanager
async def _filled(url: str) -> AsyncIterator[Database]:
    migrate(url)
    database = Database(url)
    try:
        await database.write(_fill)
        yield database
    finally:
        await database.close()


async def _time(database: Database, question: Question) -> float:
    taken = []
    for _ in range(_TIMES):
        async with database.read() as session:
            # What is measured is the database: a connection is there already.
            await session.connection()
            began = time.perf_counter()
            await history.find(session, question.wanted, _PAGE, question.at)
            taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)


@contextmanager
def _databases() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder, postgres() as url:
        yield {"sqlite": f"sqlite+aiosqlite:///{folder}/orchestrator.db", "postgresql": url}


def main() -> int:
    """Print the figures beside their limit; 1 where one is over."""
    is_over = False
    with _databases() as urls:
        for kind, url in urls.items():
            taken = asyncio.run(measure(url))
            slowest = max(taken, key=lambda name: taken[name])
            figures = {
                "benchmark": "a page of 100,000 runs",
                "database": kind,
                "questions": len(taken),
                "slowest": slowest,
                "slowest_ms": round(taken[slowest], 1),
                "median_ms": round(statistics.median(taken.values()), 1),
                "limit_ms": LIMIT_MS,
                "ratio": round(taken[slowest] / LIMIT_MS, 3),
            }
            sys.stdout.write(json.dumps(figures) + "\n")
            is_over |= taken[slowest] > LIMIT_MS
    return int(is_over)


if __name__ == "__main__":
    sys.exit(main())
