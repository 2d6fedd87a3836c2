"""Weighted moving average of the last `window` inputs: weights 1 (oldest) to n (newest)."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import WEIGHTED, weighted_mean, whole
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "window": int}
INPUTS = ("price",)
ON_PRICE = ("value",)


@indicator
def wma(
    window: int | str, *, of: str = "last", bar: str | None = None, leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare the weighted moving average of `window` inputs."""
    return Indicator(__name__, {"window": window}, of, bar, leg)


def prepare(window: int) -> dict[str, float]:
    """Return the first values of the record's fields."""
    size = whole(window)
    return {"window": size, "length": WEIGHTED + size, "warmup": size}


def update(self: Any, heap: Any, price: float) -> None:
    """Take in one input."""
    self.value = weighted_mean(heap, self.offset, self.window, price)
