"""What a run's sinks keep while the core runs: fills, charges, refusals, orders, prices."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphapanda.model.calendar import DAY, IST
from alphapanda.model.columns import Columns
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import OUT, ChargeKind, Out, Reason
from alphapanda.research.events import (
    Names,
    event_table,
)
from alphapanda.research.orders import (
    Spool,
)
from alphapanda.research.prices import PricePath
from alphapanda.research.requests import Requests
from alphapanda.research.rundir import RunDirectory

Table = NDArray[Any]


EVENT_ROWS = 262_144
"""Rows of a row group of events.parquet."""


class Gatherer:
    """Takes output rows as they come: hashes, counts, keeps fills and equity, writes events.

    Without a directory it keeps what the tables of orders and refusals need (see `Spool`).
    """

    def __init__(
        self, names: Names, cash: int, directory: RunDirectory | None, *, step: int = 60 * 10**9,
        begin_ns: int = 0,
    ) -> None:  # fmt: skip
        self.names = names
        self.cash = cash
        self.directory = directory
        self.begin_ns = begin_ns
        self.warm_rows = 0
        """Market rows before the run's begin."""
        self.digest = hashlib.sha256()
        self.counts = np.zeros(len(Out) + 1, np.int64)
        self.codes = np.zeros(len(RejectionCode) + 1, np.int64)
        self.overnight = 0
        self.unprotected = 0
        self.charged = np.zeros(len(ChargeKind), np.int64)
        self.requests = Requests()
        self.refusals: dict[int, Any] = {}
        self.rows_of_days: dict[int, tuple[int, int]] = {}
        self.prices = PricePath(names.instruments, step=step)
        self.spool = Spool(names) if directory is None else None
        self._seen = 0
        self._fills: list[Table] = []
        self._pnl: list[Table] = []
        self._extras: list[Table] = []
        self._after: list[NDArray[np.int64]] = []
        self._stops: list[Table] = []
        self._tagged: list[Table] = []
        self._events: list[Table] = []
        self._waiting = 0
        self._written = 0

    def take(self, rows: Table) -> None:
        """Take a chunk of output rows; the array may be overwritten afterwards."""
        self.digest.update(rows.tobytes())
        kinds = rows["type"]
        self._take_extras(rows)
        self.counts += np.bincount(kinds, minlength=len(self.counts))
        self._fills.append(rows[kinds == Out.FILL])
        self._pnl.append(rows[kinds == Out.PNL])
        self._stops.append(rows[kinds == Out.KILLED])
        self._tagged.append(rows[(kinds == Out.SIGNAL) & (rows["group"] != 0)])
        self._take_refusals(rows[kinds == Out.REJECTED])
        self.requests.take(rows)
        self.overnight += ended(rows, Out.EXPIRED, Reason.OVERNIGHT)
        self.unprotected += ended(rows, Out.FAILED, Reason.CIRCUIT)
        if self.spool is not None:
            self.spool.take(rows)
        if self.directory is not None:
            self._events.append(rows.copy())
            self._waiting += len(rows)
            if self._waiting >= EVENT_ROWS:
                self.flush()

    def _take_extras(self, rows: Table) -> None:
        kinds = rows["type"]
        places = np.flatnonzero(kinds == Out.CHARGE)
        extra = rows[places]
        np.add.at(self.charged, extra["a"], extra["b"])
        self._extras.append(extra)
        before = np.cumsum(kinds == Out.FILL)[places]
        self._after.append(int(self.counts[Out.FILL]) + before.astype(np.int64))

    def _take_refusals(self, rows: Table) -> None:
        self.codes += np.bincount(rows["a"], minlength=len(self.codes))
        for code, at in zip(*np.unique(rows["a"], return_index=True), strict=True):
            self.refusals.setdefault(int(code), rows[at].copy())

    def close_batch(self, batch: Columns, _controls: Any, _texts: Any = ()) -> None:
        """Take the market rows that the chunks since the last call came of."""
        before = int(np.searchsorted(batch.ts, self.begin_ns)) if self.begin_ns else 0
        if before:
            self.warm_rows += before
            batch = batch.slice(before, batch.rows)
        if batch.rows:
            self._take_days(batch.ts)
        fills = np.concatenate([*self._fills[self._seen :], np.empty(0, OUT)])
        self._seen = len(self._fills)
        self.prices.take(batch, fills)

    def _take_days(self, ts: NDArray[np.int64]) -> None:
        day, last = int(ts[0] + IST) // DAY, int(ts[-1] + IST) // DAY
        while day <= last:
            start, end = np.searchsorted(ts, (day * DAY - IST, (day + 1) * DAY - IST))
            if start < end:
                first = self.rows_of_days.get(day, (int(ts[start]), 0))[0]
                self.rows_of_days[day] = first, int(ts[end - 1])
            day = last + 1 if end == len(ts) else int(ts[end] + IST) // DAY

    def flush(self) -> None:
        """Write the events gathered so far."""
        if self.directory is None:
            return
        rows = np.concatenate([*self._events, np.empty(0, OUT)])
        self.directory.write("events", event_table(rows, self.names, self._written))
        self._written += len(rows)
        self._events, self._waiting = [], 0

    def fills(self) -> Table:
        """Return all fills."""
        return np.concatenate([*self._fills, np.empty(0, OUT)])

    def pnl(self) -> Table:
        """Return all P&L rows."""
        return np.concatenate([*self._pnl, np.empty(0, OUT)])

    def extras(self) -> tuple[Table, NDArray[np.int64]]:
        """Return all charges beside fills, and how many fills came before each."""
        after = np.concatenate([*self._after, np.zeros(0, np.int64)])
        return np.concatenate([*self._extras, np.empty(0, OUT)]), after

    def tagged(self) -> Table:
        """Return the signals that have a tag."""
        return np.concatenate([*self._tagged, np.empty(0, OUT)])

    def stops(self) -> Table:
        """Return the rows that say what stopped trading."""
        return np.concatenate([*self._stops, np.empty(0, OUT)])

    def equity(self, pnl: Table) -> NDArray[np.int64]:
        """Return the account's equity after each P&L row: cash plus every strategy's latest P&L."""
        change = np.zeros(len(pnl), np.int64)
        for strategy in range(len(self.names.strategies)):
            mine = pnl["strategy"] == strategy
            change[mine] = np.diff(pnl["d"][mine], prepend=0)
        return self.cash + np.cumsum(change)


def ended(rows: Table, kind: Out, reason: Reason) -> int:
    """Return how many rows are ends of a kind for a reason."""
    return int(((rows["type"] == kind) & (rows["a"] == reason)).sum())
