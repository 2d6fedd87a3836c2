"""Drawdowns, streaks, sides, holding times and odd days: against quantstats, and by hand."""

from __future__ import annotations

import csv
import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alphapanda
from alphapanda.research.details import details, drawdowns, expectancy, streaks, told_of_days
from alphapanda.research.rolling import WINDOW, beside, rolling
from alphapanda.research.stats import Fills, round_trips
from tests.support.running import ROOT, command, session

FIRST = date(2025, 8, 1).toordinal() - date(1970, 1, 1).toordinal()
SCALE = 10_000
CLOSES = st.lists(st.integers(1, 400), min_size=2, max_size=60).map(
    lambda many: np.array(many, np.int64) * SCALE
)


def test_drawdowns_by_hand() -> None:
    """A fall and a full recovery, a day that ties the peak, and one that lasts to the end."""
    closes = np.array([100, 110, 99, 105, 110, 110, 120, 90, 60, 100], np.int64) * SCALE
    told = told_of_days(np.arange(FIRST, FIRST + 9), closes)
    assert told["drawdowns_in_all"] == 2
    deep, small = told["drawdowns"]
    assert deep == {
        "depth": 0.5, "money": "60.00", "peak": "2025-08-06", "bottom": "2025-08-08",
        "recovered": None, "fall": 2, "recovery": None, "length": 3,
    }  # fmt: skip
    assert small == {
        "depth": 0.1, "money": "11.00", "peak": "2025-08-01", "bottom": "2025-08-02",
        "recovered": "2025-08-04", "fall": 1, "recovery": 2, "length": 3,
    }  # fmt: skip
    assert told["best_days"][0] == {"day": "2025-08-09", "return": 40 / 60, "pnl": "40.00"}
    assert told["worst_days"][0] == {"day": "2025-08-08", "return": -1 / 3, "pnl": "-30.00"}
    assert len(told["worst_days"]) == 3


def test_from_the_initial_cash() -> None:
    """What falls from the first day on has no peak among the days; a run without days has none."""
    told = told_of_days(np.array([FIRST]), np.array([100, 90], np.int64) * SCALE)
    assert told["drawdowns"][0]["peak"] is None
    empty = told_of_days(np.zeros(0, np.int64), np.array([SCALE]))
    assert empty == {"drawdowns": [], "drawdowns_in_all": 0, "best_days": [], "worst_days": []}


@settings(deadline=None, max_examples=40)
@given(CLOSES)
def test_drawdowns_are_those_of_quantstats(closes: Any) -> None:
    """Depth, bottom and number are as quantstats finds them in the same closes."""
    import quantstats  # noqa: PLC0415 - loads seaborn and more, which no other test needs

    days = pd.DatetimeIndex([date(2024, 1, 1) + timedelta(days=n) for n in range(len(closes))])
    under = pd.Series(closes / np.maximum.accumulate(closes) - 1, index=days)
    theirs = quantstats.stats.drawdown_details(under)
    mine = drawdowns(closes)
    assert len(mine) == len(theirs)
    for one, (_, other) in zip(mine, theirs.iterrows(), strict=True):
        assert one.depth == pytest.approx(-other["max drawdown"] / 100, abs=1e-12)
        assert pd.Timestamp(other["valley"]) == days[one.bottom]


