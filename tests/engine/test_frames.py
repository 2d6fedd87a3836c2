"""Indicators over what research holds: arrays, pandas, polars; same kind and index come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from alphapanda import strategy, ta, vwap
from alphapanda.errors import UsageError
from alphapanda.model.calendar import DAY, IST
from tests.support.harness import Desk, feed, present, ticks
from tests.support.oracles import made_up

ROWS = 2_000
pytestmark = pytest.mark.core


def frame() -> pd.DataFrame:
    """Return bars with times, as a broker's file has them."""
    columns, data = made_up()
    times = pd.to_datetime(columns.ts[:ROWS], utc=True).tz_convert("Asia/Kolkata")
    names = ("open", "high", "low", "close", "volume")
    return pd.DataFrame({"date": times, **{name: data[name][:ROWS] for name in names}})


def test_a_series_comes_back_as_it_was_given() -> None:
    """A Series keeps kind, index and name of the indicator; an array is an array, a list too."""
    close = frame().set_index("date")["close"]
    made = ta.rsi(close, 14)
    assert made.name == "rsi"
    pd.testing.assert_index_equal(made.index, close.index)
    values = ta.rsi(close.to_numpy(), 14)
    assert isinstance(values, np.ndarray)
    np.testing.assert_array_equal(made, values)
    np.testing.assert_array_equal(ta.rsi(close.to_list(), window=14), values)
    polar = ta.rsi(pl.Series(close.to_numpy()), 14)
    assert (polar.name, polar.dtype) == ("rsi", pl.Float64)
    np.testing.assert_array_equal(polar.to_numpy(), values)
    np.testing.assert_array_equal(ta.rsi(frame(), 14), values)
    assert int(np.isnan(values).sum()) == 14


def test_several_outputs_come_as_a_frame() -> None:
    """A frame gives a frame with a column an output; an array gives a dict of arrays."""
    bars = frame().set_index("date")
    made = ta.bollinger(bars, 20, 1.5)
    assert list(made.columns) == ["value", "upper", "lower"]
    pd.testing.assert_index_equal(made.index, bars.index)
    polar = ta.bollinger(pl.from_pandas(frame()), 20, 1.5)
    arrays = ta.bollinger(bars["close"].to_numpy(), 20, 1.5)
    for name in made:
        np.testing.assert_array_equal(made[name], arrays[name])
        np.testing.assert_array_equal(polar[name].to_numpy(), arrays[name])


def test_several_inputs_come_from_a_frame_or_in_order() -> None:
    """High, low and close are found by common names, whatever their case, or given one by one."""
    bars = frame()
    expected = ta.atr(*(bars[name].to_numpy() for name in ("high", "low", "close")), 14)
    np.testing.assert_array_equal(ta.atr(bars, 14), expected)
    named = bars.rename(columns={"high": "High", "low": "LOW", "close": "Close Price"})
    np.testing.assert_array_equal(ta.atr(named, 14), expected)
    np.testing.assert_array_equal(ta.sma(bars, 9, of="high"), ta.sma(bars["high"], 9))
    np.testing.assert_array_equal(ta.sma(bars.assign(mine=bars["high"]), 9, of="mine"),
                                  ta.sma(bars["high"], 9))  # fmt: skip


def test_two_instruments_come_as_two_series_or_columns() -> None:
    """Correlation and beta take two series of the same rows, or a frame of two columns."""
    bars = frame()
    made = ta.beta(bars["close"], bars["open"], 30, returns=False)
    both = ta.beta(bars[["close", "open"]], 30, returns=False)
    pd.testing.assert_frame_equal(made, both)
    assert list(made.columns) == ["value", "intercept"]


def test_indicators_can_be_chained() -> None:
    """What has no value yet is not seen, so an average of an RSI begins when the RSI does."""
    rsi = ta.rsi(frame(), 14)
    made = ta.sma(rsi, 5)
    assert int(made.isna().sum()) == 14 + 4
    np.testing.assert_allclose(made.iloc[-1], rsi.iloc[-5:].mean(), rtol=1e-12)


def test_nulls_are_rows_that_are_not_seen() -> None:
    """A null of pandas or polars gives no value on its row, and nothing else changes."""
    close = frame()["close"].to_numpy()[:100]
    expected = np.insert(ta.ema(close, 5), 50, np.nan)
    holed = [*close[:50].tolist(), None, *close[50:].tolist()]
    np.testing.assert_array_equal(ta.ema(pl.Series(holed), 5).to_numpy(), expected)
    np.testing.assert_array_equal(ta.ema(pd.Series(holed, dtype="Float64"), 5), expected)


