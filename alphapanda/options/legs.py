"""Legs of an option position: what each is, and what margin they block by our flat table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from alphapanda.errors import UsageError
from alphapanda.model.calendar import Calendar
from alphapanda.model.charges import portion
from alphapanda.model.contracts import by_name
from alphapanda.model.instruments import Instrument, OptionType, Product, Segment
from alphapanda.model.limits import margin as rates_of
from alphapanda.model.limits import margins_known_from
from alphapanda.model.money import BOUND, VALUE_BOUND, to_rupees, to_scaled


@dataclass(frozen=True, slots=True)
class Leg:
    """So many units of a contract at a price; prices are scaled (1 = Rs 0.0001)."""

    instrument: Instrument
    quantity: int
    """In units, not lots; below 0: sold."""
    price: int

    @property
    def option(self) -> OptionType:
        """Whether it is a call, a put, or a future."""
        return self.instrument.option_type

    def worth(self, spot: int) -> int:
        """Return what the contract is worth when it expires with the underlying at a price."""
        if self.option == OptionType.CALL:
            return max(spot - self.instrument.strike, 0)
        if self.option == OptionType.PUT:
            return max(self.instrument.strike - spot, 0)
        return spot


@dataclass(frozen=True, slots=True)
class Margin:
    """What a basket blocks by the flat table; not what the exchange's own method would ask."""

    by_leg: tuple[tuple[str, Decimal], ...]
    """Rupees of each leg: a bought option blocks what it costs."""
    total: Decimal
    day: date
    notes: tuple[str, ...]


def legs_of(legs: Iterable[Any]) -> tuple[Leg, ...]:
    """Return legs written as (contract, quantity in units, price in rupees).

    A contract is a name that says its strike and expiry (NFO:NIFTY2590224550CE), or an
    `Instrument`; legs on several underlyings or expiries have no common payoff.

    Raises:
        UsageError: naming the leg that does not fit.
    """
    made = tuple(leg if isinstance(leg, Leg) else leg_of(n, leg) for n, leg in enumerate(legs, 1))
    if not made:
        raise UsageError("no legs: write (contract, quantity, price), such as "
                         "('NFO:NIFTY2590224550CE', -75, 112.5)")  # fmt: skip
    return made


def leg_of(number: int, written: Any) -> Leg:
    """Return one leg as it is written."""
    where = f"leg {number}"
    if not isinstance(written, Sequence) or isinstance(written, str) or len(written) != 3:
        raise UsageError(f"{where}: write (contract, quantity, price), not {written!r}")
    contract, quantity, price = written
    instrument = contract
    if not isinstance(contract, Instrument):
        instrument = by_name(str(contract), Calendar.nse())
    if instrument.segment not in (Segment.OPTIONS, Segment.FUTURES):
        raise UsageError(f"{where}: {instrument.name} is neither an option nor a future")
    if instrument.expiry is None or (instrument.option_type and instrument.strike == 0):
        raise UsageError(f"{where}: {instrument.name} does not say its strike and expiry: give its "
                         "Instrument")  # fmt: skip
    units = check_quantity(where, quantity)
    return Leg(instrument, units, scaled(f"{where}, {instrument.name}", price))


def check_quantity(where: str, quantity: Any) -> int:
    """Return a quantity in units, not 0."""
    try:
        units = int(quantity)
    except (TypeError, ValueError, OverflowError):
        units = 0
    if units != quantity or units == 0 or abs(units) >= BOUND:
        raise UsageError(f"{where}: quantity = {quantity!r} must be a whole number of units, not 0")
    return units


def scaled(where: str, price: Any) -> int:
    """Return rupees, 0 or more, as a scaled price."""
    try:
        made = to_scaled(price if isinstance(price, Decimal | str) else repr(float(price)))
    except (TypeError, ValueError, ArithmeticError):
        made = -1
    if not 0 <= made < BOUND:
        raise UsageError(f"{where}: price = {price!r} must be rupees, 0 or more")
    return made


def margin(legs: Iterable[Any], *, day: date) -> Margin:
    """Return what legs block on a day, each by itself, by the dated flat table of margins.

    A short option blocks a share of strike x quantity, a future one of its price, a bought option
    what it costs. The exchange's own method looks at the whole basket and at a range of moves: it
    asks less of legs that protect each other, and more of some single ones.

    Raises:
        UsageError: naming the leg that does not fit.
    """
    made = legs_of(legs)
    blocked = [blocks(leg, day) for leg in made]
    notes = ["a flat rate a leg, from a dated table: the exchange's margin of a basket differs"]
    if day < margins_known_from():
        notes.append(f"margins are unknown before {margins_known_from()}: that day's are taken")
    names = [leg.instrument.name for leg in made]
    by_leg = tuple((n, to_rupees(b)) for n, b in zip(names, blocked, strict=True))
    return Margin(by_leg, to_rupees(sum(blocked)), day, tuple(notes))


def blocks(leg: Leg, day: date) -> int:
    """Return what one leg blocks, as the risk gate counts it."""
    rates = rates_of(leg.instrument, Product.NRML, day)
    short = leg.quantity < 0 and rates.short != 0
    value = abs(leg.quantity) * (leg.instrument.strike if short else leg.price)
    if value >= VALUE_BOUND:
        raise UsageError(f"{leg.instrument.name}: {leg.quantity} units are worth too much to count")
    return portion(value, rates.short if short else rates.rate)
