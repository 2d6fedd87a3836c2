"""What of the ticks that come may be traded on: each once, sound, and at a time that grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphapanda.brokers.zerodha.packets import FLAWS, FULL, INDEX_FULL
from alphapanda.model.calendar import DAY, IST
from alphapanda.model.columns import Columns

SECOND = 10**9
OLDEST = 946_684_800
"""A time before 2000 is none: index packets have had 0 and the year 1."""
LATE_NS = 10 * SECOND
"""What is older on arrival is passed to nobody: an instrument's last row must not look new."""
AHEAD_NS = 60 * SECOND
"""A time that lies further ahead of our clock is no time of the exchange's."""
CHANGING = ("last", "qty", "volume", "buy_qty", "sell_qty", "bid", "bid_qty", "ask", "ask_qty",
            "oi", "stamp", "traded", "open", "high", "low", "close", "average")  # fmt: skip
"""What makes a packet another than the one before."""
UNKNOWN = -1
EARLY = "not in full mode, so without a time"
ABSURD = "a price far outside the circuit limits"
FARTHEST = 2**62


@dataclass(slots=True)
class Counts:
    """What was passed on, and what was not, by reason."""

    passed: int = 0
    repeats: int = 0
    """Packets that say what the one before said."""
    foreign: int = 0
    """Of instruments that nobody asked for."""
    quarantined: Counter[str] = field(default_factory=Counter)
    timeless: int = 0
    """Passed on at the time of their arrival: they have no time of the exchange."""
    worst_lag_ns: int = 0


