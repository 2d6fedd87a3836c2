"""Book imbalance: best bid quantity less best ask quantity as a share of both, -1 to 1."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float}
INPUTS = ("bid_qty", "ask_qty")


@indicator
def imbalance(
    *, leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare the imbalance of the best quotes of ticks; without any quantity it is 0."""
    return Indicator(__name__, {}, "last", None, leg)


def prepare() -> dict[str, float]:
    """Return the first values of the record's fields."""
    return {"warmup": 1}


def update(self: Any, heap: Any, bid_qty: float, ask_qty: float) -> None:
    """Take in one row's quotes."""
    both = bid_qty + ask_qty
    self.value = (bid_qty - ask_qty) / both if both > 0.0 else 0.0
