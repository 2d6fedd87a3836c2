"""A sweep as one HTML page: heat map over two parameters, the best ten, walk-forward windows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

TEMPLATE = Path(__file__).with_name("heatmap.html")
SHOWN = 100_000
"""Combinations on a page; of more, the best by the metric."""
LABELS = {
    "sharpe": "Sharpe ratio", "sortino": "Sortino ratio", "return": "Return", "pnl": "P&L",
    "hit_rate": "Hit rate", "trips": "Round trips", "max_drawdown": "Max drawdown, every P&L row",
    "charges": "Charges",
}  # fmt: skip


def page(
    summary: Mapping[str, Any], table: pa.Table, parameters: Mapping[str, str],
    metrics: Mapping[str, int], *, window: str,
) -> str:  # fmt: skip
    """Return the page; it needs no network and nothing beside it.

    `parameters` are those of the axes by their column, `window` is the column of walk-forward's
    windows, which there need not be.
    """
    total = table.num_rows
    if total > SHOWN:
        order = "descending" if metrics[summary["metric"]] > 0 else "ascending"
        chosen = pc.sort_indices(table, sort_keys=[(summary["metric"], order)])[:SHOWN]
        table = table.take(chosen)
    dimensions = [name for name in (window, *parameters) if name in table.column_names]
    data = {
        "summary": {name: value for name, value in summary.items() if name != "grid"},
        "total": total,
        "window": window if window in table.column_names else None,
        "parameters": dict(parameters),
        "axes": {name: ordered(table, name) for name in dimensions},
        "metrics": {name: {"label": LABELS[name], "better": metrics[name]} for name in metrics},
        "columns": {name: numbers(table, name) for name in (*dimensions, *metrics, "fills")},
    }
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    return TEMPLATE.read_text().replace("__DATA__", text)


def ordered(table: pa.Table, name: str) -> list[float]:
    """Return the different values of a parameter, ascending."""
    return sorted(pc.unique(table[name]).to_pylist())


def numbers(table: pa.Table, name: str) -> list[float | None]:
    """Return a column as numbers with the digits that a screen can show."""
    column = table[name]
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    return [
        float(f"{value:.6g}") if isinstance(value, float) and name in LABELS else value
        for value in column.to_pylist()
    ]
