"""A feed of another process as a source: its rows from the topics."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from alphapanda.brokers.ports import Origin
from alphapanda.bus.feed_reader import FeedReader
from alphapanda.events.feeds import Feed, Portion

Wait = Callable[[Callable[[], bool], Coroutine[Any, Any, Portion]], Portion | None]
"""Runs something on the process's event loop; returns None when the process is to stop."""


class BusSource:
    """Reads the rows that a reader, once started, has from the topics."""

    def __init__(self, reader: FeedReader, wait: Wait) -> None:
        self._reader = reader
        self._wait = wait

    @property
    def feed(self) -> Feed:
        """What the rows are, as the topics say."""
        return self._reader.feed

    @property
    def origin(self) -> Origin:
        """The feed's name; whoever publishes it has the files."""
        return Origin(data=(f"bus:{self.feed.id}",))

    @property
    def part(self) -> FeedReader:
        """The reader, which lives as long as the process."""
        return self._reader

    def rows(self, taken: int, stopping: Callable[[], bool]) -> Iterator[Portion]:
        """Yield the rows behind the first `taken`, from where the reader was started."""
        assert taken == self._reader.first, "the reader begins where the journal ends"
        while not (self._reader.over or stopping()):
            portion = self._wait(stopping, self._reader.take())
            if portion is None:
                return
            yield portion
