"""Each combination of a sweep is the backtest of its parameters: every row, every figure."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import alphapanda
from alphapanda.research.sweep_store import Store
from alphapanda.runs.options import make
from alphapanda.sweeps import plan
from alphapanda.sweeps import sweep as sweeps
from alphapanda.sweeps.grid import make_grid
from alphapanda.sweeps.spans import training
from tests.support.harness import cache_dir
from tests.support.loops import prices_alone, written
from tests.sweeps.markets import GRID, SMA_CROSS, WAYS, Flipper, bars

pytestmark = pytest.mark.core
STATS = ("return", "sharpe", "sortino", "max_drawdown", "trips", "hit_rate")


def compare(strategy: Any, grid: dict[str, Any], tier: str = "auto", **options: Any) -> Any:
    result = alphapanda.sweep(strategy, grid=grid, metric="pnl", tier=tier, **options)
    fills, pnl = 0, Decimal(0)
    for row in result.table.to_pylist():
        params = {name: row[name] for name in grid}
        alone = alphapanda.backtest(strategy, params=params, **options)
        summary = alone.summary
        for name in ("pnl", "equity", "charges"):
            assert row[name] == Decimal(summary[name]), (params, name)
        assert row["fills"] == summary["fills"]
        for name in STATS:
            assert row[name] == summary["stats"][name], (params, name)
        fills += summary["fills"]
        pnl += row["pnl"]
    assert result.summary["fills"] == fills > 0
    assert Decimal(result.summary["pnl"]) == pnl
    return result


def test_a_grid_of_averages() -> None:
    """On two shares, by a core that others use; combinations that the class refuses are skipped."""
    result = compare(SMA_CROSS, GRID, tier="quick", data=bars(), **WAYS)
    assert (result.summary["combos"], result.summary["skipped"]) == (7, 2)


def test_a_loop_of_one_piece(tmp_path: Path) -> None:
    """So it is by a loop that has the strategy in it, as a sweep of many rows uses."""
    ways = {"turn": [50, 120], "size": [1, 3]}
    compare(written(tmp_path), ways, tier="full", data=prices_alone(600, days=2), **WAYS)


def test_positions_that_reverse() -> None:
    """Trips that a reversal splits, a state between hooks, a parameter with fractions."""
    compare(Flipper, {"band": [0.0, 0.25, 2.0], "window": [3, 40]}, data=bars(), cash="900000")


def test_plain_python_gives_the_same() -> None:
    """A strategy in plain Python runs one combination after another, and says so."""
    plain = alphapanda.strategy(Flipper, compiled=False)
    try:
        result = compare(plain, {"window": [3, 40]}, data=bars(2), **WAYS)
        assert any("one after another" in note for note in result.summary["notes"])
    finally:
        alphapanda.strategy(Flipper)


def test_the_rows_are_those_of_a_backtest() -> None:
    """One core, set back and forth between parameters, emits each time a backtest's bytes."""
    options = make({"strategies": SMA_CROSS, "data": bars(), **WAYS})
    spec = sweeps.discovery.in_file(SMA_CROSS)
    grid = make_grid(spec, GRID, {})
    numbers = grid.chosen(None, 7).numbers
    market = plan.read(options, grid, numbers)
    search = plan.Search(GRID, workers=1)
    made = plan.Sweep(
        options, search, grid, len(numbers), numbers, plan.Counts(), market,
        sweeps.windows(market.days, None), Store(None, len(numbers)), 0.0, cache_dir(),
        numbers.tolist(),
    )  # fmt: skip
    worker = sweeps.loop_of(made).worker(plan.tally(made))
    worker.says = True
    span = training(market, market.days)
    for job in (6, 0, 6, 3):
        digest = hashlib.sha256()
        take = worker.tally.take
        worker.tally.take = lambda rows, d=digest, t=take: (d.update(rows.tobytes()), t(rows))
        worker.run(made.arguments(job), span)
        worker.tally.take = take
        alone = alphapanda.backtest(SMA_CROSS, bars(), params=made.arguments(job), **WAYS)
        assert digest.hexdigest() == alone.digest


def test_threads_change_nothing() -> None:
    """One thread or three: the same table, in the order of the combinations."""
    tables = [
        alphapanda.sweep(SMA_CROSS, bars(), grid=GRID, workers=workers, metric="pnl", **WAYS).table
        for workers in (1, 3)
    ]
    assert tables[0].equals(tables[1])
