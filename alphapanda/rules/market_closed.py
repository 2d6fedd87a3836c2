"""R14: orders only in continuous trading; no new intraday position after its cut-off."""

from __future__ import annotations

from alphapanda.books.state import Core, Record
from alphapanda.model.calendar import Phase
from alphapanda.model.instruments import Product
from alphapanda.model.limits import RejectionCode

NUMBER = 20
CODE = RejectionCode.MARKET_CLOSED
PER = "signal"
CLOSING = True
SAYS = "the market takes no orders in this phase"
SETTLES = (
    "order within the session and before the contract's expiry; "
    "--calendar always trades at any time"
)

AT = (
    {"instrument.phase": Phase.OPEN},
    {"instrument.phase_end": 2_000_000_001},
    {"instrument.expiry": 2_000_000_001},
    {"request.product": Product.MIS, "group.square_off": 2_000_000_001},
)
OVER = (
    {"instrument.phase": Phase.AUCTION},
    {"instrument.phase_end": 2_000_000_000},
    {"instrument.expiry": 2_000_000_000},
    {"request.product": Product.MIS, "group.square_off": 2_000_000_000},
)
MISSING = {"instrument.phase": Phase.CLOSED}


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse outside continuous trading, after expiry, and intraday orders after the square-off.

    On day bars every decision falls after the close, and its order is for the next open.
    """
    instrument = core.instruments[request.row]
    now = core.clock[0].now
    request.value = instrument.phase
    request.limit = Phase.OPEN
    closed = instrument.phase != Phase.OPEN or now >= instrument.phase_end
    if (closed and core.config[0].day_bars == 0) or now >= instrument.expiry:
        return True
    return bool(request.product == Product.MIS and now >= core.groups[instrument.group].square_off)
