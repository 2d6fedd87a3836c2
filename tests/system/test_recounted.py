"""Backtests on real recordings, their accounts counted again in Decimal to the paisa."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import alphapanda
from alphapanda.model.charges import ChargeClass, Schedule
from alphapanda.model.instruments import Exchange
from tests.support.ducks import query
from tests.support.recount import Account, differences, last_prices, recount, terms, trades
from tests.support.shared import shared

NIFTY = "NSE:nifty50_index_1s_2022_aug_sep"
FUTURE = "NFO:NIFTY25DECFUT"
ROOT = Path(__file__).resolve().parents[2]
MILLION = Decimal(1_000_000)
PLENTY = 100_000_000
LATE: dict[str, Any] = {"from_": "2022-09-19", "jit": False}
"""The last six days of ticks: in Python sooner than a core for prices alone is compiled."""


def nifty() -> Path:
    return shared("data", "ticks", "nifty50_index_1s_2022_aug_sep.parquet")


def minutes() -> Path:
    return shared("data", "bars", "nse_1min_kite_201608_09.parquet")


def future() -> Path:
    return shared("data", "ticks", "kite_full_NIFTY25DECFUT_20251229.parquet")


@cache
def run(strategy: str, data: Path, **options: Any) -> Any:
    return alphapanda.backtest(str(ROOT / "strategies" / f"{strategy}.py"), data, **options)


def account(
    result: Any, last: dict[str, Decimal], *, product: str, costs: str = "zerodha",
    cash: Decimal = MILLION, until: date | None = None, **more: Any,
) -> Account:  # fmt: skip
    made = [t for t in trades(result.table("fills")) if until is None or t.day <= until]
    return recount(
        made, last, schedule=Schedule.parse(costs), terms=terms(product), cash=cash, **more
    )


def day_closes(result: Any) -> dict[date, Decimal]:
    """Return the account's last equity of each day."""
    equity = result.table("equity")
    stamps = [ts.date() for ts in equity["ts"].to_pandas().dt.to_pydatetime()]
    return dict(zip(stamps, equity["equity"].to_pylist(), strict=True))


def before(day: date, time: str) -> str:
    """Return SQL that keeps the rows up to the end of a day of India."""
    return f"{time} < '{day + timedelta(1)} 00:00:00+05:30'::TIMESTAMPTZ"


def test_ema_cross_over_six_days_of_ticks() -> None:
    """Delivery: what is bought and sold on one day is intraday, the rest pays STT on both sides."""
    result = run("ema_cross", nifty(), **LATE)
    assert result.summary["ticks"] == 132_791
    assert result.summary["rejected"] == 0
    assert result.summary["fills"] > 1_000
    counted = account(result, last_prices(nifty(), name=NIFTY), product="CNC")
    assert counted.charges["depository"] > 0
    assert counted.charges["brokerage"] > 0
    assert differences(result, counted) == []


def test_equity_at_every_close_of_ema_cross() -> None:
    """The equity curve is right at the end of each day, not only at the end of the run."""
    result = run("ema_cross", nifty(), **LATE)
    closes = day_closes(result)
    assert len(closes) == 6
    for day, equity in closes.items():
        last = last_prices(nifty(), name=NIFTY, where=before(day, "time"))
        counted = account(result, last, product="CNC", until=day)
        assert abs(equity - counted.equity) <= Decimal("0.005"), day


def test_every_fill_of_ema_cross_has_a_price_that_was_there() -> None:
    """A market order fills at the last price of the row that fills it, one row after its signal."""
    rows = query(
        "SELECT epoch_ns(time), round(last_price * 10000)::BIGINT FROM read_parquet(?)",
        [str(nifty())],
    )
    seen = set(rows)
    made = trades(run("ema_cross", nifty(), **LATE).table("fills"))
    assert [t for t in made if (t.ts, int(t.price * 10_000)) not in seen] == []


