"""Simple moving average of the last `window` inputs."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import whole
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "total": float, "fresh": float, "scale": float, "next": int}
INPUTS = ("units",)
ON_PRICE = ("value",)


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

    Prices are whole ones, which float64 adds without error, so the mean of equal prices is that
    price. Of other numbers a sum may drift; so each time the window has been filled anew, the sum
    of what filled it takes the sum's place.
    """
    place = self.offset + self.next
    after = self.next + 1
    total = self.total + (units - heap[place])
    fresh = self.fresh + units
    heap[place] = units
    if after == self.length:
        after = 0
        total = fresh
        fresh = 0.0
    self.next = after
    self.total = total
    self.fresh = fresh
    self.value = total / self.scale
