"""A run's result: gathered row by row while the core runs, then summed up once, or read again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.columns import Columns
from alphapanda.model.money import text
from alphapanda.model.rows import OUT, Code, Out, Reason
from alphapanda.research.events import Names, equity_table, event_table, fill_table
from alphapanda.research.notebook import card, figure
from alphapanda.research.orders import EventFile, Spool, order_table, rejection_table
from alphapanda.research.prices import PricePath
from alphapanda.research.rundir import RunDirectory
from alphapanda.research.stats import Fills, statistics
from alphapanda.research.tables import framed
from alphapanda.research.trades import fills_of, path_of, trade_table

Table = NDArray[Any]
EVENT_ROWS = 262_144
"""Rows of a row group of events.parquet."""


class Gatherer:
    """Takes output rows as they come: hashes, counts, keeps fills and equity, writes events.

    Without a directory it keeps what the tables of orders and refusals need (see `Spool`).
    """

    def __init__(
        self, names: Names, cash: int, directory: RunDirectory | None, *, step: int = 60 * 10**9
    ) -> None:
        self.names = names
        self.cash = cash
        self.directory = directory
        self.digest = hashlib.sha256()
        self.counts = np.zeros(len(Out) + 1, np.int64)
        self.codes = np.zeros(len(Code) + 1, np.int64)
        self.charged = np.zeros(3, np.int64)
        self.overnight = 0
        self.unprotected = 0
        self.prices = PricePath(names.instruments, step=step)
        self.spool = Spool(names) if directory is None else None
        self._seen = 0
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
        self.overnight += ended(rows, Out.EXPIRED, Reason.OVERNIGHT)
        self.unprotected += ended(rows, Out.FAILED, Reason.CIRCUIT)
        if self.spool is not None:
            self.spool.take(rows)
        if self.directory is not None:
            self._events.append(rows.copy())
            self._waiting += len(rows)
            if self._waiting >= EVENT_ROWS:
                self.flush()

    def close_batch(self, batch: Columns, _controls: Any, _texts: Any = ()) -> None:
        """Take the market rows that the chunks since the last call came of."""
        fills = np.concatenate([*self._fills[self._seen :], np.empty(0, OUT)])
        self._seen = len(self._fills)
        self.prices.take(batch, fills)

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


def ended(rows: Table, kind: Out, reason: Reason) -> int:
    """Return how many rows are ends of a kind for a reason."""
    return int(((rows["type"] == kind) & (rows["a"] == reason)).sum())


NO_PRICES = (
    "the run has no prices.parquet, as those of earlier versions: there is no price chart, and the "
    "excursions of trades are those of their fills"
)
TABLES = ("fills", "equity", "prices", "trades", "orders", "rejections", "events", "stats")


@dataclass(frozen=True, repr=False)
class Result:
    """What a run left. Frames are pandas' with rupees as floats; `table` gives exact Arrow tables.

    A frame is made when it is asked for. `equity` has a row per P&L event, `trades` one per round
    trip, `orders` one per order, `rejections` one per refusal, `prices` the path of the prices.
    """

    summary: dict[str, Any]
    exact: Mapping[str, pa.Table]
    """Fills, equity and prices."""
    path: Path | None = None
    source: Any = None
    """Where events come from, a chunk at a time."""
    manifest: Mapping[str, Any] = field(default_factory=dict)
    trouble: str = ""
    """Why the run, whole as it is, has no page, or is not in the tables."""

    @property
    def stats(self) -> dict[str, Any]:
        """The run's statistics; undefined ones are None."""
        return dict(self.summary["stats"])

    @property
    def digest(self) -> str:
        """SHA-256 of every output row."""
        return str(self.summary["digest"])

    @property
    def names(self) -> Names:
        """Strategies and instruments by number."""
        return Names([*self.summary["strategies"]], [*self.summary["instruments"]])

    def table(self, name: str, library: str = "arrow") -> Any:
        """Return one of `TABLES`: as `arrow`, exact, or as a frame of `pandas` or `polars`.

        Raises:
            UsageError: there is no such table or library.
        """
        return framed(self._arrow(name), library)

    def _arrow(self, name: str) -> pa.Table:
        if name in self.exact:
            return self.exact[name]
        made = {
            "trades": lambda: self.trips, "stats": lambda: stats_table(self.stats),
            "orders": lambda: order_table(self.source),
            "rejections": lambda: rejection_table(self.source),
            "events": self._events,
        }  # fmt: skip
        if name not in made:
            hint = did_you_mean(name, TABLES)
            raise UsageError(f"no table '{name}'.{hint} There are {', '.join(TABLES)}.")
        return made[name]()

    def _events(self) -> pa.Table:
        if self.path is None:
            raise UsageError("all events are kept in a run directory alone: give backtest an out")
        return pq.read_table(self.path / "events.parquet")

    @cached_property
    def trips(self) -> pa.Table:
        """The round trips, exact."""
        names = self.names
        path = path_of(self.exact["prices"], names)
        return trade_table(fills_of(self.exact["fills"], names), path, names)

    @property
    def fills(self) -> Any:
        """The fills."""
        return self.table("fills", "pandas")

    @property
    def equity(self) -> Any:
        """P&L and equity."""
        return self.table("equity", "pandas")

    @property
    def trades(self) -> Any:
        """The closed round trips."""
        return self.table("trades", "pandas")

    @property
    def orders(self) -> Any:
        """The orders."""
        return self.table("orders", "pandas")

    @property
    def rejections(self) -> Any:
        """What the risk gate refused."""
        return self.table("rejections", "pandas")

    @property
    def prices(self) -> Any:
        """The path of each instrument's price, in pieces."""
        return self.table("prices", "pandas")

    def plot(self) -> Any:
        """Return equity, drawdown and prices as a figure of plotly."""
        return figure(self)

    def __repr__(self) -> str:
        s = self.summary
        what = f"{', '.join(s['strategies'])} {s['from']} to {s['to']}, {s['fills']:,} fills"
        return f"<Result of {what}, P&L {s['pnl']}, {s['status']}>"

    def _repr_html_(self) -> str:
        return card(self)


