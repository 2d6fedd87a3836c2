"""Zerodha's automatic market protection: how far from the last price a market order may fill.

Percentages as on Zerodha's support page (2026); the band is a rate in 1e-7 of the last price.
"""

from __future__ import annotations

from alphapanda.model.charges import portion
from alphapanda.model.instruments import Segment

PERCENT = 100_000
RUPEES = 10_000


def automatic(segment: int, last: int) -> int:
    """Return the band at a last price; 0 for an index, which has no orders to protect."""
    if segment == Segment.INDEX:
        return 0
    if segment == Segment.OPTIONS:
        return of_option(last)
    if last < 100 * RUPEES:
        return 2 * PERCENT
    if last <= 500 * RUPEES:
        return PERCENT
    return PERCENT // 2


def of_option(last: int) -> int:
    """Return the band of an option at its premium."""
    if last < 10 * RUPEES:
        return 5 * PERCENT
    if last < 100 * RUPEES:
        return 3 * PERCENT
    if last <= 500 * RUPEES:
        return 2 * PERCENT
    return PERCENT


def worst_price(last: int, protection: int, qty: int, tick: int) -> int:
    """Return how far from `last` a band lets an order of `qty` fill, in whole ticks."""
    width = portion(last, protection)
    step = max(tick, 1)
    if qty > 0:
        return (last + width) // step * step
    return max(-((width - last) // step) * step, step)
