"""Names of files: what they say of an instrument, when that is sure, and what is never shared."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from alphapanda.data.filenames import apart, guess, replayed
from alphapanda.data.importers.contracts import symbol_of
from alphapanda.data.names import full_name
from alphapanda.model.indices import is_index
from alphapanda.model.instruments import Instrument, Segment
from tests.support.shared import shared


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


@pytest.mark.parametrize(("file", "name"), [
    ("nifty50_index_2021_2024.parquet", "NSE:NIFTY 50"), ("NIFTY50_1min.csv", "NSE:NIFTY 50"),
    ("nifty-50-5min.csv", "NSE:NIFTY 50"), ("Nifty_Bank_day.csv", "NSE:NIFTY BANK"),
    ("bank_nifty.csv", "NSE:BANKNIFTY"), ("banknifty spot 2024.csv", "NSE:BANKNIFTY"),
    ("indiavix.parquet", "NSE:INDIA VIX"), ("nifty_psu_bank.csv", "NSE:NIFTY PSU BANK"),
    ("Nifty Midcap 150.csv", "NSE:NIFTY MIDCAP 150"), ("sensex_day.csv", "BSE:SENSEX"),
    ("cnx_nifty.csv", "NSE:NIFTY 50"), ("finnifty-minute.csv", "NSE:FINNIFTY"),
    ("NIFTY FINANCIAL SERVICES-01-07-2025-to-02-07-2025.csv", "NSE:NIFTY FIN SERVICE"),
])  # fmt: skip
def test_an_index_is_told_however_it_is_written(file: str, name: str) -> None:
    """An import sees that it is none that can be bought; so does a run of a name in capitals."""
    found = guess(file)
    assert (full_name(found.symbol, None), found.sure) == (name, True)
    assert Instrument.assumed(name).segment == Segment.INDEX
    if file != file.lower():
        assert replayed(file) == found


@pytest.mark.parametrize("file", ["niftybees.csv", "nifty_bees.csv", "nifty1.csv", "NIFTYETF.csv"])
def test_a_fund_on_an_index_is_none(file: str) -> None:
    """Funds bear an index's name, and are bought as shares are."""
    name = full_name(replayed(file).symbol, None)
    assert Instrument.assumed(name).segment == Segment.EQUITY


@pytest.mark.parametrize(("file", "series"), [
    ("nifty_futures_1min.csv", "NFO:NIFTY-I"), ("RELIANCE-FUT.csv", "NFO:RELIANCE-I"),
    ("nifty50_fut_2021.csv", "NFO:NIFTY-I"), ("Sensex futures.csv", "BFO:SENSEX-I"),
    ("reliance_options.csv", ""), ("NIFTY_OPT_2024.csv", ""),
])  # fmt: skip
def test_contracts_are_no_shares(file: str, series: str) -> None:
    """An import has to be told which; a run takes futures as the near month's, options not."""
    assert not guess(file).sure
    found = replayed(file)
    assert found.contracts == ("FUT" if series else "OPT")
    assert not series or full_name(found.symbol, None) == series


def test_each_name_of_kite_is_an_index_or_none() -> None:
    """By the name alone, of all that the exchange lists."""
    path = shared("data", "instruments", "kite_instruments_NSE_20250829.csv.gz")
    rows = pd.read_csv(path, usecols=["tradingsymbol", "segment"], dtype=str, keep_default_na=False)
    told = rows["tradingsymbol"].map(is_index)
    assert rows["tradingsymbol"][told != (rows["segment"] == "INDICES")].tolist() == []


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
