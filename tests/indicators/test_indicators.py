"""The contract of indicators: equal to someone else's to 1e-9, and warm exactly when they say."""

# ruff: noqa: ANN001, ANN201, ANN202, ARG002, D102 (strategies are written as traders write them)
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import alphapanda
from alphapanda import config, ema, indicators, legs, sma, strategy, ta
from alphapanda.engine import series
from alphapanda.engine.engine import Engine
from alphapanda.errors import UsageError
from alphapanda.model.columns import Columns
from alphapanda.model.instruments import Instrument
from tests.support.harness import MINUTE, Desk, feed, merged, present, share, ticks
from tests.support.oracles import CASES, Case, Floats, Series, day_opens, made_up, real

CASE = pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
ONE_EACH = {case.name: case for case in reversed(CASES)}
"""The first case of every indicator."""


def over(case: Case, data: Series, *, compiled: bool = True) -> dict[str, Floats]:
    """Return an indicator over a series by its own update, compiled or in plain Python."""
    cache_dir = config.load().cache_dir if compiled else None
    return series.run(
        case.name, case.first(), case.inputs(data), day_opens(data), cache_dir=cache_dir
    )


@pytest.mark.core
@CASE
@pytest.mark.parametrize("source", [real, made_up], ids=["real", "made up"])
def test_an_indicator_equals_its_oracle(case: Case, source: Any) -> None:
    """From the row on which it is warm an indicator equals its oracle, which has none before."""
    data = source()[1]
    made, expected = over(case, data), case.expected(data)
    warm = int(case.first()["warmup"])
    for name, values in made.items():
        assert int(np.isnan(values).argmin()) == warm - 1, name
        assert int(np.isnan(expected[name]).argmin()) == warm - 1, name
        near = 1e-12 * float(np.nanmax(np.abs(expected[name])))  # for values about 0
        np.testing.assert_allclose(values, expected[name], rtol=1e-9, atol=near, err_msg=name)


def test_every_indicator_has_an_oracle() -> None:
    """A file in the folder without a case is not tested, so it does not exist."""
    assert {case.name for case in CASES} == set(indicators.names())


def test_every_indicator_is_at_hand() -> None:
    """`from alphapanda import rsi` declares; `ta.rsi` computes, with the same name and text."""
    for name in indicators.names():
        declare = getattr(alphapanda, name)
        assert declare is getattr(indicators.module(name), name)
        assert declare.__name__ == getattr(ta, name).__name__ == name
        assert declare.__doc__ == getattr(ta, name).__doc__
    assert dir(ta) == list(indicators.names())


def test_data_belong_to_ta() -> None:
    """Data given to a declaration, or none given to `ta`, are refused with what to write."""
    with pytest.raises(UsageError, match=r"over data it is alphapanda\.ta\.rsi\(\)"):
        alphapanda.rsi([1.0, 2.0], 2)
    with pytest.raises(UsageError, match=r"ta\.rsi\(\) takes data first"):
        ta.rsi(14)


@pytest.mark.parametrize("name", indicators.names())
def test_an_indicator_file_keeps_its_form(name: str) -> None:
    """A file declares under its own name, with the fields and first values that it promises."""
    module, first = indicators.module(name), ONE_EACH[name].first()
    assert set(module.FIELDS).isdisjoint({**indicators.COMMON, **indicators.PAIR})
    assert indicators.outputs(name)[0] == "value"
    assert {module.FIELDS[field] for field in indicators.outputs(name)} == {float}
    assert set(first) <= {*module.FIELDS, "length", "warmup"}
    assert first["warmup"] >= 1


@pytest.mark.core
@CASE
def test_compiled_equals_plain(case: Case) -> None:
    """Compiled and plain Python give the same bits on every row."""
    data = {name: column[:700] for name, column in made_up()[1].items()}
    plain = over(case, data, compiled=False)
    for name, values in over(case, data).items():
        assert values.tobytes() == plain[name].tobytes()


