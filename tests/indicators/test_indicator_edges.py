"""Indicators where little is to be seen: flat prices, tiny windows, long runs, two legs."""

# ruff: noqa: ANN001, ANN202, ARG002 (strategies are written as traders write them)
from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from alphapanda import (
    beta,
    config,
    correlation,
    imbalance,
    indicators,
    legs,
    mfi,
    sma,
    strategy,
)
from alphapanda.engine import series
from alphapanda.errors import UsageError
from alphapanda.model.columns import Columns
from tests.support.harness import MINUTE, T0, Desk, feed, merged, present, quotes, share, ticks
from tests.support.oracles import CASES, Case, Floats, Series, made_up
from tests.support.shared import shared

PRICE = 100.1
FLAT: dict[str, dict[str, float]] = {
    "bollinger": {"value": PRICE, "upper": PRICE, "lower": PRICE},
    "donchian": {"value": PRICE, "upper": PRICE, "lower": PRICE},
    "keltner": {"value": PRICE, "upper": PRICE, "lower": PRICE},
    "slope": {"value": 0.0, "line": PRICE},
    "supertrend": {"value": PRICE, "direction": -1.0},
    "vwap_bands": {"value": PRICE, "upper": PRICE, "lower": PRICE, "deviation": 0.0},
    "zscore": {"value": 0.0, "mean": PRICE, "deviation": 0.0},
    **{name: {"value": PRICE}
       for name in ("dema", "ema", "highest", "hma", "lowest", "sma", "vwap", "wma")},
}  # fmt: skip
"""What each says of flat prices without volume; what is not here says 0 in all its outputs."""


def flat(rows: int) -> Series:
    """Return bars that stand still, without volume or quotes."""
    names = ("open", "high", "low", "close", "other")
    nothing = ("volume", "bid_qty", "ask_qty")
    return {**{name: np.full(rows, PRICE) for name in names},
            **{name: np.zeros(rows) for name in nothing}}  # fmt: skip


def run(case: Case, data: Series, rows: int) -> dict[str, Floats]:
    """Return an indicator over a series of one session."""
    opens = np.zeros(rows, np.int64)
    return series.run(
        case.name, case.first(), case.inputs(data), opens, cache_dir=config.load().cache_dir
    )


@pytest.mark.core
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_flat_prices_have_a_defined_value(case: Case) -> None:
    """Of prices that never moved each indicator has the value its page says, from its warm-up."""
    if "volume" in case.of.values():
        return
    rows = 450
    made = run(case, flat(rows), rows)
    prices = case.name == "cointegration" or case.arguments.get("returns") is False
    ignored = {"intercept"} if prices and case.name in ("beta", "cointegration") else set()
    for name, values in made.items():
        expected = FLAT.get(case.name, {}).get(name, 0.0)
        if name not in ignored:
            seen = values[int(case.first()["warmup"]) - 1 :]
            np.testing.assert_allclose(seen, expected, rtol=1e-15, atol=0, err_msg=name)


@pytest.mark.core
@pytest.mark.parametrize("name", ["std", "zscore", "slope", "correlation", "roc", "cci"])
def test_prices_that_stop_moving_have_no_deviation(name: str) -> None:
    """Once a window is flat, whatever was before, the deviation is exactly 0."""
    case = next(case for case in CASES if case.name == name and case.arguments["window"] > 2)
    size = int(case.arguments["window"])
    moving = {key: column[:500] for key, column in made_up()[1].items()}
    still = flat(size + 1)
    joined = {key: np.concatenate([moving[key], still[key]]) for key in still}
    assert run(case, joined, 501 + size)["value"][-1] == 0.0


LEAST: dict[str, dict[str, Any]] = {
    "macd": {"fast": 1, "slow": 2, "signal": 1},
    "stochastic": {"window": 1, "smooth": 1, "signal": 1},
    "keltner": {"window": 1, "range_window": 1, "width": 0.0},
    **{name: {"window": 2} for name in ("adx", "cci", "hma", "slope")},
    **{name: {"window": 1, "width": 0.0} for name in ("bollinger", "supertrend")},
    **{name: {"window": 2, "returns": False} for name in ("beta", "correlation")},
    "cointegration": {"window": 10},
    "donchian": {"window": 1, "before": False},
    "ema": {"window": 1, "start": "sma"},
    "vwap_bands": {"width": 0.0},
    **{name: {} for name in ("imbalance", "obv", "vwap")},
}
"""The smallest arguments of each; of the others a window of 1."""


@pytest.mark.core
@pytest.mark.parametrize("name", indicators.names())
def test_the_smallest_window_works_and_a_smaller_one_is_refused(name: str) -> None:
    """At its smallest an indicator has finite values; below, the message names the argument."""
    least = LEAST.get(name, {"window": 1})
    data = made_up()[1]
    made = run(Case(name, least, lambda s: s["close"]), data, len(data["close"]))
    warm = int(indicators.module(name).prepare(**least)["warmup"])
    assert all(np.isfinite(values[warm - 1 :]).all() for values in made.values())
    for argument, value in least.items():
        if isinstance(value, int) and not isinstance(value, bool):
            with pytest.raises(UsageError, match=rf"{argument} = .*must be"):
                indicators.module(name).prepare(**{**least, argument: value - 1})


