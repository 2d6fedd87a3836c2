"""A run's result: gathered row by row while the core runs, then summed up once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alphapanda.model.money import text
from alphapanda.model.rows import OUT, Code, Out
from alphapanda.research.events import Names, equity_table, event_table, fill_table
from alphapanda.research.rundir import RunDirectory
from alphapanda.research.stats import Fills, statistics

Table = NDArray[Any]
EVENT_ROWS = 262_144
"""Rows of a row group of events.parquet."""


class Gatherer:
    """Takes output rows as they come: hashes, counts, keeps fills and equity, writes events."""

    def __init__(self, names: Names, cash: int, directory: RunDirectory | None) -> None:
        self.names = names
        self.cash = cash
        self.directory = directory
        self.digest = hashlib.sha256()
        self.counts = np.zeros(len(Out) + 1, np.int64)
        self.codes = np.zeros(len(Code) + 1, np.int64)
        self.charged = np.zeros(3, np.int64)
        self._fills: list[Table] = []
        self._pnl: list[Table] = []
        self._events: list[Table] = []
        self._waiting = 0
        self._written = 0

    def take(self, rows: Table) -> None:
        """Take a chunk of output rows; the array may be overwritten afterwards."""
        self.digest.update(rows.tobytes())
        kinds = rows["type"]
        self.counts += np.bincount(kinds, minlength=len(self.counts))
        self._fills.append(rows[kinds == Out.FILL])
        self._pnl.append(rows[kinds == Out.PNL])
        rejected = rows["a"][kinds == Out.REJECTED]
        self.codes += np.bincount(rejected, minlength=len(self.codes))
        extra = rows[kinds == Out.CHARGE]
        np.add.at(self.charged, extra["a"], extra["b"])
        if self.directory is not None:
            self._events.append(rows.copy())
            self._waiting += len(rows)
            if self._waiting >= EVENT_ROWS:
                self.flush()

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

    def equity(self, pnl: Table) -> NDArray[np.int64]:
        """Return the account's equity after each P&L row: cash plus every strategy's latest P&L."""
        change = np.zeros(len(pnl), np.int64)
        for strategy in range(len(self.names.strategies)):
            mine = pnl["strategy"] == strategy
            change[mine] = np.diff(pnl["d"][mine], prepend=0)
        return self.cash + np.cumsum(change)


@dataclass(frozen=True)
class Result:
    """What a backtest left: the summary, and fills and equity as Arrow tables."""

    summary: dict[str, Any]
    fills: pa.Table = field(repr=False)
    equity: pa.Table = field(repr=False)
    path: Path | None = None

    @property
    def stats(self) -> dict[str, Any]:
        """The run's statistics; undefined ones are None."""
        return dict(self.summary["stats"])

    @property
    def digest(self) -> str:
        """SHA-256 of every output row."""
        return str(self.summary["digest"])


def sum_up(
    gatherer: Gatherer, facts: Mapping[str, Any]
) -> tuple[dict[str, Any], pa.Table, pa.Table]:
    """Return the summary, the fills and the equity of a run; `facts` are what its host knows."""
    fills, pnl = gatherer.fills(), gatherer.pnl()
    equity = gatherer.equity(pnl)
    final = int(equity[-1]) if len(equity) else gatherer.cash
    stats = statistics(
        np.ascontiguousarray(pnl["ts"]), equity, initial_cash=gatherer.cash, fills=as_fills(fills)
    )
    stats["charges"] = facts["charges"]
    counts = {kind: int(gatherer.counts[kind]) for kind in Out}
    summary = {
        "status": facts["status"],
        "ticks": facts["ticks"],
        "events": int(gatherer.counts.sum()),
        "signals": counts[Out.SIGNAL],
        "orders": counts[Out.ORDER],
        "fills": counts[Out.FILL],
        "rejected": counts[Out.REJECTED],
        "rejected_by": {Code(c).name: int(n) for c, n in enumerate(gatherer.codes) if n},
        "pnl": text(final - gatherer.cash),
        "charges": text(facts["charges"]),
        "equity": text(final),
        "cash": text(gatherer.cash),
        "digest": gatherer.digest.hexdigest(),
        **{key: facts[key] for key in facts if key not in ("status", "ticks", "charges", "stats")},
        "stats": {name: money_text(name, value) for name, value in stats.items()},
    }
    return summary, fill_table(fills, gatherer.names), equity_table(pnl, equity, gatherer.names)


def as_fills(rows: Table) -> Fills:
    """Return fill rows as the statistics read them."""
    columns = ("ts", "strategy", "row", "qty", "price", "a")
    return Fills(*(np.ascontiguousarray(rows[name]) for name in columns))


MONEY_STATS = ("max_drawdown_money", "traded_value", "average_win", "average_loss", "charges")


def money_text(name: str, value: float | None) -> Any:
    """Return a statistic as JSON shows it: money as a decimal string of rupees."""
    if name in MONEY_STATS and value is not None:
        return text(int(value))
    return value
