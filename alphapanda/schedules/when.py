"""When a schedule is due on a day: `after close + 20m`, `fri 17:00`, five fields of cron; IST."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from alphapanda.errors import UsageError
from alphapanda.model.calendar import DAY, MINUTE, Calendar, SessionGroup
from alphapanda.model.interval import parse_interval
from alphapanda.schedules import cron

FORMS = "'after close + 20m', 'before open - 30m', 'fri 17:00' or '30 16 * * mon-fri'"
ANCHORED = re.compile(r"(after|before)\s+(open|close)(?:\s*([+-])\s*(\S.*))?")
WEEKLY = re.compile(r"([a-z][a-z,-]*)\s+(\d{1,2}:\d{2})")


class When(Protocol):
    """The times of a day."""

    def times(self, day: date, calendar: Calendar, group: SessionGroup, /) -> tuple[int, ...]:
        """Return the times that belong to a trading day, in ns UTC, rising."""
        ...


@dataclass(frozen=True, slots=True)
class BySession:
    """So long from the open or the close of a day's continuous trading."""

    at_close: bool
    offset_ns: int

    def times(self, day: date, calendar: Calendar, group: SessionGroup) -> tuple[int, ...]:
        """Return the one time, none on a day without a session of the group."""
        session = calendar.session(day, group)
        if session is None:
            return ()
        return ((session.close if self.at_close else session.open) + self.offset_ns,)


@dataclass(frozen=True, slots=True)
class ByClock:
    """At times of the clock."""

    fields: cron.Cron

    def times(self, day: date, calendar: Calendar, _: SessionGroup) -> tuple[int, ...]:
        """Return the times of a day that the fields name, none on another day."""
        if not self.fields.on(day) or not calendar.is_trading_day(day):
            return ()
        midnight = calendar.day_start_ns(day)
        return tuple(midnight + minute * MINUTE for minute in self.fields.minutes)


def parse(text: str) -> When:
    """Return what `when` of a schedule says.

    Raises:
        UsageError: with what to write.
    """
    said = " ".join(text.lower().split())
    anchored = ANCHORED.fullmatch(said)
    if anchored is not None:
        return by_session(text, anchored)
    weekly = WEEKLY.fullmatch(said)
    if weekly is not None:
        return by_week(weekly[1], weekly[2])
    if len(said.split()) >= 4 and not said.startswith(("after", "before")):
        return ByClock(cron.parse(said))
    raise UsageError(f"{text!r}: write {FORMS}")


def by_session(text: str, found: re.Match[str]) -> BySession:
    """Return a time that hangs on a session."""
    word, anchor, sign, length = found.groups()
    if length is None:
        return BySession(anchor == "close", 0)
    if sign != ("+" if word == "after" else "-"):
        right = "+" if word == "after" else "-"
        raise UsageError(f"{text!r} is not {word} the {anchor}: write {word} {anchor} {right} 20m")
    offset = sum(map(parse_interval, re.findall(r"\d+\s*[a-z]+|\S+", length)))
    if offset >= DAY:
        raise UsageError(f"{text!r}: less than a day lies between session and run")
    return BySession(anchor == "close", offset if sign == "+" else -offset)


def by_week(days: str, clock: str) -> ByClock:
    """Return a time of the clock on some days of the week."""
    hour, minute = clock.split(":")
    fields = cron.numbers(cron.WEEKDAY, days)
    return ByClock(cron.Cron(
        (60 * cron.number(cron.HOUR, hour) + cron.number(cron.MINUTE, minute),),
        frozenset(range(1, 32)), frozenset(range(1, 13)), fields,
    ))  # fmt: skip
