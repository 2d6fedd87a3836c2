"""Rows whose times are read otherwise than they were meant, and an account that is ruined."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import alphapanda
from alphapanda import buy, sell, strategy
from alphapanda.errors import UsageError

ENDS, CLOCK = "stamps look like ends", "12-hour clock without AM and PM"


@strategy(compiled=False)
class Seller:
    """Sells a lot at its first bar."""

    def on_bar(self, ctx: Any) -> None:
        """Ask once."""
        if ctx.position == 0 and ctx.now < pd.Timestamp("2025-07-01 09:17+05:30").value:
            sell(ctx, 7_500)


@strategy(compiled=False)
class Keen:
    """Buys a share each day."""

    def on_bar(self, ctx: Any) -> None:
        """Ask anew."""
        buy(ctx, 1)


def bars(start: str, end: str, step: int, *, days: int = 2, symbol: str = "TEST") -> pd.DataFrame:
    """Return bars of equal prices, stamped from one time of the day to another."""
    stamps = [
        stamp for day in pd.date_range("2025-07-01", periods=days)
        for stamp in pd.date_range(f"{day:%Y-%m-%d} {start}", f"{day:%Y-%m-%d} {end}",
                                   freq=f"{step}min", tz="Asia/Kolkata")
    ]  # fmt: skip
    prices = dict.fromkeys(("open", "high", "low", "close"), 100.0)
    return pd.DataFrame({"ts": stamps, "symbol": symbol, **prices, "volume": 10_000})


def notes(*frames: pd.DataFrame, **options: Any) -> list[str]:
    """Return the notes of a run over frames."""
    data = pd.concat(frames).sort_values("ts", kind="stable")
    given = {"jit": False, "limits": "wide", "costs": "none", **options}
    return list(alphapanda.backtest(Seller, data, **given).summary["notes"])


@pytest.mark.parametrize(
    ("start", "end", "step", "looks_so"),
    [
        ("09:15", "15:29", 1, False), ("09:16", "15:30", 1, True), ("09:30", "15:30", 15, True),
        ("09:15", "15:15", 60, False), ("10:30", "15:30", 75, True), ("09:30", "15:15", 15, False),
        ("09:15", "15:30", 15, False),
    ],
)  # fmt: skip
def test_bars_stamped_at_their_end_are_told_of(
    start: str, end: str, step: int, looks_so: bool
) -> None:
    """The first stamp lies a bar behind the open, the last at the close: on each day."""
    told = [note for note in notes(bars(start, end, step)) if ENDS in note]
    assert len(told) == looks_so
    assert all("--stamps end" in note for note in told)


def days(first: str, last: str, freq: str = "D") -> pd.DataFrame:
    """Return a bar for each day, or for each week."""
    stamps = pd.date_range(first, last, freq=freq, tz="Asia/Kolkata")
    prices = dict.fromkeys(("open", "high", "low", "close"), 100.0)
    return pd.DataFrame({"ts": stamps, "symbol": "TEST", **prices, "volume": 10_000})


def test_day_bars_of_days_without_trading_are_left_out() -> None:
    """Two Saturdays, two Sundays and a holiday: nothing is decided or filled on them."""
    result = alphapanda.backtest(Keen, days("2025-08-11", "2025-08-24"), jit=False, limits="wide")
    told = [note for note in result.summary["notes"] if "days without trading" in note]
    assert told[0].startswith(
        "5 of 14 day bars lie on days without trading (first 2025-08-15, last 2025-08-24)"
    )
    assert (result.summary["ticks"], result.summary["days"]) == (9, 9)
    assert not set(result.fills["ts"].dt.day) & {15, 16, 17, 23, 24}
    always = alphapanda.backtest(
        Keen, days("2025-08-11", "2025-08-24"), jit=False, limits="wide", calendar="always"
    )
    assert always.summary["ticks"] == 14


def test_intraday_orders_on_day_bars_are_told_of() -> None:
    """Each is decided after the square-off, and refused."""
    frame = days("2025-08-11", "2025-08-14")
    result = alphapanda.backtest(Keen, frame, jit=False, limits="wide", product="MIS")
    assert result.summary["requests"]["refused"] == result.summary["requests"]["total"] == 4
    assert any(note.startswith("MIS on day bars") for note in result.summary["notes"])
    result = alphapanda.backtest(Keen, frame, jit=False, limits="wide", product="CNC")
    assert not any("MIS on day bars" in note for note in result.summary["notes"])


def test_day_bars_of_nothing_but_sundays_are_refused() -> None:
    """As those of weeks that bear their last day."""
    with pytest.raises(UsageError, match="All 2 day bars lie on days without trading"):
        alphapanda.backtest(Keen, days("2025-08-17", "2025-08-24", "W"), jit=False, interval="1d")


def test_bars_of_weeks_are_refused() -> None:
    """Each bears its first day and holds the week's prices."""
    weeks = days("2025-07-07", "2025-08-24", "W-MON")
    with pytest.raises(UsageError, match="7d apart, as bars of weeks or months"):
        alphapanda.backtest(Keen, weeks, jit=False)


def test_a_clock_of_twelve_hours_is_told_of() -> None:
    """The afternoon lies in the night, and only there."""
    day = bars("09:15", "12:55", 5)
    assert any(CLOCK in note for note in notes(day, bars("01:00", "03:25", 5)))
    assert not any(CLOCK in note for note in notes(day, bars("04:00", "05:00", 5)))


def test_rows_of_a_contract_that_has_expired_are_told_of() -> None:
    """Nothing trades on them: it is another contract's data, or the name is wrong."""
    late = "NFO:NIFTY25JUNFUT came with rows of days after expiry"
    june, july = (bars("09:15", "09:40", 1, symbol=f"NFO:NIFTY25{m}FUT") for m in ("JUN", "JUL"))
    assert any(late in note for note in notes(june, july))
    assert not any("after expiry" in note for note in notes(july))


def test_an_account_below_nothing_is_told_of_first() -> None:
    """A broker had closed the position; ratios of such days are none."""
    frame = bars("09:15", "09:40", 1, days=3, symbol="NFO:NIFTY25JULFUT")
    second = frame["ts"].dt.day == 2
    frame.loc[second, ["open", "high", "low", "close"]] = 400.0
    first, *others = notes(frame)
    assert first.startswith("equity was below 0 from 2025-07-02 09:16:00")
    assert "-1250000.00" in first
    assert not any("below 0" in note for note in others)
