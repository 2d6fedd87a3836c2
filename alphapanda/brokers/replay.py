"""A recording as a source: its rows as fast as they are taken, or at the pace of the market."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from alphapanda.brokers.pacing import SLICE_ROWS, Pace, slices
from alphapanda.brokers.ports import Origin
from alphapanda.data.replay.resampled import Rows
from alphapanda.events.feeds import Feed, Portion
from alphapanda.model.columns import Columns

FULL_SPEED = float("inf")


class ReplaySource:
    """Reads a recording that is open; `slice_rows` bounds a portion, None leaves batches whole."""

    def __init__(
        self, replay: Rows, feed: Feed, *, data: tuple[str, ...] = (),
        notes: tuple[str, ...] = (), speed: float = FULL_SPEED,
        slice_rows: int | None = SLICE_ROWS,
    ) -> None:  # fmt: skip
        self.feed = feed
        self.part = None
        self._data = data
        self._notes = notes
        self._replay = replay
        self._speed = speed
        self._slice_rows = slice_rows

    @property
    def origin(self) -> Origin:
        """The files, and what was dropped from them so far."""
        replay = self._replay
        return Origin(self._data, replay.files, self._notes, replay.repairs)

    def rows(self, taken: int, stopping: Callable[[], bool]) -> Iterator[Portion]:
        """Yield the rows behind the first `taken`, at the source's speed."""
        pace = Pace(self._speed)
        batches: Iterator[Columns] = self._replay.batches()
        if self._slice_rows is not None or taken:
            batches = slices(batches, taken, self._slice_rows or self.feed.rows or SLICE_ROWS)
        for batch in batches:
            for part in pace.parts(batch, stopping):
                yield Portion(0, part)
            if stopping():
                return
