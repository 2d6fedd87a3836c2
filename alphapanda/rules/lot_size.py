"""R2: whole lots."""

from __future__ import annotations

from alphapanda.core.state import Core, Record
from alphapanda.model.rows import Code

NUMBER = 5
CODE = Code.LOT_SIZE
PER = "signal"
CLOSING = True

AT = (
    {"instrument.lot": 25, "wish.qty": 50},
    {"instrument.lot": 25, "wish.qty": -50},
)
OVER = (
    {"instrument.lot": 25, "wish.qty": 51},
    {"instrument.lot": 25, "wish.qty": -51},
)
MISSING = {"instrument.lot": 0}


def check(core: Core, wish: Record, owner: int) -> bool:
    """Refuse a quantity that is no whole number of lots."""
    lot = core.instruments[wish.row].lot
    if lot == 1:
        return False
    wish.value = abs(wish.qty)
    wish.limit = lot
    return bool(lot <= 0 or wish.qty % lot != 0)
