"""Rate of change: how far an input is above the one `window` inputs before it, in %."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import swap, whole
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "window": int}
INPUTS = ("price",)


@indicator
def roc(
    window: int | str, *, of: str = "last", bar: str | None = None, leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare the rate of change over `window` inputs; from 0 it is 0, as TA-Lib's."""
    return Indicator(__name__, {"window": window}, of, bar, leg)


def prepare(window: int) -> dict[str, float]:
    """Return the first values of the record's fields."""
    size = whole(window)
    return {"window": size, "length": 1 + size, "warmup": size + 1}


def update(self: Any, heap: Any, price: float) -> None:
    """Take in one input."""
    old = swap(heap, self.offset, self.window, price)
    self.value = 100.0 * (price / old - 1.0) if old != 0.0 else 0.0
