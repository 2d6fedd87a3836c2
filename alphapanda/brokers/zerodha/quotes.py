"""What only quotes say of an instrument: its circuit limits of the day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from alphapanda.brokers.zerodha.again import BUSY, patiently
from alphapanda.model.instruments import Instrument
from alphapanda.model.money import BOUND, to_rupees, to_scaled

if TYPE_CHECKING:
    from alphapanda.brokers.zerodha.client import Client

PER_CALL = 500
"""Instruments of a call."""


class Circuits(NamedTuple):
    """Instruments with the limits that are known, and the names of which none are."""

    instruments: tuple[Instrument, ...]
    unknown: tuple[str, ...]


def with_circuits(client: Client, instruments: Sequence[Instrument]) -> Circuits:
    """Return instruments with their circuit limits; one without a quote keeps none.

    Raises:
        KiteError: if Kite does not answer.
    """
    names = [instrument.name for instrument in instruments]
    quotes: dict[str, Any] = {}
    for at in range(0, len(names), PER_CALL):
        some = names[at : at + PER_CALL]
        found = patiently(partial(client.quote, *some), BUSY)
        quotes.update(found if isinstance(found, dict) else {})
    limits = {name: limits_of(quotes.get(name)) for name in names}
    return Circuits(
        tuple(
            replace(each, lower_circuit=limits[each.name][0], upper_circuit=limits[each.name][1])
            for each in instruments
        ),
        tuple(name for name, (_, upper) in limits.items() if not upper),
    )


def limits_of(quote: object) -> tuple[int, int]:
    """Return the limits in a quote, scaled; (0, 0), not known, where there are none."""
    if not isinstance(quote, dict):
        return 0, 0
    lower, upper = (price(quote.get(f"{name}_circuit_limit")) for name in ("lower", "upper"))
    return (lower, upper) if 0 <= lower < upper else (0, 0)


def price(value: object) -> int:
    """Return a price scaled, -1 for what is none."""
    try:
        exact = Decimal(str(value))
        if not 0 <= exact * 10_000 < BOUND:
            return -1
        scaled = to_scaled(exact)
        return scaled if to_rupees(scaled) == exact else -1
    except (InvalidOperation, ValueError, ArithmeticError):
        return -1
