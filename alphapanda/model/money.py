"""Exact prices and money: int64, where 1 means Rs 0.0001. The only place that converts."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

SCALE = 10_000
"""Scaled units in one rupee."""

PAISA = SCALE // 100
"""Scaled units in one paisa."""

BOUND = 1 << 53
"""Prices and quantities beyond this are refused where they enter; float64 is exact below."""

VALUE_BOUND = 1 << 60
"""An order worth more is refused, so that no product with its quantity passes int64."""


def to_scaled(rupees: Decimal | str | float) -> int:
    """Return rupees as a scaled int, rounded half up (a float is read by its shortest text)."""
    exact = rupees if isinstance(rupees, Decimal) else Decimal(str(rupees))
    return int((exact * SCALE).to_integral_value(rounding=ROUND_HALF_UP))


def to_rupees(scaled: int) -> Decimal:
    """Return a scaled int as an exact Decimal in rupees."""
    return Decimal(int(scaled)) / SCALE


def text(scaled: int) -> str:
    """Return a scaled int as a plain decimal string of rupees with at least two decimals."""
    sign, units = ("-", -int(scaled)) if scaled < 0 else ("", int(scaled))
    fraction = f"{units % SCALE:04d}"
    return f"{sign}{units // SCALE}.{fraction[:2]}{fraction[2:].rstrip('0')}"


def deeper(fall: int, peak: int, than: int, of: int) -> bool:
    """Say if a fall from a peak is a larger part of it than another: whole numbers below 2^53."""
    return fall / peak > than / of