@pytest.mark.core
@pytest.mark.parametrize("name", ["sma", "wma", "std", "slope", "correlation"])
def test_a_long_run_does_not_drift(name: str) -> None:
    """After 20 months of NIFTY's minutes windows are as right as if they had begun today."""
    table = pq.read_table(shared("data", "bars", "index_1min_nifty_banknifty_2021_202209.parquet"))
    frame = table.select(["symbol", "date", "close"]).to_pandas()
    both = frame.pivot_table(index="date", columns="symbol", values="close").dropna()
    data = {"close": both.iloc[:, 1].to_numpy(), "other": both.iloc[:, 0].to_numpy()}
    assert len(both) > 150_000
    case = next(case for case in CASES if case.name == name and case.arguments["window"] > 10
                and not case.of)  # fmt: skip
    tail = {key: column[-3_000:] for key, column in data.items()}
    made, expected = run(case, data, len(both)), case.expected(tail)
    for key, values in made.items():
        seen = slice(int(case.first()["warmup"]), None)
        near = 1e-12 * float(np.nanmax(np.abs(expected[key])))
        np.testing.assert_allclose(values[-3_000:][seen], expected[key][seen], rtol=1e-9, atol=near)


@pytest.mark.core
def test_a_row_with_a_hole_is_not_seen() -> None:
    """Missing and infinite inputs give no value and leave no trace in the values after them."""
    case = next(case for case in CASES if case.name == "bollinger")
    data = made_up()[1]
    close = data["close"][:600]
    holed = np.insert(close, [5, 300, 300], [np.nan, np.inf, np.nan])
    with_holes = run(case, {"close": holed}, 603)["upper"]
    assert np.isnan(with_holes[[5, 301, 302]]).all()
    plain = run(case, {"close": close}, 600)["upper"]
    np.testing.assert_array_equal(np.delete(with_holes, [5, 301, 302]), plain)


# --- two legs -------------------------------------------------------------------------------

TWO = Desk(instruments=(share("NSE:N"), share("NSE:F")))


def pairs(columns: Columns, bar: str | None = None, interval: int = 0) -> list[tuple[float, float]]:
    """Return the pairs that an indicator of two legs has taken in, in the plain core."""
    seen: list[tuple[float, float]] = []

    @strategy(compiled=False)
    class Pair:
        """Has a correlation of its legs."""

        bind = legs("near", "far")
        line = correlation(2, bar=bar)

        def on_tick(self, ctx):
            pass

    engine = Desk(instruments=TWO.instruments, interval=interval).engine([Pair], present(columns))
    for row in range(columns.rows):
        before = engine.tables["heap"].copy()
        feed(engine, columns.slice(row, row + 1))
        if engine.tables["heap"].tobytes() != before.tobytes():
            line = engine.tables["s0"]["line"][0]
            seen.append((float(line["left"]), float(line["right"])))
    return seen


def test_ticks_pair_when_both_legs_have_a_new_price() -> None:
    """A pair is made of the latest price of each leg, once both are new since the last pair."""
    columns = ticks(10, 11, 20, 21, 22, 12, 13)._replace(row=np.array([0, 0, 1, 1, 1, 0, 0], "i4"))
    assert pairs(columns) == [(11, 20), (12, 22)]


def test_bars_pair_when_they_end_together() -> None:
    """Bars of the core's own pair by their end; a minute in which one leg is silent has none."""
    near = ticks(10, 11, 12, 13, step=MINUTE, start=T0 + 1)
    far = ticks(20, 22, 23, 24, step=MINUTE, start=T0 + 2, row=1)
    far = Columns._make(column[[0, 2, 3]] if len(column) else column for column in far)
    assert pairs(merged(far, near), "1m") == [(10, 20), (12, 23)]


def idle(self, ctx) -> None:
    pass


def refusal(message: str, columns: Columns, desk: Desk = TWO, **attributes: Any) -> None:
    """Expect that a class with these attributes is refused with a message."""
    body = {"on_tick": idle, "__doc__": "Some.", **attributes}
    with pytest.raises(UsageError, match=message):
        desk.engine([strategy(compiled=False)(type("Some", (), body))], present(columns))


def test_legs_must_be_named() -> None:
    """An indicator that would mix legs, or has no two of them, says what to write."""
    columns = ticks(10, 11)
    refusal("would mix the legs' rows: say which, such as leg='near'", columns,
            bind=legs("near", "far"), line=sma(3))  # fmt: skip
    refusal("reads two legs: bind = legs", columns, line=correlation(3))
    refusal("there is no leg 'fer'", columns, bind=legs("near", "far"),
            line=beta(3, legs=("near", "fer")))  # fmt: skip
    refusal("reads two legs", columns, bind=legs("a", "b", "c"), line=beta(3))


# --- ticks and quotes -----------------------------------------------------------------------


def test_book_imbalance_reads_the_best_quotes() -> None:
    """On quotes the imbalance is the difference of the quantities as a share of both."""
    columns = quotes((99, 30, 101, 10), (99, 0, 101, 10), (99, 0, 101, 0))
    seen = []

    @strategy(compiled=False)
    class Book:
        """Reads the book."""

        side = imbalance()

        def on_tick(self, ctx):
            seen.append(self.side.value)

    feed(Desk().engine([Book], present(columns)), columns)
    assert seen == [0.5, -1.0, 0.0]


def test_series_that_the_data_lack_are_refused() -> None:
    """An indicator of quotes or volume on data without them is refused, as is a wrong series."""
    columns = ticks(10, 11)
    one = Desk()
    refusal("some.side reads 'bid_qty', which the data do not have", columns, one, side=imbalance())
    refusal("reads 'volume', which the data do not have", columns, one, flow=mfi(3, bar="1m"))
    refusal("reads 'high', which ticks do not have: give it bars", columns, one, flow=mfi(3))
    refusal(
        "reads 'hihg', which is no series. Did you mean high", columns, one, x=sma(3, of="hihg")
    )
    refusal("reads 'mid', which bars made of ticks do not have", columns, one,
            x=sma(3, of="mid", bar="1m"))  # fmt: skip