class Sieve:
    """Turns ticks into market rows of some instruments, in the order in which they came.

    The time of a row is the exchange's, in seconds; where that does not grow, it is that of the row
    before and 1 ns, for what came later was known later.
    """

    def __init__(self, tokens: Sequence[int], *, last_ns: int = 0, late_ns: int = LATE_NS) -> None:
        self.counts = Counts()
        self.lag_ns = 0
        """Of the newest row: our clock less the exchange's time."""
        self._tokens = np.sort(np.array(tokens, np.int64))
        self._rows = np.argsort(np.array(tokens, np.int64)).astype(np.int64)
        self._last_ns, self._late_ns = last_ns, late_ns
        count = len(tokens)
        self._volume = np.zeros(count, np.int64)
        self._day = np.zeros(count, np.int64)
        self._seen = np.zeros((count, len(CHANGING)), np.int64)
        self._least, self._most = np.full(count, -FARTHEST), np.full(count, FARTHEST)

    # Exchanges widen limits during the day, and they are read again each half hour only. So what
    # lies a little outside may be sound; it is absurd where it is further away than they are apart.
    def limit(self, row: int, lower: int, upper: int) -> None:
        """Set the circuit limits of an instrument, scaled; an upper one of 0 is not known."""
        at, apart = int(np.flatnonzero(self._rows == row)[0]), upper - lower
        self._least[at] = lower - apart if upper else -FARTHEST
        self._most[at] = upper + apart if upper else FARTHEST

    def take(self, ticks: NDArray[Any], arrived_ns: int) -> Columns:
        """Return the rows that ticks are which arrived together."""
        place = self._places(ticks["token"])
        self.counts.foreign += int((place == UNKNOWN).sum())
        parts = []
        known = np.flatnonzero(place != UNKNOWN)
        # An instrument that comes twice in a frame is judged against its own packet before.
        while len(known):
            _, first = np.unique(place[known], return_index=True)
            now = known[np.sort(first)]
            parts.append(self._judge(ticks, place, now, arrived_ns))
            known = np.setdiff1d(known, now)
        kept = np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int64)
        return self._columns(ticks[kept], self._rows[place[kept]], arrived_ns)

    def reach(self, ts: int) -> int:
        """Let all rows from now on lie behind a time; return it, or the last row's if later."""
        self._last_ns = max(self._last_ns, ts)
        return self._last_ns

    def _places(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        if not len(self._tokens):
            return np.full(len(tokens), UNKNOWN)
        at = np.minimum(np.searchsorted(self._tokens, tokens), len(self._tokens) - 1)
        return np.where(self._tokens[at] == tokens, at, UNKNOWN)

    def _judge(
        self, ticks: NDArray[Any], place: NDArray[np.int64], now: NDArray[np.int64], arrived_ns: int
    ) -> NDArray[np.int64]:
        mine, at = ticks[now], place[now]
        said = np.stack([mine[name] for name in CHANGING], axis=1)
        repeat = (said == self._seen[at]).all(axis=1)
        stamp = mine["stamp"]
        timed = (stamp >= OLDEST) & has_stamp(mine)
        day = np.where(timed, stamp * SECOND, arrived_ns) + IST
        day //= DAY
        falls = (day == self._day[at]) & (mine["volume"] < self._volume[at]) & (mine["volume"] > 0)
        ahead = timed & (stamp * SECOND > arrived_ns + AHEAD_NS)
        # A subscription is answered before its mode is: by a packet without a time, which may be
        # of yesterday. With yesterday's volume it would make all of today's fall.
        early = ~has_stamp(mine)
        flawed = mine["flaw"] > 0
        for flaw in np.unique(mine["flaw"][flawed & ~repeat]):
            self.counts.quarantined[FLAWS[flaw]] += int((mine["flaw"][~repeat] == flaw).sum())
        sound = ~(repeat | flawed)
        if (early & sound).any():
            self.counts.quarantined[EARLY] += int((early & sound).sum())
        sound &= ~early
        absurd = np.zeros(len(mine), np.bool_)
        for price in (mine["last"], mine["bid"], mine["ask"]):
            absurd |= (price != 0) & ((price < self._least[at]) | (price > self._most[at]))
        self.counts.quarantined[ABSURD] += int((absurd & sound).sum())
        sound &= ~absurd
        self.counts.quarantined["a time ahead of the clock"] += int((ahead & sound).sum())
        late = timed & (stamp * SECOND < arrived_ns - self._late_ns)
        self.counts.quarantined["too old on arrival"] += int((late & sound).sum())
        falls &= ~(ahead | late)
        self.counts.quarantined["a volume that falls"] += int((falls & sound).sum())
        self.counts.repeats += int(repeat.sum())
        good = sound & ~(ahead | late | falls)
        # What was put aside is forgotten: the packet before it, once more, is still a repeat.
        self._seen[at[good]] = said[good]
        self._day[at[good]] = day[good]
        volume = mine["volume"][good]
        self._volume[at[good]] = np.where(volume > 0, volume, self._volume[at[good]])
        kept: NDArray[np.int64] = now[good]
        return kept

    def _columns(
        self, ticks: NDArray[Any], rows: NDArray[np.int64], arrived_ns: int
    ) -> Columns:  # fmt: skip
        count = len(ticks)
        if not count:
            return Columns.of()
        own = ticks["stamp"] * SECOND
        timed = (ticks["stamp"] >= OLDEST) & has_stamp(ticks)
        own = np.where(timed, own, arrived_ns)
        # Each is the later of its own time and 1 ns behind the one before, without a loop.
        steps = np.arange(count)
        least = np.maximum(own, self._last_ns + 1)
        ts = np.maximum.accumulate(least - steps) + steps
        self._last_ns = int(ts[-1])
        self.counts.passed += count
        self.counts.timeless += int((~timed).sum())
        if timed.any():
            self.lag_ns = int(arrived_ns - own[timed].max())
            self.counts.worst_lag_ns = max(self.counts.worst_lag_ns, self.lag_ns)
        fields = ("last", "qty", "volume", "bid", "bid_qty", "ask", "ask_qty", "oi")
        return Columns.of(ts=ts, row=rows, **{name: ticks[name] for name in fields})


def has_stamp(ticks: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which ticks are of packets that have a time of the exchange."""
    there: NDArray[np.bool_] = (ticks["size"] == FULL) | (ticks["size"] == INDEX_FULL)
    return there
