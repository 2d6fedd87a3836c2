"""What declared indicators stood at through a run, at steps of time: the very values hooks saw.

The records of a core are looked at between two rows, so the rows that are fed have to be cut where
a step of time ends (`cuts`); how often that is is chosen so that the values stay few.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alphapanda.model.calendar import IST
from alphapanda.research.events import Names, labels, times
from alphapanda.research.prices import step_within
from alphapanda.research.tables import arrow

Int64 = NDArray[np.int64]

VALUES = 300_000
"""Values that a run keeps, about."""
MOMENTS = 4_000
"""Moments at which the indicators of a run are looked at, at most."""
FEW_MOMENTS = 200
"""Where there is not even room for so many, none are kept: see `series_too_many`."""


class Watched(NamedTuple):
    """One output of a declared indicator, for the instruments of a strategy that have it."""

    strategy: int
    name: str
    """As declared in the class; of several outputs `name.output`."""
    on_price: bool
    """It is a price of its instrument, and can be drawn over it."""
    rows: Int64
    """Numbers of the instruments, one for each record."""
    value: NDArray[np.float64]
    """Of each record, in the core's own memory, as are `seen` and `warmup`."""
    seen: Int64
    warmup: Int64


class IndicatorPath:
    """Keeps what indicators stand at when a step of time is over."""

    def __init__(
        self, watched: Sequence[Watched], names: Names, *, days: int, begin_ns: int = 0
    ) -> None:
        self.left_out = series_too_many(watched)
        """Series of values, where they are too many to be kept; else 0."""
        self.watched = [] if self.left_out else list(watched)
        self.names = names
        self.begin_ns = begin_ns
        self.step = step_within(days, min(MOMENTS, VALUES // max(series_of(self.watched), 1)))
        self._bucket = -1
        self._last_ns = 0
        self._ts: list[int] = []
        self._values: list[NDArray[np.float64]] = []

    def cuts(self, ts: Int64) -> list[int]:
        """Return before which rows of a batch a step of time is over, ascending; 0 is one too."""
        if not self.watched or not len(ts):
            return []
        bucket = (ts + IST) // self.step
        places = (np.flatnonzero(np.diff(bucket)) + 1).tolist()
        if self._bucket not in (-1, int(bucket[0])):
            places.insert(0, 0)
        self._bucket = int(bucket[-1])
        return places

    def take(self, ts: int) -> None:
        """Look at every indicator after the row of a time, ns UTC."""
        if self.watched and ts >= self.begin_ns and ts != self._last_ns:
            self._last_ns = ts
            self._ts.append(ts)
            self._values.append(np.concatenate([standing(each) for each in self.watched]))

    def table(self) -> pa.Table:
        """Return the values by series and time, null where an indicator was not warm."""
        moments = len(self._ts)
        values = np.reshape(self._values, (moments, -1)).T if moments else np.zeros((0, 0))
        series = [(place, int(row)) for place, w in enumerate(self.watched) for row in w.rows]
        kept = [at for at in range(len(values)) if not np.isnan(values[at]).all()]
        place = np.repeat([series[at][0] for at in kept], moments).astype(np.int64)
        row = np.repeat([series[at][1] for at in kept], moments).astype(np.int64)
        flat = values[kept].reshape(-1)
        strategy = np.array([w.strategy for w in self.watched] or [0], np.int64)
        priced = np.array([w.on_price for w in self.watched] or [False])
        return pa.table({
            "ts": times(np.tile(np.array(self._ts, np.int64), len(kept))),
            "strategy": labels(strategy[place], self.names.strategies),
            "instrument": labels(row, self.names.instruments),
            "name": labels(place, [w.name for w in self.watched]),
            "on_price": arrow(priced[place].astype(np.int8)),
            "value": arrow(np.nan_to_num(flat), np.isnan(flat)),
        })  # fmt: skip


def standing(watched: Watched) -> NDArray[np.float64]:
    """Return what an output stands at, NaN where it is not warm."""
    return np.where(watched.seen >= watched.warmup, watched.value, np.nan)


def series_of(watched: Sequence[Watched]) -> int:
    """Return how many values a moment has."""
    return sum(len(each.rows) for each in watched)


def series_too_many(watched: Sequence[Watched]) -> int:
    """Return how many values a moment would have, if they are too many to be kept; else 0."""
    series = series_of(watched)
    return series if series * FEW_MOMENTS > VALUES else 0
