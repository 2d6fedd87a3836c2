"""Double exponential moving average: twice the average less the average of the average."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import smooth, whole
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "once": float, "twice": float, "alpha": float, "window": int}
INPUTS = ("price",)
ON_PRICE = ("value",)


@indicator
def dema(
    window: int | str, *, of: str = "last", bar: str | None = None, leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare the double exponential moving average, its averages started as TA-Lib's."""
    return Indicator(__name__, {"window": window}, of, bar, leg)


def prepare(window: int) -> dict[str, float]:
    """Return the first values of the record's fields."""
    size = whole(window)
    return {"window": size, "alpha": 2.0 / (size + 1.0), "warmup": 2 * size - 1}


def update(self: Any, heap: Any, price: float) -> None:
    """Take in one input; the second average begins when the first is warm."""
    self.once = smooth(self.once, price, self.count, self.window, self.alpha)
    number = self.count - self.window + 1
    if number >= 0:
        self.twice = smooth(self.twice, self.once, number, self.window, self.alpha)
    self.value = 2.0 * self.once - self.twice
