"""Figures of whole runs, against those that pandas and empyrical make of equity and calendar."""

from __future__ import annotations

import json
import warnings
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import alphapanda
from alphapanda.model.calendar import Calendar, Phase, SessionGroup
from tests.support.shared import shared

ROOT = Path(__file__).resolve().parents[2]
MINUTES = "nse_1min_kite_201608_09.parquet"
SHARES = {
    "instrument": ["INFY", "SBIN", "TATASTEEL", "HDFCBANK", "ICICIBANK", "TCS"],
    "from_": "2016-08-29",
}  # fmt: skip
QUARTER = {"to": "2019-03-31"}
RUNS = [  # few rows enough to be over in plain Python: no figure knows how a run was made
    ("opening_range", MINUTES, SHARES),
    ("opening_range", MINUTES, {**SHARES, "product": "MIS"}),
    ("sma_cross", MINUTES, SHARES),
    ("sma_cross", "kite_day_20200714_20260109.parquet", {"from_": "2024-01-01"}),
    ("sma_cross", "nse_1min_yesbank_2019_jan_aug.parquet", {**QUARTER, "product": "MIS"}),
    (
        "sma_cross",
        "nse_1min_yesbank_2019_jan_aug.parquet",
        {**QUARTER, "limits": "wide", "latency": "90s"},
    ),
    ("quiet_reversal", "nse_1min_reliance_20251029_1226.parquet", {}),
    ("quiet_reversal", "nse_1min_yesbank_2019_jan_aug.parquet", QUARTER),
]


@pytest.fixture(params=RUNS, ids=lambda run: f"{run[0]} {run[1][:20]} {run[2].get('product', '')}")
def result(request: pytest.FixtureRequest) -> Any:
    name, data, options = request.param
    return made(name, data, json.dumps(options))


@cache
def made(name: str, data: str, options: str) -> Any:
    strategy = str(ROOT / "strategies" / f"{name}.py")
    return alphapanda.backtest(strategy, shared("data", "bars", data), **json.loads(options))


def trading_days(result: Any) -> list[date]:
    first, last = (date.fromisoformat(result.summary[name]) for name in ("from", "to"))
    return Calendar.nse().days(first, last)


def returns_of(result: Any) -> pd.Series:
    """Return one return a trading day, as whoever reads the tables would count them."""
    table = result.table("equity").to_pandas()
    days = pd.to_datetime(table["ts"]).dt.tz_convert("Asia/Kolkata").dt.date
    cash = float(result.summary["cash"])
    closes = table["equity"].astype(float).groupby(days).last()
    closes = closes.reindex(trading_days(result)).ffill().fillna(cash)
    before = np.append(cash, closes.to_numpy()[:-1])
    return pd.Series(closes.to_numpy() / before - 1, index=pd.to_datetime(closes.index))


@pytest.fixture(scope="module")
def empyrical() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it imports warns of its own
        import empyrical  # noqa: PLC0415
    return empyrical


@pytest.mark.core
def test_ratios_are_those_of_all_trading_days(result: Any, empyrical: Any) -> None:
    """One return a trading day, 0 where flat: empyrical's figures of them are ours, to 1e-9."""
    returns = returns_of(result)
    theirs = {
        "return": empyrical.cum_returns_final(returns),
        "cagr": empyrical.cagr(returns),
        "volatility": empyrical.annual_volatility(returns),
        "sharpe": empyrical.sharpe_ratio(returns),
        "sortino": empyrical.sortino_ratio(returns),
        "max_drawdown_daily": -empyrical.max_drawdown(returns),
        "calmar": empyrical.calmar_ratio(returns),
    }
    ours = result.stats
    assert ours["days"] == len(returns)
    for name, value in theirs.items():
        if ours[name] is None:
            assert not np.isfinite(value), name
        else:
            assert ours[name] == pytest.approx(value, rel=1e-9, abs=1e-12), name
    days = result.table("days").to_pandas()
    assert days["return"].to_numpy() == pytest.approx(returns.to_numpy(), abs=1e-15)
    assert days["day"].tolist() == trading_days(result)


