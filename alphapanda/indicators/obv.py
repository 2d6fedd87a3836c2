"""On-balance volume: the volume of rising inputs less that of falling ones, from the start."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "price": float}
INPUTS = ("price", "volume")


@indicator
def obv(
    *, of: str = "last", bar: str | None = None, leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare on-balance volume; the first input's volume counts as rising, as in TA-Lib."""
    return Indicator(__name__, {}, of, bar, leg)


def prepare() -> dict[str, float]:
    """Return the first values of the record's fields."""
    return {"warmup": 1}


def update(self: Any, heap: Any, price: float, volume: float) -> None:
    """Take in one input and what was traded."""
    if self.count == 0 or price > self.price:
        self.value += volume
    elif price < self.price:
        self.value -= volume
    self.price = price
