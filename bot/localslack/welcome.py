"""What the page tells a newcomer of the app that is tried out in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Example:
    """Something to try: `text` is written to the app with one click."""

    title: str
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Directive:
    """Something in a text that steers the app: how it is written, and what it does."""

    form: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Welcome:
    """The words of one app. All are plain text; what is empty is not shown.

    `how` says what to do with the app, `notice` what one has to know of its answers, `remedy`
    what to do about that: a sentence, and `command` what to type.
    """

    how: str = ""
    notice: str = ""
    remedy: str = ""
    command: str = ""
    examples: tuple[Example, ...] = ()
    directives: tuple[Directive, ...] = ()


NO_WELCOME = Welcome()
