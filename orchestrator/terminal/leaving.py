"""Leaving: a Ctrl-C, or a system that ends the process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Left(Exception):
    """Whoever followed a run has left."""


class Leaving:
    """Within it, SIGINT and SIGTERM are noted; a second one ends the process at once.

    Nothing is cancelled, for a library on the way can swallow a cancellation, and then it is lost;
    `asyncio.wait_for` of Python 3.11 does. A note stays: whoever waits asks for it in between.
    """

    def __init__(self) -> None:
        self._number = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def code(self) -> int:
        """The exit code of a process that ends for the signal, as shells count: 130, 143."""
        return 128 + self._number

    @property
    def has_been_told(self) -> bool:
        """Whether a signal has come."""
        return self._number != 0

    def check(self) -> None:
        """Raises Left once a signal has come."""
        if self.has_been_told:
            raise Left

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Leave Ctrl-C to another program, which has the terminal for the while."""
        handler = signal.signal(signal.SIGINT, _overhear)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        self._number = number
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)


def _overhear(number: int, frame: FrameType | None) -> None:
    """Not SIG_IGN, which the other program would inherit."""
