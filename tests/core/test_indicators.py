"""The contract of indicators: right to 1e-9 on real bars, and warm when they say so."""

# ruff: noqa: ANN001, ANN202 (strategies are written as traders write them)
from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import talib
from numpy.typing import NDArray

from alphapanda import atr, ema, indicators, sma, strategy, vwap
from alphapanda.model.calendar import DAY, IST
from alphapanda.model.columns import Columns
from tests.core.harness import MINUTE, Desk, feed, present, share, ticks
from tests.shared import shared

Floats = NDArray[np.float64]
WINDOW = 14


@cache
def real() -> tuple[Columns, dict[str, Floats]]:
    """Return two months of minute bars of RELIANCE: for the core, and in rupees for references."""
    table = pq.read_table(shared("data", "bars", "nse_1min_reliance_20251029_1226.parquet"))
    series = {name: table[name].to_numpy().astype(float) for name in
              ("open", "high", "low", "close", "volume")}  # fmt: skip
    scaled = {name: np.rint(series[name] * 10_000) for name in ("open", "high", "low", "close")}
    ts = table["date"].to_numpy().astype("datetime64[ns]").astype(np.int64) + MINUTE
    series["day"] = (ts - 1 + IST) // DAY
    return Columns.of(
        ts=ts, row=np.zeros(len(ts)), last=scaled["close"], open=scaled["open"],
        high=scaled["high"], low=scaled["low"], volume=series["volume"],
    ), series  # fmt: skip


def slow_ema(price: Floats, window: int) -> Floats:
    """Return the average that starts from the first price."""
    alpha, made = 2 / (window + 1), price.copy()
    for n in range(1, len(price)):
        made[n] = alpha * price[n] + (1 - alpha) * made[n - 1]
    return made


def slow_vwap(price: Floats, volume: Floats, day: Floats) -> Floats:
    """Return the session's average, each day anew."""
    made = np.empty_like(price)
    for today in np.unique(day):
        at = day == today
        made[at] = np.cumsum(price[at] * volume[at]) / np.cumsum(volume[at])
    return made


CASES: list[tuple[str, str, Any, int, Callable[[dict[str, Floats]], Floats]]] = [
    ("sma", "of close", sma(WINDOW), WINDOW, lambda s: talib.SMA(s["close"], WINDOW)),
    ("sma", "of high", sma(WINDOW, of="high"), WINDOW, lambda s: talib.SMA(s["high"], WINDOW)),
    ("sma", "of volume", sma(WINDOW, of="volume"), WINDOW,
     lambda s: np.convolve(s["volume"], np.ones(WINDOW) / WINDOW)[: len(s["volume"])]),
    ("ema", "as TA-Lib", ema(WINDOW, start="sma"), WINDOW, lambda s: talib.EMA(s["close"], WINDOW)),
    ("ema", "from the first", ema(WINDOW), WINDOW, lambda s: slow_ema(s["close"], WINDOW)),
    ("atr", "Wilder's", atr(WINDOW), WINDOW + 1,
     lambda s: talib.ATR(s["high"], s["low"], s["close"], WINDOW)),
    ("vwap", "of the day", vwap(), 1, lambda s: slow_vwap(s["close"], s["volume"], s["day"])),
]  # fmt: skip


def reader(declared: Any, read: list[tuple[int, float]]) -> type:
    """Return a strategy that writes down an indicator at every bar."""

    @strategy(compiled=False)
    class Reader:
        """Reads an indicator."""

        line = declared

        def on_bar(self, ctx):
            read.append((ctx.core.clock[0].cause, self.line.value))

    return Reader


def values(declared: Any, columns: Columns) -> list[tuple[int, float]]:
    """Return an indicator's values by bar, in plain Python."""
    read: list[tuple[int, float]] = []
    engine = Desk(interval=MINUTE).engine([reader(declared, read)], present(columns))
    feed(engine, columns)
    return read


@pytest.mark.parametrize(
    ("declared", "warm", "reference"),
    [pytest.param(*rest, id=f"{name} {label}") for name, label, *rest in CASES],
)
def test_an_indicator_equals_its_reference(declared: Any, warm: int, reference: Any) -> None:
    """From its warm-up on, and not before, an indicator equals its reference to 1e-9."""
    columns, series = real()
    rows = 4_000
    read = values(declared, columns.slice(0, rows))
    assert [cause for cause, _ in read] == list(range(warm, rows + 1))
    expected = reference({name: column[:rows] for name, column in series.items()})[warm - 1 :]
    np.testing.assert_allclose([value for _, value in read], expected, rtol=1e-9, atol=0)


def test_every_indicator_has_a_reference() -> None:
    """A file in the folder without a case here is not tested, so it does not exist."""
    assert {name for name, *_ in CASES} == set(indicators.names())


@pytest.mark.parametrize("name", indicators.names())
def test_an_indicator_file_keeps_its_form(name: str) -> None:
    """A file declares under its own name, with the fields and first values that it promises."""
    module = indicators.module(name)
    assert callable(getattr(module, name))
    assert "value" in module.FIELDS
    assert set(module.FIELDS).isdisjoint(indicators.COMMON)
    given = {"window": 3} if name != "vwap" else {}
    first = module.prepare(**given, **({"start": "first"} if name == "ema" else {}))
    assert set(first) <= {*module.FIELDS, "length", "warmup"}
    assert first["warmup"] >= 1


def test_a_hook_waits_for_the_slowest_indicator() -> None:
    """on_tick is called from the tick on which the slowest indicator is warm."""
    causes: list[int] = []

    @strategy(compiled=False)
    class Two:
        """Has a quick and a slow indicator."""

        quick = ema(2)
        slow = sma(5)

        def on_tick(self, ctx):
            causes.append(ctx.core.clock[0].cause)

    columns = ticks(*range(100, 108))
    feed(Desk().engine([Two], present(columns)), columns)
    assert causes == [5, 6, 7, 8]


def test_each_instrument_warms_up_by_itself() -> None:
    """Indicators of two instruments share neither values nor windows."""
    seen: list[tuple[int, float]] = []

    @strategy(compiled=False)
    class Mean:
        """Reads a mean."""

        mean = sma(2)

        def on_tick(self, ctx):
            seen.append((ctx.row, self.mean.value))

    columns = ticks(100, 10, 102, 12, 104)._replace(row=np.array([0, 1, 0, 1, 0], np.int32))
    desk = Desk(instruments=(share("NSE:X"), share("NSE:Y")))
    feed(desk.engine([Mean], present(columns)), columns)
    assert seen == [(0, 101.0), (1, 11.0), (0, 103.0)]


def test_bars_of_ticks_end_where_the_calendar_says() -> None:
    """Indicators on bars see the bars that ticks make: counted from the session's open."""
    closes: list[tuple[int, int, int, int, int, int]] = []

    @strategy(compiled=False)
    class Builds:
        """Writes bars down."""

        bar = "1m"

        def on_bar(self, ctx):
            closes.append((ctx.now, ctx.open, ctx.high, ctx.low, ctx.close, ctx.volume))

    columns = ticks(100, 103, 99, 101, 100, step=25 * 10**9, qty=(1, 2, 3, 4, 5))
    feed(Desk().engine([Builds], present(columns)), columns)
    start = int(columns.ts[0])
    assert closes == [(start + MINUTE, 1_000_000, 1_030_000, 990_000, 990_000, 6)]
