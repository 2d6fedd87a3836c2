"""The live board: the latest of everything, by broker and run, for whoever looks at it now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NamedTuple, Protocol

from alphapanda.errors import OutsideError

RUNS = 20
"""Runs of a broker that a board shows: those that changed last."""
BOUNDS = {
    "run": 1, "stages": 100, "pnl": 100, "positions": 5_000, "orders": 1_000, "ticks": 10_000,
    "system": 100,
}  # fmt: skip
"""The parts of a run's board, and how many names each keeps: those that changed last."""
WHOLE = (RUNS + 1) * sum(BOUNDS.values())
"""As many names as all boards of a broker have together."""

Value = dict[str, Any]
Parts = dict[str, dict[str, Value]]
"""By part, then by name."""


class Change(NamedTuple):
    """What a name now stands for; None: it is gone. An empty `run_id` is the broker's own board."""

    broker: str
    run_id: str
    part: str
    name: str
    value: Value | None


class Live(Protocol):
    """A board: one process writes what it projects, any number of viewers watch."""

    async def start(self) -> None:
        """Begin; a server that does not answer is tried again."""

    async def stop(self) -> None:
        """Show what is left to show, and end all watching."""

    async def health(self) -> None:
        """Raise OutsideError if viewers do not see what is put."""

    def put(self, changes: Iterable[Change]) -> None:
        """Show changes, soon; never waits and never fails."""

    def shows(self, broker: str, run_id: str) -> bool:
        """Say if this process has put all of a run; what it has not it can't keep current."""

    async def runs(self, broker: str) -> list[str]:
        """Return the runs that are shown, the one that changed last at the end."""

    async def get(self, broker: str, run_id: str) -> Parts:
        """Return a run's board; of an empty `run_id` the market's ticks, or what is the system's.

        Raises:
            OutsideError: if the server does not answer.
        """

    def watch(self, broker: str) -> AbstractAsyncContextManager[AsyncIterator[list[Change]]]:
        """Give changes as they come, first all there is; a slow viewer gets only the latest.

        Raises:
            OutsideError: to one who is so slow that watching again is less to read.
        """


class Memory:
    """What a board shows, within its bounds."""

    def __init__(self) -> None:
        self._runs: dict[str, dict[str, Parts]] = {}

    def take(self, change: Change) -> Iterator[Change]:
        """Apply a change; yield it, and the entries that it evicts."""
        broker, run_id, part, name, value = change
        runs = self._runs.setdefault(broker, {})
        parts = runs[run_id] = runs.pop(run_id, {})
        if len(runs) > RUNS + ("" in runs):
            del runs[next(run for run in runs if run)]
        names = parts.setdefault(part, {})
        names.pop(name, None)
        if value is not None:
            names[name] = value
        yield change
        while len(names) > BOUNDS[part]:
            oldest = next(iter(names))
            del names[oldest]
            yield Change(broker, run_id, part, oldest, None)

    def runs(self, broker: str) -> list[str]:
        """Return the runs of a broker, the one that changed last at the end."""
        return [run for run in self._runs.get(broker, {}) if run]

    def parts(self, broker: str, run_id: str) -> Parts:
        """Return a run's board."""
        found = self._runs.get(broker, {}).get(run_id, {})
        return {part: dict(names) for part, names in found.items()}

    def part(self, broker: str, run_id: str, part: str) -> dict[str, Value]:
        """Return one part of a run's board."""
        return dict(self._runs.get(broker, {}).get(run_id, {}).get(part, {}))

    def shows(self, broker: str, run_id: str) -> bool:
        """Say if a run is there."""
        return run_id in self._runs.get(broker, {})

    def everything(self, only: str | None = None) -> list[Change]:
        """Return all there is, of all brokers or of one, as changes."""
        return [
            Change(broker, run_id, part, name, value)
            for broker, runs in self._runs.items() if only in (None, broker)
            for run_id, parts in runs.items()
            for part, names in parts.items()
            for name, value in names.items()
        ]  # fmt: skip


class Viewer:
    """What a viewer has not seen yet: of each name only the latest, and never more than a board.

    Names come and go without end, so to one who does not look something has to be said.
    """

    def __init__(self, broker: str) -> None:
        self.broker = broker
        self._new = asyncio.Event()
        self._unseen: dict[tuple[str, str, str], Change] = {}
        self._over = self._lost = False

    def note(self, change: Change) -> None:
        """Note a change, if it is one of this viewer's broker."""
        if change.broker != self.broker or self._lost:
            return
        self._unseen[change[1:4]] = change
        self._new.set()
        if len(self._unseen) > WHOLE:
            self._lost = True
            self._unseen.clear()

    def end(self) -> None:
        """Let the viewer go once it has seen all."""
        self._over = True
        self._new.set()

    async def changes(self) -> AsyncIterator[list[Change]]:
        """Yield what is new whenever there is something.

        Raises:
            OutsideError: if more was new at once than a whole board has.
        """
        while True:
            await self._new.wait()
            self._new.clear()
            if self._lost:
                raise OutsideError(
                    f"more than {WHOLE} changes have not been looked at: watch again, it begins "
                    "with all there is"
                )
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
        self.shows = self._memory.shows

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

    async def runs(self, broker: str) -> list[str]:
        """Return the runs that are shown, the one that changed last at the end."""
        return self._memory.runs(broker)

    async def get(self, broker: str, run_id: str) -> Parts:
        """Return a run's board."""
        return self._memory.parts(broker, run_id)

    @asynccontextmanager
    async def watch(self, broker: str) -> AsyncIterator[AsyncIterator[list[Change]]]:
        """Give changes as they come, first all there is."""
        viewer = Viewer(broker)
        for change in self._memory.everything(broker):
            viewer.note(change)
        self._viewers.add(viewer)
        try:
            yield viewer.changes()
        finally:
            self._viewers.discard(viewer)
