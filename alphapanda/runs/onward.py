"""Time that only goes on: no row of a run lies before what the run has had, whatever a feed says.

A live feed that is begun again gives its newest packets once more, at their own times; by then a
run that goes on may have later rows, or the clock of a later second. Its journal could be no
recording with a row behind its place.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alphapanda import log
from alphapanda.model.columns import Columns
from alphapanda.model.notes import Note, Rank

LOG = log.get(__name__)


class Onward:
    """Lets rows come at their times, or at the time that a run has reached where that is later."""

    def __init__(self) -> None:
        self.moved = 0
        """Rows whose time the run was past."""

    def take(self, rows: Columns, reached_ns: int) -> Columns:
        """Return rows in the order in which they came, none of them before `reached_ns`."""
        if not rows.rows:
            return rows
        ts = np.maximum.accumulate(np.maximum(rows.ts, reached_ns))
        moved = int((ts != rows.ts).sum())
        if not moved:
            return rows
        if not self.moved:
            LOG.warning("rows came behind their time", rows=moved, reached_ns=reached_ns)
        self.moved += moved
        return rows._replace(ts=ts)

    def notes(self) -> Iterator[Note]:
        """Say how many rows were moved since the run was last begun; nothing if none was."""
        if self.moved:
            yield Note(
                f"{self.moved:,} rows came with a time that the run was past, and were taken at "
                "the time that it had reached",
                Rank.KNOWN,
            )
