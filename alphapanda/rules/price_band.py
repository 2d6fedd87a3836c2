"""R1: a price inside the day's circuit limits, or near the last price where none are known."""

from __future__ import annotations

from alphapanda.books.state import Core, Record
from alphapanda.model.charges import portion
from alphapanda.model.limits import LIFTED, RejectionCode, Unit

NUMBER = 60
CODE = RejectionCode.PRICE_BAND
PER = "both"
SAYS = "the price {value} is outside the day's limits or the band ({limit})"
UNIT = Unit.MONEY
LIMITED_BY = "band"

AT = (
    {"limits.band": 300_000, "request.kind": 1, "request.price": 1_030_000},
    {"limits.band": 300_000, "request.kind": 1, "request.price": 970_000},
    {"limits.band": 300_000, "request.kind": 3, "request.trigger": 1_030_000},
    {"instrument.upper": 1_100_000, "request.kind": 1, "request.price": 1_100_000},
    {"instrument.upper": 1_100_000, "instrument.lower": 900_000, "request.price": 900_000},
    {"instrument.upper": 1_100_000, "instrument.lower": 900_000, "request.trigger": 900_000},
    {"instrument.last": 1},
)
OVER = (
    {"limits.band": 300_000, "request.kind": 1, "request.price": 1_030_001},
    {"limits.band": 300_000, "request.kind": 1, "request.price": 969_999},
    {"limits.band": 300_000, "request.kind": 3, "request.trigger": 1_030_001},
    {"instrument.upper": 1_100_000, "request.kind": 1, "request.price": 1_100_001},
    {"instrument.upper": 1_100_000, "instrument.lower": 900_000, "request.price": 899_999},
    {"instrument.upper": 1_100_000, "instrument.lower": 900_000, "request.trigger": 899_999},
    {"instrument.last": 0},
)
MISSING = {"instrument.last": 0}


def outside(price: int, instrument: Record) -> bool:
    """Say if a given price lies outside the circuit limits."""
    return bool(
        price != 0
        and instrument.upper != 0
        and (price > instrument.upper or price < instrument.lower)
    )


def far(price: int, last: int, width: int) -> bool:
    """Say if a given price is further than `width` from the last price."""
    return price != 0 and abs(price - last) > width


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse a price outside the limits, and any order while there is no reference price."""
    instrument = core.instruments[request.row]
    request.value = request.price
    request.limit = instrument.upper
    if instrument.last <= 0:
        return True
    if outside(request.price, instrument) or outside(request.trigger, instrument):
        return True
    band = core.limits[owner].band
    if band == LIFTED or instrument.upper != 0:
        return False
    width = portion(instrument.last, band)
    request.limit = width
    return bool(
        far(request.price, instrument.last, width) or far(request.trigger, instrument.last, width)
    )
