"""Rows before `--from` in a sweep: every combination, every window is still its own backtest."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

import pytest

import alphapanda
from alphapanda import config, ema, param, rupees, strategy, target
from alphapanda.runs.options import make
from alphapanda.sweeps import plan
from alphapanda.sweeps import sweep as sweeps
from alphapanda.sweeps.grid import make_grid
from alphapanda.sweeps.windows import windows
from tests.support.harness import cache_dir
from tests.support.running import session

WAYS: dict[str, Any] = {"limits": "wide", "costs": "0.03%", "interval": "1m"}
"""Of one thin day alone nobody could tell that its bars are minutes."""
FROM = "2025-08-08"
GRID = {"slow": [3, 40, 130], "band": [0.0, 0.3]}
"""Windows that need one day before `--from`, or three: an EMA remembers where it began."""
FIGURES = ("return", "sharpe", "sortino", "max_drawdown", "trips", "hit_rate")


@strategy(compiled=False)
class Follower:
    """Long above its average, which never quite forgets its first rows."""

    slow = param(40, ge=1, doc="bars")
    band = param(0.0, ge=0.0, doc="rupees")
    average = ema("slow")

    def on_bar(self, ctx: Any) -> None:
        """Hold 1 or 0."""
        target(ctx, 1 if rupees(ctx.close) > self.average.value + self.band else 0)


@strategy
class Compiled:
    """The same, compiled."""

    slow = param(40, ge=1, doc="bars")
    band = param(0.0, ge=0.0, doc="rupees")
    average = ema("slow")

    def on_bar(self, ctx: Any) -> None:
        """Hold 1 or 0."""
        target(ctx, 1 if rupees(ctx.close) > self.average.value + self.band else 0)


def minutes() -> str:
    """Return seven days of 60 minutes of one share."""
    return session(shares=1, rows=60, days=7, kind="bar")


def of_figures(row: Any) -> tuple[Any, ...]:
    """Return the figures of a row of a sweep's table, or of a window."""
    return (Decimal(row["pnl"]), row["fills"], *(row[name] for name in FIGURES))


def alone(kind: Any, params: Any, **days: Any) -> Any:
    """Return a backtest of these days."""
    return alphapanda.backtest(kind, minutes(), params=params, **days, **WAYS)


def figures_alone(kind: Any, params: Any, **days: Any) -> tuple[Any, ...]:
    """Return the figures of a backtest of these days."""
    summary = alone(kind, params, **days).summary
    stats = summary["stats"]
    return (Decimal(summary["pnl"]), summary["fills"], *(stats[name] for name in FIGURES))


def every_run(kind: Any) -> None:
    """Compare the output rows of each combination, run in any order, with its backtest's."""
    options = make({"strategies": kind, "data": minutes(), "from": FROM, **WAYS})
    grid = make_grid(sweeps.discovery.find(kind, config.load().strategies_dir), GRID, {})
    numbers = grid.chosen(None, 7).numbers
    market = plan.read(options, grid, numbers)
    search = plan.Search(GRID, workers=1)
    made = plan.Sweep(
        options, search, grid, len(numbers), numbers, plan.Counts(), market,
        windows(market.days, None), sweeps.Store(None, len(numbers)), 0.0, cache_dir(),
        numbers.tolist(),
    )  # fmt: skip
    worker = sweeps.loop_of(made).worker(plan.tally(made))
    worker.says = True
    begins = set()
    for job in (5, 0, 3, 2, 1, 4):
        digest, arguments, take = hashlib.sha256(), made.arguments(job), worker.tally.take
        span = made.span(market.days, arguments)
        begins.add(span.batches[0][0].ts[0])
        worker.tally.take = lambda rows, d=digest, t=take: (d.update(rows.tobytes()), t(rows))
        worker.run(arguments, span)
        worker.tally.take = take
        assert digest.hexdigest() == alone(kind, arguments, from_=FROM).digest, arguments
    assert len(begins) == 2, "some combinations are warmed by more days than others"


def test_each_combination_is_its_backtest_to_the_byte() -> None:
    """The longest need is read; each combination is fed what its own run would be."""
    every_run(Follower)


@pytest.mark.core
def test_compiled_it_is_too() -> None:
    """One core, set back between combinations that are fed from different days."""
    every_run(Compiled)


def test_the_table_is_of_warm_runs() -> None:
    """Figures and days of the sweep are those from `--from` on; `--no-warm` begins cold."""
    given: dict[str, Any] = {"from_": FROM, "metric": "pnl", **WAYS}
    result = alphapanda.sweep(Follower, minutes(), grid=GRID, **given)
    for row in result.table.to_pylist():
        params = {name: row[name] for name in GRID}
        assert of_figures(row) == figures_alone(Follower, params, from_=FROM), params
    summary = result.summary
    single = alone(Follower, {"slow": 130, "band": 0.0}, from_=FROM).summary
    assert all(summary[name] == single[name] for name in ("from", "to", "days", "ticks"))
    assert any("--no-warm" in note for note in summary["notes"])
    cold = alphapanda.sweep(Follower, minutes(), grid=GRID, no_warm=True, **given)
    assert cold.table.column("fills") != result.table.column("fills")
    row = cold.table.to_pylist()[3]
    params = {name: row[name] for name in GRID}
    assert of_figures(row) == figures_alone(Follower, params, from_=FROM, no_warm=True)


@pytest.mark.parametrize("more", [{}, {"no_warm": True}, {"from_": "2025-08-06"}])
def test_a_window_is_the_backtest_of_its_days(more: dict[str, Any]) -> None:
    """In training and in the test, with rows before `--from` or from the data's first day on."""
    result = alphapanda.sweep(
        Follower, minutes(), grid={"slow": [3, 90]}, walk_forward="2d/1d", metric="pnl", **more,
        **WAYS,
    )  # fmt: skip
    warm = {name: value for name, value in more.items() if name == "no_warm"}
    told = result.summary["windows_table"]
    assert len(told) > 2
    rows = result.table.to_pylist()
    window, row = told[-1], rows[-1]
    days = dict(zip(("from_", "to"), window["train"], strict=True))
    assert of_figures(row) == figures_alone(Follower, {"slow": row["slow"]}, **days, **warm)
    days = dict(zip(("from_", "to"), window["test"], strict=True))
    tested = figures_alone(Follower, window["params"], **days, **warm)
    assert of_figures(window["out_of_sample"]) == tested
    whole = sum(Decimal(window["out_of_sample"]["pnl"]) for window in told)
    assert Decimal(result.summary["out_of_sample"]["pnl"]) == whole
