"""Round trips of a run as a table, with how far the price went for and against each.

The excursion of a trip is the greatest move of the price with it (favourable) and against it
(adverse), from its average entry price to its highest and lowest price, as fractions of the entry
price and before charges: 0 and above, 0 and below. It takes the prices of the trip's own fills and
of every row from the time of the trip's first fill up to that of its last. On bars the bar in which
the trip closes so counts by its fill alone: what came after it in that bar is not the trip's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alphapanda.model.rows import ChargeKind
from alphapanda.research.events import Names, decimals, labels, times
from alphapanda.research.stats import Extras, Fills, Trips, round_trips
from alphapanda.research.tables import arrow, integers, nanoseconds, numbers, scaled, texts

Int64 = NDArray[np.int64]
Floats = NDArray[np.float64]


class Path(NamedTuple):
    """Pieces of prices by instrument and time; arrays [n] of int64, prices scaled."""

    row: Int64
    ts: Int64
    last_ts: Int64
    high: Int64
    low: Int64
    last: Int64


def path_of(prices: pa.Table, names: Names) -> Path:
    """Return a table of prices as numbers."""
    return Path(
        numbers(prices["instrument"], names.instruments),
        nanoseconds(prices["ts"]), nanoseconds(prices["last_ts"]),
        *(scaled(prices[name]) for name in ("high", "low", "last")),
    )  # fmt: skip


def fills_of(table: pa.Table, names: Names) -> Fills:
    """Return a table of fills as the statistics read them."""
    return Fills(
        nanoseconds(table["ts"]), numbers(table["strategy"], names.strategies),
        numbers(table["instrument"], names.instruments), integers(table["qty"]),
        scaled(table["price"]), scaled(table["charges"]),
    )  # fmt: skip


def extras_of(table: pa.Table, names: Names) -> Extras:
    """Return a table of charges beside fills as the statistics read them."""
    kinds = {kind.name.lower(): int(kind) for kind in ChargeKind}
    return Extras(
        numbers(table["strategy"], names.strategies),
        numbers(table["instrument"], names.instruments),
        np.array([kinds[kind] for kind in table["kind"].to_pylist()], np.int64),
        scaled(table["amount"]), integers(table["after"]),
    )  # fmt: skip


def trade_table(
    fills: Fills, extras: Extras, path: Path, names: Names, tags: Sequence[str | None]
) -> pa.Table:
    """Return the closed round trips in the order in which they closed; `tags` are the fills'."""
    trips = round_trips(fills, extras)
    adverse, favourable = excursions(trips, fills, path)
    value = trips.entry_value.astype(float)
    return pa.table({
        "strategy": labels(trips.strategy, names.strategies),
        "instrument": labels(trips.row, names.instruments),
        "side": texts(np.where(trips.side > 0, "long", "short").tolist()),
        "qty": arrow(trips.qty),
        "entry": times(trips.entry_ts),
        "exit": times(trips.exit_ts),
        "entry_price": decimals(mean_price(trips.entry_value, trips.opened)),
        "exit_price": decimals(mean_price(trips.exit_value, trips.opened)),
        "pnl": decimals(trips.pnl.astype(np.int64)),
        "charges": decimals(trips.charges.astype(np.int64)),
        "return": arrow(trips.pnl.astype(float) / np.where(value > 0, value, np.nan)),
        "adverse": arrow(adverse),
        "favourable": arrow(favourable),
        "fills": arrow(trips.fills),
        "entry_tag": texts(tags[at] for at in trips.first.tolist()),
        "exit_tag": texts(tags[at] for at in trips.last.tolist()),
    })  # fmt: skip


def tags_in(table: pa.Table) -> list[str | None]:
    """Return the tags of a table of fills; those of earlier versions have none."""
    return table["tag"].to_pylist() if "tag" in table.column_names else [None] * len(table)


def mean_price(value: Any, qty: Int64) -> Int64:
    """Return average prices, rounded half up to the scale."""
    return np.asarray((2 * value + qty) // (2 * qty), np.int64)


def excursions(trips: Trips, fills: Fills, path: Path) -> tuple[Floats, Floats]:
    """Return the worst and the best move of the price of each trip, as the module defines them."""
    low, high = _extremes_of_fills(trips, fills)
    starts = np.searchsorted(path.row, np.arange(path.row.max(initial=-1) + 2))
    order = np.argsort(trips.row, kind="stable")
    traded = np.searchsorted(trips.row[order], np.arange(len(starts)))
    for row in range(len(starts) - 1):
        mine = order[traded[row] : traded[row + 1]]
        piece = slice(starts[row], starts[row + 1])
        begin = np.searchsorted(path.ts[piece], trips.entry_ts[mine])
        end = np.searchsorted(path.ts[piece], trips.exit_ts[mine])
        seen, begin, end = mine[begin < end], begin[begin < end], end[begin < end]
        low[seen] = np.minimum(low[seen], _ranged(np.minimum, path.low[piece], begin, end))
        high[seen] = np.maximum(high[seen], _ranged(np.maximum, path.high[piece], begin, end))
    entry = trips.entry_value.astype(float) / trips.opened
    with np.errstate(divide="ignore", invalid="ignore"):
        down, up = (low - entry) / entry, (high - entry) / entry
    long = trips.side > 0
    return np.minimum(np.where(long, down, -up), 0.0), np.maximum(np.where(long, up, -down), 0.0)


def _extremes_of_fills(trips: Trips, fills: Fills) -> tuple[Floats, Floats]:
    # A trip's fills are those of its strategy and instrument from its first to its last.
    low, high = np.zeros(len(trips.first)), np.zeros(len(trips.first))
    if not len(low):
        return low, high
    order = np.lexsort((fills.row, fills.strategy))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    begin, end = place[trips.first], place[trips.last] + 1
    price = fills.price[order]
    return _ranged(np.minimum, price, begin, end), _ranged(np.maximum, price, begin, end)


def _ranged(extreme: Any, numbers: Int64, begin: Int64, end: Int64) -> Floats:
    # Over [begin, end) of each pair, none of them empty: two spans of a power of two cover it.
    found = np.empty(len(begin))
    level = np.frexp(end - begin)[1] - 1
    spans = numbers
    for step in range(level.max(initial=-1) + 1):
        mine, width = np.flatnonzero(level == step), 1 << step
        found[mine] = extreme(spans[begin[mine]], spans[end[mine] - width])
        spans = extreme(spans[:-width], spans[width:])
    return found
