"""Rows on their way from the connection's thread to the core's: bounded, never in the way."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np

from alphapanda.model.columns import Columns

MOST_ROWS = 200_000
"""That wait; beyond, of each instrument only the newest is kept."""


class Inbox:
    """Keeps rows in order until they are taken; one thread puts, another takes."""

    def __init__(self, most: int = MOST_ROWS) -> None:
        self.overtaken = 0
        """Rows that a newer one of their instrument took the place of."""
        self._most = most
        self._waiting: deque[Columns] = deque()
        self._rows = 0
        self._came = threading.Condition()

    def put(self, rows: Columns) -> None:
        """Add rows behind those that wait."""
        if not rows.rows:
            return
        with self._came:
            self._waiting.append(rows)
            self._rows += rows.rows
            if self._rows > self._most:
                kept = newest(joined(self._waiting))
                self.overtaken += self._rows - kept.rows
                self._waiting = deque([kept])
                self._rows = kept.rows
            self._came.notify()

    def take(self, wait_s: float) -> Columns:
        """Return all rows that wait; none, after so many seconds, if none came."""
        with self._came:
            if not self._waiting:
                self._came.wait(wait_s)
            rows = joined(self._waiting)
            self._waiting.clear()
            self._rows = 0
            return rows


def joined(parts: deque[Columns]) -> Columns:
    """Return batches as one."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Columns.of()
    return Columns._make(np.concatenate(column) for column in zip(*parts, strict=True))


def newest(rows: Columns) -> Columns:
    """Return of each instrument the last row, in their order."""
    _, first = np.unique(rows.row[::-1], return_index=True)
    kept = np.sort(rows.rows - 1 - first)
    return Columns._make(column[kept] if len(column) else column for column in rows)
