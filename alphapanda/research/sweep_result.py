"""What a sweep gave: every combination's figures as a table, the best, and what to think of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alphapanda.errors import UsageError
from alphapanda.model.money import text
from alphapanda.research.events import decimals
from alphapanda.research.heatmap import page
from alphapanda.research.sweep_store import Rows
from alphapanda.research.tally import Figures

METRICS = {
    "sharpe": 1, "sortino": 1, "return": 1, "pnl": 1, "hit_rate": 1, "trips": 1,
    "max_drawdown": -1, "charges": -1,
}  # fmt: skip
"""What the best can be chosen by: 1 where more is better, -1 where less is."""

MONEY = ("pnl", "equity", "charges")
COUNTS = ("fills", "trips")
RATIOS = ("hit_rate", "return", "sharpe", "sortino", "max_drawdown")
FIGURES = (*MONEY, *COUNTS, *RATIOS)
TAKEN = ("combo", "instrument", *FIGURES)


def column_of(parameter: str) -> str:
    """Return the column of a parameter: its name, or one that no parameter and no figure has."""
    return f"param:{parameter}" if parameter in TAKEN else parameter


def window_column(axes: Iterable[str]) -> str:
    """Return the column of walk-forward's own windows, which no parameter has."""
    return "walk-forward window" if "window" in axes else "window"


def best_of(rows: Rows, metric: str) -> int | None:
    """Return the row of the best by a metric, the first of equals; None if it is undefined in all.

    A combination that never traded is no candidate.
    """
    worth = METRICS[metric] * rows[metric].astype(np.float64)
    worth[np.isnan(worth) | (rows["fills"] == 0)] = -np.inf
    best = int(np.argmax(worth))
    return best if worth[best] > -np.inf else None


def figures_of(row: Any) -> dict[str, Any]:
    """Return one run's figures as JSON shows them."""
    values = {name: row[name].item() for name in FIGURES}
    return {name: show_figure(name, value) for name, value in values.items()}


def show_figures(figures: Figures) -> dict[str, Any]:
    """Return figures that no row holds yet, as JSON shows them."""
    values = {**figures._asdict(), "return": figures.ret}
    return {name: show_figure(name, values[name]) for name in FIGURES}


def show_figure(name: str, value: Any) -> Any:
    """Return a figure as JSON shows it: money as text, None for what is undefined."""
    if name in MONEY:
        return text(value)
    return None if value is None or math.isnan(value) else value


def results_table(
    rows: Rows, numbers: NDArray[np.int64], axes: Mapping[str, Sequence[int | float]], windows: int
) -> pa.Table:
    """Return all runs by window and combination: parameters, then figures, money exact.

    `numbers` are the combinations of the runs, those of a window behind those of the last.
    """
    columns: dict[str, Any] = {}
    if windows > 1:
        columns[window_column(axes)] = np.repeat(np.arange(windows), len(numbers) // windows)
    columns["combo"] = rest = numbers
    places: dict[str, NDArray[np.int64]] = {}
    for name, values in reversed(list(axes.items())):
        rest, places[name] = np.divmod(rest, len(values))
    for name, values in axes.items():
        columns[column_of(name)] = np.array(values)[places[name]]
    for name in FIGURES:
        given = np.ascontiguousarray(rows[name])
        columns[name] = (
            decimals(given) if name in MONEY else pa.array(given, from_pandas=name in RATIOS)
        )
    return pa.table(columns)


@dataclass(frozen=True)
class SweepResult:
    """Every combination of a sweep with its figures, and the best of them."""

    summary: dict[str, Any]
    table: pa.Table = field(repr=False)
    axes: list[str]
    path: Path | None = None

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read a finished sweep from its folder.

        Raises:
            UsageError: if there is none.
        """
        try:
            summary = json.loads(Path(folder, "summary.json").read_text())
            table = pq.read_table(Path(folder, "results.parquet"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{folder}: no finished sweep") from error
        return cls(summary, table, list(summary["grid"]), Path(folder))

    @property
    def best(self) -> dict[str, Any] | None:
        """Parameters and figures of the best; None if the metric is undefined in all."""
        best: dict[str, Any] | None = self.summary["best"]
        return best

    def frame(self, library: str = "pandas") -> Any:
        """Return all combinations as a data frame of `pandas` or `polars`, money as floats."""
        floats = self.table
        for name in MONEY:
            place = floats.schema.get_field_index(name)
            floats = floats.set_column(place, name, floats[name].cast(pa.float64()))
        if library == "polars":
            import polars as pl  # noqa: PLC0415 (only where it is wanted)

            return pl.from_arrow(floats)
        if library != "pandas":
            raise UsageError(f"frame({library!r}): write pandas or polars")
        return floats.to_pandas()

    def top(self, count: int = 10) -> list[dict[str, Any]]:
        """Return the best combinations by the metric, best first, those that never traded last."""
        metric = self.summary["metric"]
        sign = "ascending" if METRICS[metric] < 0 else "descending"
        traded = self.table.filter(pc.greater(self.table["fills"], 0))
        order = pc.sort_indices(traded, sort_keys=[(metric, sign), ("combo", "ascending")])
        rows: list[dict[str, Any]] = traded.take(order[:count]).to_pylist()
        return rows

    def html(self) -> str:
        """Return one page with the heat map, which needs nothing else; of the best instrument."""
        columns = {column_of(name): name for name in self.axes}
        table = self.table
        if "instruments_table" in self.summary:
            name = (self.best or self.summary["instruments_table"][0])["instrument"]
            table = table.filter(pc.equal(table["instrument"], name))
        return page(self.summary, table, columns, METRICS, window=window_column(self.axes))

    def _repr_html_(self) -> str:
        height = 900 if len(self.axes) > 1 else 620
        return (
            f'<iframe srcdoc="{escape(self.html())}" style="width:100%;height:{height}px;'
            'border:0" title="Sweep"></iframe>'
        )
