"""R12: MARKET and STOP orders carry a market protection, which Zerodha demands since 2026-04-01."""

from __future__ import annotations

from alphapanda.books.protection import automatic
from alphapanda.books.state import Core, Record
from alphapanda.model.instruments import Segment
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import Kind

NUMBER = 150
CODE = RejectionCode.NO_PROTECTION
PER = "signal"
CLOSING = True
SAYS = "a market order has no price to protect it"
SETTLES = "market orders need a protection: leave its default, or give one"

AT = (
    {"request.protection": -1},
    {"request.protection": 1},
    {"request.protection": 0, "request.kind": 1},
    {"request.protection": 0, "request.kind": 2},
    {"request.protection": 0, "instrument.segment": Segment.INDEX},
)
OVER = (
    {"request.protection": 0},
    {"request.protection": 0},
    {"request.protection": 0, "request.kind": 3},
    {"request.protection": 0, "request.kind": 3},
    {"request.protection": 0, "instrument.segment": Segment.OPTIONS},
)
MISSING = None


def check(core: Core, request: Record, owner: int) -> bool:
    """Give the automatic protection where it is asked for; refuse an order without any."""
    if request.kind == Kind.LIMIT or request.kind == Kind.STOP_LIMIT:
        request.protection = 0
        return False
    instrument = core.instruments[request.row]
    band = automatic(instrument.segment, instrument.last)
    if request.protection < 0:
        request.protection = band
    request.value = request.protection
    request.limit = band
    return bool(request.protection == 0 and band != 0)