@strategy
class Everything:
    """Declares every indicator, each as its first case does, on two legs."""

    bind = legs("near", "far")
    adx = alphapanda.adx(2, leg="near")
    atr = alphapanda.atr(1, leg="near")
    bollinger = alphapanda.bollinger(20, 2.0, leg="near")
    cci = alphapanda.cci(2, leg="near")
    dema = alphapanda.dema(1, leg="near")
    donchian = alphapanda.donchian(20, leg="near")
    ema = alphapanda.ema(2, start="sma", leg="near")
    highest = alphapanda.highest(2, leg="near")
    hma = alphapanda.hma(2, leg="near")
    keltner = alphapanda.keltner(20, 10, 2.0, leg="near")
    lowest = alphapanda.lowest(2, leg="near")
    macd = alphapanda.macd(leg="near")
    mfi = alphapanda.mfi(2, leg="near")
    obv = alphapanda.obv(leg="near")
    roc = alphapanda.roc(1, leg="near")
    rsi = alphapanda.rsi(2, leg="near")
    slope = alphapanda.slope(2, leg="near")
    sma = alphapanda.sma(2, leg="near")
    std = alphapanda.std(1, leg="near")
    stochastic = alphapanda.stochastic(leg="near")
    supertrend = alphapanda.supertrend(leg="near")
    vwap = alphapanda.vwap(leg="near")
    vwap_bands = alphapanda.vwap_bands(leg="near")
    wma = alphapanda.wma(1, leg="near")
    zscore = alphapanda.zscore(2, leg="near")
    cointegration = alphapanda.cointegration(30)
    correlation = alphapanda.correlation(30)
    beta = alphapanda.beta(30, legs=("near", "far"))
    hooks = alphapanda.state(0)

    def on_bar(self, ctx):
        self.hooks += 1


@strategy
class Quoted:
    """Declares the indicator that needs a quote, which these bars have not."""

    imbalance = alphapanda.imbalance()
    hooks = alphapanda.state(0)

    def on_tick(self, ctx):
        self.hooks += 1


QUOTE, BAR = ("bid", "bid_qty", "ask", "ask_qty"), ("open", "high", "low")


def without(columns: Columns, names: tuple[str, ...]) -> Columns:
    """Return columns of which some are absent."""
    return columns._replace(**{name: getattr(columns, name)[:0] for name in names})


def by_row(engine: Engine, columns: Columns) -> list[bytes]:
    """Return the strategy's record, all its indicators within, after each row."""
    states = []
    for row in range(columns.rows):
        feed(engine, columns.slice(row, row + 1))
        states.append(engine.tables["s0"].tobytes())
    return states


@pytest.mark.core
def test_arrays_give_what_the_core_sees() -> None:
    """Row by row the core, compiled and plain, has the bits that indicators over arrays give."""
    rows = 400
    near, data = made_up()[0].slice(0, rows), {k: v[:rows] for k, v in made_up()[1].items()}
    other = np.rint(data["other"] * 10_000).astype(np.int64)
    bars = without(near, QUOTE)
    far = bars._replace(row=bars.row + 1, last=other, open=other, high=other, low=other)
    ticks = without(near, BAR)._replace(qty=near.volume, volume=np.cumsum(near.volume))
    # Bars and ticks as other tests have them, whose loops are compiled once.
    seen = both_ways(Everything, merged(bars, far), (share("NSE:N"), share("NSE:F")), MINUTE)
    quoted = both_ways(Quoted, ticks, (share("NSE:N"),), 0)
    for name, case in ONE_EACH.items():
        found = quoted if name == "imbalance" else seen[1::2]
        for field, values in over(case, data).items():
            warm = ~np.isnan(values)
            assert values[warm].tobytes() == found[name][field][warm].tobytes(), (name, field)
    slowest = max(case.first()["warmup"] for case in ONE_EACH.values())
    assert seen["hooks"][-1] in (2 * (rows - slowest) + 1, 2 * (rows - slowest) + 2)


def both_ways(
    declared: type, columns: Columns, instruments: tuple[Instrument, ...], interval: int
) -> Any:
    """Return a strategy's record after each row, the same compiled and in plain Python."""
    engine, plain = (
        Desk(instruments, interval=interval, jit=jit).engine([declared], present(columns))
        for jit in (True, False)
    )
    states = by_row(engine, columns)
    assert states == by_row(plain, columns)
    assert engine.tables["heap"].tobytes() == plain.tables["heap"].tobytes()
    return np.frombuffer(b"".join(states), engine.tables["s0"].dtype)


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