@pytest.mark.core
def test_drawdown_is_that_of_every_row_of_equity(result: Any) -> None:
    """The deepest fall of any P&L row from the highest point before it."""
    table = result.table("equity").to_pandas()
    path = np.append(float(result.summary["cash"]), table["equity"].astype(float))
    deepest = (1 - path / np.maximum.accumulate(path)).max()
    assert result.stats["max_drawdown"] == pytest.approx(deepest, abs=1e-9)


@pytest.mark.core
def test_time_in_market_is_a_share_of_all_session_time(result: Any) -> None:
    """Nanoseconds of OPEN phases in which anything is held, over those of all trading days."""
    spans = []
    for day in trading_days(result):
        session = Calendar.nse().session(day, SessionGroup.EQUITY)
        assert session is not None
        spans += [(a.ts, b.ts) for a, b in pairwise(session.changes) if a.phase == Phase.OPEN]
    fills = result.table("fills").to_pandas()
    held: dict[str, int] = {}
    since, inside = None, 0
    for ts, name, qty in zip(fills["ts"], fills["instrument"], fills["qty"], strict=True):
        was = any(held.values())
        held[name] = held.get(name, 0) + qty
        if any(held.values()) and not was:
            since = pd.Timestamp(ts).value
        elif was and not any(held.values()):
            end = pd.Timestamp(ts).value
            inside += sum(max(0, min(end, b) - max(since, a)) for a, b in spans)
            since = None
    if since is not None:
        inside += sum(max(0, b - max(since, a)) for a, b in spans)
    share = inside / sum(b - a for a, b in spans)
    assert result.stats["exposure"] == pytest.approx(share, abs=1e-9)
    assert 0 <= result.stats["gross_exposure"] <= 1.5


@pytest.mark.core
def test_trips_and_the_rest_are_the_whole_pnl(result: Any) -> None:
    """Closed trips, open positions at their last price, account charges: the P&L, exactly."""
    parts = {name: Decimal(value) for name, value in result.summary["pnl_parts"].items()}
    assert sum(parts.values()) == Decimal(result.summary["pnl"])
    assert parts["trips"] == sum(result.table("trades")["pnl"].to_pylist(), Decimal(0))
    assert not any("unexplained" in note for note in result.summary["notes"])
    if not result.summary["open_positions"]:
        charges = sum(result.table("trades")["charges"].to_pylist(), Decimal(0))
        assert charges == Decimal(result.summary["charges"])


@pytest.mark.core
def test_each_order_request_counts_once(result: Any) -> None:
    """Refused, failed, filled, cancelled, expired, open: as the tables of orders have them."""
    told = result.summary["requests"]
    orders = result.table("orders").to_pylist()
    statuses = [order["status"] for order in orders]
    for name in ("filled", "cancelled", "expired", "failed", "open"):
        assert told[name] == statuses.count(name), name
        filled = sum(order["filled"] for order in orders if order["status"] == name)
        assert told["filled_quantity"].get(name, 0) == filled, name
    names = ("refused", "failed", "filled", "cancelled", "expired", "open")
    assert told["total"] == sum(told[name] for name in names) == len(orders) + told["refused"]
    assert told["refused"] <= result.summary["rejected"]


def test_tables_of_the_run_are_read_again(tmp_path: Path) -> None:
    """Days and charges are files of the run; an older run without them says what it lacks."""
    data = shared("data", "bars", "nse_1min_yesbank_2019_jan_aug.parquet")
    strategy = str(ROOT / "strategies" / "sma_cross.py")
    options = {"product": "MIS", "to": "2019-01-31", "out": tmp_path / "run", "jit": False}
    first = alphapanda.backtest(strategy, data, **options)
    again = alphapanda.load(tmp_path / "run")
    for name in ("days", "charges", "trades"):
        assert again.table(name).to_pylist() == first.table(name).to_pylist(), name
    assert pq.read_table(tmp_path / "run" / "days.parquet").num_rows == first.stats["days"]
    (tmp_path / "run" / "charges.parquet").unlink()
    (tmp_path / "run" / "days.parquet").unlink()
    old = alphapanda.load(tmp_path / "run")
    assert old.table("charges").to_pylist() == first.table("charges").to_pylist()
    assert old.table("trades").to_pylist() == first.table("trades").to_pylist()
    assert "earlier version" in old.summary["notes"][0]
