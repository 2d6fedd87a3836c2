"""Rolling correlation of two instruments: of the prices of two legs, or of their changes."""

from __future__ import annotations

import math
from typing import Any

from alphapanda.indicators import _pair, indicator
from alphapanda.indicators._pair import covariance, pair, variance_left, variance_right
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, **_pair.FIELDS}
INPUTS = ("left", "right")


@indicator
def correlation(
    window: int | str, *, legs: tuple[str, str] | None = None, of: str = "last",
    bar: str | None = None, returns: bool = False,
) -> Any:  # fmt: skip
    """Declare the correlation of two legs over `window` pairs; with a flat leg it is 0.

    On bars a pair is two bars that end together; on ticks it is made when both legs have a new
    price since the last pair. `returns=True` correlates the changes from pair to pair.
    """
    return Indicator(__name__, {"window": window, "returns": returns}, of, bar, None, legs or ())


def prepare(window: int, returns: bool) -> dict[str, float]:
    """Return the first values of the record's fields."""
    return _pair.prepare(window, returns)


def update(self: Any, heap: Any, left: float, right: float) -> None:
    """Take in one pair."""
    if pair(self, heap, left, right):
        spread = math.sqrt(variance_left(self, heap)) * math.sqrt(variance_right(self, heap))
        value = covariance(self, heap) / spread if spread > 0.0 else 0.0
        self.value = min(max(value, -1.0), 1.0)
