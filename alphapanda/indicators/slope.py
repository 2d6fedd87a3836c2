"""Slope of the least-squares line through the last `window` inputs, and where it ends."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import WEIGHTED, equals, quotient, two_product, weigh, whole
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "line": float, "window": int}
OUTPUTS = ("value", "line")
INPUTS = ("price",)
ON_PRICE = ("line",)


@indicator
def slope(
    window: int | str, *, of: str = "last", bar: str | None = None, leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare the linear-regression slope (per input) and `line`, where the line is now."""
    return Indicator(__name__, {"window": window}, of, bar, leg)


def prepare(window: int) -> dict[str, float]:
    """Return the first values of the record's fields."""
    size = whole(window, 2)
    return {"window": size, "length": WEIGHTED + 2 + size, "warmup": size}


def update(self: Any, heap: Any, price: float) -> None:
    """Take in one input; the line through equal inputs is exactly flat."""
    same = equals(heap, self.offset + WEIGHTED + self.window, price)
    weigh(heap, self.offset, self.window, price)
    total, rest = heap[self.offset], heap[self.offset + 1]
    half = (self.window + 1) * 0.5
    level, level_rest = two_product(half, total)
    tilt = (heap[self.offset + 2] - level) + (heap[self.offset + 3] - level_rest - half * rest)
    size = self.window * 1.0
    self.value = 12.0 * tilt / (size * (size * size - 1.0)) if same < size else 0.0
    self.line = quotient(total, rest, size) + self.value * (size - 1.0) * 0.5
