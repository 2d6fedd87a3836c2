"""R6: position per instrument, gross and net exposure, working orders counted as filled for the worse."""

from __future__ import annotations

from alphapanda.model.rows import Code
from alphapanda.model.state import LIFTED, Core, Record

NUMBER = 8
CODE = Code.POSITION_LIMIT
PER = "both"

AT = {"limits.position": 100, "position.qty": 60, "position.open_buy": 30, "wish.qty": 10}
OVER = {"limits.position": 100, "position.qty": 60, "position.open_buy": 31, "wish.qty": 10}
MISSING = None


def worst(core: Core, wish: Record, owner: int, row: int) -> int:
    """Return the largest position that an instrument could reach if working orders fill."""
    clock = core.clock[0]
    most = 0
    least = 0
    for strategy in range(clock.strategies):
        if owner == clock.strategies or owner == strategy:
            position = core.positions[strategy * clock.instruments + row]
            most += position.qty + position.open_buy
            least += position.qty - position.open_sell
    if row == wish.row and wish.qty > 0:
        most += wish.qty
    elif row == wish.row:
        least += wish.qty
    return max(most, -least, 0)


def reduces(core: Core, wish: Record, owner: int) -> bool:
    """Say if an order can only bring the position nearer to zero."""
    clock = core.clock[0]
    held = 0
    for strategy in range(clock.strategies):
        if owner == clock.strategies or owner == strategy:
            position = core.positions[strategy * clock.instruments + wish.row]
            held += position.qty
            held += -position.open_sell if wish.qty < 0 else position.open_buy
    return held + wish.qty >= 0 if wish.qty < 0 else held + wish.qty <= 0


def book_limit(core: Core, wish: Record, owner: int) -> bool:
    """Say if gross or net exposure at last prices would pass its limit."""
    clock = core.clock[0]
    limits = core.limits[owner]
    gross = 0
    net = 0
    for row in range(clock.instruments):
        last = core.instruments[row].last
        gross += worst(core, wish, owner, row) * last
        for strategy in range(clock.strategies):
            if owner == clock.strategies or owner == strategy:
                net += core.positions[strategy * clock.instruments + row].qty * last
    net += wish.qty * core.instruments[wish.row].last
    wish.value = gross
    wish.limit = limits.gross
    if gross > limits.gross and not reduces(core, wish, owner):
        return True
    wish.value = abs(net)
    wish.limit = limits.net
    return abs(net) > limits.net and not reduces(core, wish, owner)


def check(core: Core, wish: Record, owner: int) -> bool:
    """Refuse what could carry a position or the book over its limit; what only reduces passes."""
    limits = core.limits[owner]
    if limits.position != LIFTED:
        wish.value = worst(core, wish, owner, wish.row)
        wish.limit = limits.position
        if wish.value > limits.position and not reduces(core, wish, owner):
            return True
    if limits.gross == LIFTED and limits.net == LIFTED:
        return False
    return book_limit(core, wish, owner)
