"""Volume-weighted average price of the session so far; it begins anew when the session opens."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "money": float, "shares": float}
INPUTS = ("price", "volume")
ON_PRICE = ("value",)


@indicator
def vwap(*, of: str = "last", bar: str | None = None, leg: str | None = None) -> Any:
    """Declare the session's volume-weighted average of the inputs."""
    return Indicator(__name__, {}, of, bar, leg)


def prepare() -> dict[str, float]:
    """Return the first values of the record's fields."""
    return {"warmup": 1}


def update(self: Any, heap: Any, price: float, volume: float) -> None:
    """Take in one input and what was traded at it; before the first trade it is the price."""
    self.money += price * volume
    self.shares += volume
    self.value = self.money / self.shares if self.shares > 0.0 else price


def reset(self: Any, heap: Any) -> None:
    """Forget the last session."""
    self.money = 0.0
    self.shares = 0.0
