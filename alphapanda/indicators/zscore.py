"""Z-score: how many standard deviations an input is above the mean of its window."""

from __future__ import annotations

import math
from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import MOMENTS, moments, whole
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "mean": float, "deviation": float, "window": int}
OUTPUTS = ("value", "mean", "deviation")
INPUTS = ("price",)
ON_PRICE = ("mean",)


@indicator
def zscore(
    window: int | str, *, of: str = "last", bar: str | None = None, leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare the z-score within `window` inputs, its own included; in a flat window it is 0."""
    return Indicator(__name__, {"window": window}, of, bar, leg)


def prepare(window: int) -> dict[str, float]:
    """Return the first values of the record's fields."""
    size = whole(window)
    return {"window": size, "length": MOMENTS + size, "warmup": size}


def update(self: Any, heap: Any, price: float) -> None:
    """Take in one input."""
    self.mean, variance = moments(heap, self.offset, self.window, price)
    self.deviation = math.sqrt(variance)
    self.value = (price - self.mean) / self.deviation if variance > 0.0 else 0.0
