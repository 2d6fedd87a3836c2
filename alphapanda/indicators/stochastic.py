"""Stochastic oscillator: where the close lies within the range of `window` bars, in %."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import EXTREME, MEAN, highest, lowest, mean, whole
from alphapanda.model.declaration import Indicator

FIELDS = {
    "value": float, "signal": float, "window": int, "smooth_window": int, "signal_window": int,
    "block": int,
}  # fmt: skip
OUTPUTS = ("value", "signal")
INPUTS = ("high", "low", "close")


@indicator
def stochastic(
    window: int | str = 14, smooth: int | str = 3, signal: int | str = 3, *,
    bar: str | None = None, leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare the slow stochastic: `value` is %K, smoothed over `smooth` bars, `signal` is %D."""
    given = {"window": window, "smooth": smooth, "signal": signal}
    return Indicator(__name__, given, "last", bar, leg)


def prepare(window: int, smooth: int, signal: int) -> dict[str, float]:
    """Return the first values of the record's fields; the heap: highs, lows, %K's mean, %D's."""
    size, calm, last = whole(window), whole(smooth, 1, "smooth"), whole(signal, 1, "signal")
    block = EXTREME + 2 * size
    return {
        "window": size, "smooth_window": calm, "signal_window": last, "block": block,
        "length": 2 * block + 2 * MEAN + calm + last, "warmup": size + calm + last - 2,
    }  # fmt: skip


def update(self: Any, heap: Any, high: float, low: float, close: float) -> None:
    """Take in one bar; in a window without a range the close is at its bottom, as in TA-Lib."""
    top = highest(heap, self.offset, self.window, high)
    bottom = lowest(heap, self.offset + self.block, self.window, low)
    fast = 100.0 * (close - bottom) / (top - bottom) if top > bottom else 0.0
    means = self.offset + 2 * self.block
    self.value = mean(heap, means, self.smooth_window, fast)
    means += MEAN + self.smooth_window
    self.signal = mean(heap, means, self.signal_window, self.value)
