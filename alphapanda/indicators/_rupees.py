"""Prices of the core in the unit of indicators: the one way from exact units to floats."""

from __future__ import annotations


def rupees(price: int) -> float:
    """Return a price or an amount of Rs 0.0001 in rupees, as indicators count."""
    return price / 10_000.0
