"""What correlation and beta share: the sums of two legs' prices, or of their changes."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators._window import (
    add,
    add_product,
    crossed,
    equals,
    swap,
    whole,
)

FIELDS = {"window": int, "returns": int, "old_left": float, "old_right": float}

X, Y, XX, YY, XY, SAME_X, SAME_Y, RINGS = 0, 2, 4, 6, 8, 10, 12, 14
"""Where each sum begins, then how long either side has been flat, then the inputs."""


def prepare(window: int, returns: bool) -> dict[str, float]:
    """Return the first values of the record's fields; the first prices are no change."""
    size, changes = whole(window, 2), int(returns)
    return {
        "window": size, "returns": changes, "length": RINGS + 2 * (1 + size),
        "warmup": size + changes,
    }  # fmt: skip


def pair(self: Any, heap: Any, left: float, right: float) -> bool:
    """Take in two prices; return if the sums have changed."""
    x, y = left, right
    if self.returns == 1:
        x = change(left, self.old_left)
        y = change(right, self.old_right)
    self.old_left = left
    self.old_right = right
    if self.returns == 1 and self.count == 0:
        return False
    count_in(heap, self.offset, self.window, x, y)
    return True


def change(price: float, before: float) -> float:
    """Return the change as a fraction; from 0 it is 0."""
    return (price - before) / before if before != 0.0 else 0.0


def count_in(heap: Any, at: int, window: int, x: float, y: float) -> None:
    """Put a pair in place of the oldest one."""
    equals(heap, at + SAME_X, x)
    equals(heap, at + SAME_Y, y)
    old_x = swap(heap, at + RINGS, window, x)
    old_y = swap(heap, at + RINGS + 1 + window, window, y)
    add(heap, at + X, x)
    add(heap, at + X, -old_x)
    add(heap, at + Y, y)
    add(heap, at + Y, -old_y)
    add_product(heap, at + XX, x, x)
    add_product(heap, at + XX, -old_x, old_x)
    add_product(heap, at + YY, y, y)
    add_product(heap, at + YY, -old_y, old_y)
    add_product(heap, at + XY, x, y)
    add_product(heap, at + XY, -old_x, old_y)


def variance_left(self: Any, heap: Any) -> float:
    """Return n squared times the variance of the first leg; of a flat one exactly 0."""
    at = self.offset
    flat = heap[at + SAME_X] >= self.window
    return 0.0 if flat else max(crossed(heap, self.window, at + XX, at + X, at + X), 0.0)


def variance_right(self: Any, heap: Any) -> float:
    """Return n squared times the variance of the second leg; of a flat one exactly 0."""
    at = self.offset
    flat = heap[at + SAME_Y] >= self.window
    return 0.0 if flat else max(crossed(heap, self.window, at + YY, at + Y, at + Y), 0.0)


def covariance(self: Any, heap: Any) -> float:
    """Return n squared times the covariance."""
    at = self.offset
    return crossed(heap, self.window, at + XY, at + X, at + Y)
