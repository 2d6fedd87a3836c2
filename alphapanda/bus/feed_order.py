"""Puts a feed's rows back in order: they come from several partitions, each in order by itself."""

from __future__ import annotations

from collections.abc import Iterator

from alphapanda.model.events import (
    SHARED,
    VERSION,
    Bar,
    Envelope,
    EventType,
    FeedGap,
    Tick,
    event_id,
)


class FeedOrder:
    """Yields one feed's ticks and bars by `feed_seq`, and a feed_gap for rows that never came.

    A row that is ahead is held until those before it have come, `most` are held, or it has been
    held for `hold_s`. `first` is the row the reader begins with; None: the lowest of those that
    come within these bounds, for a reader that joins a running feed.
    """

    def __init__(
        self, feed: str, *, first: int | None = 0, most: int = 10_000, hold_s: float = 2
    ) -> None:
        assert most > 0
        self.feed, self.next, self.most, self.hold_s = feed, first, most, hold_s
        self.repeats = 0
        self.gaps = 0
        self._held: dict[int, tuple[Envelope, float]] = {}

    @property
    def held(self) -> int:
        """Return how many rows wait for others."""
        return len(self._held)

    def push(self, envelope: Envelope, now_s: float) -> Iterator[Envelope]:
        """Take a row in, and yield what is in order now."""
        data = envelope.data
        assert isinstance(data, (Tick, Bar)), f"{envelope.type} has no place in a feed"
        if data.feed_seq in self._held or (self.next is not None and data.feed_seq < self.next):
            self.repeats += 1  # or it came after its gap had been told
            return
        self._held[data.feed_seq] = (envelope, now_s)
        yield from self._in_order()
        while len(self._held) > self.most:
            yield from self._skip()

    def late(self, now_s: float) -> Iterator[Envelope]:
        """Yield what has waited long enough; to be asked now and then while nothing comes."""
        while self._held and now_s - min(at for _, at in self._held.values()) >= self.hold_s:
            yield from self._skip()

    def rest(self) -> Iterator[Envelope]:
        """Yield all that is held: the feed has ended."""
        while self._held:
            yield from self._skip()

    def _in_order(self) -> Iterator[Envelope]:
        while self.next is not None and self.next in self._held:
            yield self._held.pop(self.next)[0]
            self.next += 1

    def _skip(self) -> Iterator[Envelope]:
        """Give up the rows before the lowest that is held."""
        lowest = min(self._held)
        if self.next is not None:
            self.gaps += 1
            yield self._gap(self.next, lowest - 1, self._held[lowest][0])
        self.next = lowest
        yield from self._in_order()

    def _gap(self, first: int, last: int, before: Envelope) -> Envelope:
        own = event_id(before.ts, self.feed, "gap", first, last)
        return Envelope(
            id=own, type=EventType.FEED_GAP, ts=before.ts, key=self.feed, source=self.feed,
            version=VERSION, broker=SHARED, run_id="", seq=-1, correlation_id=own,
            causation_id="", trace_id=own.replace("-", ""),
            data=FeedGap(feed=self.feed, first=first, last=last),
        )  # fmt: skip
