"""Gaps of a live feed: from when to when no row could come, and which instruments are stale."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alphapanda.events.feeds import LiveGap
from alphapanda.model.columns import Columns


class Open(NamedTuple):
    """A gap that has not ended: the rows of a connection."""

    first: int
    end: int
    after_ns: int
    why: str


class Gaps:
    """Keeps which instruments wait for their first new row; one thread tells, another takes.

    An instrument is stale from the loss of its connection to its own first new row. The packet that
    Kite keeps for whoever subscribes is none, if it came before: the sieve lets no repeat through.
    """

    def __init__(self, instruments: int) -> None:
        self.count = 0
        """Gaps so far."""
        self._stale = np.zeros(instruments, np.bool_)
        self._open: dict[int, Open] = {}
        self._ended: deque[LiveGap] = deque()
        self._lock = threading.Lock()

    @property
    def stale(self) -> NDArray[np.int64]:
        """The rows of the instruments that have had nothing new since their connection was lost."""
        return np.flatnonzero(self._stale)

    def lose(self, connection: int, rows: range, after_ns: int, why: str) -> list[int]:
        """Begin a gap of a connection, unless it has one; return the rows that are stale now."""
        with self._lock:
            if connection in self._open:
                return []
            self.count += 1
            self._open[connection] = Open(rows.start, rows.stop, after_ns, why)
            fresh = [row for row in rows if not self._stale[row]]
            self._stale[rows.start : rows.stop] = True
            return fresh

    def see(self, came: Columns) -> list[int]:
        """End what rows end; return the rows of instruments that were stale until now."""
        if not came.rows or not self._stale.any():
            return []
        with self._lock:
            for connection, gap in [*self._open.items()]:
                inside = (came.row >= gap.first) & (came.row < gap.end)
                if inside.any():
                    del self._open[connection]
                    before_ns = int(came.ts[inside][0])
                    self._ended.append(
                        LiveGap(gap.after_ns, before_ns, gap.end - gap.first, gap.why)
                    )
            rows = np.unique(came.row[self._stale[came.row]])
            self._stale[rows] = False
            found: list[int] = rows.tolist()
            return found

    def take(self) -> list[LiveGap]:
        """Return the gaps that have ended since the last call."""
        with self._lock:
            ended, self._ended = [*self._ended], deque()
            return ended
