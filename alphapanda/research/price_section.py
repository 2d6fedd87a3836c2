"""The price chart of a run's page: prices with volume, and the indicators that the run declared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from alphapanda.model.money import SCALE
from alphapanda.research import curves
from alphapanda.research.events import Names
from alphapanda.research.pack import Pack
from alphapanda.research.prices import candles_of
from alphapanda.research.stats import Fills
from alphapanda.research.tables import absent, floats, integers, join_chunks, nanoseconds, numbers
from alphapanda.research.trades import Path

PRICE_POINTS = 120_000
PRICE_POINTS_EACH = 12_000
INDICATOR_POINTS = 150_000
SHOWN = 12
"""Instruments that a page charts where nothing was traded."""
DIGITS = 1_000_000
"""Parts of the greatest value of an indicator that a page tells apart, unless it is a price."""


def milliseconds(ns: Any) -> Any:
    """Return ns as whole ms."""
    return np.asarray(ns) // 1_000_000


def add_prices(pack: Pack, path: Path, fills: Fills, prices: Any) -> list[int]:
    """Add the price path of the instruments that traded, or of a few if none did."""
    traded = set(np.unique(fills.row).tolist())
    places = dict(curves.by_instrument(path))
    shown = [row for row in places if row in traded] or list(places)[:SHOWN]
    room = min(PRICE_POINTS_EACH, max(200, PRICE_POINTS // max(len(shown), 1)))
    opened, volume = candles_of(prices, path.last)
    for row in shown:
        where = places[row]
        starts = np.arange(where.start, where.stop, -(-(where.stop - where.start) // room))
        ends = np.append(starts[1:], where.stop) - 1
        last = path.last[ends]
        high = np.maximum.reduceat(path.high[: where.stop], starts)
        low = np.minimum.reduceat(path.low[: where.stop], starts)
        pack.add(f"price_ts_{row}", milliseconds(path.last_ts[ends]))
        pack.add(f"price_{row}", last)
        pack.add(f"price_up_{row}", high - last)
        pack.add(f"price_down_{row}", last - low)
        pack.add(f"price_open_{row}", opened[starts] - last)
        pack.add(f"volume_{row}", np.add.reduceat(volume[: where.stop], starts))
    return shown


def add_indicators(
    pack: Pack, table: Any, shown: list[int], names: Names
) -> list[dict[str, Any]]:  # fmt: skip
    """Add what indicators of the charted instruments stood at; return what each series is.

    Series `n` has its times in `indicator_ts_n` and its values, in its `unit`, in `indicator_n`.
    """
    if table is None or not len(table):
        return []
    known = ~absent(join_chunks(table["value"]))
    ts, value = nanoseconds(table["ts"])[known], floats(table["value"])[known]
    row = numbers(table["instrument"], names.instruments)[known]
    strategy = numbers(table["strategy"], names.strategies)[known]
    kinds = join_chunks(table["name"]).cast(pa.string()).unique().to_pylist()
    kind, priced = numbers(table["name"], kinds)[known], integers(table["on_price"])[known]
    changes = (np.diff(row) != 0) | (np.diff(strategy) != 0) | (np.diff(kind) != 0)
    starts = np.flatnonzero(np.append(len(ts) > 0, changes))
    ends = np.append(starts[1:], len(ts))
    places = [(a, b) for a, b in zip(starts, ends, strict=True) if row[a] in shown]
    room = max(200, INDICATOR_POINTS // max(len(places), 1))
    told = []
    for n, (start, end) in enumerate(places):
        step = -(-(end - start) // room)
        chosen = np.append(np.arange(start, end - 1, step), end - 1)
        unit = 1 / SCALE if priced[start] else (np.abs(value[start:end]).max() or 1.0) / DIGITS
        pack.add(f"indicator_ts_{n}", milliseconds(ts[chosen]))
        pack.add(f"indicator_{n}", value[chosen] / unit)
        told.append({
            "row": int(row[start]), "strategy": int(strategy[start]), "name": kinds[kind[start]],
            "on_price": bool(priced[start]), "unit": float(unit),
        })  # fmt: skip
    return told
