"""Five fields of cron, `30 16 * * mon-fri`: minute, hour, day of the month, month, day of the week.

Days of the week are names: `1-5` is Monday to Friday in cron, and Tuesday to Saturday in some
schedulers that read the same five fields.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from alphapanda.errors import UsageError, did_you_mean

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Field(NamedTuple):
    """One of the five: what it is called, its least and greatest number, names for its numbers."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()
    named_only: bool = False


MINUTE, HOUR = Field("minute", 0, 59), Field("hour", 0, 23)
DAY_OF_MONTH = Field("day of the month", 1, 31)
MONTH = Field("month", 1, 12, MONTHS)
WEEKDAY = Field("day of the week", 0, 6, DAYS, named_only=True)
FIELDS = (MINUTE, HOUR, DAY_OF_MONTH, MONTH, WEEKDAY)


@dataclass(frozen=True, slots=True)
class Cron:
    """The minutes of a day, and the days on which they count."""

    minutes: tuple[int, ...]
    """Since midnight, rising."""
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Monday."""

    def on(self, day: date) -> bool:
        """Say if a day is one of them."""
        return day.weekday() in self.weekdays and day.month in self.months and day.day in self.days


def parse(text: str) -> Cron:
    """Return five fields of cron.

    Raises:
        UsageError: naming the field, and what to write.
    """
    parts = text.split()
    if len(parts) != len(FIELDS):
        raise UsageError(
            f"{text!r} has {len(parts)} fields: write five, as '30 16 * * mon-fri' (minute, hour, "
            "day of the month, month, day of the week)"
        )
    minutes, hours, days, months, weekdays = map(numbers, FIELDS, parts)
    if "*" not in (parts[2][:1], parts[4][:1]):
        raise UsageError(
            f"{text!r} names days of the month and days of the week: cron takes either, other "
            "schedulers both; write * for one of them, or two schedules"
        )
    made = Cron(tuple(60 * h + m for h in sorted(hours) for m in sorted(minutes)),
                days, months, weekdays)  # fmt: skip
    leap_year = (date(2024, 1, 1) + timedelta(n) for n in range(366))
    if not any(day.month in months and day.day in days for day in leap_year):
        raise UsageError(f"{text!r}: no month of its has such a day")
    return made


def numbers(field: Field, text: str) -> frozenset[int]:
    """Return the numbers that a field names: `*`, `*/5`, `9-15`, `9-15/2`, `1,15`, `mon-fri`."""
    found: set[int] = set()
    for part in text.split(","):
        found |= span(field, part)
    return frozenset(found)


def span(field: Field, text: str) -> set[int]:
    """Return the numbers of one part of a list."""
    matched = re.fullmatch(r"(\*|[a-z0-9]+)(?:-([a-z0-9]+))?(?:/(\d+))?", text.lower())
    if matched is None or (matched[1] == "*" and matched[2] is not None):
        raise UsageError(f"{field.name} {text!r}: write *, 5, 1-5, */15 or a list with commas")
    if matched[1] == "*":
        first, last = field.least, field.most
    else:
        first = number(field, matched[1])
        last = first if matched[2] is None else number(field, matched[2])
        if matched[3] is not None and matched[2] is None:
            raise UsageError(f"{field.name} {text!r}: a step is of * or of a range, as */15")
    step = 1 if matched[3] is None else int(matched[3])
    if step < 1:
        raise UsageError(f"{field.name} {text!r}: a step is at least 1")
    if last >= first:
        return set(range(first, last + 1, step))
    if field is not WEEKDAY:
        raise UsageError(f"{field.name} {text!r}: the range runs backwards")
    return {n % len(DAYS) for n in range(first, last + len(DAYS) + 1, step)}


def number(field: Field, text: str) -> int:
    """Return a number of a field, written as one or as a name."""
    if text in field.names:
        return field.names.index(text) + field.least
    if field.named_only:
        hint = did_you_mean(text, field.names) or f" Write {', '.join(field.names)}."
        why = ": numbers mean other days in other schedulers" if text.isdecimal() else ""
        raise UsageError(f"{field.name} {text!r}{why}.{hint}")
    if not text.isdecimal() or not text.isascii():
        raise UsageError(f"{field.name} {text!r} is no number.{did_you_mean(text, field.names)}")
    if not field.least <= int(text) <= field.most:
        raise UsageError(f"{field.name} {text}: from {field.least} to {field.most}")
    return int(text)
