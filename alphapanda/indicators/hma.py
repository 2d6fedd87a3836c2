"""Hull moving average: of 2 x WMA(n / 2) - WMA(n), the WMA over the root of n inputs."""

from __future__ import annotations

import math
from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import WEIGHTED, weighted_mean, whole
from alphapanda.model.declaration import Indicator

FIELDS = {
    "value": float, "window": int, "half": int, "root": int, "long_at": int, "root_at": int,
}  # fmt: skip
INPUTS = ("price",)
ON_PRICE = ("value",)


@indicator
def hma(
    window: int | str, *, of: str = "last", bar: str | None = None, leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare Hull's moving average; half and root of `window` are rounded down."""
    return Indicator(__name__, {"window": window}, of, bar, leg)


def prepare(window: int) -> dict[str, float]:
    """Return the first values of the record's fields; the heap holds the three averages."""
    size = whole(window, 2)
    half, root = size // 2, math.isqrt(size)
    long_at = WEIGHTED + half
    root_at = long_at + WEIGHTED + size
    return {
        "window": size, "half": half, "root": root, "long_at": long_at, "root_at": root_at,
        "length": root_at + WEIGHTED + root, "warmup": size + root - 1,
    }  # fmt: skip


def update(self: Any, heap: Any, price: float) -> None:
    """Take in one input; what the last average saw too early has left it when it is warm."""
    half = weighted_mean(heap, self.offset, self.half, price)
    full = weighted_mean(heap, self.offset + self.long_at, self.window, price)
    self.value = weighted_mean(heap, self.offset + self.root_at, self.root, 2.0 * half - full)
