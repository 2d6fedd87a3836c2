"""R3: the quantity of one order, and the exchange's freeze quantity."""

from __future__ import annotations

from alphapanda.core.state import Core, Record
from alphapanda.model.limits import LIFTED
from alphapanda.model.money import VALUE_BOUND
from alphapanda.model.rows import Code

NUMBER = 3
CODE = Code.QTY_LIMIT
PER = "both"
CLOSING = True

AT = (
    {"limits.qty": 100, "wish.qty": 100},
    {"instrument.freeze": 100, "wish.qty": -100},
    {"instrument.strike": VALUE_BOUND // 10},
    {"instrument.strike": VALUE_BOUND // 10, "wish.qty": -10},
)
OVER = (
    {"limits.qty": 100, "wish.qty": 101},
    {"instrument.freeze": 100, "wish.qty": -101},
    {"instrument.strike": VALUE_BOUND // 10 + 1},
    {"instrument.strike": VALUE_BOUND // 10 + 1, "wish.qty": -10},
)
MISSING = {"wish.qty": 0}


def check(core: Core, wish: Record, owner: int) -> bool:
    """Refuse nothing, more than the limit or the exchange's own, and what int64 could not value."""
    limit = core.limits[owner].qty
    instrument = core.instruments[wish.row]
    freeze = instrument.freeze
    wish.value = abs(wish.qty)
    wish.limit = limit
    if wish.qty == 0 or (limit != LIFTED and abs(wish.qty) > limit):
        return True
    wish.limit = VALUE_BOUND // max(wish.price, wish.trigger, instrument.last, instrument.strike, 1)
    if wish.qty > wish.limit or wish.qty < -wish.limit:
        return True
    wish.limit = freeze
    return bool(freeze != 0 and abs(wish.qty) > freeze)
