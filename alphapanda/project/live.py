"""The live board: the latest of everything, by broker, for whoever looks at it now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NamedTuple, Protocol

from alphapanda.model.events import SHARED, Broker

BOUNDS = {
    "runs": 50, "stages": 50, "pnl": 500, "positions": 5_000, "orders": 5_000, "ticks": 10_000,
    "system": 100,
}  # fmt: skip
"""The parts of a board, and how many names each keeps: those that changed last."""
BROKERS = (*map(str, Broker), SHARED)

Value = dict[str, Any]


class Change(NamedTuple):
    """What a name now stands for; None: it is gone."""

    broker: str
    part: str
    name: str
    value: Value | None


class Live(Protocol):
    """A board that one process writes, and any number of viewers watch."""

    async def start(self) -> None:
        """Begin; a server that does not answer is tried again."""

    async def stop(self) -> None:
        """Show what is left to show, and end all watching."""

    async def health(self) -> None:
        """Raise OutsideError if viewers do not see what is put."""

    def put(self, changes: Iterable[Change]) -> None:
        """Show changes, soon; never waits and never fails."""

    async def get(self, broker: str, part: str) -> dict[str, Value]:
        """Return a part of the board, by name."""

    def watch(self, broker: str) -> AbstractAsyncContextManager[AsyncIterator[list[Change]]]:
        """Give changes as they come, first all there is; a slow viewer gets only the latest."""


class Memory:
    """What a board shows."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str], dict[str, Value]] = {}

    def take(self, change: Change) -> Iterator[Change]:
        """Take a change in, and yield it with those that go for want of room."""
        broker, part, name, value = change
        names = self._parts.setdefault((broker, part), {})
        names.pop(name, None)
        if value is not None:
            names[name] = value
        yield change
        while len(names) > BOUNDS[part]:
            oldest = next(iter(names))
            del names[oldest]
            yield Change(broker, part, oldest, None)

    def part(self, broker: str, part: str) -> dict[str, Value]:
        """Return a part, by name."""
        return dict(self._parts.get((broker, part), {}))

    def everything(self, broker: str | None = None) -> list[Change]:
        """Return all there is as changes."""
        return [
            Change(*place, name, value)
            for place, names in self._parts.items()
            if broker is None or place[0] == broker
            for name, value in names.items()
        ]


class Viewer:
    """What a viewer has not seen yet: of each name only the latest, so it stays bounded."""

    def __init__(self, broker: str, first: Iterable[Change]) -> None:
        self.broker = broker
        self._new = asyncio.Event()
        self._unseen: dict[tuple[str, str], Change] = {}
        self._over = False
        for change in first:
            self.note(change)

    def note(self, change: Change) -> None:
        """Note a change of this viewer's broker."""
        if change.broker == self.broker:
            self._unseen[change.part, change.name] = change
            self._new.set()

    def end(self) -> None:
        """Let the viewer go once it has seen all."""
        self._over = True
        self._new.set()

    async def changes(self) -> AsyncIterator[list[Change]]:
        """Yield what is new whenever there is something."""
        while True:
            await self._new.wait()
            self._new.clear()
            seen, self._unseen = list(self._unseen.values()), {}
            if seen:
                yield seen
            if self._over and not self._unseen:
                return


class LocalLive:
    """A board within this process."""

    def __init__(self) -> None:
        self._memory = Memory()
        self._viewers: set[Viewer] = set()

    async def start(self) -> None:
        """Nothing is needed."""

    async def stop(self) -> None:
        """End all watching."""
        for viewer in self._viewers:
            viewer.end()

    async def health(self) -> None:
        """Nothing can fail."""

    def put(self, changes: Iterable[Change]) -> None:
        """Show changes."""
        for given in changes:
            for change in self._memory.take(given):
                for viewer in self._viewers:
                    viewer.note(change)

    async def get(self, broker: str, part: str) -> dict[str, Value]:
        """Return a part of the board, by name."""
        return self._memory.part(broker, part)

    @asynccontextmanager
    async def watch(self, broker: str) -> AsyncIterator[AsyncIterator[list[Change]]]:
        """Give changes as they come, first all there is."""
        viewer = Viewer(broker, self._memory.everything(broker))
        self._viewers.add(viewer)
        try:
            yield viewer.changes()
        finally:
            self._viewers.discard(viewer)