def minute_of_day(ts: int) -> int:
    """Return the minutes since midnight in India."""
    return (ts // 10**9 + 19_800) % 86_400 // 60


def test_intraday_is_squared_off_by_the_broker() -> None:
    """MIS: brokerage a side, STT on sales only, flat every evening, a fee for each forced order."""
    result = run("ema_cross", nifty(), product="MIS", **LATE)
    made = trades(result.table("fills"))
    late = sorted({t.day for t in made if minute_of_day(t.ts) >= 15 * 60 + 20})
    counted = account(
        result, last_prices(nifty(), name=NIFTY), product="MIS", squared_off=late,
        squared_terms=(ChargeClass.INTRADAY, Exchange.NSE),
    )  # fmt: skip
    assert late
    assert counted.positions == {}
    assert counted.charges["depository"] == 0
    assert set(result.summary["rejected_by"]) == {"MARKET_CLOSED"}
    assert differences(result, counted) == []


def test_sma_cross_over_56_symbols_in_one_portfolio() -> None:
    """Minute bars stamped at their start; the volume of indices is 0, which limits no fill."""
    result = run("sma_cross", minutes())
    assert len(result.summary["instruments"]) == 56
    assert result.summary["days"] == 18
    counted = account(result, closing(), product="CNC")
    assert differences(result, counted) == []


def test_equity_at_every_close_of_sma_cross() -> None:
    """56 positions in one account are marked at each day's last bars."""
    result = run("sma_cross", minutes())
    closes = day_closes(result)
    assert len(closes) == 18
    for day, equity in closes.items():
        counted = account(result, closing(day), product="CNC", until=day)
        assert abs(equity - counted.equity) <= Decimal("0.005"), day


def test_sma_cross_over_five_years_of_day_bars() -> None:
    """A day's bar decides after the close; each order fills at the next day's open, or not."""
    source = shared("data", "bars", "kite_day_20200714_20260109.parquet")
    result = run("sma_cross", source)
    made = trades(result.table("fills"))
    assert len(made) > 800
    rows = query(
        "SELECT 'NSE:' || symbol, CAST(timezone('Asia/Kolkata', date) AS DATE), open, low, high "
        "FROM read_parquet(?)", [str(source)],
    )  # fmt: skip
    bars = {(name, day): prices for name, day, *prices in rows}
    at_open = 0
    for trade in made:
        opened, low, high = bars[trade.instrument, trade.day]
        assert low - 0.005 <= float(trade.price) <= high + 0.005, trade
        above = float(trade.price) - opened
        at_open += abs(above) < 0.005
        # A gap beyond the market protection leaves a limit order at its edge.
        assert abs(above) < 0.005 or (above < 0) == (trade.qty > 0), trade
    assert at_open > 0.8 * len(made)
    assert set(result.summary["rejected_by"]) <= {"RATE"}
    last = last_prices(source, price="close", time="date")
    assert differences(result, account(result, last, product="CNC")) == []


def test_fills_of_bars_lie_within_their_bar_and_traded_volume() -> None:
    """A fill on a bar is at a price the bar had, and of no more than was traded.

    Of what has no volume in any row, such as an index, none is known, and nothing limits its fills.
    """
    sql = """
        SELECT 'NSE:' || symbol, epoch_ns(date) + 60000000000, low, high, volume
        FROM read_parquet(?)
    """
    found = query(sql, [str(minutes())])
    bars = {(name, end): (low, high, volume) for name, end, low, high, volume in found}
    traded = {name for (name, _), (_, _, volume) in bars.items() if volume}
    for trade in trades(run("sma_cross", minutes()).table("fills")):
        low, high, volume = bars[trade.instrument, trade.ts]
        assert low <= float(trade.price) <= high, trade
        assert abs(trade.qty) <= volume or trade.instrument not in traded, trade


def test_momentum_over_the_universe() -> None:
    """The cross-section is decided in one hook and traded in one account."""
    result = run("momentum", minutes())
    assert result.summary["fills"] > 1_000
    assert len(result.summary["open_positions"]) <= 5
    assert differences(result, account(result, closing(), product="CNC")) == []


@pytest.mark.parametrize("costs", ["zerodha", "none", "0.03%"])
@pytest.mark.parametrize("calendar", ["nse", "always"])
def test_market_maker_on_a_kite_recording(costs: str, calendar: str) -> None:
    """A futures quote on both sides: long and short, limit fills only."""
    result = run(
        "market_maker", future(), exchange="NFO", limits="wide", cash=PLENTY, costs=costs,
        calendar=calendar,
    )  # fmt: skip
    made = trades(result.table("fills"))
    assert {t.qty > 0 for t in made} == {True, False}
    positions = result.table("fills")["position"].to_pylist()
    assert min(positions) < 0 < max(positions)
    last = last_prices(future(), exchange="NFO", symbol="trading_symbol")
    counted = account(result, last, product="NRML", costs=costs, cash=Decimal(PLENTY))
    assert differences(result, counted) == []


def test_market_maker_intraday_pays_for_the_forced_order() -> None:
    """MIS in futures: the same trades, and the fee of one order at 15:25."""
    result = run(
        "market_maker", future(), exchange="NFO", limits="wide", cash=PLENTY, product="MIS"
    )
    last = last_prices(future(), exchange="NFO", symbol="trading_symbol")
    counted = account(
        result, last, product="MIS", cash=Decimal(PLENTY), squared_off=[date(2025, 12, 29)],
        squared_terms=(ChargeClass.FUTURES, Exchange.NFO),
    )  # fmt: skip
    assert differences(result, counted) == []


def test_spread_of_two_futures(tmp_path: Path) -> None:
    """Two legs of one strategy, from a feed with repeats, under their contracts' names."""
    source = shared("data", "ticks", "breeze_stock_futures_20251117.parquet")
    path = tmp_path / "futures.parquet"
    query(f"""
        COPY (
            SELECT * REPLACE (
                CASE Symbol WHEN 'RELIND' THEN 'RELIANCE' ELSE Symbol END || '25NOVFUT' AS Symbol
            ) FROM read_parquet('{source}')
        ) TO '{path}'
    """)
    result = alphapanda.backtest(
        str(ROOT / "strategies" / "spread.py"), path, exchange="NFO", limits="wide", cash=PLENTY,
        repair=True, params={"window": 10, "entry": 0.5},
        instrument=("TCS25NOVFUT", "RELIANCE25NOVFUT"),
    )  # fmt: skip
    assert result.summary["fills"] > 10
    assert {t.instrument for t in trades(result.table("fills"))} == {
        "NFO:TCS25NOVFUT", "NFO:RELIANCE25NOVFUT",
    }  # fmt: skip
    last = last_prices(path, exchange="NFO", symbol="Symbol", time="recv_time")
    assert differences(result, account(result, last, product="NRML", cash=Decimal(PLENTY))) == []


def test_quiet_reversal_in_plain_python() -> None:
    """A strategy that is not compiled keeps the same books."""
    days = {"from_": "2022-09-29", "to": "2022-09-30"}
    result = run("quiet_reversal", nifty(), **days)
    assert result.summary["fills"] > 0
    counted = account(result, last_prices(nifty(), name=NIFTY), product="CNC")
    assert differences(result, counted) == []


def test_market_maker_over_twenty_options(tmp_path: Path) -> None:
    """The NIFTY chain of a day as quotes: flat brokerage an order, STT on sales, lots of 75."""
    path = chain(tmp_path)
    master = shared("data", "instruments", "kite_instruments_NFO_20250924.csv.gz")
    result = run(
        "market_maker", path, exchange="NFO", limits="wide", cash=PLENTY, instruments=str(master)
    )
    assert len(result.summary["instruments"]) == 20
    made = trades(result.table("fills"))
    assert len(made) > 100
    assert {t.qty % 75 for t in made} == {0}
    assert {t.price % Decimal("0.05") for t in made} == {0}
    last = last_prices(path, exchange="NFO", price="last", time="ts")
    counted = account(result, last, product="NRML", cash=Decimal(PLENTY))
    assert counted.charges["brokerage"] == 20 * len({t.order for t in made})
    assert differences(result, counted) == []


def test_two_strategies_in_one_account() -> None:
    """Charges belong to the account: one depository charge a share and day, one note a day."""
    cross = str(ROOT / "strategies" / "sma_cross.py")
    both = [
        {"strategy": cross, "params": {"quantity": 3}, "instruments": ["INFY", "TCS", "SBIN"]},
        {"strategy": cross, "params": {"fast": 5, "slow": 20}, "instruments": ["INFY", "SBIN"]},
    ]
    result = alphapanda.backtest(
        both, minutes(), limits="wide", jit=False, from_="2016-08-16", to="2016-08-23"
    )
    assert len(result.summary["strategies"]) == 2
    counted = account(result, closing(date(2016, 8, 23)), product="CNC")
    assert counted.charges["depository"] > 0
    assert differences(result, counted) == []


def closing(day: date = date(2016, 9, 9)) -> dict[str, Decimal]:
    """Return the closes of the 56 symbols at the end of a day."""
    return last_prices(minutes(), price="close", time="date", where=before(day, "date"))


def chain(folder: Path) -> Path:
    """Write ten strikes of the monthly expiry, calls and puts, as one file of quotes."""
    source = shared("data", "options", "nse_option_chain_NIFTY_20250829.parquet")
    sides = " UNION ALL ".join(
        f"""
        SELECT collection_timestamp AS ts, 'NIFTY25SEP' || Strike_Price || '{end}' AS symbol,
            {side}_LTP AS last, {side}_Bid_Price AS bid, {side}_Bid_Qty AS bid_qty,
            {side}_Ask_Price AS ask, {side}_Ask_Qty AS ask_qty
        FROM read_parquet('{source}')
        WHERE Expiry_Date = '2025-09-30' AND Strike_Price BETWEEN 24200 AND 25100
            AND Strike_Price % 100 = 0 AND {side}_LTP > 0
        """
        for side, end in (("CALLS", "CE"), ("PUTS", "PE"))
    )
    path = folder / "chain.parquet"
    once = f"SELECT DISTINCT ON (ts, symbol) * FROM ({sides}) ORDER BY ts, symbol"
    query(f"COPY ({once}) TO '{path}'")
    return path
