"""Simple moving average of the last `window` inputs."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import whole
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "total": float, "fresh": float, "scale": float, "next": int}
INPUTS = ("price",)

WHOLE = 6_755_399_441_055_744.0
"""1.5 x 2^52: added and taken away again it leaves a float64 rounded to a whole number."""


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


def update(self: Any, heap: Any, price: float) -> None:
    """Take in one input.

    The sum is kept in units of Rs 0.0001: prices are whole ones, which float64 adds without error,
    so the mean of equal prices is that price. What is no whole number of units may drift; so each
    time the window has been filled anew, the sum of what filled it takes the sum's place.
    """
    units = price * 10_000.0
    near = (units + WHOLE) - WHOLE
    if abs(units - near) <= 4.5e-16 * abs(units):
        units = near
    place = self.offset + self.next
    self.total += units - heap[place]
    self.fresh += units
    heap[place] = units
    self.next += 1
    if self.next == self.length:
        self.next = 0
        self.total = self.fresh
        self.fresh = 0.0
    self.value = self.total / self.scale
