"""Shares with derivatives end with the closing auction, whatever file of instruments there is."""

from __future__ import annotations

import csv
import gzip
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import alphapanda
from alphapanda import buy, strategy
from alphapanda.model.derivatives import has_derivatives
from tests.support.ducks import query
from tests.support.shared import shared


@strategy(compiled=False)
class LateBuyer:
    """Buys on each bar."""

    def on_bar(self, ctx: Any) -> None:
        """Buy one."""
        buy(ctx, 1)


def late(symbol: str, day: str) -> pd.DataFrame:
    """Return the minutes from 15:10 to 15:29 of a day."""
    times = pd.date_range(f"{day} 15:10", periods=20, freq="1min", tz="Asia/Kolkata")
    return pd.DataFrame(
        {"ts": times, "symbol": symbol, "open": 100.0, "high": 100.0, "low": 100.0,
         "close": 100.0, "volume": 100_000}
    )  # fmt: skip


def run(symbol: str, day: str, **options: Any) -> Any:
    """Buy on each of these minutes."""
    return alphapanda.backtest(
        LateBuyer, late(symbol, day), jit=False, limits="wide", costs="none", **options
    )


@pytest.mark.parametrize(
    ("symbol", "day", "fills"),
    [("INFY", "2026-08-03", 4), ("WAAREEENER", "2026-11-23", 4), ("INFY", "2026-07-31", 19),
     ("TORNTPOWER", "2026-08-03", 19), ("BSE:INFY", "2026-08-03", 4)],
)  # fmt: skip
def test_without_a_file_the_list_tells(symbol: str, day: str, fills: int) -> None:
    """From 2026-08-03 on nothing fills from 15:15, of the shares that have derivatives then."""
    result = run(symbol, day)
    assert len(result.fills) == fills
    notes = " ".join(result.summary["notes"])
    assert ("trading ends with the closing auction" in notes) == (fills == 4)
    assert ("is known until 2026-07-31" in notes) == (day >= "2026-08")


def test_a_file_of_shares_alone_does_not_tell(tmp_path: Path) -> None:
    """Kite's NSE file has no futures: the list stands in."""
    head = ("instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
            "lot_size,instrument_type,segment,exchange")  # fmt: skip
    file = tmp_path / "instruments_20260803.csv"
    file.write_text(f"{head}\n408065,1594,INFY,INFOSYS,0,,0,0.05,1,EQ,NSE,NSE\n")
    result = run("INFY", "2026-08-03", instruments=str(file))
    assert len(result.fills) == 4
    future = "13371138,52231,INFY26AUGFUT,INFY,0,2026-08-25,0,0.05,400,FUT,NFO-FUT,NFO"
    other = tmp_path / "instruments_20260802.csv"
    other.write_text(f"{head}\n{future.replace('INFY', 'SBIN')}\n")
    result = run("INFY", "2026-08-03", instruments=(str(file), str(other)))
    assert len(result.fills) == 19


def test_the_list_is_that_of_the_exchange() -> None:
    """Of the days of which there are Kite's file and a bhavcopy of all futures."""
    path = shared("data", "instruments", "kite_instruments_NFO_20250924.csv.gz")
    with gzip.open(path, "rt") as lines:
        rows = [row for row in csv.DictReader(lines) if row["instrument_type"] == "FUT"]
    compare({row["name"] for row in rows}, date(2025, 9, 24))
    bhavcopy = shared("data", "options", "nse_fo_bhavcopy_fo_20251114.parquet")
    found = query("SELECT DISTINCT symbol FROM read_parquet(?)", [str(bhavcopy)])
    compare({symbol for (symbol,) in found}, date(2025, 11, 14))


def compare(symbols: set[str], day: date) -> None:
    """Assert that the list has exactly the shares among these symbols."""
    indices = {"NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50"}
    shares = symbols - indices
    later = {"SWIGGY", "HYUNDAI", "RADICO", "CESC", "SJVN"}
    assert {name for name in shares | later if has_derivatives(name, day)} == shares
