"""Recorded rows at a pace: in the pieces, and at the times, in which a running feed would come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from alphapanda.errors import UsageError
from alphapanda.model.columns import Columns

SLICE_ROWS = 1_024
"""Rows of a feed at full speed that go on together: to the disk, or to the topics."""
PAUSE_NS = 15 * 60 * 10**9
"""A longer gap between rows is a closed market, and is not waited for."""
NAP_S = 0.02
"""The longest wait without a word, so that commands and a stop are seen soon."""
NOTHING = Columns.of()


def parse_speed(text: str) -> float:
    """Return how many seconds of the market pass in one; infinite for `max`."""
    if text == "max":
        return float("inf")
    try:
        speed = float(text.removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 1_000:
        raise UsageError(f"--speed {text}: write 1x, 10x (up to 1000x) or max")
    return speed


def slices(batches: Iterator[Columns], skip: int, rows: int = SLICE_ROWS) -> Iterator[Columns]:
    """Yield the rows behind the first `skip`, in pieces of at most so many."""
    for batch in batches:
        start = min(skip, batch.rows)
        skip -= start
        for at in range(start, batch.rows, rows):
            yield batch.slice(at, at + rows)


class Pace:
    """Lets recorded rows come when they came, `speed` times as fast."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._offset = 0.0
        self._before = 0

    def parts(self, batch: Columns, stopping: Callable[[], bool]) -> Iterator[Columns]:
        """Yield a batch in the parts that are due, no rows while waiting, until stopped."""
        if self._speed == float("inf"):
            if not stopping():
                yield batch
            return
        at = 0
        while at < batch.rows and not stopping():
            yield from self._wait(int(batch.ts[at]), stopping)
            due = self._market_time()
            end = max(int(batch.ts.searchsorted(due, side="right")), at + 1)
            if not stopping():
                yield batch.slice(at, end)
            self._before = int(batch.ts[end - 1])
            at = end

    def _market_time(self) -> float:
        return (time.monotonic() - self._offset) * self._speed * 1e9

    def _wait(self, ts: int, stopping: Callable[[], bool]) -> Iterator[Columns]:
        if self._before == 0 or ts - self._before > PAUSE_NS:
            self._offset = time.monotonic() - ts / 1e9 / self._speed
        while (left := (ts - self._market_time()) / 1e9 / self._speed) > 0 and not stopping():
            time.sleep(min(left, NAP_S))
            yield NOTHING
