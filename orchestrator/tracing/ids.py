"""Ids of traces and spans, made from the ids of rows.

A run goes on in many short jobs, in several processes and after restarts: each knows without
asking what the others call the run, its subtasks and its attempts. The ids are hashes, as samplers
need ids that are evenly spread, which UUIDs of version 7 are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator


def of_trace(run_id: str) -> int:
    """The trace of a run."""
    return _hash(16, run_id)


def of_round(run_id: str, number: int) -> int:
    """The span of a run's round: 0 until its first answer, one more after each."""
    return _hash(8, run_id, "round", number)


def of_subtask(run_id: str, number: int, subtask: int) -> int:
    """The span of a subtask in a round."""
    return _hash(8, run_id, "round", number, "subtask", subtask)


def of_attempt(attempt_id: str) -> int:
    """The span of an attempt."""
    return _hash(8, attempt_id)


def _hash(size: int, *parts: object) -> int:
    joined = "/".join(map(str, parts))
    return int.from_bytes(blake2b(joined.encode(), digest_size=size).digest()) or 1


class Ids(RandomIdGenerator):
    """Random ids, but for the span that is begun with given ones."""

    def __init__(self) -> None:
        self._given: tuple[int, int] | None = None

    @contextmanager
    def given(self, trace_id: int, span_id: int) -> Iterator[None]:
        """The span that is begun meanwhile has these ids."""
        self._given = trace_id, span_id
        try:
            yield
        finally:
            self._given = None

    def generate_trace_id(self) -> int:
        """An id for a trace, 128 bits."""
        return self._given[0] if self._given else super().generate_trace_id()

    def generate_span_id(self) -> int:
        """An id for a span, 64 bits."""
        return self._given[1] if self._given else super().generate_span_id()