def stats_table(stats: Mapping[str, Any]) -> pa.Table:
    """Return statistics as rows of a figure and its value, rupees as floats."""
    values = [None if value is None else float(value) for value in stats.values()]
    return pa.table({"figure": list(stats), "value": pa.array(values, pa.float64())})


def read_result(folder: Path) -> Result:
    """Return the result of a run directory.

    Raises:
        UsageError: the folder holds no run, or a file of it is missing or damaged.
    """
    documents, tables = {}, {}
    if not (folder / "summary.json").is_file():
        raise UsageError(f"{folder}: no run: there is no summary.json in it")
    at = folder
    try:
        for name in ("summary", "manifest"):
            at = folder / f"{name}.json"
            documents[name] = json.loads(at.read_text(encoding="utf-8"))
        for name in ("fills", "equity", "prices"):
            at = folder / f"{name}.parquet"
            if name == "prices" and not at.exists():
                documents["summary"]["notes"].append(NO_PRICES)
                tables[name] = PricePath((), step=1).table()
            else:
                tables[name] = pq.read_table(at)
        at = folder / "events.parquet"
        pq.read_metadata(at)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UsageError(f"{at}: can't be read ({error}): run the backtest again") from None
    summary = {**documents["summary"], "run": str(folder)}
    return Result(summary, tables, folder, EventFile(at), documents["manifest"])


def told_at_end(folder: Path) -> tuple[str, int] | None:
    """Return the digest and the rows fed in a run directory's summary, if there is one.

    Raises:
        UsageError: the summary is damaged.
    """
    path = folder / "summary.json"
    if not path.is_file():
        return None
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        return str(summary["digest"]), int(summary["ticks"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{path}: can't be read ({error!r}): restore it") from None


def sum_up(
    gatherer: Gatherer, facts: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, pa.Table]]:
    """Return the summary and the tables of a run; `facts` are what its host knows."""
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
    return summary, {
        "fills": fill_table(fills, gatherer.names),
        "equity": equity_table(pnl, equity, gatherer.names),
        "prices": gatherer.prices.table(),
    }


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
