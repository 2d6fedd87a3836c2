"""Relative strength index: Wilder's average of the rises as a share (in %) of all moves."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import whole, wilder
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "rise": float, "fall": float, "price": float, "window": int}
INPUTS = ("price",)


@indicator
def rsi(
    window: int | str, *, of: str = "last", bar: str | None = None, leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare the relative strength index of `window` moves; of no move it is 0, as TA-Lib's."""
    return Indicator(__name__, {"window": window}, of, bar, leg)


def prepare(window: int) -> dict[str, float]:
    """Return the first values of the record's fields; the first input is no move."""
    size = whole(window)
    return {"window": size, "warmup": size + 1}


def update(self: Any, heap: Any, price: float) -> None:
    """Take in one input."""
    if self.count > 0:
        move = price - self.price
        self.rise = wilder(self.rise, max(move, 0.0), self.count - 1, self.window)
        self.fall = wilder(self.fall, max(-move, 0.0), self.count - 1, self.window)
        moves = self.rise + self.fall
        self.value = 100.0 * (self.rise / moves) if moves > 0.0 else 0.0
    self.price = price
