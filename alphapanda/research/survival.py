"""How much of a P&L is left under worse conditions, in honest words."""

from __future__ import annotations


def share(pnl: int, base: int) -> float | None:
    """Return the share of a profit that is left; None where there was no profit to keep."""
    return pnl / base if base > 0 else None


def verdict(pnl: int, base: int) -> str:
    """Return what became of the P&L in a word or two."""
    if pnl == base:
        return "same"
    if base > 0:
        if pnl <= 0:
            return "profit gone"
        return "profit shrinks" if pnl < base else "profit grows"
    if pnl > 0:
        return "now a profit"
    if base == 0:
        return "now a loss"
    return "loss grows" if pnl < base else "loss shrinks"
