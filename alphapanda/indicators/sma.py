"""Simple moving average of the last `window` inputs."""

from __future__ import annotations

import math
from typing import Any

from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "total": float, "scale": float, "next": int}
INPUTS = ("price",)


def sma(
    window: int | str, *, of: str = "last", bar: str | None = None, leg: str | None = None
) -> Any:
    """Declare the simple moving average of `window` inputs."""
    return Indicator(__name__, {"window": window}, of, bar, leg)


def prepare(window: int) -> dict[str, float]:
    """Return the first values of the record's fields."""
    return {"length": window, "warmup": window, "scale": 1.0 / (window * 10_000.0)}


def update(self: Any, heap: Any, price: float) -> None:
    """Take in one input.

    The sum is kept in whole units of Rs 0.0001, which float64 adds without error, so it never
    drifts from a sum made afresh.
    """
    units = math.floor(price * 10000.0 + 0.5)
    place = self.offset + self.next
    self.total += units - heap[place]
    heap[place] = units
    self.next = self.next + 1 if self.next + 1 < self.length else 0
    self.value = self.total * self.scale
