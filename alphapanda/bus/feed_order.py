"""Puts a feed's rows back in order: they come from several partitions, each in order by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from alphapanda.events.events import Envelope
from alphapanda.events.feeds import Row, gap


class FeedOrder:
    """Gives one feed's rows by `seq` from `first` on, and a feed_gap for rows that never came.

    A row that is ahead is held until those before it have come, or `skip` gives them up.
    """

    def __init__(self, feed: str, *, first: int = 0) -> None:
        self.feed, self.next = feed, first
        self.repeats = 0
        self.gaps = 0
        self._held: dict[int, Row] = {}

    @property
    def held(self) -> int:
        """Return how many rows wait for others."""
        return len(self._held)

    def take(self, rows: Iterable[Row]) -> list[Row]:
        """Take rows in, and return what is in order now."""
        ready = []
        for row in rows:
            if row.seq == self.next:
                ready.append(row)
                self.next += 1
                if self._held:
                    ready += self._in_order()
            elif row.seq < self.next or row.seq in self._held:
                self.repeats += 1  # or it came after its gap had been told
            else:
                self._held[row.seq] = row
        return ready

    def skip(self, end: tuple[int, int] | None = None) -> tuple[Envelope, list[Row]]:
        """Give up the rows before the lowest that is held; return their gap, and what follows.

        With none held they are those up to the `end` of the feed: its last row, and its time.
        """
        if self._held:
            lowest = min(self._held)
            ts = self._held[lowest].ts
        else:
            assert end is not None, "without an end nothing is known to be missing"
            lowest, ts = end[0] + 1, end[1]
        told = gap(self.feed, self.next, lowest - 1, ts=ts)
        self.gaps += 1
        self.next = lowest
        return told, list(self._in_order())

    def _in_order(self) -> Iterator[Row]:
        while self.next in self._held:
            yield self._held.pop(self.next)
            self.next += 1
