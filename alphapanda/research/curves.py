"""Curves and calendars of a run for its report: equity, benchmark, exposure, returns by period."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alphapanda.model.calendar import DAY, IST
from alphapanda.research.stats import Fills
from alphapanda.research.trades import Path

Int64 = NDArray[np.int64]
Floats = NDArray[np.float64]

GRID = 4_000
"""Points of a curve that is computed over all instruments."""
EPOCH = date(1970, 1, 1)


class Curve(NamedTuple):
    """Values over time; arrays [n]."""

    ts: Int64
    """ns UTC."""
    value: Any


def thinned(curve: Curve, most: int) -> Curve:
    """Return a curve of about so many points that keeps every stretch's lowest and highest."""
    n = len(curve.ts)
    if n <= most:
        return curve
    size = -(-2 * n // most)
    whole = n // size * size
    blocks = np.asarray(curve.value[:whole]).reshape(-1, size)
    starts = np.arange(0, whole, size)
    picked = [starts + blocks.argmin(1), starts + blocks.argmax(1), [0], np.arange(whole, n)]
    at = np.unique(np.concatenate([*picked, [n - 1]]).astype(np.int64))
    return Curve(curve.ts[at], curve.value[at])


def days_of(*stamps: Int64) -> tuple[Int64, Int64, Int64]:
    """Return the days of India on which there is anything, with the first and last time in each."""
    ts = np.sort(np.concatenate(stamps))
    number = (ts + IST) // DAY
    days, first = np.unique(number, return_index=True)
    last = np.append(first[1:], len(ts)) - 1
    return days, ts[first], ts[last[last >= 0]]


def grid(path: Path) -> Int64:
    """Return the times at which curves over all instruments are computed."""
    return evenly(np.unique(path.last_ts))


def evenly(ts: Int64) -> Int64:
    """Return at most `GRID` of some times, taken evenly."""
    if len(ts) <= GRID:
        return ts
    return ts[np.unique(np.linspace(0, len(ts) - 1, GRID).astype(np.int64))]


def by_instrument(path: Path) -> Iterator[tuple[int, slice]]:
    """Yield each instrument's number and where its pieces lie."""
    rows, first = np.unique(path.row, return_index=True)
    ends = np.append(first[1:], len(path.row))[: len(rows)]
    for row, start, stop in zip(rows.tolist(), first.tolist(), ends.tolist(), strict=True):
        yield row, slice(start, stop)


def benchmark(path: Path, at: Int64, cash: int) -> Curve:
    """Return the account that puts an equal part in each instrument at its first price, and waits.

    An instrument without a price yet counts as cash; there are no charges, and no whole shares.
    """
    total, count = np.zeros(len(at)), 0
    for _, where in by_instrument(path):
        ts, last = path.last_ts[where], path.last[where]
        if last[0] <= 0:
            continue
        growth = np.append(1.0, last / last[0])
        total += growth[np.searchsorted(ts, at, side="right")]
        count += 1
    return Curve(at, np.round(cash * total / max(count, 1)).astype(np.int64))


def exposure(path: Path, fills: Fills, at: Int64) -> tuple[Curve, Curve]:
    """Return the worth of all positions at each time, without their signs and with them."""
    gross, net = np.zeros(len(at)), np.zeros(len(at))
    pieces = dict(by_instrument(path))
    pairs = fills.strategy * (int(fills.row.max(initial=0)) + 1) + fills.row
    for pair in np.unique(pairs):
        mine = np.flatnonzero(pairs == pair)
        held = np.append(0, np.cumsum(fills.qty[mine]))
        qty = held[np.searchsorted(fills.ts[mine], at, side="right")]
        price = _prices(path, pieces.get(int(fills.row[mine[0]])), fills, mine, at)
        gross += np.abs(qty) * price
        net += qty * price
    return Curve(at, gross), Curve(at, net)


def _prices(path: Path, where: slice | None, fills: Fills, mine: Int64, at: Int64) -> Floats:
    # The last price known at each time; a fill's own where the rows are not known.
    ts, last = (
        (fills.ts[mine], fills.price[mine])
        if where is None
        else (path.last_ts[where], path.last[where])
    )
    place = np.maximum(np.searchsorted(ts, at, side="right") - 1, 0)
    return np.asarray(last[place], float)


def monthly(days: Int64, closes: Int64) -> list[dict[str, Any]]:
    """Return returns by year: twelve months, None where there was no day, and the year's own."""
    dates = [EPOCH + timedelta(days=int(day)) for day in days]
    before = start_of_year = closes[0]
    years: dict[int, dict[str, Any]] = {}
    for number, day in enumerate(dates):
        last = number + 1 == len(dates)
        if not last and (dates[number + 1].year, dates[number + 1].month) == (day.year, day.month):
            continue
        close = closes[number + 1]
        row = years.setdefault(day.year, {"year": day.year, "months": [None] * 12, "all": None})
        row["months"][day.month - 1] = _change(before, close)
        row["all"] = _change(start_of_year, close)
        before = close
        if not last and dates[number + 1].year != day.year:
            start_of_year = close
    return list(years.values())


def _change(before: int, after: int) -> float | None:
    return None if before <= 0 else float(after) / float(before) - 1


def india(ns: int) -> str:
    """Return a time as India writes it, to the second."""
    moment = datetime.fromtimestamp(ns / 1e9, UTC) + timedelta(hours=5, minutes=30)
    return moment.strftime("%Y-%m-%d %H:%M:%S")
