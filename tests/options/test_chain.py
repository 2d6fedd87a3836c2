"""Chains from a catalogue: contracts, forward and volatility of a real day; the command."""

from __future__ import annotations

import math
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

from alphapanda import options
from alphapanda.data.importers.importing import import_files
from alphapanda.data.importers.source import Wanted
from alphapanda.errors import UsageError
from tests.support.running import command, facts, scratch
from tests.support.shared import shared

DAY, EXPIRY = date(2025, 11, 14), date(2025, 11, 25)
SNAPSHOT, WEEKLY = date(2025, 8, 29), date(2025, 9, 2)


def part(root: Path, name: str, where: str) -> Path:
    """Return some rows of a shared file of options, in a file of the same name."""
    path, made = shared("data", "options", name), root / name
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT * FROM '{path}' WHERE {where}) TO '{made}'")
    return made


@cache
def bhavcopy() -> Path:
    """Return a catalogue of a day's closing prices: NIFTY's futures, and options near the money."""
    root = scratch()
    some = "SYMBOL = 'NIFTY' AND STR_PRICE BETWEEN 25500 AND 26500 AND EXP_DATE < '2025-12-31'"
    files = [
        part(root, "nse_fo_bhavcopy_op_20251114.parquet", some),
        part(root, "nse_fo_bhavcopy_fo_20251114.parquet", "SYMBOL = 'NIFTY'"),
    ]
    import_files(root / "data", files, Wanted())
    return root / "data"


@cache
def snapshots() -> Path:
    """Return a catalogue of a chain's quotes through the first hour: no future, no spot."""
    root = scratch()
    some = ("Expiry_Date = '2025-09-02' AND Strike_Price BETWEEN 24000 AND 25000 "
            "AND Fetch_Time < '2025-08-29 10:30+05:30'")  # fmt: skip
    import_files(
        root / "data", [part(root, "nse_option_chain_NIFTY_20250829.parquet", some)], Wanted()
    )
    return root / "data"


@cache
def closing() -> options.Chain:
    """Return the chain of the closing prices."""
    return options.chain("NIFTY", DAY, data=bhavcopy())


def test_the_future_of_an_expiry_is_its_forward() -> None:
    """The month's expiry has a future, whose close it is; a week without one takes a pair."""
    by_expiry = {forward.expiry: forward for forward in closing().forwards}
    assert by_expiry[EXPIRY] == options.Forward(EXPIRY, 25_951.4, "NFO:NIFTY25NOVFUT")
    weekly = by_expiry[date(2025, 11, 18)]
    assert weekly.source.startswith("call and put of 25")
    assert abs(weekly.value - 25_930) < 30


def test_volatility_and_greeks_are_those_of_the_price() -> None:
    """Each volatility gives the contract's price back, and each delta is of that volatility."""
    chain = closing().of(EXPIRY)
    years = options.years(datetime(2025, 11, 14, 15, 30), EXPIRY)
    assert years == 11 / 365
    told = [c for c in chain.contracts if not math.isnan(c.iv)]
    assert len(told) > 30
    for c in told:
        terms = (c.right, 25_951.4, c.strike / 10_000, years, c.iv)
        assert options.price(*terms) == pytest.approx(c.quote.price / 10_000, abs=1e-8)
        assert c.delta == options.delta(*terms)
    assert all(0.05 < c.iv < 0.3 for c in told)


def test_around_the_money_and_by_delta() -> None:
    """So many strikes a side of the money; the call and the put nearest a delta."""
    chain = closing().of(EXPIRY)
    near = chain.around(2)
    assert sorted({c.strike // 10_000 for c in near.contracts}) == [
        25_850, 25_900, 25_950, 26_000, 26_050,
    ]  # fmt: skip
    call, put = chain.by_delta(0.25).contracts
    assert (call.right, put.right) == ("CE", "PE")
    assert abs(call.delta - 0.25) < 0.05
    assert abs(put.delta + 0.25) < 0.05
    assert closing().around(1).expiries == closing().expiries


def test_a_chain_as_it_was_known_at_a_time() -> None:
    """At 10:00 the quotes are of the last snapshot before it; a pair tells the forward."""
    at = datetime(2025, 8, 29, 10)
    chain = options.chain("NIFTY", SNAPSHOT, at=at, data=snapshots(), rate=0.065)
    assert chain.expiries == (WEEKLY,)
    (forward,) = chain.forwards
    assert forward.source.startswith("call and put of 24")
    known = max(c.quote.known_ns for c in chain.contracts)
    assert 0 <= chain.at_ns - known < 90 * 10**9
    money = chain.around(0).contracts
    assert all(c.quote.price == (c.quote.bid + c.quote.ask) // 2 for c in money)
    assert all(0.05 < c.iv < 0.25 for c in money)


def test_a_frame_of_it() -> None:
    """The frame has a row a contract, in rupees."""
    frame = closing().of(EXPIRY).frame()
    assert list(frame.columns) == [
        "expiry", "strike", "right", "instrument", "last", "bid", "ask", "price", "iv", "delta",
        "gamma", "vega", "theta",
    ]  # fmt: skip
    assert len(frame) == len(closing().of(EXPIRY).contracts)
    assert frame.loc[frame.instrument == "NFO:NIFTY25NOV25950CE", "price"].item() == 198.2


@pytest.mark.parametrize(("asked", "says"), [
    (lambda: options.chain("NIFT", DAY, data=bhavcopy()), "no options on NIFT on 2025-11-14"),
    (lambda: options.chain("NIFTY", "14-11-2025", data=bhavcopy()), "write a day as"),
    (lambda: options.chain("NIFTY", "2025-11-15", data=bhavcopy()), "no trading day"),
    (lambda: options.chain("NIFTY", DAY, expiry=date(2025, 11, 26), data=bhavcopy()),
     "that expire on 2025-11-26: 2025-11-18, "),
    (lambda: options.chain("NIFTY", DAY, data=bhavcopy() / "no"), "is no catalogue"),
    (lambda: options.chain("NIFTY", DAY, data=bhavcopy(), instruments="no.csv"), "no such file"),
    (lambda: options.chain("NIFTY", DAY, data=bhavcopy(), rate=6.5), "0.065 for 6.5 %"),
    (lambda: options.chain("NIFTY", DAY, data=bhavcopy(), at=datetime(2025, 11, 13, 10)),
     "is not on 2025-11-14"),
    (lambda: closing().of(DAY), "has no options that expire on 2025-11-14"),
    (lambda: closing().around(-1), "must be 0 or more"),
    (lambda: closing().by_delta(25), "between 0 and 1"),
])  # fmt: skip
def test_what_there_is_not_is_refused(asked: Any, says: str) -> None:
    """The message says what is wrong and what there is."""
    with pytest.raises(UsageError, match=says):
        asked()


def test_the_command_prints_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON it is the chain's own facts; as a table a line a strike, notes on stderr."""
    words = ("chain", "NIFTY", "--date", "2025-11-14", "--root", str(bhavcopy()))
    done = command(*words, "--expiry", "2025-11-25", "--strikes", "1", "--json", capsys=capsys)
    made = facts(done)
    near = options.chain("NIFTY", DAY, expiry=EXPIRY, data=bhavcopy()).around(1)
    assert made == near.facts()
    shown = command(*words, "--expiry", "2025-11-25", "--delta", "0.3", capsys=capsys)
    assert shown.status == 0
    assert "forward 25951.40, from NFO:NIFTY25NOVFUT" in shown.out
    refused = command(*words, "--at", "noon", capsys=capsys)
    assert (refused.status, refused.line.count("write a time as 11:30")) == (2, 1)
