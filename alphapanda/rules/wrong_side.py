"""Stops lie beyond the market, and a bracket's exits on either side of its entry.

Zerodha refuses a stop whose trigger the last price has reached, and an SL whose limit its trigger
has passed: it would be no stop, but an order to trade at once.
"""

from __future__ import annotations

from alphapanda.core.state import Core, Record, Role
from alphapanda.model.rows import Code, Kind

NUMBER = 22
CODE = Code.WRONG_SIDE
PER = "signal"

AT = (
    {"wish.kind": Kind.STOP, "wish.trigger": 1_000_001},
    {"wish.kind": Kind.STOP, "wish.trigger": 999_999, "wish.qty": -10},
    {"wish.kind": Kind.STOP_LIMIT, "wish.trigger": 1_000_001, "wish.price": 1_000_001},
    {"wish.kind": 2, "wish.trigger": 999_999, "wish.price": 999_999, "wish.qty": -10},
    {"wish.role": Role.ENTRY, "wish.stop": 999_999, "wish.target": 1_000_001},
    {"wish.role": Role.ENTRY, "wish.stop": 1_000_001, "wish.target": 999_999, "wish.qty": -10},
    {"wish.role": Role.ENTRY, "wish.price": 999_990, "wish.stop": 999_989},
    {"wish.role": Role.ENTRY, "wish.price": 1_000_010, "wish.stop": 1_000_011, "wish.qty": -10},
    {"wish.role": Role.ENTRY, "wish.trail": 1},
    {"wish.role": Role.ENTRY, "wish.stop": 1},
    {"wish.role": Role.ENTRY, "wish.target": 1, "wish.qty": -10},
    {"wish.role": Role.ENTRY, "wish.price": 1_000_010, "wish.target": 1_000_001},
)
OVER = (
    {"wish.kind": Kind.STOP, "wish.trigger": 1_000_000},
    {"wish.kind": Kind.STOP, "wish.trigger": 1_000_000, "wish.qty": -10},
    {"wish.kind": Kind.STOP_LIMIT, "wish.trigger": 1_000_001, "wish.price": 1_000_000},
    {"wish.kind": 2, "wish.trigger": 999_999, "wish.price": 1_000_000, "wish.qty": -10},
    {"wish.role": Role.ENTRY, "wish.stop": 1_000_000, "wish.target": 1_000_001},
    {"wish.role": Role.ENTRY, "wish.stop": 1_000_001, "wish.target": 1_000_000, "wish.qty": -10},
    {"wish.role": Role.ENTRY, "wish.price": 999_990, "wish.stop": 999_990},
    {"wish.role": Role.ENTRY, "wish.price": 1_000_010, "wish.stop": 1_000_010, "wish.qty": -10},
    {"wish.role": Role.ENTRY, "wish.trail": -1},
    {"wish.role": Role.ENTRY, "wish.stop": -1},
    {"wish.role": Role.ENTRY, "wish.target": -1, "wish.qty": -10},
    {"wish.role": Role.ENTRY, "wish.price": 1_000_010, "wish.target": 1_000_000},
)
MISSING = {"wish.kind": Kind.STOP, "wish.trigger": 1, "instrument.last": 0, "wish.qty": -10}


def beyond(qty: int, price: int, level: int) -> bool:
    """Say if a price lies beyond a level: above it for a buyer, below it for a seller."""
    return price > level if qty > 0 else price < level


def check(core: Core, wish: Record, owner: int) -> bool:
    """Refuse a trigger that the market has reached, and exits that their entry would trip."""
    last = core.instruments[wish.row].last
    if wish.kind >= Kind.STOP_LIMIT:
        wish.value = wish.trigger
        wish.limit = last
        if not beyond(wish.qty, wish.trigger, last):
            return True
        wish.value = wish.price
        wish.limit = wish.trigger
        if wish.kind == Kind.STOP_LIMIT and beyond(wish.qty, wish.trigger, wish.price):
            return True
    if wish.role != Role.ENTRY:
        return False
    return exits_tripped(wish, last)


def exits_tripped(wish: Record, last: int) -> bool:
    """Say if a bracket's exits lie on the wrong side of the price at which its entry can fill."""
    entry = last
    if wish.price != 0 and beyond(wish.qty, last, wish.price):
        entry = wish.price
    wish.limit = entry
    wish.value = min(wish.trail, wish.stop, wish.target)
    if wish.trail < 0 or wish.stop < 0 or wish.target < 0:
        return True
    wish.value = wish.stop
    if wish.stop != 0 and not beyond(wish.qty, entry, wish.stop):
        return True
    wish.value = wish.target
    return bool(wish.target != 0 and not beyond(wish.qty, wish.target, entry))
