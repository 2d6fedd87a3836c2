"""Simple moving average of the last `window` inputs."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import MEAN, mean, whole
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "window": int}
INPUTS = ("price",)


@indicator
def sma(
    window: int | str, *, of: str = "last", bar: str | None = None, leg: str | None = None
) -> Any:
    """Declare the simple moving average of `window` inputs."""
    return Indicator(__name__, {"window": window}, of, bar, leg)


def prepare(window: int) -> dict[str, float]:
    """Return the first values of the record's fields."""
    size = whole(window)
    return {"window": size, "length": MEAN + size, "warmup": size}


def update(self: Any, heap: Any, price: float) -> None:
    """Take in one input; the sum never drifts, and the mean of equal inputs is that input."""
    self.value = mean(heap, self.offset, self.window, price)