def test_streaks_and_expectancy() -> None:
    """A trip that makes nothing ends both streaks; the mean is exact, rounded half up."""
    prices = [10, 11, 10, 12, 10, 10, 10, 13, 10, 9, 10, 8, 10, 7]
    n = len(prices)
    fills = Fills(
        np.arange(n), np.zeros(n, np.int64), np.zeros(n, np.int64), np.tile([1, -1], n // 2),
        np.array(prices, np.int64) * SCALE, np.zeros(n, np.int64),
    )  # fmt: skip
    trips = round_trips(fills)
    assert streaks(trips) == {"longest_win": 2, "longest_loss": 3}
    assert expectancy(trips.pnl) == "0.00"
    assert expectancy(np.array([1, 2])) == "0.0002"
    assert expectancy(np.array([-1, -2])) == "-0.0001"
    assert expectancy(np.zeros(0)) is None


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run with some round trips."""
    out = tmp_path_factory.mktemp("runs") / "one"
    alphapanda.backtest(
        str(ROOT / "strategies" / "ema_cross.py"), session(rows=500), params={"fast": 10},
        jit=False, out=str(out),
    )  # fmt: skip
    return out


def test_a_runs_details_add_up(run: Path) -> None:
    """Both sides are all trips, their P&L that of the trips; times lie between their bounds."""
    result = alphapanda.load(str(run))
    told = details(result)
    trades = result.table("trades")
    by_side = told["by_side"]
    assert by_side["long"]["trips"] + by_side["short"]["trips"] == trades.num_rows > 5
    total = sum(trades["pnl"].to_pylist(), Decimal(0))
    assert sum(Decimal(one["pnl"]) for one in by_side.values()) == total
    assert Decimal(told["expectancy"]) == pytest.approx(
        total / trades.num_rows, abs=Decimal("1e-4")
    )
    held = told["holding"]["all"]
    assert held["shortest"] <= held["median"] <= held["longest"]


def test_the_report_tells_them(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`report --json` has them, the page shows them, and `--trades` writes each trip exactly."""
    sheet = run.parent / "trips.csv"
    done = command("report", str(run), "--trades", str(sheet), "--json", capsys=capsys)
    told = json.loads(done.out)["runs"][0]["details"]
    assert told == details(alphapanda.load(str(run)))
    assert "Deepest drawdowns, day closes (of" in (run / "report.html").read_text()
    with sheet.open(newline="") as file:
        rows = list(csv.DictReader(file))
    trades = alphapanda.load(str(run)).table("trades").to_pylist()
    assert len(rows) == len(trades)
    for row, trade in zip(rows, trades, strict=True):
        assert Decimal(row["pnl"]) == trade["pnl"]
        assert pd.Timestamp(row["entry"]).value == pd.Timestamp(trade["entry"]).value
        assert float(row["return"]) == trade["return"]
    for option in ("--trades", "--fills"):
        refused = command("report", str(run), str(run), option, "x.csv", capsys=capsys)
        assert "of one run, not of 2" in refused.line


def test_fills_are_written_with_their_charges(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--fills` writes each fill exactly, times in India to the nanosecond."""
    sheet = run.parent / "fills.csv"
    assert command("report", str(run), "--fills", str(sheet), capsys=capsys).status == 0
    with sheet.open(newline="") as file:
        rows = list(csv.DictReader(file))
    fills = alphapanda.load(str(run)).table("fills").to_pylist()
    assert len(rows) == len(fills)
    for row, fill in zip(rows, fills, strict=True):
        assert pd.Timestamp(row["ts"]).value == pd.Timestamp(fill["ts"]).value
        assert row["ts"].endswith("+05:30")
        assert {name: Decimal(row[name]) for name in ("qty", "price", "charges")} == {
            name: fill[name] for name in ("qty", "price", "charges")
        }


def test_rolling_figures_are_those_of_quantstats() -> None:
    """Sharpe, volatility, alpha and beta of 300 days are as quantstats has them."""
    import quantstats  # noqa: PLC0415 - as above

    rng = np.random.default_rng(2)
    market = rng.normal(0.0004, 0.01, 300)
    mine = 0.0002 + 0.7 * market + rng.normal(0, 0.006, 300)
    closes, other = (
        np.rint(1e12 * np.cumprod(np.append(1.0, 1.0 + each))).astype(np.int64)
        for each in (mine, market)
    )
    days = pd.date_range("2024-01-01", periods=300)
    returns, bench = (pd.Series(np.diff(path) / path[:-1], index=days) for path in (closes, other))
    places, sharpe, volatility = rolling(closes)
    theirs = quantstats.stats.rolling_sharpe(returns, rolling_period=WINDOW).dropna()
    np.testing.assert_allclose(sharpe, theirs.to_numpy(), rtol=1e-9)
    assert [days[place] for place in places] == list(theirs.index)
    theirs = quantstats.stats.rolling_volatility(returns, rolling_period=WINDOW).dropna()
    np.testing.assert_allclose(volatility, theirs.to_numpy(), rtol=1e-9)
    greeks = quantstats.stats.greeks(returns, bench)
    found = beside(closes, other)
    assert found["alpha"] == pytest.approx(greeks["alpha"], rel=1e-9)
    assert found["beta"] == pytest.approx(greeks["beta"], rel=1e-9)
    assert found["correlation"] == pytest.approx(returns.corr(bench), rel=1e-9)


def test_what_cannot_be_told_of_days_is_none() -> None:
    """A short run has no rolling figures; beside a benchmark that never moved there are none."""
    closes = np.array([100, 101, 102, 99], np.int64)
    assert [len(each) for each in rolling(closes)] == [0, 0, 0]
    still = np.full(4, 100, np.int64)
    assert set(beside(closes, still).values()) == {None}
    assert set(beside(closes[:2], still[:2]).values()) == {None}
    assert set(beside(np.array([100, 0, 5, 5], np.int64), closes).values()) == {None}
