"""A run's result: summed up once from what was gathered while the core ran, or read again."""

from __future__ import annotations

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
from alphapanda.model.calendar import DAY, IST
from alphapanda.model.limits import RejectionCode
from alphapanda.model.money import text, to_scaled
from alphapanda.model.notes import Note, Rank, in_order, loud
from alphapanda.model.rows import Out
from alphapanda.research import doubts
from alphapanda.research.events import (
    Names,
    charge_table,
    day_table,
    equity_table,
    fill_table,
)
from alphapanda.research.exposure import mean_gross
from alphapanda.research.gathering import Gatherer, Table
from alphapanda.research.hours import Hours
from alphapanda.research.notebook import card, figure
from alphapanda.research.orders import (
    EventFile,
    charges_in,
    order_table,
    rejection_table,
)
from alphapanda.research.prices import PricePath
from alphapanda.research.requests import Open
from alphapanda.research.stats import Balance, Fills, Trips, balance, day_closes, statistics
from alphapanda.research.tables import framed, nanoseconds, scaled
from alphapanda.research.trades import extras_of, fills_of, path_of, tags_in, trade_table

NO_PRICES = (
    "the run has no prices.parquet, as those of earlier versions: there is no price chart, and the "
    "excursions of trades are those of their fills"
)
NO_INDICATORS = (
    "the run kept no values of indicators: a backtest with an out does, of strategies that declare "
    "some, up to 1,500 series"
)
NO_DAYS = (
    "the run is of an earlier version, whose Sharpe, Sortino, volatility, CAGR, Calmar and exposure"
    " leave out the days without an event: run it again"
)
TABLES = (
    "fills", "equity", "days", "prices", "indicators", "charges", "trades", "orders",
    "rejections", "events", "stats",
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class Result:
    """What a run left. Frames are pandas' with rupees as floats; `table` gives exact Arrow tables.

    A frame is made when it is asked for. `equity` has a row per P&L event, `days` one per trading
    day with its return, `trades` one per round trip, `orders` one per order, `rejections` one per
    refusal, `prices` the path of the prices.
    """

    summary: dict[str, Any]
    exact: Mapping[str, pa.Table]
    """Fills, equity, days, prices, and charges beside fills."""
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
        if name == "indicators":
            raise UsageError(NO_INDICATORS)
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
        extras = extras_of(self.exact["charges"], names)
        fills = self.exact["fills"]
        return trade_table(fills_of(fills, names), extras, path, names, tags_in(fills))

    @property
    def fills(self) -> Any:
        """The fills."""
        return self.table("fills", "pandas")

    @property
    def equity(self) -> Any:
        """P&L and equity."""
        return self.table("equity", "pandas")

    @property
    def days(self) -> Any:
        """The trading days: equity at the end of each, and its return."""
        return self.table("days", "pandas")

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
        kept = folder / "charges.parquet"
        tables["charges"] = pq.read_table(kept) if kept.exists() else charges_in(EventFile(at))
        kept = folder / "indicators.parquet"
        if kept.exists():  # a run of strategies without indicators has none, nor an earlier one
            tables["indicators"] = pq.read_table(kept)
        kept = folder / "days.parquet"
        tables["days"] = pq.read_table(kept) if kept.exists() else days_in(tables, documents)
        if not kept.exists():
            notes = documents["summary"]["notes"]
            documents["summary"] |= {"notes": [NO_DAYS, *notes], "loud_notes": 1}
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UsageError(f"{at}: can't be read ({error}): run the backtest again") from None
    summary = {**documents["summary"], "run": str(folder)}
    return Result(summary, tables, folder, EventFile(at), documents["manifest"])


def days_in(tables: Mapping[str, pa.Table], documents: Mapping[str, Any]) -> pa.Table:
    """Return the days of a run that has no table of them: those on which anything happened."""
    ts, equity = nanoseconds(tables["equity"]["ts"]), scaled(tables["equity"]["equity"])
    pieces = [nanoseconds(tables["prices"][name]) for name in ("ts", "last_ts")]
    days = np.unique(
        (np.concatenate([ts, nanoseconds(tables["fills"]["ts"]), *pieces]) + IST) // DAY
    )
    cash = to_scaled(documents["summary"]["cash"])
    return day_table(days, day_closes(ts, equity, days, cash))


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


@dataclass(frozen=True)
class Ending:
    """What a run's host knows of its end, beside what the output rows say."""

    hours: Hours
    last: NDArray[np.int64]
    """Last prices by instrument, scaled."""
    left: Open
    """The orders that live on."""


def sum_up(
    gatherer: Gatherer, facts: Mapping[str, Any], ending: Ending
) -> tuple[dict[str, Any], dict[str, pa.Table]]:
    """Return the summary and the tables of a run; `facts` are what its host knows."""
    fills, pnl = gatherer.fills(), gatherer.pnl()
    equity = gatherer.equity(pnl)
    final = int(equity[-1]) if len(equity) else gatherer.cash
    counts = {kind: int(gatherer.counts[kind]) for kind in Out}
    tables = tables_of(gatherer, fills, pnl, equity, ending.hours)
    sums = balance(as_fills(fills), extras_of(tables["charges"], gatherer.names))
    stats = stats_of(gatherer, fills, pnl, equity, tables=tables, trips=sums.closed, ending=ending)
    stats["charges"] = facts["charges"]
    parts = parts_of(sums, ending.last)
    requests = gatherer.requests.facts(counts, ending.left)
    notes = in_order([
        *facts["notes"], *doubts.stopped(gatherer.stops(), gatherer.names),
        *doubts.refused(gatherer.codes.tolist(), gatherer.refusals, requests, gatherer.names),
        *doubts.unfilled(requests), *doubts.ruined(pnl["ts"], equity),
        *unexplained(parts, final - gatherer.cash),
    ])  # fmt: skip
    summary = {
        "status": facts["status"],
        "ticks": facts["ticks"],
        "events": int(gatherer.counts.sum()),
        "signals": counts[Out.SIGNAL],
        "orders": counts[Out.ORDER],
        "fills": counts[Out.FILL],
        "rejected": counts[Out.REJECTED],
        "rejected_by": {RejectionCode(c).name: int(n) for c, n in enumerate(gatherer.codes) if n},
        "requests": requests,
        "pnl": text(final - gatherer.cash),
        "pnl_parts": {name: text(value) for name, value in parts.items()},
        "charges": text(facts["charges"]),
        "equity": text(final),
        "cash": text(gatherer.cash),
        "digest": gatherer.digest.hexdigest(),
        **{key: facts[key] for key in facts if key not in ("status", "ticks", "charges", "stats")},
        "notes": notes,
        "loud_notes": loud(notes),
        "stats": {name: money_text(name, value) for name, value in stats.items()},
    }
    return summary, tables


def tables_of(
    gatherer: Gatherer, fills: Table, pnl: Table, equity: NDArray[np.int64], hours: Hours
) -> dict[str, pa.Table]:
    """Return the exact tables of a run."""
    ts = np.ascontiguousarray(pnl["ts"])
    return {
        "days": day_table(hours.days, day_closes(ts, equity, hours.days, gatherer.cash)),
        "fills": fill_table(fills, gatherer.names, gatherer.tagged()),
        "equity": equity_table(pnl, equity, gatherer.names),
        "prices": gatherer.prices.table(),
        "charges": charge_table(*gatherer.extras(), gatherer.names),
    }


def stats_of(
    gatherer: Gatherer, fills: Table, pnl: Table, equity: NDArray[np.int64],
    *, tables: Mapping[str, pa.Table], trips: Trips, ending: Ending,
) -> dict[str, Any]:  # fmt: skip
    """Return the statistics of a run over its trading days and hours."""
    made, ts = as_fills(fills), np.ascontiguousarray(pnl["ts"])
    path = path_of(tables["prices"], gatherer.names)
    gross = mean_gross(path, made, ts, equity, cash=gatherer.cash, hours=ending.hours)
    return statistics(
        ts, equity, initial_cash=gatherer.cash, fills=made, hours=ending.hours, gross=gross,
        trips=trips,
    )  # fmt: skip


def parts_of(sums: Balance, last: NDArray[np.int64]) -> dict[str, int]:
    """Return what the P&L is the sum of: closed trips, open ones, and charges of neither."""
    return {
        "trips": int(sum(sums.closed.pnl.tolist())),
        "open": sums.open_pnl(last),
        "account_charges": sums.account,
    }


def unexplained(parts: Mapping[str, int], pnl: int) -> list[Note]:
    """Return a note if the parts of the P&L are not the whole of it."""
    rest = pnl - sum(parts.values())
    if rest == 0:
        return []
    said = f"trips, open positions and account charges leave {text(rest)} of the P&L unexplained"
    return [Note(f"{said}: a fault of the platform, please report it", Rank.BROKEN)]


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
