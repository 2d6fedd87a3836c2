"""A source made of a list of batches, for tests of what is fed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from alphapanda.brokers.ports import Origin
from alphapanda.events.feeds import Feed, Portion
from alphapanda.model.columns import Columns


class ListSource:
    """Gives batches in order, an empty one before each."""

    part = None
    origin = Origin(data=("list:",))

    def __init__(self, feed: Feed, batches: Sequence[Columns]) -> None:
        self.feed = feed
        self._batches = batches

    def rows(self, taken: int, stopping: Callable[[], bool]) -> Iterator[Portion]:
        """Yield what lies behind the first `taken` rows."""
        for batch in self._batches:
            skipped = min(taken, batch.rows)
            taken -= skipped
            if stopping():
                return
            yield Portion(0, Columns.of())
            if skipped < batch.rows:
                yield Portion(0, batch.slice(skipped, batch.rows))
