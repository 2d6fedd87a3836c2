"""Trading days and session phases, dated, in ns UTC; days are IST dates.

IST is UTC+05:30 all year, so days are plain arithmetic and no time zone table is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta, timezone
from enum import IntEnum
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from alphapanda.errors import UsageError
from alphapanda.model.dated import TABLES, Steps, a_date, in_force, read_table, rows_of
from alphapanda.model.instruments import CASH, Exchange, Instrument, Segment

MINUTE = 60_000_000_000
"""Nanoseconds in a minute."""

DAY = 24 * 60 * MINUTE
"""Nanoseconds in a day; IST has no other days."""

IST = 330 * MINUTE
"""What IST is ahead of UTC."""

INDIA = timezone(timedelta(minutes=330))
"""The same, for times that people read."""

EPOCH = date(1970, 1, 1).toordinal()

SATURDAY = 5


class Phase(IntEnum):
    """What may be done at a time of the day."""

    CLOSED = 0
    PRE_OPEN = 1
    """The opening auction with its matching and buffer, until continuous trading begins."""
    OPEN = 2
    """Continuous trading."""
    AUCTION = 3
    """The closing auction of shares with derivatives, since 2026-08-03."""
    POST_CLOSE = 4
    """Trading at the closing price."""


class SessionGroup(IntEnum):
    """Instruments that share their sessions."""

    EQUITY = 0
    """Shares without derivatives, and indices."""
    EQUITY_FO = 1
    """Shares that have derivatives."""
    DERIVATIVES = 2
    """Futures and options on shares and share indices."""
    CURRENCY = 3
    COMMODITY = 4


class PhaseChange(NamedTuple):
    """A phase and when it begins."""

    ts: int
    phase: Phase


class Session(NamedTuple):
    """One day of one group. A day may have several spans of continuous trading."""

    day: date
    group: SessionGroup
    changes: tuple[PhaseChange, ...]
    """In order of time; the last is CLOSED."""
    square_off: int | None
    """When the broker squares off MIS positions; None: on that day it does not."""
    open: int
    """The start of the first continuous trading."""
    close: int
    """The end of the last continuous trading (an auction may follow)."""


def day_start_ns(day: date) -> int:
    """Return midnight IST, the start of a day, in ns UTC."""
    return (day.toordinal() - EPOCH) * DAY - IST


def ist_date(ts: int) -> date:
    """Return the IST date of a time in ns UTC."""
    return date.fromordinal((ts + IST) // DAY + EPOCH)


def session_group(instrument: Instrument) -> SessionGroup:
    """Return the group whose sessions an instrument follows.

    An index follows EQUITY: its values are computed until 15:30, also after 2026-08-03, when the
    continuous trading of its constituents ends at 15:15 (the last minutes then are the auction's).
    """
    if instrument.exchange in CASH:
        share = instrument.segment == Segment.EQUITY
        return SessionGroup(share and instrument.has_derivatives)
    if instrument.exchange in (Exchange.NFO, Exchange.BFO):
        return SessionGroup.DERIVATIVES
    if instrument.exchange in (Exchange.CDS, Exchange.BCD):
        return SessionGroup.CURRENCY
    return SessionGroup.COMMODITY


class _Hours(NamedTuple):
    # A day's phases and square-off in minutes since midnight.
    changes: tuple[tuple[int, Phase], ...]
    square_off: int | None

    def on(self, day: date, group: SessionGroup) -> Session:
        start = day_start_ns(day)
        changes = tuple(PhaseChange(start + m * MINUTE, phase) for m, phase in self.changes)
        opens = [i for i, (_, phase) in enumerate(changes) if phase == Phase.OPEN]
        square_off = None if self.square_off is None else start + self.square_off * MINUTE
        first, last = changes[opens[0]].ts, changes[opens[-1] + 1].ts
        return Session(day, group, changes, square_off, first, last)


class _Table(NamedTuple):
    known_from: date
    known_until: date
    holidays: frozenset[date]
    regular: dict[SessionGroup, Steps[_Hours]]
    special: dict[date, dict[SessionGroup, _Hours]]


class Calendar:
    """Which days are trading days and which phases they have.

    Outside the table's years every weekday counts as a trading day; `known_from` and `known_until`
    let callers say so.
    """

    def __init__(self, name: str, table: _Table | None) -> None:
        """Use `nse`, `always` or `load`."""
        self.name = name
        self._table = table

    @classmethod
    def nse(cls) -> Calendar:
        """Return the calendar of NSE (and BSE, whose days are the same)."""
        return _nse()

    @classmethod
    def always(cls) -> Calendar:
        """Return the calendar without phases: nothing ever closes, every day is a trading day."""
        return cls("always", None)

    @classmethod
    def load(cls, path: Path) -> Calendar:
        """Return the calendar in a TOML file of the form of `tables/calendar_nse.toml`.

        Raises: UsageError for a file that does not fit.
        """
        return cls(path.stem, _read(path))

    @property
    def is_always(self) -> bool:
        """Whether nothing ever closes."""
        return self._table is None

    @property
    def known_from(self) -> date:
        """The first day whose holidays are known."""
        return date.min if self._table is None else self._table.known_from

    @property
    def known_until(self) -> date:
        """The last day whose holidays are known."""
        return date.max if self._table is None else self._table.known_until

    def is_trading_day(self, day: date) -> bool:
        """Return whether shares are traded on a day."""
        if self._table is None or day in self._table.special:
            return True
        return day.weekday() < SATURDAY and day not in self._table.holidays

    def days(self, first: date, last: date) -> list[date]:
        """Return the trading days from first to last, both included."""
        span = range((last - first).days + 1)
        return [day for n in span if self.is_trading_day(day := first + timedelta(n))]

    def session(self, day: date, group: SessionGroup) -> Session | None:
        """Return a group's session on a day; None when it has none, and with `always`."""
        if self._table is None or not self.is_trading_day(day):
            return None
        if day in self._table.special:
            hours = self._table.special[day].get(group)
        else:
            hours = _regular(self._table.regular, group, day)
        return None if hours is None else hours.on(day, group)

    def sessions(self, first: date, last: date, group: SessionGroup) -> list[Session]:
        """Return a group's sessions from first to last, both included; none with `always`."""
        if self._table is None:
            return []
        found = (self.session(day, group) for day in self.days(first, last))
        return [session for session in found if session is not None]

    ist_date = staticmethod(ist_date)
    day_start_ns = staticmethod(day_start_ns)


@cache
def _nse() -> Calendar:
    return Calendar("nse", _read(TABLES / "calendar_nse.toml"))


def _read(path: Path) -> _Table:
    content = read_table(path)
    regular = _read_regular(path, rows_of(path, content, "regular"))
    return _Table(
        a_date(content.get("from"), f"{path}, from"),
        a_date(content.get("until"), f"{path}, until"),
        frozenset(_read_holidays(path, content.get("holidays"))),
        regular,
        _read_special(path, content.get("special", []), regular),
    )


def _read_holidays(path: Path, years: object) -> Iterable[date]:
    if not isinstance(years, dict):
        raise UsageError(f"{path}: no [holidays] table.")
    for year, days in years.items():
        for day in days:
            try:
                yield date.fromisoformat(f"{year}-{day}")
            except ValueError as error:
                raise UsageError(
                    f"{path}, [holidays] {year}: {day!r} is no day (MM-DD)."
                ) from error


def _read_regular(path: Path, rows: list[dict[str, Any]]) -> dict[SessionGroup, Steps[_Hours]]:
    found: dict[SessionGroup, dict[date, _Hours]] = {group: {} for group in SessionGroup}
    for number, row in enumerate(rows, 1):
        where = f"{path}, [[regular]] number {number}"
        starts = row.get("from")
        hours = _read_hours(where, row)
        for start in starts if isinstance(starts, list) else [starts]:
            for group in _groups(where, row):
                found[group][a_date(start, f"{where}, from")] = hours
    for group, steps in found.items():
        if not steps:
            raise UsageError(f"{path}: no [[regular]] hours for {group.name}.")
    return {group: sorted(steps.items()) for group, steps in found.items()}


def _read_special(
    path: Path, rows: list[dict[str, Any]], regular: Mapping[SessionGroup, Steps[_Hours]]
) -> dict[date, dict[SessionGroup, _Hours]]:
    found: dict[date, dict[SessionGroup, _Hours]] = {}
    for number, row in enumerate(rows, 1):
        where = f"{path}, [[special]] number {number}"
        day = a_date(row.get("day"), f"{where}, day")
        of_day = found.setdefault(day, {})
        for group in _groups(where, row):
            like_any_day = row.get("phases") == "regular"
            of_day[group] = (
                _regular(regular, group, day) if like_any_day else _read_hours(where, row)
            )
    return found


def _regular(
    regular: Mapping[SessionGroup, Steps[_Hours]], group: SessionGroup, day: date
) -> _Hours:
    return in_force(regular[group], day) or regular[group][0][1]


def _groups(where: str, row: Mapping[str, Any]) -> list[SessionGroup]:
    names = row.get("groups")
    known = SessionGroup.__members__
    if not isinstance(names, list) or not names or not all(name in known for name in names):
        raise UsageError(f"{where}, groups: {names!r} is not a list of {', '.join(known)}.")
    return [SessionGroup[name] for name in names]


def _read_hours(where: str, row: Mapping[str, Any]) -> _Hours:
    changes: list[tuple[int, Phase]] = []
    for part in str(row.get("phases", "")).split(","):
        time, _, phase = part.strip().partition(" ")
        if phase not in Phase.__members__:
            raise UsageError(f"{where}, phases: {part.strip()!r} is not like '09:15 OPEN'.")
        changes.append((_minutes(f"{where}, phases", time), Phase[phase]))
    _check_order(f"{where}, phases", changes)
    square_off = row.get("square_off")
    return _Hours(
        tuple(changes),
        None if square_off is None else _minutes(f"{where}, square_off", str(square_off)),
    )


def _check_order(where: str, changes: list[tuple[int, Phase]]) -> None:
    times = [minutes for minutes, _ in changes]
    if any(after <= before for before, after in pairwise(times)):
        raise UsageError(f"{where}: the times do not rise.")
    if changes[-1][1] != Phase.CLOSED:
        raise UsageError(f"{where}: the last phase is not CLOSED.")
    if all(phase != Phase.OPEN for _, phase in changes):
        raise UsageError(f"{where}: no phase is OPEN.")


def _minutes(where: str, text: str) -> int:
    hours, _, minutes = text.partition(":")
    if not (hours.isdecimal() and minutes.isdecimal() and len(text) == len("09:15")):
        raise UsageError(f"{where}: {text!r} is not a time (write 09:15).")
    total = int(hours) * 60 + int(minutes)
    if int(minutes) >= 60 or total >= 24 * 60:
        raise UsageError(f"{where}: {text!r} is not a time of the day.")
    return total
