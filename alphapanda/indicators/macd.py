"""Moving average convergence divergence: a fast exponential average less a slow one."""

from __future__ import annotations

from typing import Any

from alphapanda.errors import UsageError
from alphapanda.indicators import indicator
from alphapanda.indicators._window import smooth, whole
from alphapanda.model.declaration import Indicator

FIELDS = {
    "value": float, "signal": float, "histogram": float, "fast": float, "slow": float,
    "fast_window": int, "slow_window": int, "signal_window": int,
}  # fmt: skip
OUTPUTS = ("value", "signal", "histogram")
INPUTS = ("price",)


@indicator
def macd(
    fast: int | str = 12, slow: int | str = 26, signal: int | str = 9, *,
    of: str = "last", bar: str | None = None, leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare MACD: `value`, its average `signal`, and `histogram`, the first less the second."""
    return Indicator(__name__, {"fast": fast, "slow": slow, "signal": signal}, of, bar, leg)


def prepare(fast: int, slow: int, signal: int) -> dict[str, float]:
    """Return the first values of the record's fields.

    Raises:
        UsageError: if the fast average is not the faster one.
    """
    quick, calm, last = whole(fast, 1, "fast"), whole(slow, 2, "slow"), whole(signal, 1, "signal")
    if quick >= calm:
        raise UsageError(f"fast = {fast} must be below slow = {slow}")
    return {
        "fast_window": quick, "slow_window": calm, "signal_window": last,
        "warmup": calm + last - 1,
    }  # fmt: skip


def update(self: Any, heap: Any, price: float) -> None:
    """Take in one input; as in TA-Lib the fast average's start ends with that of the slow one."""
    early = self.slow_window - self.fast_window
    if self.count >= early:
        alpha = 2.0 / (self.fast_window + 1.0)
        self.fast = smooth(self.fast, price, self.count - early, self.fast_window, alpha)
    alpha = 2.0 / (self.slow_window + 1.0)
    self.slow = smooth(self.slow, price, self.count, self.slow_window, alpha)
    self.value = self.fast - self.slow
    number = self.count - self.slow_window + 1
    if number >= 0:
        alpha = 2.0 / (self.signal_window + 1.0)
        self.signal = smooth(self.signal, self.value, number, self.signal_window, alpha)
    self.histogram = self.value - self.signal
