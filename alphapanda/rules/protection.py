"""R12: MARKET and STOP orders carry a market protection, which Zerodha demands since 2026-04-01."""

from __future__ import annotations

from alphapanda.core.protection import automatic
from alphapanda.core.state import Core, Record
from alphapanda.model.instruments import Segment
from alphapanda.model.rows import Code, Kind

NUMBER = 15
CODE = Code.NO_PROTECTION
PER = "signal"
CLOSING = True

AT = (
    {"wish.protection": -1},
    {"wish.protection": 1},
    {"wish.protection": 0, "wish.kind": 1},
    {"wish.protection": 0, "wish.kind": 2},
    {"wish.protection": 0, "instrument.segment": Segment.INDEX},
)
OVER = (
    {"wish.protection": 0},
    {"wish.protection": 0},
    {"wish.protection": 0, "wish.kind": 3},
    {"wish.protection": 0, "wish.kind": 3},
    {"wish.protection": 0, "instrument.segment": Segment.OPTIONS},
)
MISSING = None


def check(core: Core, wish: Record, owner: int) -> bool:
    """Give the automatic protection where it is asked for; refuse an order without any."""
    if wish.kind == Kind.LIMIT or wish.kind == Kind.STOP_LIMIT:
        wish.protection = 0
        return False
    instrument = core.instruments[wish.row]
    band = automatic(instrument.segment, instrument.last)
    if wish.protection < 0:
        wish.protection = band
    wish.value = wish.protection
    wish.limit = band
    return bool(wish.protection == 0 and band != 0)
