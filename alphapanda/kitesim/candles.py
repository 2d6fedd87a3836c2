"""Candles of an instrument: minutes as they have passed, and any longer interval out of them."""

from __future__ import annotations

from collections.abc import Iterator

from alphapanda.model.calendar import DAY, IST, MINUTE

MINUTES = {
    "minute": 1, "3minute": 3, "5minute": 5, "10minute": 10, "15minute": 15, "30minute": 30,
    "60minute": 60, "day": 24 * 60,
}  # fmt: skip
"""Kite's intervals."""
LONGEST_DAYS = {
    "minute": 60, "3minute": 100, "5minute": 100, "10minute": 100, "15minute": 200, "30minute": 200,
    "60minute": 400, "day": 2000,
}  # fmt: skip
"""Days that one call may span."""
OPENING = (9 * 60 + 15) * MINUTE
"""Intervals of a day count from here, after midnight IST; earlier ones from midnight."""
Candle = list[int]
"""Start, open, high, low, close, volume, open interest."""


class Candles:
    """An instrument's candles of a minute, or of its bars where these are longer."""

    def __init__(self) -> None:
        self._kept: list[Candle] = []

    def see(self, ts: int, prices: tuple[int, int, int, int], *, volume: int, oi: int) -> None:
        """Take in open, high, low and last of a time, and what was traded."""
        start = ts // MINUTE * MINUTE
        first, high, low, last = prices
        if not self._kept or self._kept[-1][0] != start:
            self._kept.append([start, first, high, low, last, volume, oi])
            return
        candle = self._kept[-1]
        candle[2], candle[3] = max(candle[2], high), min(candle[3], low)
        candle[4], candle[5], candle[6] = last, candle[5] + volume, oi

    def divide(self, ratio: int) -> None:
        """Divide all prices: shares were split."""
        for candle in self._kept:
            candle[1:5] = [price // ratio for price in candle[1:5]]

    def between(self, first: int, last: int, interval: str) -> Iterator[Candle]:
        """Yield the candles that start from one time to another, both included."""
        made: Candle | None = None
        for start, opened, high, low, close, volume, oi in self._kept:
            at = start_of(start, interval)
            if not first <= at <= last:
                continue
            if made is not None and made[0] == at:
                made[2], made[3] = max(made[2], high), min(made[3], low)
                made[4], made[5], made[6] = close, made[5] + volume, oi
                continue
            if made is not None:
                yield made
            made = [at, opened, high, low, close, volume, oi]
        if made is not None:
            yield made


def start_of(ts: int, interval: str) -> int:
    """Return the start of the candle that a time falls into."""
    step = MINUTES[interval] * MINUTE
    midnight = (ts + IST) // DAY * DAY - IST
    anchor = midnight + OPENING
    if interval == "day" or ts < anchor:
        anchor = midnight
    return anchor + (ts - anchor) // step * step
