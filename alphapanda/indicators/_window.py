"""Sums, means, deviations and extremes of the last n inputs, kept on the heap.

Sums carry what float64 rounded away beside them (Knuth's and Dekker's error-free sum and product),
so however long they run they equal a sum made afresh, and a flat window has a deviation of 0.
Each block of the heap belongs to one function, which says how long it is: `at` is where it begins.
"""

from __future__ import annotations

from typing import Any

from alphapanda.errors import UsageError

SPLIT = 134_217_729.0
"""2^27 + 1 cuts a float64 into halves of 26 bits."""

MEAN, WEIGHTED, MOMENTS, EXTREME = 3, 5, 7, 3
"""Floats of a block before its window."""


def whole(window: float, least: int = 1, name: str = "window") -> int:
    """Return a number of inputs as an int.

    Raises:
        UsageError: if it is not whole or below the least that makes sense.
    """
    if int(window) != window or window < least:
        raise UsageError(f"{name} = {window} must be a whole number of at least {least}")
    return int(window)


def two_sum(a: float, b: float) -> tuple[float, float]:
    """Return a + b as float64 gives it, and what it rounded away."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def two_product(a: float, b: float) -> tuple[float, float]:
    """Return a x b as float64 gives it, and what it rounded away."""
    product = a * b
    high_a = SPLIT * a - (SPLIT * a - a)
    high_b = SPLIT * b - (SPLIT * b - b)
    low_a = a - high_a
    low_b = b - high_b
    rest = ((high_a * high_b - product) + high_a * low_b + low_a * high_b) + low_a * low_b
    return product, rest


def quotient(total: float, rest: float, divisor: float) -> float:
    """Return (total + rest) / divisor, rounded once: the mean of equal inputs is that input."""
    rough = (total + rest) / divisor
    product, error = two_product(rough, divisor)
    return rough + (((total - product) - error) + rest) / divisor


def add(heap: Any, at: int, x: float) -> None:
    """Add to a sum (2 floats: the sum, and the rest beside it)."""
    total, rest = two_sum(heap[at], x)
    heap[at] = total
    heap[at + 1] += rest


def add_product(heap: Any, at: int, x: float, y: float) -> None:
    """Add x times y to a sum."""
    product, rest = two_product(x, y)
    add(heap, at, product)
    heap[at + 1] += rest


def swap(heap: Any, at: int, window: int, x: float) -> float:
    """Put an input in place of the oldest, and return that; 0 while the window fills.

    1 + window floats: where the oldest is, then the inputs.
    """
    place = int(heap[at])
    old = heap[at + 1 + place]
    heap[at + 1 + place] = x
    heap[at] = place + 1.0 if place + 1 < window else 0.0
    return float(old)


def mean(heap: Any, at: int, window: int, x: float) -> float:
    """Take in an input and return the mean of the last `window` (MEAN + window floats)."""
    old = swap(heap, at + 2, window, x)
    add(heap, at, x)
    add(heap, at, -old)
    return quotient(heap[at], heap[at + 1], window * 1.0)


def weigh(heap: Any, at: int, window: int, x: float) -> None:
    """Take in an input (WEIGHTED + window floats): the sum, then that of 1 x oldest .. n x newest.

    When an input enters, the weight of each that is there falls by one.
    """
    add_product(heap, at + 2, window * 1.0, x)
    add(heap, at + 2, -heap[at])
    heap[at + 3] -= heap[at + 1]
    old = swap(heap, at + 4, window, x)
    add(heap, at, x)
    add(heap, at, -old)


def weighted_mean(heap: Any, at: int, window: int, x: float) -> float:
    """Take in an input and return the mean with weights 1 .. n (WEIGHTED + window floats)."""
    weigh(heap, at, window, x)
    return quotient(heap[at + 2], heap[at + 3], window * (window + 1) * 0.5)


def crossed(heap: Any, window: int, products: int, x: int, y: int) -> float:
    """Return n x sum(xy) - sum(x) x sum(y) of sums on the heap: n squared times the covariance."""
    left, left_rest = two_product(window * 1.0, heap[products])
    right, right_rest = two_product(heap[x], heap[y])
    left_rest += window * heap[products + 1]
    right_rest += heap[x] * heap[y + 1] + heap[x + 1] * heap[y] + heap[x + 1] * heap[y + 1]
    return float((left - right) + (left_rest - right_rest))


def equals(heap: Any, at: int, x: float) -> float:
    """Return how many inputs in a row were the same (2 floats: how many, and the last)."""
    heap[at] = heap[at] + 1.0 if x == heap[at + 1] else 1.0
    heap[at + 1] = x
    return float(heap[at])


def moments(heap: Any, at: int, window: int, x: float) -> tuple[float, float]:
    """Take in an input and return mean and population variance (MOMENTS + window floats)."""
    same = equals(heap, at + 4, x)
    old = swap(heap, at + 6, window, x)
    add(heap, at, x)
    add(heap, at, -old)
    add_product(heap, at + 2, x, x)
    add_product(heap, at + 2, -old, old)
    middle = quotient(heap[at], heap[at + 1], window * 1.0)
    if same >= window:
        return middle, 0.0
    return middle, max(crossed(heap, window, at + 2, at, at) / (window * 1.0 * window), 0.0)


def highest(heap: Any, at: int, window: int, x: float) -> float:
    """Take in an input and return the highest of the last `window` (EXTREME + 2 window floats).

    A queue of those that may yet be the highest: falling values, each with its number. Each input
    enters once and leaves once.
    """
    head, size, number = int(heap[at]), int(heap[at + 1]), heap[at + 2]
    if size > 0 and heap[queued(at, window, head) + 1] <= number - window:
        head = head + 1 if head + 1 < window else 0
        size -= 1
    while size > 0 and heap[queued(at, window, head + size - 1)] <= x:
        size -= 1
    place = queued(at, window, head + size)
    heap[place] = x
    heap[place + 1] = number
    heap[at] = head * 1.0
    heap[at + 1] = size + 1.0
    heap[at + 2] = number + 1.0
    return float(heap[queued(at, window, head)])


def queued(at: int, window: int, place: int) -> int:
    """Return where an entry of the queue lies; `place` is below twice the window."""
    return at + EXTREME + 2 * (place if place < window else place - window)


def lowest(heap: Any, at: int, window: int, x: float) -> float:
    """Take in an input and return the lowest of the last `window` (EXTREME + 2 window floats)."""
    return -highest(heap, at, window, -x)


def smooth(value: float, x: float, number: int, window: int, alpha: float) -> float:
    """Return an exponential average after its input `number` (from 0).

    It starts as TA-Lib's does: the first `window` inputs count as their simple average.
    """
    if number >= window:
        return value + alpha * (x - value)
    return value + (x - value) / (number + 1.0)


def wilder(value: float, x: float, number: int, window: int) -> float:
    """Return Wilder's average, (old x (window - 1) + x) / window, started in the same way."""
    if number >= window:
        return (value * (window - 1) + x) / window
    return value + (x - value) / (number + 1.0)


def reach(high: float, low: float, close: float) -> float:
    """Return the true range of a bar, given the close before it."""
    return max(high, close) - min(low, close)
