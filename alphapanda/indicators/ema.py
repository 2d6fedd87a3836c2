"""Exponential moving average: value = a x input + (1 - a) x value, with a = 2 / (window + 1)."""

from __future__ import annotations

from typing import Any

from alphapanda.errors import UsageError
from alphapanda.indicators import indicator
from alphapanda.indicators._window import whole
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "alpha": float, "seed": int}
INPUTS = ("price",)
ON_PRICE = ("value",)


@indicator
def ema(
    window: int | str, *, of: str = "last", bar: str | None = None, leg: str | None = None,
    start: str = "first",
) -> Any:  # fmt: skip
    """Declare the exponential moving average of `window` inputs.

    It starts from the first input (`start="first"`), or from the simple average of the first
    `window` inputs as TA-Lib's does (`start="sma"`).
    """
    return Indicator(__name__, {"window": window, "start": start}, of, bar, leg)


def prepare(window: int, start: str) -> dict[str, float]:
    """Return the first values of the record's fields.

    Raises:
        UsageError: if it starts from something else.
    """
    if start not in ("first", "sma"):
        raise UsageError(f"start = '{start}' must be 'first' or 'sma'")
    size = whole(window)
    seed = size if start == "sma" else 1
    return {"alpha": 2.0 / (size + 1.0), "seed": seed, "warmup": size}


def update(self: Any, heap: Any, price: float) -> None:
    """Take in one input; `count` stops at the warm-up, which is never below `seed`."""
    if self.count >= self.seed:
        self.value = self.alpha * price + (1.0 - self.alpha) * self.value
    else:
        self.value += (price - self.value) / (self.count + 1.0)
