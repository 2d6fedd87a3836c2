"""When contracts expire, what they settle at, and what a run says of it."""

# ruff: noqa: ANN001 (strategies are written as traders do)
from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import alphapanda
from alphapanda import buy, strategy
from alphapanda.data.names import full_name
from alphapanda.model.calendar import Calendar
from alphapanda.model.contracts import by_name
from alphapanda.model.instruments import Segment

HEAD = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
    "lot_size,instrument_type,segment,exchange\n"
)


def bars(symbol: str, day: str, closes: Sequence[float], start: str = "09:15") -> pd.DataFrame:
    """Return minute bars, each with one price."""
    first = pd.Timestamp(f"{day} {start}", tz="Asia/Kolkata")
    ts = [first + pd.Timedelta(minutes=n) for n in range(len(closes))]
    return pd.DataFrame(
        {"ts": ts, "symbol": symbol, **dict.fromkeys(OHLC, closes), "volume": 10_000}
    )


OHLC = ("open", "high", "low", "close")
FLAT = [100.0] * 4


def run(
    folder: Path, *frames: pd.DataFrame, master: str = "", bought: str = "", **more: Any
) -> Any:
    """Return a run that buys 75 of the first instrument by name at its second bar."""
    data = folder / "data.parquet"
    pd.concat(frames).sort_values(["ts", "symbol"], kind="stable").to_parquet(data)
    if master:
        file = folder / "instruments_20250924.csv"
        file.write_text(HEAD + master)
        more["instruments"] = str(file)

    @strategy(compiled=False)
    class Once:
        """Buys once."""

        seen = alphapanda.state(0)

        def on_bar(self, ctx) -> None:
            self.seen = self.seen + 1
            if self.seen == 2 and ctx.row == 0:
                buy(ctx, 75)

    given = {"jit": False, "limits": "wide", "costs": "none", "cash": 10**8, **more}
    return alphapanda.backtest(Once, data, **given)


def last_fill(result: Any) -> tuple[str, float]:
    """Return day and price of the last fill."""
    row = result.fills.iloc[-1]
    return str(row["ts"])[:16], float(row["price"])


CALL = "NFO:NIFTY2570325500CE"


def test_without_its_index_an_option_settles_at_its_own_last_and_says_so(tmp_path: Path) -> None:
    """The name alone tells that it expires, without an instruments file."""
    result = run(tmp_path, bars(CALL, "2025-07-02", FLAT), bars(CALL, "2025-07-03", FLAT[:2]))
    assert last_fill(result) == ("2025-07-03 16:00", 100.0)
    assert result.summary["open_positions"] == {}
    notes = result.summary["notes"]
    wanted = f"{CALL} settled at its own last price of 09:16, NSE:NIFTY 50 is not in the data"
    assert wanted in notes
    assert any("are from the name" in note for note in notes)


def test_a_stale_price_of_an_earlier_day_has_its_day(tmp_path: Path) -> None:
    """Neither the contract nor the index traded on the day of expiry."""
    index = bars("NSE:NIFTY 50", "2025-07-02", [25_600.0] * 4)
    other = bars("NSE:INFY", "2025-07-03", FLAT)
    result = run(tmp_path, bars(CALL, "2025-07-02", FLAT), index, other)
    assert last_fill(result) == ("2025-07-03 16:00", 100.0)
    wanted = f"{CALL} settled at its own last price of 2025-07-02 09:18, NSE:NIFTY 50 has no row"
    assert any(note.startswith(wanted) for note in result.summary["notes"])


def test_the_mean_of_the_last_half_hour_is_said(tmp_path: Path) -> None:
    """An index without rows after the close."""
    index = bars("NSE:NIFTY 50", "2025-07-03", [25_600.0 + n for n in range(30)], "15:00")
    result = run(tmp_path, bars(CALL, "2025-07-03", FLAT), index)
    assert last_fill(result) == ("2025-07-03 16:00", 114.5)
    wanted = f"{CALL} settled at the mean of NSE:NIFTY 50 at the end of trading"
    assert any(note.startswith(wanted) for note in result.summary["notes"])


def test_a_closing_row_needs_no_note(tmp_path: Path) -> None:
    """A minute that begins at 15:30."""
    index = bars("NSE:NIFTY 50", "2025-07-03", [25_600.0 + n for n in range(31)], "15:00")
    result = run(tmp_path, bars(CALL, "2025-07-03", FLAT), index)
    assert last_fill(result) == ("2025-07-03 16:00", 130.0)
    assert not any("settled at" in note for note in result.summary["notes"])


