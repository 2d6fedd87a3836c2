"""Money flow index: the money traded at rising typical prices as a share (in %) of all."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import MEAN, mean, whole
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "typical": float, "window": int}
INPUTS = ("high", "low", "close", "volume")


@indicator
def mfi(
    window: int | str = 14, *, bar: str | None = None, leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare the money flow index of `window` bars; below Rs 1 of flow it is 0, as TA-Lib's."""
    return Indicator(__name__, {"window": window}, "last", bar, leg)


def prepare(window: int) -> dict[str, float]:
    """Return the first values of the record's fields; the heap: rising flows, falling flows."""
    size = whole(window)
    return {"window": size, "length": 2 * (MEAN + size), "warmup": size + 1}


def update(self: Any, heap: Any, high: float, low: float, close: float, volume: float) -> None:
    """Take in one bar; the first is no move, nor is a difference in the last bits alone."""
    typical = (high + low + close) / 3.0
    if self.count > 0:
        flow = typical * volume
        move = typical - self.typical
        least = 1e-12 * abs(typical)
        falls = self.offset + MEAN + self.window
        rise = mean(heap, self.offset, self.window, flow if move > least else 0.0)
        fall = mean(heap, falls, self.window, flow if move < -least else 0.0)
        flows = rise + fall
        self.value = 100.0 * (rise / flows) if flows * self.window >= 1.0 else 0.0
    self.typical = typical