def test_sessions_are_days_in_india() -> None:
    """VWAP begins anew each IST day: by a column or an index of times, or by `day`."""
    bars = frame()
    ns = made_up()[0].ts[:ROWS]
    day = (ns + IST) // DAY
    expected = ta.vwap(bars["close"].to_numpy(), bars["volume"].to_numpy(), day=day)
    opens = np.flatnonzero(np.diff(day)) + 1
    assert len(opens) >= 1
    assert expected[opens[0]] == pytest.approx(bars["close"][opens[0]])
    naive = bars["date"].dt.tz_localize(None)
    for given in (
        bars,
        bars.set_index("date"),
        bars.assign(date=bars["date"].dt.tz_convert("UTC")),
        bars.assign(date=naive),
        bars.assign(date=ns // 1_000_000),
        pl.from_pandas(bars),
        pl.from_pandas(bars.assign(date=naive)),
    ):
        np.testing.assert_array_equal(np.asarray(ta.vwap(given)), expected)
    assert ta.vwap(bars["close"], bars["volume"]).iloc[-1] != expected[-1]


def test_ticks_count_volume_as_the_core_does() -> None:
    """Of ticks the volume is the rise of the day's volume, else the row's own quantity."""
    prices, volume, qty = (100, 101, 103, 102), (500, 530, 530, 20), (7, 5, 3, 11)
    columns = ticks(*prices, volume=volume, qty=qty)
    seen: list[float] = []

    @strategy(compiled=False)
    class Paid:
        """Reads the average."""

        paid = vwap()

        def on_tick(self, ctx):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG002
            seen.append(self.paid.value)

    feed(Desk().engine([Paid], present(columns)), columns)
    rows = pd.DataFrame({"last_price": prices, "volume_traded": volume, "ltq": qty})
    assert ta.vwap(rows).tolist() == seen
    quotes = pd.DataFrame({"ltp": [1.0], "bid": [100.05], "ask": [100.1]})
    assert ta.sma(quotes, 1, of="mid").tolist() == [2_001_500 / 20_000.0]


BAD: list[tuple[str, Callable[[pd.DataFrame], Any], str]] = [
    ("no column", lambda f: ta.rsi(f.drop(columns="close"), 14), "rsi() reads 'last', which the"),
    ("no volume", lambda f: ta.mfi(f.drop(columns="volume"), 14), "mfi() reads 'volume', which"),
    ("one array", lambda f: ta.atr(f["close"], 14), "or 3 arrays in this order, not 1"),
    ("window 0", lambda f: ta.rsi(f, 0), "window = 0 must be a whole number of at least 1"),
    ("half a window", lambda f: ta.rsi(f, 2.5), "window = 2.5 must be a whole number"),
    ("bars", lambda f: ta.rsi(f, 14, bar="5m"), "bar = '5m' belongs into a strategy class"),
    ("times", lambda f: ta.rsi(f["date"], 14), "rsi() reads numbers, and these are datetime64"),
    ("texts", lambda _: ta.rsi(pl.Series(["a"]), 14), "reads numbers, and these are String"),
    ("a matrix", lambda _: ta.rsi(np.zeros((3, 3)), 2), "not an array of shape (3, 3)"),
    ("lazy", lambda f: ta.rsi(pl.from_pandas(f).lazy(), 2), "collect() it first"),
    ("start", lambda f: ta.ema(f, 3, start="mean"), "start = 'mean' must be 'first' or 'sma'"),
    ("fast", lambda f: ta.macd(f, 26, 12), "fast = 26 must be below slow = 12"),
    ("pair", lambda f: ta.beta(f, 20), "give two, or a frame of just their columns, not of 6"),
    ("rows", lambda f: ta.beta(f["open"], f["low"][1:], 9), "not of the same rows: align them"),
    ("index", lambda f: ta.beta(f["open"], f["low"].iloc[::-1], 9), "not of the same rows"),
    ("day", lambda f: ta.vwap(f, day=[1]), f"day has 1 entries for {ROWS} rows"),
    ("symbols", lambda f: ta.rsi(f.assign(symbol=["A", "B"] * (ROWS // 2)), 14),
     "the frame holds 2 instruments: give one at a time"),
    ("dates", lambda f: ta.vwap(f.assign(date="2026-01-01")), "parse them first, or give day="),
]  # fmt: skip


@pytest.mark.parametrize(("call", "said"), [pytest.param(*rest, id=name) for name, *rest in BAD])
def test_a_mistake_is_named(call: Callable[[pd.DataFrame], Any], said: str) -> None:
    """What can't be computed is one line that says what to write."""
    with pytest.raises(UsageError) as refusal:
        call(frame())
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)
