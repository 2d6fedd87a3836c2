"""Stops lie beyond the market, and a bracket's exits on either side of its entry.

Zerodha refuses a stop whose trigger the last price has reached, and an SL whose limit its trigger
has passed: it would be no stop, but an order to trade at once.
"""

from __future__ import annotations

from alphapanda.books.state import Core, OrderRole, Record
from alphapanda.model.limits import RejectionCode, Unit
from alphapanda.model.rows import Kind

NUMBER = 220
CODE = RejectionCode.WRONG_SIDE
PER = "signal"
SAYS = "a trigger, stop or target lies on the wrong side of the price"
UNIT = Unit.MONEY
SETTLES = "a stop lies behind the market, a target before it"

AT = (
    {"request.kind": Kind.STOP, "request.trigger": 1_000_001},
    {"request.kind": Kind.STOP, "request.trigger": 999_999, "request.qty": -10},
    {"request.kind": Kind.STOP_LIMIT, "request.trigger": 1_000_001, "request.price": 1_000_001},
    {"request.kind": 2, "request.trigger": 999_999, "request.price": 999_999, "request.qty": -10},
    {"request.role": OrderRole.ENTRY, "request.stop": 999_999, "request.target": 1_000_001},
    {
        "request.role": OrderRole.ENTRY,
        "request.stop": 1_000_001,
        "request.target": 999_999,
        "request.qty": -10,
    },
    {"request.role": OrderRole.ENTRY, "request.price": 999_990, "request.stop": 999_989},
    {
        "request.role": OrderRole.ENTRY,
        "request.price": 1_000_010,
        "request.stop": 1_000_011,
        "request.qty": -10,
    },
    {"request.role": OrderRole.ENTRY, "request.trail": 1},
    {"request.role": OrderRole.ENTRY, "request.stop": 1},
    {"request.role": OrderRole.ENTRY, "request.target": 1, "request.qty": -10},
    {"request.role": OrderRole.ENTRY, "request.price": 1_000_010, "request.target": 1_000_001},
)
OVER = (
    {"request.kind": Kind.STOP, "request.trigger": 1_000_000},
    {"request.kind": Kind.STOP, "request.trigger": 1_000_000, "request.qty": -10},
    {"request.kind": Kind.STOP_LIMIT, "request.trigger": 1_000_001, "request.price": 1_000_000},
    {"request.kind": 2, "request.trigger": 999_999, "request.price": 1_000_000, "request.qty": -10},
    {"request.role": OrderRole.ENTRY, "request.stop": 1_000_000, "request.target": 1_000_001},
    {
        "request.role": OrderRole.ENTRY,
        "request.stop": 1_000_001,
        "request.target": 1_000_000,
        "request.qty": -10,
    },
    {"request.role": OrderRole.ENTRY, "request.price": 999_990, "request.stop": 999_990},
    {
        "request.role": OrderRole.ENTRY,
        "request.price": 1_000_010,
        "request.stop": 1_000_010,
        "request.qty": -10,
    },
    {"request.role": OrderRole.ENTRY, "request.trail": -1},
    {"request.role": OrderRole.ENTRY, "request.stop": -1},
    {"request.role": OrderRole.ENTRY, "request.target": -1, "request.qty": -10},
    {"request.role": OrderRole.ENTRY, "request.price": 1_000_010, "request.target": 1_000_000},
)
MISSING = {
    "request.kind": Kind.STOP,
    "request.trigger": 1,
    "instrument.last": 0,
    "request.qty": -10,
}


def beyond(qty: int, price: int, level: int) -> bool:
    """Say if a price lies beyond a level: above it for a buyer, below it for a seller."""
    return price > level if qty > 0 else price < level


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse a trigger that the market has reached, and exits that their entry would trip."""
    last = core.instruments[request.row].last
    if request.kind >= Kind.STOP_LIMIT:
        request.value = request.trigger
        request.limit = last
        if not beyond(request.qty, request.trigger, last):
            return True
        request.value = request.price
        request.limit = request.trigger
        if request.kind == Kind.STOP_LIMIT and beyond(request.qty, request.trigger, request.price):
            return True
    if request.role != OrderRole.ENTRY:
        return False
    return exits_tripped(request, last)


def exits_tripped(request: Record, last: int) -> bool:
    """Say if a bracket's exits lie on the wrong side of the price at which its entry can fill."""
    entry = last
    if request.price != 0 and beyond(request.qty, last, request.price):
        entry = request.price
    request.limit = entry
    request.value = min(request.trail, request.stop, request.target)
    if request.trail < 0 or request.stop < 0 or request.target < 0:
        return True
    request.value = request.stop
    if request.stop != 0 and not beyond(request.qty, entry, request.stop):
        return True
    request.value = request.target
    return bool(request.target != 0 and not beyond(request.qty, request.target, entry))
