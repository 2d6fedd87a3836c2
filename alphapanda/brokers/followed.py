"""Another run's rows as a source: those its journal has, and those it will have, as they come.

Whoever follows sees what that run saw, in its order, its clock too, and needs no server, no session
and no token of a broker for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from alphapanda import log
from alphapanda.brokers.pacing import NAP_S
from alphapanda.brokers.ports import Origin
from alphapanda.errors import UsageError
from alphapanda.events.feeds import Feed, Portion, kept_in
from alphapanda.journal.days import days_of
from alphapanda.journal.journal import FILE, Journal
from alphapanda.journal.packing import Batch
from alphapanda.journal.records import is_written
from alphapanda.model.calendar import ist_date
from alphapanda.model.columns import Columns
from alphapanda.model.rows import Control

LOG = log.get("feed")
NOTHING = Columns.of()
LOOK_S = 1.0
"""How often it is looked if somebody writes a run that stands still."""
LOST = "the run that is followed was cut off; its rows are waited for until it goes on"


class FollowedSource:
    """The rows of a run that another process writes, to its end."""

    part = None

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._path = journal.contents.path
        self.feed: Feed = kept_in(journal.contents.manifest)
        self.later: tuple[date, ...] = tuple(
            day for day in days_of(journal) if day > self.feed.days[-1]
        )
        """Days behind those that the run was begun for, on which it has gone on so far."""
        self.goes_on = False
        """More rows will follow another time: the run was stopped, or goes on another day."""
        self._lost, self._looked = False, 0.0

    @property
    def origin(self) -> Origin:
        """The run's folder, whose rows a backtest can take as well."""
        return Origin(data=(str(self._path.parent),))

    def rows(self, taken: int, stopping: Callable[[], bool]) -> Iterator[Portion]:
        """Yield the rows behind the first `taken` until the run ends, stops, or has another day.

        While it stands still without a word, killed or not, its rows are waited for.
        """
        number = 0
        while not stopping():
            batches = self._journal.contents.batches
            if number == len(batches):
                if self._over(number):
                    return
                time.sleep(NAP_S)
                yield Portion(0, NOTHING)
                continue
            place, batch = batches[number], next(self._journal.batches(number))
            if self._is_of_another_day(batch):
                self.goes_on = True
                return
            number += 1
            had = min(taken, place.missed + place.rows)
            taken -= had
            yield from portions_of(batch, had)

    def _over(self, number: int) -> bool:
        self._journal.refresh()
        contents = self._journal.contents
        if number < len(contents.batches):
            return False
        if contents.ended:
            return True
        now = time.monotonic()
        if self._journal.stopped and not is_written(self._path):
            self.goes_on = True
        elif now - self._looked >= LOOK_S:
            self._looked = now
            self._say(lost=not is_written(self._path))
        return self.goes_on

    def _say(self, *, lost: bool) -> None:
        if lost != self._lost:
            self._lost = lost
            LOG.warning(LOST if lost else "the run that is followed goes on", run=str(self._path))

    def _is_of_another_day(self, batch: Batch) -> bool:
        controls = batch.controls
        phases = controls["ts"][controls["kind"] == Control.PHASE]
        known = (*self.feed.days, *self.later)
        return any(ist_date(int(ts)) not in known for ts in phases)


def portions_of(batch: Batch, had: int) -> Iterator[Portion]:
    """Yield a batch's rows behind the first `had`, and the times of its clock among them.

    Rows that never came count as the first. Times that lie before what was had come again: a core
    is past them.
    """
    columns, controls = batch.columns, batch.controls
    missed, at = max(batch.missed - had, 0), max(had - batch.missed, 0)
    for ts in controls["ts"][controls["kind"] == Control.TIME].tolist():
        end = max(int(columns.ts.searchsorted(ts)), at)
        if missed or end > at:
            yield Portion(missed, columns.slice(at, end))
        missed, at = 0, end
        yield Portion(0, NOTHING, ts)
    if missed or at < columns.rows:
        yield Portion(missed, columns.slice(at, columns.rows))


def open_followed(folder: Path, wait: Callable[[], None]) -> FollowedSource:
    """Return the source of a run in a folder; `wait` is called until it has begun.

    Raises:
        UsageError: if its manifest names no rows.
    """
    path = folder / FILE
    journal = Journal(path)
    while not (path.is_file() and manifest_of(journal)):
        wait()
    try:
        return FollowedSource(journal)
    except (KeyError, ValueError, TypeError, ArithmeticError) as error:
        raise UsageError(f"{path}: its manifest names no rows ({error!r:.200})") from error


def manifest_of(journal: Journal) -> Mapping[str, Any]:
    """Return a journal's manifest, empty until it is whole."""
    journal.refresh()
    return journal.contents.manifest
