"""A sweep compares all combinations over the same days, and its columns never share a name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import alphapanda
from tests.support.plain_strategies import Asker, Turner
from tests.support.running import session

GRID = {"window": [20, 100], "charges": [1, 3]}


def ticks() -> str:
    return session(1, 200, days=5)


def embedded(html: str) -> dict[str, Any]:
    found = re.search(r'id="data">(.*?)</script>', html, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_each_combination_is_counted_over_the_days_of_the_data() -> None:
    """What trades on few days has the ratios of a backtest, which counts all."""
    made = alphapanda.sweep(Turner, ticks(), grid=GRID, limits="wide")
    for row in made.table.to_pylist():
        params = {"window": row["window"], "charges": row["param:charges"]}
        alone = alphapanda.backtest(Turner, ticks(), params=params, limits="wide", jit=False)
        assert row["sharpe"] == alone.stats["sharpe"]
        assert row["hit_rate"] == alone.stats["hit_rate"]
        assert alone.stats["days"] == 5
    assert made.summary["chance"] is None or made.summary["chance"]["days"] == 5


def test_parameters_called_as_columns_keep_apart(tmp_path: Path) -> None:
    """`window` and `charges` are parameters, a window of walk-forward and a figure beside them."""
    made = alphapanda.sweep(
        Turner, ticks(), grid=GRID, walk_forward="2d/1d", metric="pnl", limits="wide",
        out=tmp_path / "sweep",
    )  # fmt: skip
    rows = made.table.to_pylist()
    assert {row["window"] for row in rows} == {20, 100}
    assert {row["param:charges"] for row in rows} == {1, 3}
    assert {row["walk-forward window"] for row in rows} == {0, 1, 2}
    assert made.table.num_rows == 12
    data = embedded(made.html())
    assert data["axes"]["window"] == [20, 100]
    assert data["window"] == "walk-forward window"
    assert data["columns"]["charges"] != data["columns"]["param:charges"]
    assert made.summary["out_of_sample"]["days"] == 3


def test_a_window_without_a_trade_has_no_profit() -> None:
    """A P&L of 0.00 is none."""
    made = alphapanda.sweep(
        Asker, ticks(), grid={"far": [10, 20]}, walk_forward="2d/1d", metric="pnl"
    )
    out = made.summary["out_of_sample"]
    assert (out["windows"], out["windows_with_profit"]) == (3, 0)
