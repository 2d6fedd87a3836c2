"""Names of files: what they say of an instrument, when that is sure, and what is never shared."""

from __future__ import annotations

from datetime import date

import pytest

from alphapanda.data.filenames import apart, guess
from alphapanda.data.importers.contracts import symbol_of
from alphapanda.data.names import full_name


@pytest.mark.parametrize(("file", "name"), [
    ("500325.csv", "BSE:500325"), ("532540_2024.csv", "BSE:532540"),
    ("20MICRONS.csv", "NSE:20MICRONS"), ("63MOONS_minute.csv", "NSE:63MOONS"),
    ("3MINDIA_day.csv", "NSE:3MINDIA"), ("360ONE-5m.csv", "NSE:360ONE"),
    ("NSE_RELIANCE, 5.csv", "NSE:RELIANCE"), ("BSE_DLY_TCS, 1D (1).csv", "BSE:TCS"),
    ("NSE_NIFTY1!, 15_ab12c.csv", "NFO:NIFTY1!"), ("GOLD_minute.csv", "MCX:GOLD"),
    ("NIFTY 50-01-07-2025-to-02-07-2025.csv", "NSE:NIFTY 50"),
    ("NIFTY BANK-01-07-2025-to-02-07-2025.csv", "NSE:NIFTY BANK"),
    ("Nifty 50 Historical Data (1).csv", "NSE:NIFTY 50"), ("nifty_it_1m.csv", "NSE:NIFTY IT"),
    ("INDIA VIX.csv", "NSE:INDIA VIX"), ("NIFTY_2024.csv", "NSE:NIFTY"),
    ("NIFTY-I_NFO.csv", "NFO:NIFTY-I"), ("BANKNIFTY-I.NFO.csv", "NFO:BANKNIFTY-I"),
    ("Quote-Equity-M&M-EQ-01-07-2025-to-02-07-2025.csv", "NSE:M&M"),
    ("Quote-Equity-SBIN-BE-01-07-2025-to-02-07-2025.csv", "NSE:SBIN-BE"),
    ("01-01-2020-TO-31-12-2020RELIANCEALLN.csv", "NSE:RELIANCE"),
    ("RELIANCE.NS.csv", "NSE:RELIANCE"), ("TCS.BO.csv", "BSE:TCS"), ("^NSEI.csv", "NSE:NIFTY 50"),
    ("Reliance Historical Data.csv", "NSE:RELIANCE"), ("infy-5m.csv", "NSE:INFY"),
    ("2021 JAN NIFTY.txt", "NSE:NIFTY"), ("RELIANCE_60minute_400d.csv", "NSE:RELIANCE"),
    ("BAJAJ-AUTO_1min.csv.gz", "NSE:BAJAJ-AUTO"), ("RELIANCE-EQ.csv", "NSE:RELIANCE"),
    ("tcs_nse_2025-07-01T09-15-00.csv", "NSE:TCS"), ("INFY_part2.csv", "NSE:INFY"),
    ("dhan_full_NIFTY25DECFUT_20251229.parquet", "NFO:NIFTY25DECFUT"),
])  # fmt: skip
def test_a_name_that_is_sure(file: str, name: str) -> None:
    """Words that say when, how long, which part or whose are taken away; one is left."""
    found = guess(file)
    assert (full_name(found.symbol, None), found.sure) == (name, True)


@pytest.mark.parametrize("file", [
    "prices.csv", "data.csv", "1.csv", "2025-07-01.csv", "HDFC Bank.csv", "my tcs.csv",
    "history (3).csv", "minute.csv", "strategy_notes.csv",
])  # fmt: skip
def test_a_name_that_is_not_sure(file: str) -> None:
    """Nothing but dates and fillers, or several words: an import has to be told."""
    assert not guess(f"downloads/{file}").sure


def test_the_folder_counts_where_it_is_in_capitals() -> None:
    """INFY/2025-01-01.csv is INFY's; stuff/2025-01-01.csv is nobody's."""
    assert (guess("INFY/2025-01-01.csv").symbol, guess("INFY/minute.csv").sure) == ("INFY", True)
    assert not guess("stuff/2025-01-01.csv").sure


@pytest.mark.parametrize(("one", "other", "shared"), [
    ("INFY_2025-01.csv", "INFY_2025-02.csv", True), ("INFY_part1.csv", "INFY (2).csv", True),
    ("HDFC Bank.csv", "HDFC Life.csv", False), ("a NIFTY.csv", "b NIFTY.csv", False),
    ("x/prices.csv", "x/history.csv", False),
])  # fmt: skip
def test_names_that_differ_in_more_than_a_date_share_no_guess(
    one: str, other: str, *, shared: bool
) -> None:
    """Each of two such files has its whole name, and neither is sure."""
    found = apart([one, other])
    assert (found[one].symbol == found[other].symbol) is shared
    assert all(each.sure is shared for each in found.values())


@pytest.mark.parametrize(("underlying", "expiry", "right", "symbol"), [
    ("NIFTY", date(2026, 11, 23), "FUT", "NIFTY26NOVFUT"),
    ("NIFTY", date(2026, 11, 23), "CE", "NIFTY26NOV100CE"),  # Tuesday the 24th is a holiday
    ("NIFTY", date(2026, 12, 1), "CE", "NIFTY26D01100CE"),
    ("NIFTY", date(2014, 4, 23), "FUT", "NIFTY14APRFUT"),  # Thursday the 24th was one
    ("NIFTY", date(2014, 4, 23), "PE", "NIFTY14APR100PE"),  # nor were there weeks
    ("RELIANCE", date(2014, 4, 23), "CE", "RELIANCE14APR100CE"),
    ("SBIN", date(2026, 11, 23), "PE", "SBIN26NOV100PE"),
    ("NIFTY", date(2025, 7, 3), "CE", "NIFTY25703100CE"),
    ("BANKNIFTY", date(2025, 9, 25), "FUT", "BANKNIFTY25SEPFUT"),
])  # fmt: skip
def test_a_holiday_makes_no_week_of_a_month(
    underlying: str, expiry: date, right: str, symbol: str
) -> None:
    """Futures are always the month's; of options the last that the calendar allows."""
    assert symbol_of(underlying, expiry, 100, right, listed=[expiry]) == symbol
