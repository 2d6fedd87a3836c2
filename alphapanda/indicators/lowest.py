"""Lowest of the last `window` inputs, this one included."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import EXTREME, whole
from alphapanda.indicators._window import lowest as lowest_of
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "window": int}
INPUTS = ("price",)
ON_PRICE = ("value",)


@indicator
def lowest(
    window: int | str, *, of: str = "last", bar: str | None = None, leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare the lowest of `window` inputs."""
    return Indicator(__name__, {"window": window}, of, bar, leg)


def prepare(window: int) -> dict[str, float]:
    """Return the first values of the record's fields."""
    size = whole(window)
    return {"window": size, "length": EXTREME + 2 * size, "warmup": size}


def update(self: Any, heap: Any, price: float) -> None:
    """Take in one input."""
    self.value = lowest_of(heap, self.offset, self.window, price)
