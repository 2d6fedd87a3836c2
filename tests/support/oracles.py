"""What each indicator must equal: TA-Lib where it has it, else NumPy over each window afresh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import talib
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from alphapanda import indicators
from alphapanda.model.calendar import DAY, IST
from alphapanda.model.columns import Columns
from tests.support.harness import MINUTE, T0
from tests.support.shared import shared

Floats = NDArray[np.float64]
Series = dict[str, Floats]
"""Rupees and quantities by name, and `day`, the IST day of each row."""

Oracle = Callable[[Series], Any]


@dataclass(frozen=True)
class Case:
    """An indicator with arguments, and its outputs by someone else, in the order of OUTPUTS."""

    name: str
    arguments: dict[str, Any]
    oracle: Oracle
    of: dict[str, str] = field(default_factory=dict)
    """Which series stands for an input, where it is not the one of that name."""

    @property
    def label(self) -> str:
        """What pytest calls it."""
        shown = [str(value) for value in (*self.arguments.values(), *self.of.values())]
        return " ".join([self.name, *shown])

    def first(self) -> dict[str, float]:
        """Return the first values of its record."""
        return dict(indicators.module(self.name).prepare(**self.arguments))

    def inputs(self, series: Series) -> list[Floats]:
        """Return the arrays that it reads."""
        names = {"price": "close", "units": "close", "left": "close", "right": "other", **self.of}
        return [series[names.get(name, name)] for name in indicators.module(self.name).INPUTS]

    def expected(self, series: Series) -> dict[str, Floats]:
        """Return the oracle's outputs by name."""
        made = self.oracle(series)
        made = made if isinstance(made, tuple) else (made,)
        return dict(zip(indicators.outputs(self.name), made, strict=True))


# --- series ---------------------------------------------------------------------------------


@cache
def real() -> tuple[Columns, Series]:
    """Return two months of minute bars of RELIANCE: for the core, and in rupees for oracles."""
    table = pq.read_table(shared("data", "bars", "nse_1min_reliance_20251029_1226.parquet"))
    names = ("open", "high", "low", "close", "volume")
    series = {name: table[name].to_numpy().astype(float) for name in names}
    ts = table["date"].to_numpy().astype("datetime64[ns]").astype(np.int64) + MINUTE
    return completed(ts, series)


