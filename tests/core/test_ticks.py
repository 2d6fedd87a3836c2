"""The tick of NSE's shares without an instruments file: by day and price, as the exchange does."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

import alphapanda
from alphapanda import bracket, buy_limit, strategy
from alphapanda.core.ticks import month_of
from alphapanda.data.instruments import read_master
from alphapanda.model.calendar import EPOCH
from alphapanda.model.instruments import Exchange, Instrument, Segment
from alphapanda.model.money import to_scaled
from alphapanda.model.ticks import tick_by_rule
from tests.support.ducks import query
from tests.support.shared import shared

NOTED: list[int] = []


@strategy(compiled=False)
class Noting:
    """Writes down the tick of each bar, and asks for a limit order beside it."""

    def on_bar(self, ctx: Any) -> None:
        """Note."""
        NOTED.append(ctx.market.tick)
        buy_limit(ctx, 1, ctx.close - 1)


@strategy(compiled=False)
class Trailing:
    """Buys once, with a trailing stop whose distance is no tick."""

    def on_bar(self, ctx: Any) -> None:
        """Buy."""
        if ctx.position == 0:
            bracket(ctx, 1, ctx.close - 20_000, trail=12_345)


def bars(*days: tuple[str, float], symbol: str = "INFY", each: int = 2) -> pd.DataFrame:
    """Return a few minutes of some days, each at its price."""
    rows = [
        (pd.Timestamp(f"{day} 09:15", tz="Asia/Kolkata") + pd.Timedelta(minutes=n), symbol,
         price, price, price, price, 1_000)
        for day, price in days for n in range(each)
    ]  # fmt: skip
    return pd.DataFrame(
        rows, columns=["ts", "symbol", "open", "high", "low", "close", "volume"]
    )  # fmt: skip


def ticks_of(*days: tuple[str, float], **options: Any) -> tuple[list[float], Any]:
    """Return the tick in rupees on the last bar of each day, and the run."""
    NOTED.clear()
    symbol = options.pop("symbol", "INFY")
    frame = bars(*days, symbol=symbol)
    result = alphapanda.backtest(Noting, frame, jit=False, limits="wide", **options)
    return [tick / 10_000 for tick in NOTED[1::2]], result


@pytest.mark.parametrize(
    ("day", "price", "tick"),
    [
        ("2016-08-16", 100, 0.05), ("2024-06-07", 249.95, 0.05), ("2024-06-10", 249.95, 0.01),
        ("2024-06-10", 250, 0.05), ("2025-04-11", 1_500, 0.05), ("2025-04-15", 1_000, 0.05),
        ("2025-04-15", 1_000.1, 0.10), ("2025-07-01", 5_000.5, 0.50), ("2025-07-01", 12_000, 1),
        ("2025-07-01", 20_005, 5),
    ],
)  # fmt: skip
def test_the_rule_of_a_day(day: str, price: float, tick: float) -> None:
    """By the first price, where nothing earlier is known."""
    if day == "2025-04-11":
        day = "2025-04-09"
    assert ticks_of((day, price))[0] == [tick]


def test_it_is_reviewed_by_the_month() -> None:
    """A share that falls below Rs 250 keeps its tick until the month is over; a new rule is new."""
    days = (
        ("2025-07-29", 251.0),
        ("2025-07-31", 249.0),
        ("2025-08-01", 252.0),
        ("2025-08-04", 252),
    )
    assert ticks_of(*days)[0] == [0.05, 0.05, 0.01, 0.01]
    assert ticks_of(("2025-04-11", 1_500), ("2025-04-15", 1_500))[0] in ([0.05, 0.10], [0.10])


def test_off_the_tick_is_refused_as_the_exchange_does() -> None:
    """A limit order of Rs 99.9999 is, and the run says where the tick is from."""
    _, result = ticks_of(("2025-07-01", 100.0))
    assert result.summary["rejected_by"] == {"TICK_SIZE": 2}
    assert any("tick size of NSE:INFY is by NSE's rule" in note for note in result.summary["notes"])


def test_a_trailing_stop_stays_on_the_tick() -> None:
    """Its distance is rounded down to the tick, and so is each level that it reaches."""
    frame = bars(("2025-07-01", 100.0), each=6)
    for column in ("open", "high", "low", "close"):
        frame[column] = [100.0, 100.0, 101.0, 102.0, 100.0, 100.0]
    result = alphapanda.backtest(Trailing, frame, jit=False, limits="wide", costs="none")
    fills = result.fills
    assert round(float(fills["price"].iloc[1]) * 100, 6) % 1 == 0
    assert float(fills["price"].iloc[1]) < 102


def test_prices_off_the_tick_tell_another_market() -> None:
    """Adjusted prices have no tick: nothing is refused for it, and that is said."""
    ticks, result = ticks_of(("2025-07-01", 312.3712), ("2025-07-02", 313.1))
    assert ticks == [0, 0]
    assert "TICK_SIZE" not in result.summary["rejected_by"]
    assert any("NSE:INFY has prices off" in note for note in result.summary["notes"])


@pytest.mark.parametrize("symbol", ["NIFTYBEES", "SILVER-SM", "eth_trades", "GOLDIETF"])
def test_the_rule_is_for_shares_of_the_exchange(symbol: str) -> None:
    """Not for ETFs, other series, or what is no symbol of NSE."""
    name = f"NSE:{symbol}"
    assert not tick_by_rule(Instrument(name, Exchange.NSE, Segment.EQUITY, 0, 1))


@pytest.mark.parametrize(
    "symbol", ["INFY", "BAJAJ-AUTO", "M&M", "NAM-INDIA", "20MICRONS", "DHFL-BZ"]
)
def test_a_share_without_a_file_has_it(symbol: str) -> None:
    """But one whose file tells its tick has that."""
    share = Instrument(f"NSE:{symbol}", Exchange.NSE, Segment.EQUITY, 0, 1)
    assert tick_by_rule(share)
    assert not tick_by_rule(replace(share, tick_size=500))


def test_months_are_told_apart() -> None:
    """Over four hundred years each month has one number, and the next one's is one more."""
    days = [date(1995, 1, 1) + timedelta(n) for n in range(24_000)]
    numbers = [(day.year * 12 + day.month) - month_of(day.toordinal() - EPOCH) for day in days]
    assert len(set(numbers)) == 1


def test_real_prices_have_these_ticks() -> None:
    """Real bars of August 2016: no price of a share is off the rule's tick."""
    path = shared("data", "bars", "nse_1min_kite_201608_09.parquet")
    off = query(
        "SELECT count(*) FROM read_parquet(?) WHERE symbol IN ('INFY', 'SBIN', 'RELIANCE', 'ITC') "
        "AND round(close * 10000)::BIGINT % 500 <> 0", [str(path)],
    )  # fmt: skip
    assert off == [(0,)]
    master = read_master(shared("data", "instruments", "kite_instruments_NSE_20250829.csv.gz"))
    found = {master.get(f"NSE:{name}").tick_size for name in ("MRF", "BOSCHLTD", "YESBANK")}
    assert found == {to_scaled("5"), to_scaled("5"), to_scaled("0.01")}
