"""When a row of a file is known: when its bar is over, told by the file's own steps and closes.

A file stamps its bars at their start or at their end, in steps of its own, and at times in another
zone than it says. Where it has closes of the recording, they tell; else what it shows of sessions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphapanda.data.schema import BAR_PRICES, SPELLINGS, normal
from alphapanda.model.calendar import DAY, IST
from alphapanda.model.columns import Columns
from alphapanda.model.money import SCALE

Int64 = NDArray[np.int64]
MINUTE = 60_000_000_000
MOST = 5_000
"""Rows whose closes are compared with the recording's."""

FEW = 20
"""Closes that must agree before they outweigh that bars bear their start."""


@dataclass(frozen=True)
class Market:
    """The recording's closes: by their ends, instruments in dense numbers."""

    ts: Int64
    row: NDArray[np.int32]
    last: Int64
    interval_ns: int

    @classmethod
    def of(cls, columns: Columns, interval_ns: int) -> Market:
        """Return the closes of a recording."""
        known = columns.last > 0 if len(columns.last) else np.zeros(columns.rows, bool)
        last = columns.last[known] if len(columns.last) else columns.last
        return cls(columns.ts[known], columns.row[known], last, interval_ns)

    def days(self) -> tuple[Int64, Int64, Int64]:
        """Return the numbers of the days, when each began and when its last row came."""
        number = (self.ts - 1 + IST) // DAY
        days, first, count = np.unique(number, return_index=True, return_counts=True)
        return days, self.ts[first] - self.interval_ns, self.ts[first + count - 1]

    def of_one(self, instrument: int) -> tuple[Int64, Int64]:
        """Return times and closes of an instrument."""
        mine = self.row == instrument
        return self.ts[mine], self.last[mine]


def known_at(stamps: Int64, closes: Any, market: Market | None, *, bars: bool) -> Int64:
    """Return the ns at which each row is known; `closes` are rupees or None, `bars` has OHLC."""
    steps = np.unique(stamps[stamps > 0])
    if market is None or not len(market.ts) or len(steps) < 2:
        return stamps
    lengths, counts = np.unique(np.diff(steps), return_counts=True)
    step = int(lengths[counts.argmax()])
    regular = counts.max() * 2 >= len(steps) - 1
    if not bars and (not regular or (market.interval_ns == 0 and step < MINUTE)):
        return stamps  # events and ticks are known as they come
    ends = ends_of(stamps, steps, step=step, market=market)
    by_close = None if closes is None else best_by_close(stamps, ends, closes, market)
    if by_close is not None:
        return by_close
    return stamps if stamped_at_ends(steps, step, market) else ends


def ends_of(stamps: Int64, steps: Int64, *, step: int, market: Market) -> Int64:
    """Return the ends of bars that bear their start: with the step, the session or the next one."""
    after = np.searchsorted(steps, stamps, side="right")
    following = np.append(steps, np.iinfo(np.int64).max)[after]
    ends: Int64 = np.minimum(stamps + step, following)
    if step > DAY:
        return ends
    days, _, closings = market.days()
    place = np.searchsorted(days, (stamps + IST) // DAY)
    here = np.minimum(place, len(days) - 1)
    session = closings[here]
    within = (days[here] == (stamps + IST) // DAY) & (stamps < session) & (session < ends)
    found: Int64 = np.where(within, session, ends)
    return found


def best_by_close(stamps: Int64, ends: Int64, closes: Any, market: Market) -> Int64 | None:
    """Return the times at which the closes are those of the recording, None if they never are."""
    near = np.nonzero((stamps > market.ts[0] - 2 * DAY) & (stamps <= market.ts[-1]))[0]
    if not len(near):
        return None
    chosen = near[np.linspace(0, len(near) - 1, min(MOST, len(near))).astype(int)]
    values = np.asarray(closes, float)[chosen]
    prices = np.round(np.nan_to_num(values, nan=-1.0) * SCALE).astype(np.int64)
    zone = IST
    tries = [ends, stamps, ends + zone, stamps + zone, ends - zone, stamps - zone]
    scores = [agreeing(one[chosen], prices, market) for one in tries]
    best = int(np.argmax(scores))
    if scores[best] < min(FEW, len(near) // 2 + 1):
        return None
    return tries[best] if 2 * scores[best] > 3 * scores[0] else tries[0]


def agreeing(times: Int64, prices: Int64, market: Market) -> int:
    """Return how many prices are the last close of one instrument at their times."""
    most = 0
    for instrument in np.unique(market.row).tolist():
        ts, last = market.of_one(instrument)
        place = np.searchsorted(ts, times, side="right") - 1
        same = (place >= 0) & (last[np.maximum(place, 0)] == prices)
        most = max(most, int(same.sum()))
    return most


def stamped_at_ends(steps: Int64, step: int, market: Market) -> bool:
    """Say if stamps look like ends: a day's first lies a step after its open, or all after it."""
    days, opens, closings = market.days()
    number = (steps + IST) // DAY
    mine, first, count = np.unique(number, return_index=True, return_counts=True)
    place = np.minimum(np.searchsorted(days, mine), len(days) - 1)
    there = days[place] == mine
    if not there.any():
        return False
    firsts, lasts = steps[first][there], steps[first + count - 1][there]
    opens, closings = opens[place][there], closings[place][there]
    late = firsts >= closings  # nothing begins when the session is over
    a_step_late = (firsts - opens == step) & (lasts >= closings)
    return bool((late | a_step_late).mean() > 0.8)


def closes_in(names: list[str]) -> str | None:
    """Return the column that holds a row's last price."""
    known = {normal(name): name for name in reversed(names)}
    spelled = (*SPELLINGS["close"], *SPELLINGS["last"])
    return next((known[one] for one in spelled if one in known), None)


def has_bars(names: list[str]) -> bool:
    """Say if columns are those of bars: each has a beginning and an end."""
    known = {normal(name) for name in names}
    return all(known & set(SPELLINGS[price]) for price in BAR_PRICES)
