"""Session VWAP with bands: `width` volume-weighted standard deviations around it."""

from __future__ import annotations

import math
from typing import Any

from alphapanda.indicators import indicator
from alphapanda.model.declaration import Indicator

FIELDS = {
    "value": float, "upper": float, "lower": float, "deviation": float, "shares": float,
    "squares": float, "width": float,
}  # fmt: skip
OUTPUTS = ("value", "upper", "lower", "deviation")
INPUTS = ("price", "volume")
ON_PRICE = ("value", "upper", "lower")


@indicator
def vwap_bands(
    width: float | str = 2.0, *, of: str = "last", bar: str | None = None, leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare the session's VWAP (`value`) with `upper`, `lower` and their `deviation`."""
    return Indicator(__name__, {"width": width}, of, bar, leg)


def prepare(width: float) -> dict[str, float]:
    """Return the first values of the record's fields."""
    return {"width": width * 1.0, "warmup": 1}


def update(self: Any, heap: Any, price: float, volume: float) -> None:
    """Take in one input and what was traded at it; before the first trade all are the price."""
    if self.shares == 0.0:
        self.value = price
    if volume > 0.0:
        self.shares += volume
        distance = price - self.value
        self.value += distance * (volume / self.shares)
        self.squares += volume * distance * (price - self.value)
        self.deviation = math.sqrt(max(self.squares / self.shares, 0.0))
    self.upper = self.value + self.width * self.deviation
    self.lower = self.value - self.width * self.deviation


def reset(self: Any, heap: Any) -> None:
    """Forget the last session."""
    self.shares = 0.0
    self.squares = 0.0
    self.deviation = 0.0
