"""Kite's candles: how they are asked for in spans, and read without a guess."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alphapanda.brokers.zerodha.answers import Answer, Outcome, error_of
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.calendar import DAY, IST, MINUTE, day_start_ns

if TYPE_CHECKING:
    from alphapanda.brokers.zerodha.client import Client

ROUTE = "market.historical"
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+05:?30")
"""A time of Kite's candles."""
LARGEST = float(1 << 62)


class Interval(NamedTuple):
    """A length of candles that Kite has."""

    name: str
    """Kite's."""
    ns: int
    days: int
    """That one answer holds at most."""


INTERVALS = {
    each.name: each
    for each in (
        Interval("minute", MINUTE, 60),
        Interval("3minute", 3 * MINUTE, 100),
        Interval("5minute", 5 * MINUTE, 100),
        Interval("10minute", 10 * MINUTE, 100),
        Interval("15minute", 15 * MINUTE, 200),
        Interval("30minute", 30 * MINUTE, 200),
        Interval("60minute", 60 * MINUTE, 400),
        Interval("day", DAY, 2_000),
    )
}
"""By Kite's names. The spans are of the texts of its errors (forum, June 2024)."""
SHORT = {f"{each.ns // MINUTE}m": each for each in INTERVALS.values() if each.ns < DAY}
SHORT["1d"] = INTERVALS["day"]
EARLIEST = date(2015, 2, 2)
"""From when on there are minutes."""


def interval_of(text: str) -> Interval:
    """Return the interval of a name, Kite's or ours (1m, 1d).

    Raises:
        UsageError: for one that Kite has no candles of.
    """
    found = INTERVALS.get(text) or SHORT.get(text)
    if found is None:
        known = ", ".join(INTERVALS)
        hint = did_you_mean(text, INTERVALS) or f" Kite has {known}."
        raise UsageError(f"--interval {text}: no such candles.{hint}")
    return found


class Span(NamedTuple):
    """Days of one answer, both included."""

    first: date
    last: date


def spans(days: Sequence[date], longest: int) -> Iterator[Span]:
    """Yield days in order as spans without a hole, none longer than an answer holds."""
    first = before = None
    for day in days:
        if first is None or before is None:
            first = day
        elif day != before + timedelta(1) or (day - first).days >= longest:
            yield Span(first, before)
            first = day
        before = day
    if first is not None and before is not None:
        yield Span(first, before)


@dataclass(slots=True)
class Candles:
    """Candles of one answer as columns; prices are rupees as Kite wrote them."""

    ts: NDArray[np.int64]
    """Start of each, ns UTC."""
    values: NDArray[np.float64]
    """open, high, low, close, volume and, where asked for, oi."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Candles left out, by reason."""

    @property
    def days(self) -> set[date]:
        """The days in India that have candles."""
        starts = np.unique((self.ts + IST) // DAY)
        return {date(1970, 1, 1) + timedelta(int(day)) for day in starts}


def ask(
    client: Client, token: int, interval: Interval, span: Span, *, oi: bool, continuous: bool
) -> Candles:
    """Return the candles of a span that are finished.

    Raises:
        KiteError: if Kite does not answer, or not with candles.
    """
    found = client._request(
        ROUTE, "GET", url_args={"instrument_token": token, "interval": interval.name},
        params={
            "from": f"{span.first} 00:00:00", "to": f"{span.last} 23:59:59",
            "interval": interval.name, "continuous": int(continuous), "oi": int(oi),
        },
    )  # fmt: skip
    rows = found.get("candles") if isinstance(found, dict) else None
    if not isinstance(rows, list):
        raise error_of(ROUTE, Answer(Outcome.UNREADABLE, 200, "", "an answer without candles"))
    return read(rows, interval, span, now_ns=client.clock(), oi=oi)


def read(rows: Sequence[Any], interval: Interval, span: Span, *, now_ns: int, oi: bool) -> Candles:
    """Return candles as columns; what is unfinished, doubled or odd is left out and counted."""
    dropped: Counter[str] = Counter()
    width = 7 if oi else 6
    low = day_start_ns(span.first)
    high = day_start_ns(span.last) + DAY
    kept: dict[int, list[float]] = {}
    for row in rows:
        ts = start_of(row)
        numbers = numbers_of(row, width)
        if ts is None or numbers is None:
            dropped["can't be read"] += 1
        elif not is_bar(*numbers[:4]):
            dropped["prices that no candle has"] += 1
        elif not low <= ts < high:
            dropped["outside the days that were asked for"] += 1
        elif ts + interval.ns > now_ns:
            dropped["unfinished"] += 1
        elif ts in kept:
            dropped["again for the same time"] += 1
        else:
            kept[ts] = numbers
    order = sorted(kept)
    values = np.array([kept[ts] for ts in order], np.float64).reshape(len(order), width - 1)
    return Candles(np.array(order, np.int64), values, dropped)


def is_bar(first: float, high: float, low: float, last: float) -> bool:
    """Say if four prices can be a candle's."""
    return 0 < low <= min(first, last) and max(first, last) <= high


def start_of(row: Any) -> int | None:
    """Return when a candle begins, ns UTC; None where that can't be read."""
    stamp = row[0] if isinstance(row, list) and row else None
    if not isinstance(stamp, str) or STAMP.fullmatch(stamp) is None:
        return None
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return int(moment.timestamp()) * 10**9 if moment.year >= 2000 else None


def numbers_of(row: Any, width: int) -> list[float] | None:
    """Return a candle's numbers, None if it has others than it should."""
    if not isinstance(row, list) or len(row) not in (6, 7) or len(row) < width:
        return None
    numbers = row[1:width]
    if any(isinstance(each, bool) or not isinstance(each, (int, float)) for each in numbers):
        return None
    if any(not 0 <= each < LARGEST for each in numbers):
        return None
    if any(each != int(each) for each in numbers[4:]):
        return None
    return [float(each) for each in numbers]
