"""When schedules are due: cron expressions, checked, put into words and followed in a time zone.

Pure: what time it is comes from outside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

from orchestrator import text
from orchestrator.errors import InvalidInput

LEAST_GAP = timedelta(minutes=5)

EXAMPLE = "0 9 * * mon-fri"

_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * sun",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MOST_CHARS = 150
_FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
_NUMBERS = re.compile(r"[0-9*,/-]+")
_NAMES = re.compile(r"[0-9a-z*,/-]+")
_RANGE = re.compile(r"(?:\*|([a-z]{3}|[0-7])(?:-([a-z]{3}|[0-7]))?)(?:/([1-7]))?")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_SECOND = timedelta(seconds=1)
# A Saturday, so that 24 hours later the day of the week has not begun again.
_ANY_DAY = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Timetable:
    """A cron expression of five fields as it is meant in a time zone. `read` makes them."""

    cron: str
    timezone: str

    @property
    def words(self) -> str:
        """When it is due, in English: `at 09:00, Monday through Friday`."""
        return _in_words(self.cron)

    def after(self, moment: datetime) -> datetime | None:
        """The first time later than `moment` at which it is due, in UTC; None for never."""
        return next(self.times(moment), None)

    def times(self, moment: datetime) -> Iterator[datetime]:
        """All times later than `moment` at which it is due, in UTC.

        Where the clocks are put forward, a time that is skipped comes an hour later. Where they
        are put back, an hour comes twice: what is due at fixed hours is due in the first of them.
        """
        while (found := self._first_from(moment + timedelta(microseconds=1))) is not None:
            moment = found.astimezone(UTC)
            if not (found.fold and self._has_fixed_hours):
                yield moment

    @property
    def _has_fixed_hours(self) -> bool:
        return not self.cron.split()[1].startswith("*")

    def _first_from(self, moment: datetime) -> datetime | None:
        found: datetime | None = self._trigger.get_next_fire_time(
            None, moment.astimezone(ZoneInfo(self.timezone))
        )
        return found

    @cached_property
    def _trigger(self) -> BaseTrigger:
        return _trigger(self.cron, ZoneInfo(self.timezone))


def read(cron: str, timezone: str = "UTC") -> Timetable:
    """The timetable that `cron` means. Raises InvalidInput that says what is wrong with it."""
    typed = text.one_line(cron).lower()
    if len(typed) > _MOST_CHARS:
        raise InvalidInput(f"That is too long for a time. {_for_example()}")
    fields = _MACROS.get(typed, typed).split()
    if len(fields) != len(_FIELDS):
        raise InvalidInput(
            f"A time has five parts ({', '.join(_FIELDS)}), not {len(fields)}. {_for_example()}"
        )
    for name, field in zip(_FIELDS, fields, strict=True):
        pattern = _NAMES if name in ("month", "day of the week") else _NUMBERS
        if not pattern.fullmatch(field):
            raise InvalidInput(f"“{field}” cannot be the {name}. {_for_example()}")
    timetable = Timetable(" ".join(fields), _known(timezone))
    _check(timetable)
    return timetable


def _known(timezone: str) -> str:
    try:
        return ZoneInfo(timezone).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput(f"I do not know the time zone “{timezone}”.") from error


def _check(timetable: Timetable) -> None:
    try:
        first = timetable.after(_ANY_DAY)
    except ValueError as error:
        raise InvalidInput(
            f"I cannot read “{timetable.cron}” as a time. {_for_example()}"
        ) from error
    if first is None:
        raise InvalidInput(f"“{timetable.cron}” never comes: there is no such day.")
    if _least_gap(timetable.cron) < LEAST_GAP:
        raise InvalidInput(
            f"“{timetable.cron}” is too often: at most every "
            f"{LEAST_GAP // timedelta(minutes=1)} minutes, please."
        )


def _least_gap(cron: str) -> timedelta:
    """The shortest time between two firings on a day on which it is due, and into the next."""
    minute, hour, *_ = cron.split()
    daily = CronTrigger(minute=minute, hour=hour, timezone=UTC)
    enough = timedelta(days=1) // LEAST_GAP + 1
    return min(later - earlier for earlier, later in pairwise(islice(_every(daily), enough)))


def _every(trigger: BaseTrigger) -> Iterator[datetime]:
    moment = _ANY_DAY
    while True:
        moment = trigger.get_next_fire_time(None, moment)
        yield moment
        moment += _SECOND


def _trigger(cron: str, zone: ZoneInfo) -> BaseTrigger:
    """Raises ValueError. Where days of the month and of the week are given, either will do."""
    minute, hour, day, month, weekday = cron.split()
    names = weekday if weekday == "*" else _weekdays(weekday)
    if day == "*" or names == "*":
        return CronTrigger.from_crontab(f"{minute} {hour} {day} {month} {names}", timezone=zone)
    either = (f"{minute} {hour} {day} {month} *", f"{minute} {hour} * {month} {names}")
    return OrTrigger([CronTrigger.from_crontab(one, timezone=zone) for one in either])


def _weekdays(field: str) -> str:
    """Days of the week by name: to the library 0 is Monday, to everybody else it is Sunday."""
    days: set[int] = set()
    for part in field.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise ValueError(f"{part} is not a day of the week")
        first, last, step = match.groups()
        start = _day(first) if first else 0
        end = _day(last) if last else start if first and not step else 6
        # From Friday to Monday is meant as people say it, and 7 is Sunday, too.
        span = end - start if end >= start else end - start + 7
        days |= {(start + offset) % 7 for offset in range(0, span + 1, int(step or 1))}
    return ",".join(_DAYS[day] for day in sorted(days))


def _day(name: str) -> int:
    return int(name) if name.isdigit() else _DAYS.index(name)


@cache
def _in_words(cron: str) -> str:
    # Its translations are looked for when it is loaded: for those who have schedules only.
    from cron_descriptor import Options, get_description

    options = Options()
    options.use_24hour_time_format = True
    options.locale_code = "en_US"
    described = str(get_description(cron, options))
    words = described[0].lower() + described[1:]
    is_daily = cron.endswith(" * * *") and words.startswith("at ")
    return f"every day {words}" if is_daily else words


def _for_example() -> str:
    return f"For example, “{EXAMPLE}” is {_in_words(EXAMPLE)}."
