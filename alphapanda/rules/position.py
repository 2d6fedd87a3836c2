"""R6: position per instrument, gross and net exposure, working orders filled for the worse."""

from __future__ import annotations

from alphapanda.core.state import Core, Record
from alphapanda.model.limits import LIFTED
from alphapanda.model.rows import Code

NUMBER = 9
CODE = Code.POSITION_LIMIT
PER = "both"

AT = (
    {"limits.position": 100, "position.qty": 60, "position.open_buy": 30},
    {"limits.position": 100, "position.qty": -60, "position.open_sell": 30, "wish.qty": -10},
    {"limits.position": 100, "position.qty": 150, "wish.qty": -150},
    {"limits.position": 100, "position.qty": -150, "wish.qty": 150},
    {"limits.gross": 100_000_000, "position.qty": 60, "position.open_buy": 30},
    {"limits.net": 100_000_000, "position.qty": 60, "position.open_buy": 30},
    {"limits.net": 100_000_000, "position.qty": -60, "position.open_sell": 30, "wish.qty": -10},
)
OVER = (
    {"limits.position": 100, "position.qty": 60, "position.open_buy": 31},
    {"limits.position": 100, "position.qty": -60, "position.open_sell": 31, "wish.qty": -10},
    {"limits.position": 100, "position.qty": 150, "position.open_sell": 1, "wish.qty": -150},
    {"limits.position": 100, "position.qty": -150, "position.open_buy": 1, "wish.qty": 150},
    {"limits.gross": 100_000_000, "position.qty": 60, "position.open_buy": 31},
    {"limits.net": 100_000_000, "position.qty": 60, "position.open_buy": 31},
    {"limits.net": 100_000_000, "position.qty": -60, "position.open_sell": 31, "wish.qty": -10},
)
MISSING = None


def reach(core: Core, wish: Record, owner: int, row: int, side: int) -> int:
    """Return how long (side 1) or short (-1) an instrument would be if that side's orders fill."""
    clock = core.clock[0]
    total = 0
    for strategy in range(clock.strategies):
        if owner == clock.strategies or owner == strategy:
            position = core.positions[strategy * clock.instruments + row]
            total += side * position.qty
            total += position.open_buy if side > 0 else position.open_sell
    if row == wish.row and side * wish.qty > 0:
        total += side * wish.qty
    return total


def worst(core: Core, wish: Record, owner: int, row: int) -> int:
    """Return the largest position that an instrument could reach if working orders fill."""
    return max(reach(core, wish, owner, row, 1), reach(core, wish, owner, row, -1), 0)


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
    """Say if gross or net exposure at last prices could pass its limit."""
    limits = core.limits[owner]
    gross = 0
    long = 0
    short = 0
    for row in range(core.clock[0].instruments):
        last = core.instruments[row].last
        gross += worst(core, wish, owner, row) * last
        long += reach(core, wish, owner, row, 1) * last
        short += reach(core, wish, owner, row, -1) * last
    wish.value = gross
    wish.limit = limits.gross
    if gross > limits.gross and not reduces(core, wish, owner):
        return True
    wish.value = max(long, short)
    wish.limit = limits.net
    return wish.value > limits.net and not reduces(core, wish, owner)


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