def test_an_expiry_on_a_holiday_is_on_the_day_before(tmp_path: Path) -> None:
    """2026-03-31 is none; the note has the day of the file."""
    master = "1,1,NIFTY26MARFUT,NIFTY,0,2026-03-31,0,0.05,75,FUT,NFO-FUT,NFO\n"
    future = "NFO:NIFTY26MARFUT"
    frames = bars(future, "2026-03-27", FLAT), bars(future, "2026-03-30", FLAT)
    result = run(tmp_path, *frames, bars(future, "2026-04-01", FLAT), master=master)
    assert last_fill(result) == ("2026-03-30 16:00", 100.0)
    (note,) = [n for n in result.summary["notes"] if "holiday" in n]
    assert "2026-03-31" in note
    assert "2026-03-30 (by the instruments file of 2025-09-24, 184 days" in note


def test_delivery_of_shares_is_booked_and_said(tmp_path: Path) -> None:
    """A stock future: 0.25 % of its value, with GST, by kind."""
    future = "NFO:INFY25JULFUT"
    share = bars("NSE:INFY", "2025-07-31", [1_500.0, 1_500.0], "15:28")
    result = run(tmp_path, bars(future, "2025-07-31", [1_500.0] * 4), share, costs="zerodha")
    assert last_fill(result) == ("2025-07-31 16:00", 1_500.0)
    assert result.summary["charges_by"]["settlement_brokerage"] == "281.25"
    (note,) = [note for note in result.summary["notes"] if "settled by delivery" in note]
    assert "STT on them (0.1 % a side of what changes hands) is not booked" in note


def test_every_step_of_rates_that_a_run_meets_is_told(tmp_path: Path) -> None:
    """A rate that is approximate in the middle of a run, but not on its first or last day."""
    days = ("2023-10-03", "2024-05-20", "2025-03-03")
    frames = [bars("NSE:INFY", day, FLAT) for day in days]
    notes = run(tmp_path, *frames, costs="zerodha").summary["notes"]
    assert "charges: exchange approximate" in notes


def test_a_name_like_an_etf_s_is_told(tmp_path: Path) -> None:
    """It is charged as a share, and how to say otherwise."""
    notes = run(tmp_path, bars("NSE:NEWGOLDETF", "2025-07-03", FLAT), costs="zerodha").summary[
        "notes"
    ]
    assert any(note.startswith("NSE:NEWGOLDETF sounds like an ETF") for note in notes)


@pytest.mark.parametrize(
    ("name", "expiry", "strike", "underlying"),
    [
        ("NFO:NIFTY2570325500CE", "2025-07-03", 25_500, "NIFTY"),
        ("NFO:NIFTY25JULFUT", "2025-07-31", 0, "NIFTY"),
        ("NFO:BANKNIFTY24APR48000PE", "2024-04-24", 48_000, "BANKNIFTY"),
        ("NFO:RELIANCE25SEP1400CE", "2025-09-30", 1_400, "RELIANCE"),
        ("NFO:M&M25OCT3500.5CE", "2025-10-28", 3_500.5, "M&M"),
        ("NFO:NIFTY26MAR25000CE", "2026-03-30", 25_000, "NIFTY"),
        ("BFO:SENSEX25O0282000CE", "2025-10-01", 82_000, "SENSEX"),
        ("NFO:NIFTYNXT5025JUL65000CE", "2025-07-31", 65_000, "NIFTYNXT50"),
        ("MCX:CRUDEOIL25DECFUT", None, 0, "CRUDEOIL"),
        ("BFO:TCS25JUNFUT", None, 0, "TCS"),
    ],
)
def test_names_of_contracts(name: str, expiry: str | None, strike: float, underlying: str) -> None:
    """Weekly, monthly by the rule of its time, before holidays; unknown where no rule is known."""
    found = by_name(name, Calendar.nse())
    assert found.expiry == (None if expiry is None else date.fromisoformat(expiry))
    assert (found.strike, found.underlying) == (strike * 10_000, underlying)


@pytest.mark.parametrize(
    ("symbol", "wanted"),
    [
        ("CRUDEOIL25DECFUT", "MCX:CRUDEOIL25DECFUT"),
        ("GOLDM25DEC100000CE", "MCX:GOLDM25DEC100000CE"),
        ("SENSEX25D0485000CE", "BFO:SENSEX25D0485000CE"),
        ("USDINR25DECFUT", "CDS:USDINR25DECFUT"),
        ("GOLDBEES", "NSE:GOLDBEES"),
        ("COPPER", "MCX:COPPER"),
        ("NIFTY25DECFUT", "NFO:NIFTY25DECFUT"),
    ],
)
def test_contracts_lie_on_their_exchange(symbol: str, wanted: str) -> None:
    """Without one in the data; commodities are no NFO futures."""
    assert full_name(symbol, None) == wanted


def test_an_index_is_told_by_its_name() -> None:
    """It has no tick, no lot and cannot be bought."""
    for name in ("NSE:NIFTY 50", "NSE:NIFTY FIN SERVICE", "BSE:SENSEX", "NSE:INDIA VIX"):
        assert by_name(name, Calendar.nse()).segment == Segment.INDEX
    assert by_name("NSE:NIFTYBEES", Calendar.nse()).segment == Segment.EQUITY
