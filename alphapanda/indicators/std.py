"""Rolling standard deviation of the last `window` inputs (of the population, as TA-Lib's)."""

from __future__ import annotations

import math
from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import MOMENTS, moments, whole
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "window": int}
INPUTS = ("price",)


@indicator
def std(
    window: int | str, *, of: str = "last", bar: str | None = None, leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare the standard deviation of `window` inputs; of equal ones it is exactly 0."""
    return Indicator(__name__, {"window": window}, of, bar, leg)


def prepare(window: int) -> dict[str, float]:
    """Return the first values of the record's fields."""
    size = whole(window)
    return {"window": size, "length": MOMENTS + size, "warmup": size}


def update(self: Any, heap: Any, price: float) -> None:
    """Take in one input."""
    _, variance = moments(heap, self.offset, self.window, price)
    self.value = math.sqrt(variance)
