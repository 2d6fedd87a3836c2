"""Control rows of a replay: phases, square-off, expiry and day end of the calendar; the clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alphapanda.model.calendar import (
    DAY,
    Calendar,
    Session,
    SessionGroup,
    day_start_ns,
    ist_date,
)
from alphapanda.model.columns import Columns
from alphapanda.model.rows import CONTROL, NEVER, Control

Controls = NDArray[Any]
Side = Literal["left", "right"]


class Row(NamedTuple):
    """A control row without its place among the market rows."""

    ts: int
    kind: Control
    a: int = 0
    b: int = 0
    c: int = 0
    d: int = 0


def session_controls(
    calendar: Calendar, days: Iterable[date], groups: Sequence[SessionGroup],
    *, expiries: Mapping[int, int], clocks: Sequence[int] = (), lead_ns: int = 0,
) -> Controls:  # fmt: skip
    """Return the control rows of the given days in order of time, `at` still 0.

    `expiries` maps instrument rows to the ns at which their last session ends; after the days none
    does. They settle once closing values are known, and the day's notes are made after that.
    `clocks` are the times, ns, that a running market reached without a row. The square-off comes
    `lead_ns` before the broker's own, up to which intraday orders are still taken.
    """
    rows = [Row(ts, Control.TIME) for ts in clocks]
    if not calendar.is_always:
        rows += calendar_rows(calendar, days, groups, expiries, lead_ns)
    rows.sort(key=lambda row: (row.ts, ORDER[row.kind], row.a))
    made = np.zeros(len(rows), CONTROL)
    for name in Row._fields:
        made[name] = [getattr(row, name) for row in rows]
    return made


def calendar_rows(
    calendar: Calendar, days: Iterable[date], groups: Sequence[SessionGroup],
    expiries: Mapping[int, int], lead_ns: int,
) -> list[Row]:  # fmt: skip
    """Return what the calendar says of some days, in no order."""
    rows: list[Row] = []
    end = 0
    settle = {row: settled_at(calendar, ts) for row, ts in expiries.items()}
    for day in days:
        end = day_start_ns(day) + DAY
        sessions = [s for group in groups if (s := calendar.session(day, group)) is not None]
        for session in sessions:
            rows += phase_rows(session, lead_ns)
        if sessions:
            settled = [ts for ts in settle.values() if ist_date(ts) == day]
            rows.append(Row(max([*settled, *(s.close for s in sessions)]), Control.DAY_END))
    rows += [Row(settle[row], Control.EXPIRY, row) for row, ts in expiries.items() if ts <= end]
    return rows


def settled_at(calendar: Calendar, ts: int) -> int:
    """Return when a contract settles whose last session ends at `ts`: after all of shares'."""
    session = calendar.session(ist_date(ts), SessionGroup.EQUITY)
    return ts if session is None else max(ts, session.changes[-1].ts)


def day_end(ts: int) -> Controls:
    """Return the one control row that ends a day at `ts`."""
    made = np.zeros(1, CONTROL)
    made["ts"], made["kind"] = ts, Control.DAY_END
    return made


ORDER = {
    Control.SQUARE_OFF: 0,
    Control.PHASE: 1,
    Control.EXPIRY: 2,
    Control.DAY_END: 3,
    Control.TIME: 4,
}
"""What comes first at one time: positions close, trading ends, contracts settle, notes are made,
and the clock has reached it."""


def phase_rows(session: Session, lead_ns: int) -> Iterator[Row]:
    """Yield one group's phases of a day and its square-off."""
    cut_off = NEVER if session.square_off is None else session.square_off
    ends = [change.ts for change in session.changes[1:]]
    ends.append(day_start_ns(session.day) + DAY)
    for change, end in zip(session.changes, ends, strict=True):
        yield Row(change.ts, Control.PHASE, session.group, change.phase, end, cut_off)
    if session.square_off is not None:
        yield Row(session.square_off - lead_ns, Control.SQUARE_OFF, session.group)


class Placer:
    """Gives each batch of market rows the control rows that belong before or inside it.

    A control row comes before ticks of the same time, and after bars that end at it.
    """

    def __init__(self, controls: Controls, *, bars: bool) -> None:
        self._left = controls
        self._side: Side = "right" if bars else "left"

    def take(self, columns: Columns) -> Controls:
        """Return the control rows due by the batch's last row, placed."""
        last = int(columns.ts[-1])
        due = int(np.searchsorted(self._left["ts"], last, side=other(self._side)))
        part = self._left[:due].copy()
        self._left = self._left[due:]
        part["at"] = np.searchsorted(columns.ts, part["ts"], side=self._side)
        return part

    def is_due(self, ts: int) -> bool:
        """Say if control rows are due by a time."""
        return bool(len(self._left)) and int(self._left["ts"][0]) <= ts

    def until(self, ts: int) -> Controls:
        """Return the control rows due by a time that no market row has, the time itself last."""
        due = int(np.searchsorted(self._left["ts"], ts, side="right"))
        part = np.zeros(due + 1, CONTROL)
        part[:due] = self._left[:due]
        part["at"] = 0
        part["ts"][due], part["kind"][due] = ts, Control.TIME
        self._left = self._left[due:]
        return part

    def skip(self, count: int) -> None:
        """Leave out the first control rows: a run goes on that has had them."""
        self._left = self._left[count:]

    def rest(self) -> Controls:
        """Return what is left after the last batch."""
        part, self._left = self._left.copy(), self._left[:0]
        return part


def other(side: Side) -> Side:
    """Return the opposite side of a search: bars of one time may go on in the next batch."""
    return "left" if side == "right" else "right"
