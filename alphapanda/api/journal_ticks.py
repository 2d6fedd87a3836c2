"""Prices for a board that no other process fills: the newest rows of the journals."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from alphapanda import log
from alphapanda.api.hub import Hub
from alphapanda.api.local_runs import LocalRun, LocalRuns, trades, written_ns
from alphapanda.errors import ODD
from alphapanda.journal.journal import FILE, Journal
from alphapanda.projection.changes import Market
from alphapanda.projection.live import RUNS, Change, LocalLive
from alphapanda.projection.newest import NewestRows

LOG = log.get(__name__)
LOOK_S, IDLE_S = 0.25, 1.0
"""How often the journals are looked at, with somebody who watches and without."""


@dataclass
class Followed:
    """A run's journal, and what of it is on the board."""

    journal: Journal
    newest: NewestRows
    market: Market


class JournalTicks:
    """Puts the newest prices of the runs of this machine on the board; a long-lived part.

    Where there is a Redis, the projector's board has them, and this does nothing.
    """

    def __init__(self, hub: Hub, runs: LocalRuns) -> None:
        self._hub, self._runs = hub, runs
        self._followed: dict[Path, Followed] = {}
        self._over: set[Path] = set()
        self._failed: dict[Path, int] = {}
        """By folder, when a journal that can't be read was written: one that grows is read anew."""
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look."""
        assert self._task is None, "the ticks have been started already"
        if isinstance(self._hub.board, LocalLive):
            self._task = asyncio.create_task(self._go_on(), name="ticks of journals")

    async def stop(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _go_on(self) -> None:
        while True:
            try:
                for run in chosen(self._runs.runs):
                    self._hub.board.put(await asyncio.to_thread(self._new, run))
            except ODD as error:  # a board that does not take them: the next look may do
                LOG.warning("the prices are not shown", error=error)
            await asyncio.sleep(LOOK_S if self._hub.clients else IDLE_S)

    def _new(self, run: LocalRun) -> list[Change]:
        written = written_ns(run.folder / FILE)
        if run.folder in self._over or self._failed.get(run.folder) == written:
            return []
        try:
            followed = self._followed.get(run.folder) or opened(run.folder)
            followed.journal.refresh()
            events, others = followed.newest.take()
        except ODD as error:  # whatever an odd journal holds, it is that run's alone
            self._failed[run.folder] = written
            self._followed.pop(run.folder, None)
            LOG.warning("the prices of a run can't be read", run_id=run.run_id, error=error)
            return []
        self._followed[run.folder] = followed
        if run.ended:
            self._over.add(run.folder)
            del self._followed[run.folder]
        return list(followed.market.take(events, others))


def chosen(runs: Mapping[str, LocalRun]) -> list[LocalRun]:
    """Return the runs whose prices are shown: those that trade, else the last one of all."""
    found = [run for run in runs.values() if trades(run)][:RUNS]
    if found or not runs:
        return found
    return [max(runs.values(), key=lambda run: str(run.manifest.get("begun_ns", 0)).zfill(20))]


def opened(folder: Path) -> Followed:
    """Return a run's journal from its start."""
    journal = Journal.open(folder / FILE)
    return Followed(journal, NewestRows(journal), Market(str(journal.contents.manifest["run_id"])))
