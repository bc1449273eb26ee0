"""Past runs: found by whose they are, where, how they stand and what was asked, page by page.

One index answers all of it, on either database: words of the task, and marks for whose a run is,
where, and how it stands. What a person may see is checked on the run itself all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlmodel.ext.asyncio.session import AsyncSession

from orchestrator.commands import Actor
from orchestrator.store import changes
from orchestrator.store.tables import RunText

# Whatever separates words in the index of PostgreSQL; SQLite has its own idea, much the same.
_SEPARATORS = re.compile(r"[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\xbf\u2000-\u206f\u3000-\u303f]+")

# The index on SQLite has the beginnings of words from this length on. In scripts where a word has
# fewer characters, not many begin alike.
_LEAST_BEGINNING = 3

_text: sa.Table = RunText.__table__  # type: ignore[attr-defined]
_index = sa.table("run_words", sa.column("rowid", sa.Integer), sa.column("run_words", sa.Text))


class State(StrEnum):
    """How runs can stand that are looked for."""

    RUNNING = "running"
    FAILED = "failed"
    DEAD = "dead"


_MARKS = {State.RUNNING: "islive", State.FAILED: "isfailed", State.DEAD: "isdead"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs are looked for: in one of `states`, of one of the people, in one of `places`.

    What is empty does not matter. `words` must all be in the task or the name; those of three
    letters and more may be the beginning of one there. `channels` are those of which `actor` may
    see the runs, beside their own.
    """

    actor: Actor
    channels: frozenset[str] = frozenset()
    states: frozenset[State] = frozenset()
    people: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the list of all runs, before or after which a page begins."""

    number: int
    is_after: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """The ids of the runs of a page, newest first, and where those before and after it begin."""

    ids: tuple[str, ...] = ()
    newer: Place | None = None
    older: Place | None = None


async def find(session: AsyncSession, wanted: Wanted, most: int, at: Place | None = None) -> Page:
    """At most `most` of the runs that are wanted: the newest, or those at that place."""
    if not all(map(_is_searchable, wanted.words)):
        return Page()
    connection = await session.connection()
    is_sqlite = connection.dialect.name == "sqlite"
    number, found = _on_sqlite(wanted) if is_sqlite else _on_postgres(wanted)
    goes_back = at is not None and at.is_after
    if at is not None:
        found = found.where(number > at.number if at.is_after else number < at.number)
    found = found.order_by(number if goes_back else number.desc()).limit(most + 1)
    rows = (await connection.execute(_visible(wanted, found))).all()
    if goes_back:
        return _page(rows[-most:], has_newer=len(rows) > most, has_older=True)
    return _page(rows[:most], has_newer=at is not None, has_older=len(rows) > most)


def _page(rows: Sequence[Any], *, has_newer: bool, has_older: bool) -> Page:
    if not rows:
        return Page()
    return Page(
        tuple(row.run_id for row in rows),
        Place(rows[0].id, is_after=True) if has_newer else None,
        Place(rows[-1].id) if has_older else None,
    )


def _visible(wanted: Wanted, found: sa.Select[int]) -> sa.Select[int, str]:
    """Those that this person may see, newest first: what is in the index is no proof."""
    run, numbers = changes.run, found.subquery()
    is_theirs = run.c.requester == wanted.actor.user_id
    return (
        sa.select(_text.c.id, _text.c.run_id)
        .join(numbers, numbers.c[0] == _text.c.id)
        .join(run, run.c.id == _text.c.run_id)
        .where(
            run.c.team_id == wanted.actor.team_id,
            is_theirs | run.c.channel.in_(wanted.channels),
        )
        .order_by(_text.c.id.desc())
    )


def _is_searchable(word: str) -> bool:
    return any(character.isalnum() for character in word)


def _scope(wanted: Wanted) -> list[list[str]]:
    """The marks that a run must have: one of each list."""
    team_id, own = wanted.actor.team_id, wanted.actor.user_id
    who = [f"u{team_id}{own}", *(f"c{team_id}{channel}" for channel in sorted(wanted.channels))]
    others = (
        [f"u{team_id}{person}" for person in sorted(wanted.people)],
        [f"c{team_id}{place}" for place in sorted(wanted.places)],
        [_MARKS[state] for state in sorted(wanted.states)],
    )
    return [who, *filter(None, others)]


# --- what the index is asked: words are quoted, so that nothing in them is an operator ----------


def _on_sqlite(wanted: Wanted) -> tuple[sa.ColumnElement[int], sa.Select[int]]:
    either = (" OR ".join(map(_in_double_quotes, marks)) for marks in _scope(wanted))
    query = f"scope : ({_all(either, ' AND ')})"
    if wanted.words:
        words = (f"{_in_double_quotes(word)}{_rest(word, '*')}" for word in wanted.words)
        query += f" AND words : ({' AND '.join(words)})"
    matches = _index.c.run_words.op("MATCH")(query)
    return _index.c.rowid, sa.select(_index.c.rowid).where(matches)


def _on_postgres(wanted: Wanted) -> tuple[sa.ColumnElement[int], sa.Select[int]]:
    either = (" | ".join(map(_in_single_quotes, marks)) for marks in _scope(wanted))
    conditions = [_text.c.scope.op("@@")(sa.cast(_all(either, " & "), TSQUERY))]
    if wanted.words:
        query = sa.func.to_tsquery("simple", _all(map(_phrase, wanted.words), " & "))
        # First, for it is true of fewer where all have to be looked at.
        conditions.insert(0, _text.c.words.op("@@")(query))
    return _text.c.id, sa.select(_text.c.id).where(*conditions)


def _all(conditions: Iterable[str], operator: str) -> str:
    return operator.join(f"({condition})" for condition in conditions)


def _phrase(word: str) -> str:
    """The pieces of `word`, one after the other."""
    pieces = _SEPARATORS.sub(" ", word).split()
    return f"{' <-> '.join(map(_in_single_quotes, pieces))}{_rest(word, ':*')}"


def _rest(word: str, anything: str) -> str:
    """`anything` after a word that may be the beginning of another: a longer one without an end."""
    is_long = len(word) >= _LEAST_BEGINNING or not word.isascii()
    return anything if is_long and word[-1].isalnum() else ""


def _in_double_quotes(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def _in_single_quotes(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"