@cache
def made_up(rows: int = 3_000) -> tuple[Columns, Series]:
    """Return bars with all that real ones have: gaps, flat stretches, minutes without a trade."""
    rng = np.random.default_rng(7)
    steps = rng.normal(0, 0.4, rows) + rng.choice([0, 25, -25], rows, p=(0.99, 0.005, 0.005))
    flat = (np.arange(rows) // 40) % 9 == 8
    close = np.round(np.round((500 + np.cumsum(np.where(flat, 0, steps))) * 20) / 20, 2)
    opened = np.concatenate([close[:1], close[:-1]])
    room = np.where(flat, 0, 1)
    series = {
        "open": opened, "close": close,
        "high": np.round(np.maximum(opened, close) + room * rng.integers(0, 9, rows) * 0.05, 2),
        "low": np.round(np.minimum(opened, close) - room * rng.integers(0, 9, rows) * 0.05, 2),
        "volume": rng.integers(0, 5_000, rows) * room * 1.0,
    }  # fmt: skip
    return completed(T0 + MINUTE * np.arange(1, rows + 1), series)


def completed(ts: NDArray[np.int64], series: Series) -> tuple[Columns, Series]:
    """Return bars as columns for the core, and with the series that only oracles need."""
    rows = len(ts)
    rng = np.random.default_rng(3)
    scaled = {name: np.rint(series[name] * 10_000) for name in ("open", "high", "low", "close")}
    series["day"] = (ts - 1 + IST) // DAY
    series["other"] = np.round(40 + 0.3 * series["close"] + rng.normal(0, 0.5, rows).cumsum(), 2)
    series["bid_qty"], series["ask_qty"] = (rng.integers(0, 50, (2, rows)) * 75).astype(float)
    # Both quantities of a quote may be missing.
    series["bid_qty"][::17] = series["ask_qty"][::17] = 0.0
    columns = Columns.of(
        ts=ts, row=np.zeros(rows), last=scaled["close"], open=scaled["open"],
        high=scaled["high"], low=scaled["low"], volume=series["volume"],
        bid=scaled["close"] - 500, ask=scaled["close"] + 500, bid_qty=series["bid_qty"],
        ask_qty=series["ask_qty"],
    )  # fmt: skip
    return columns, series


def day_opens(series: Series) -> NDArray[np.int64]:
    """Return 1 for the first row of each day."""
    day = series["day"]
    return np.concatenate([[1], day[1:] != day[:-1]]).astype(np.int64)


# --- references -----------------------------------------------------------------------------


def after(rows: int, values: Floats) -> Floats:
    """Return values behind the rows on which there are none yet."""
    return np.concatenate([np.full(rows - len(values), np.nan), values])


def rolling(window: int, function: Callable[..., Floats], *series: Floats) -> Floats:
    """Return a function of each full window of some series."""
    views = [sliding_window_view(each, window) for each in series]
    return after(len(series[0]), function(*views))


def centred(view: Floats) -> Floats:
    """Return each window less its mean."""
    return view - view.mean(axis=1, keepdims=True)


def deviation(price: Floats, window: int) -> Floats:
    """Return the standard deviation of the population, of a flat window exactly 0."""
    flat = rolling(window, lambda v: np.ptp(v, axis=1), price)
    made = rolling(window, lambda v: np.sqrt((centred(v) ** 2).mean(axis=1)), price)
    return np.where(flat == 0, 0.0, made)


def late_ema(price: Floats, window: int) -> Floats:
    """Return the average that starts from the first price, as of its warm-up."""
    alpha, made = 2 / (window + 1), price.copy()
    for n in range(1, len(price)):
        made[n] = alpha * price[n] + (1 - alpha) * made[n - 1]
    made[: window - 1] = np.nan
    return made


def hull(price: Floats, window: int) -> Floats:
    """Return Hull's average, made of TA-Lib's."""
    average = talib.WMA
    return average(2 * average(price, window // 2) - average(price, window), int(np.sqrt(window)))


def bollinger(price: Floats, window: int, width: float) -> tuple[Floats, ...]:
    """Return the bands; TA-Lib's own lose digits where prices hardly move."""
    middle = rolling(window, lambda v: v.mean(axis=1), price)
    reach = width * deviation(price, window)
    return middle, middle + reach, middle - reach


def zscore(price: Floats, window: int) -> tuple[Floats, ...]:
    """Return z-score, mean and deviation."""
    mean = rolling(window, lambda v: v.mean(axis=1), price)
    spread = deviation(price, window)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread == 0, 0.0, (price - mean) / spread), mean, spread


def macd(price: Floats, *windows: int) -> tuple[Floats, ...]:
    """Return TA-Lib's, in the order of ours."""
    return tuple(talib.MACD(price, *windows))


def donchian(series: Series, window: int, before: bool) -> tuple[Floats, ...]:
    """Return the channel of TA-Lib's highest and lowest, a row late if `before`."""
    upper, lower = talib.MAX(series["high"], window), talib.MIN(series["low"], window)
    if before:
        upper, lower = (np.concatenate([[np.nan], edge[:-1]]) for edge in (upper, lower))
    return (upper + lower) / 2, upper, lower


def keltner(series: Series, window: int, ranges: int, width: float) -> tuple[Floats, ...]:
    """Return the channel of TA-Lib's average and range, where both are there."""
    middle = talib.EMA(series["close"], window)
    reach = width * talib.ATR(series["high"], series["low"], series["close"], ranges)
    return middle + 0 * reach, middle + reach, middle - reach


def hlc(series: Series) -> tuple[Floats, Floats, Floats]:
    """Return what most of TA-Lib's functions of bars read."""
    return series["high"], series["low"], series["close"]


def cci(series: Series, window: int) -> Floats:
    """Return TA-Lib's, but 0 where typical prices differ in their last bits alone."""
    typical = sum(hlc(series)) / 3
    spread = rolling(window, lambda v: np.ptp(v, axis=1), typical)
    made = talib.CCI(*hlc(series), window)
    return np.where(spread < 1e-12 * typical, 0.0, made)


def adx(series: Series, window: int) -> tuple[Floats, ...]:
    """Return TA-Lib's, the directions from where the index is there."""
    value = talib.ADX(*hlc(series), window)
    return value, *(d(*hlc(series), window) + 0 * value for d in (talib.PLUS_DI, talib.MINUS_DI))


def supertrend(series: Series, window: int, width: float) -> tuple[Floats, ...]:
    """Return line and direction by the rules of the chart, from TA-Lib's range."""
    high, low, close = hlc(series)
    reach = width * talib.ATR(high, low, close, window)
    upper, lower = (high + low) / 2 + reach, (high + low) / 2 - reach
    line, direction = np.full(len(close), np.nan), np.full(len(close), np.nan)
    trend = -1
    for n in range(window, len(close)):
        if n > window and not (upper[n] < upper[n - 1] or close[n - 1] > upper[n - 1]):
            upper[n] = upper[n - 1]
        if n > window and not (lower[n] > lower[n - 1] or close[n - 1] < lower[n - 1]):
            lower[n] = lower[n - 1]
        beyond = close[n] > upper[n] if trend < 0 else close[n] < lower[n]
        trend = -trend if beyond else trend
        line[n], direction[n] = (lower if trend > 0 else upper)[n], trend
    return line, direction


def daily(series: Series, function: Callable[[Floats, Floats], tuple[Floats, ...]]) -> Any:
    """Return a function of the prices and volumes of each day so far."""
    parts = [
        function(series["close"][at], series["volume"][at])
        for at in (series["day"] == day for day in np.unique(series["day"]))
    ]
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def vwap(price: Floats, volume: Floats) -> tuple[Floats, Floats]:
    """Return one day's average and, from each row afresh, its weighted deviation."""
    shares = np.cumsum(volume)
    with np.errstate(invalid="ignore"):
        mean = np.where(shares > 0, np.cumsum(price * volume) / shares, price)
    spread = np.zeros(len(price))
    for n in np.flatnonzero(shares):
        distance = price[: n + 1] - mean[n]
        spread[n] = np.sqrt((volume[: n + 1] * distance**2).sum() / shares[n])
    return mean, spread


def vwap_bands(series: Series, width: float) -> tuple[Floats, ...]:
    """Return the average, its bands and its deviation."""
    mean, spread = daily(series, vwap)
    return mean, mean + width * spread, mean - width * spread, spread


def line(price: Floats, window: int) -> tuple[Floats, ...]:
    """Return slope and end of the least-squares line through each window."""
    x = np.arange(window) - (window - 1) / 2
    slope = rolling(window, lambda v: (centred(v) * x).sum(axis=1) / (x**2).sum(), price)
    mean = rolling(window, lambda v: v.mean(axis=1), price)
    return slope, mean + slope * x[-1]


def changes(price: Floats, returns: bool) -> Floats:
    """Return prices as they are, or their changes as fractions."""
    return price[1:] / price[:-1] - 1 if returns else price


def correlation(series: Series, window: int, returns: bool) -> Floats:
    """Return the correlation within each window; with a flat side 0."""
    x, y = (changes(series[name], returns) for name in ("close", "other"))

    def one(v: Floats, w: Floats) -> Floats:
        a, b = centred(v), centred(w)
        flat = (np.ptp(v, axis=1) == 0) | (np.ptp(w, axis=1) == 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            made = (a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
        return np.where(flat, 0.0, made)

    return after(len(series["close"]), rolling(window, one, x, y)[window - 1 :])


def cointegration(series: Series, window: int) -> tuple[Floats, ...]:
    """Return statistic, ratio, intercept and deviation of each window, by NumPy's least squares."""
    views = (sliding_window_view(series[name], window) for name in ("close", "other"))
    made = np.array([engle_granger(left, right) for left, right in zip(*views, strict=True)])
    return tuple(after(len(series["close"]), column) for column in made.T)


def engle_granger(left: Floats, right: Floats) -> tuple[float, ...]:
    """Return the four of one window."""
    line = np.column_stack([np.ones(len(right)), right - right.mean()])
    level, ratio = np.linalg.lstsq(line, left)[0]
    rest = left - line @ (level, ratio)
    deviation = float(rest.std())
    intercept = level - ratio * right.mean()
    if np.ptp(left) == 0:
        return 0.0, 0.0, left[0], 0.0
    if deviation <= 1e-6 * left.std():
        return 0.0, ratio, intercept, 0.0
    step = np.diff(rest)
    known = np.column_stack([rest[1:-1], step[:-1]])
    pull, left_over, *_ = np.linalg.lstsq(known, step[1:])
    variance = float(left_over[0]) / (len(known) - 2)
    error = np.sqrt(variance * np.linalg.inv(known.T @ known)[0, 0])
    return float(pull[0] / error), ratio, intercept, deviation


def beta(series: Series, window: int, returns: bool) -> tuple[Floats, ...]:
    """Return slope and intercept of the first on the second within each window."""
    x, y = (changes(series[name], returns) for name in ("close", "other"))
    rows = len(series["close"])

    def one(v: Floats, w: Floats) -> Floats:
        b = centred(w)
        with np.errstate(invalid="ignore", divide="ignore"):
            made = (centred(v) * b).sum(axis=1) / (b**2).sum(axis=1)
        return np.where(np.ptp(w, axis=1) == 0, 0.0, made)

    slope = after(rows, rolling(window, one, x, y)[window - 1 :])
    means = [after(rows, rolling(window, lambda v: v.mean(axis=1), each)[window - 1 :])
             for each in (x, y)]  # fmt: skip
    return slope, means[0] - slope * means[1]


def imbalance(series: Series) -> Floats:
    """Return the difference of the quantities as a share of both."""
    both = series["bid_qty"] + series["ask_qty"]
    with np.errstate(invalid="ignore"):
        return np.where(both == 0, 0.0, (series["bid_qty"] - series["ask_qty"]) / both)


# --- cases ----------------------------------------------------------------------------------


def by_window(name: str, oracle: Callable[[Series, int], Any], *windows: int) -> list[Case]:
    """Return a case a window."""
    return [Case(name, {"window": n}, lambda s, n=n: oracle(s, n)) for n in windows]


CASES = [
    *by_window("sma", lambda s, n: talib.SMA(s["close"], n), 2, 14, 200),
    Case("sma", {"window": 14}, lambda s: talib.SMA(s["volume"], 14), {"units": "volume"}),
    *[Case("ema", {"window": n, "start": "sma"}, lambda s, n=n: talib.EMA(s["close"], n))
      for n in (2, 14, 200)],
    *[Case("ema", {"window": n, "start": "first"}, lambda s, n=n: late_ema(s["close"], n))
      for n in (1, 14)],
    *by_window("wma", lambda s, n: talib.WMA(s["close"], n), 1, 14, 200),
    *by_window("dema", lambda s, n: talib.DEMA(s["close"], n), 1, 14, 100),
    *by_window("hma", lambda s, n: hull(s["close"], n), 2, 16, 55),
    *by_window("rsi", lambda s, n: talib.RSI(s["close"], n), 2, 14, 100),
    *[Case("macd", dict(zip(("fast", "slow", "signal"), windows, strict=True)),
           lambda s, windows=windows: macd(s["close"], *windows))
      for windows in ((12, 26, 9), (3, 10, 16))],
    *by_window("atr", lambda s, n: talib.ATR(*hlc(s), n), 1, 14, 100),
    *[Case("bollinger", {"window": n, "width": width},
           lambda s, n=n, width=width: bollinger(s["close"], n, width))
      for n, width in ((20, 2.0), (2, 1.5), (200, 3.0))],
    *[Case("donchian", {"window": n, "before": before},
           lambda s, n=n, before=before: donchian(s, n, before))
      for n, before in ((20, False), (20, True), (2, False), (300, True))],
    *[Case("keltner", {"window": n, "range_window": m, "width": 2.0},
           lambda s, n=n, m=m: keltner(s, n, m, 2.0)) for n, m in ((20, 10), (5, 50))],
    *by_window("adx", adx, 2, 14, 50),
    *[Case("stochastic", dict(zip(("window", "smooth", "signal"), windows, strict=True)),
           lambda s, w=windows: talib.STOCH(*hlc(s), w[0], w[1], 0, w[2], 0))
      for windows in ((14, 3, 3), (1, 1, 1), (100, 5, 10))],
    *by_window("cci", cci, 2, 20, 100),
    *by_window("mfi", lambda s, n: talib.MFI(*hlc(s), s["volume"], n), 2, 14, 100),
    *[Case("supertrend", {"window": n, "width": width},
           lambda s, n=n, width=width: supertrend(s, n, width))
      for n, width in ((10, 3.0), (1, 1.0))],
    Case("obv", {}, lambda s: talib.OBV(s["close"], s["volume"])),
    Case("vwap", {}, lambda s: daily(s, vwap)[0]),
    Case("vwap_bands", {"width": 2.0}, lambda s: vwap_bands(s, 2.0)),
    *by_window("std", lambda s, n: deviation(s["close"], n), 1, 14, 200),
    *by_window("zscore", lambda s, n: zscore(s["close"], n), 2, 20, 200),
    *by_window("slope", lambda s, n: line(s["close"], n), 2, 14, 200),
    *by_window("highest", lambda s, n: talib.MAX(s["close"], n), 2, 14, 300),
    *by_window("lowest", lambda s, n: talib.MIN(s["close"], n), 2, 14, 300),
    *by_window("roc", lambda s, n: talib.ROC(s["close"], n), 1, 14, 200),
    *[Case("correlation", {"window": n, "returns": returns},
           lambda s, n=n, returns=returns: correlation(s, n, returns))
      for n, returns in ((30, False), (3, False), (200, True))],
    *[Case("beta", {"window": n, "returns": returns},
           lambda s, n=n, returns=returns: beta(s, n, returns))
      for n, returns in ((30, True), (3, False), (200, False))],
    *[Case("cointegration", {"window": n}, lambda s, n=n: cointegration(s, n))
      for n in (30, 10, 120)],
    Case("imbalance", {}, imbalance),
]  # fmt: skip
