"""The trading days of a run, and the hours of continuous trading in them.

Figures of days and shares of time are counted over these, whatever a strategy did. Days are those
of the calendar from the first to the last day of the run's data on which any of its instruments has
a session, days without a row included. Hours are their phases of continuous trading (OPEN), those
of several instruments joined. The calendar `always` has neither: there a day is one with rows, and
its hours last from its first row to its last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alphapanda.model.calendar import DAY, EPOCH, IST, Calendar, Phase, SessionGroup

Int64 = NDArray[np.int64]


class Hours(NamedTuple):
    """Trading days and hours of a run; arrays of int64."""

    days: Int64
    """[D] IST day numbers, rising."""
    opens: Int64
    """[n] ns UTC at which trading begins; spans do not overlap."""
    closes: Int64
    """[n] ns UTC at which it ends."""

    def elapsed(self, ts: Int64) -> Int64:
        """Return the trading time, in ns, that has passed at each of some times."""
        if not len(self.opens):
            return np.zeros(len(ts), np.int64)
        lengths = self.closes - self.opens
        before = np.cumsum(lengths) - lengths
        at = np.maximum(np.searchsorted(self.opens, ts, side="right") - 1, 0)
        return np.asarray(before[at] + np.clip(ts - self.opens[at], 0, lengths[at]))

    @property
    def total(self) -> int:
        """All trading time, in ns."""
        return int((self.closes - self.opens).sum())

    def until(self, ts: int, day: int) -> Hours:
        """Return what there is of them up to a time, which belongs to a day."""
        begun = self.opens < ts
        closes = np.minimum(self.closes[begun], ts)
        return Hours(self.days[self.days <= day], self.opens[begun], closes)


def day_number(day: date) -> int:
    """Return the number of an IST day."""
    return day.toordinal() - EPOCH


def session_days(
    calendar: Calendar, groups: Sequence[SessionGroup], first: date, last: date
) -> list[date]:
    """Return the days from first to last on which any of the groups has a session."""
    days = calendar.days(first, last)
    return [day for day in days if any(calendar.session(day, group) for group in groups)]


def hours_of_sessions(
    calendar: Calendar, groups: Sequence[SessionGroup], first: date, last: date
) -> Hours:
    """Return the days and hours of a calendar that has sessions."""
    days, spans = session_days(calendar, groups, first, last), []
    for day in days:
        for group in groups:
            session = calendar.session(day, group)
            changes = () if session is None else session.changes
            spans += [(a.ts, b.ts) for a, b in pairwise(changes) if a.phase == Phase.OPEN]
    opens, closes = _joined(spans)
    return Hours(np.array([day_number(day) for day in days], np.int64), opens, closes)


def hours_of_rows(rows: Mapping[int, tuple[int, int]]) -> Hours:
    """Return the days and hours of a calendar without sessions: first and last row by day."""
    days = sorted(rows)
    opens, closes = _joined([rows[day] for day in days])
    return Hours(np.array(days, np.int64), opens, closes)


def hours_of_events(equity_ts: Int64, fill_ts: Int64) -> Hours:
    """Return the days on which anything happened, and the time between first and last equity."""
    days = np.unique((np.concatenate((equity_ts, fill_ts)) + IST) // DAY)
    return Hours(days, equity_ts[:1], equity_ts[-1:])


def _joined(spans: Sequence[tuple[int, int]]) -> tuple[Int64, Int64]:
    # Spans of several groups overlap: what they cover together, in order.
    made: list[list[int]] = []
    for start, end in sorted(spans):
        if made and start <= made[-1][1]:
            made[-1][1] = max(made[-1][1], end)
        else:
            made.append([start, end])
    both = np.array(made, np.int64).reshape(-1, 2)
    return both[:, 0].copy(), both[:, 1].copy()
