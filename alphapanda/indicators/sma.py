"""Simple moving average of the last `window` inputs."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import whole
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "total": float, "scale": float, "next": int}
INPUTS = ("units",)


@indicator
def sma(
    window: int | str, *, of: str = "last", bar: str | None = None, leg: str | None = None
) -> Any:
    """Declare the simple moving average of `window` inputs."""
    return Indicator(__name__, {"window": window}, of, bar, leg)


def prepare(window: int) -> dict[str, float]:
    """Return the first values of the record's fields."""
    size = whole(window)
    return {"length": size, "warmup": size, "scale": size * 10_000.0}


def update(self: Any, heap: Any, units: float) -> None:
    """Take in one input, in units of 0.0001.

    Whole numbers are added in float64 without error, so the sum never drifts from one made afresh,
    and the mean of equal prices is that price.
    """
    place = self.offset + self.next
    total = self.total + (units - heap[place])
    heap[place] = units
    self.total = total
    self.next = self.next + 1 if self.next + 1 < self.length else 0
    self.value = total / self.scale
