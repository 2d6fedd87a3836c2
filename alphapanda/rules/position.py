"""R6: position per instrument, gross and net exposure, working orders filled for the worse."""

from __future__ import annotations

from alphapanda.books.state import Core, Record
from alphapanda.model.limits import LIFTED, RejectionCode

NUMBER = 90
CODE = RejectionCode.POSITION_LIMIT
PER = "both"
SAYS = "the position would be {value}, the limit is {limit}"
LIMITED_BY = "position, gross or net"

AT = (
    {"limits.position": 100, "position.qty": 60, "position.open_buy": 30},
    {"limits.position": 100, "position.qty": -60, "position.open_sell": 30, "request.qty": -10},
    {"limits.position": 100, "position.qty": 150, "request.qty": -150},
    {"limits.position": 100, "position.qty": -150, "request.qty": 150},
    {"limits.gross": 100_000_000, "position.qty": 60, "position.open_buy": 30},
    {"limits.net": 100_000_000, "position.qty": 60, "position.open_buy": 30},
    {"limits.net": 100_000_000, "position.qty": -60, "position.open_sell": 30, "request.qty": -10},
)
OVER = (
    {"limits.position": 100, "position.qty": 60, "position.open_buy": 31},
    {"limits.position": 100, "position.qty": -60, "position.open_sell": 31, "request.qty": -10},
    {"limits.position": 100, "position.qty": 150, "position.open_sell": 1, "request.qty": -150},
    {"limits.position": 100, "position.qty": -150, "position.open_buy": 1, "request.qty": 150},
    {"limits.gross": 100_000_000, "position.qty": 60, "position.open_buy": 31},
    {"limits.net": 100_000_000, "position.qty": 60, "position.open_buy": 31},
    {"limits.net": 100_000_000, "position.qty": -60, "position.open_sell": 31, "request.qty": -10},
)
MISSING = None


def reach(core: Core, request: Record, owner: int, row: int, side: int) -> int:
    """Return how long (side 1) or short (-1) an instrument would be if that side's orders fill."""
    clock = core.clock[0]
    total = 0
    for strategy in range(clock.strategies):
        if owner == clock.strategies or owner == strategy:
            position = core.positions[strategy * clock.instruments + row]
            total += side * position.qty
            total += position.open_buy if side > 0 else position.open_sell
    if row == request.row and side * request.qty > 0:
        total += side * request.qty
    return total


def worst(core: Core, request: Record, owner: int, row: int) -> int:
    """Return the largest position that an instrument could reach if working orders fill."""
    return max(reach(core, request, owner, row, 1), reach(core, request, owner, row, -1), 0)


def reduces(core: Core, request: Record, owner: int) -> bool:
    """Say if an order can only bring the position nearer to zero."""
    clock = core.clock[0]
    held = 0
    for strategy in range(clock.strategies):
        if owner == clock.strategies or owner == strategy:
            position = core.positions[strategy * clock.instruments + request.row]
            held += position.qty
            held += -position.open_sell if request.qty < 0 else position.open_buy
    return held + request.qty >= 0 if request.qty < 0 else held + request.qty <= 0


def book_limit(core: Core, request: Record, owner: int) -> bool:
    """Say if gross or net exposure at last prices could pass its limit."""
    limits = core.limits[owner]
    gross = 0
    long = 0
    short = 0
    for row in range(core.clock[0].instruments):
        last = core.instruments[row].last
        gross += worst(core, request, owner, row) * last
        long += reach(core, request, owner, row, 1) * last
        short += reach(core, request, owner, row, -1) * last
    request.value = gross
    request.limit = limits.gross
    if gross > limits.gross and not reduces(core, request, owner):
        return True
    request.value = max(long, short)
    request.limit = limits.net
    return request.value > limits.net and not reduces(core, request, owner)


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse what could carry a position or the book over its limit; what only reduces passes."""
    limits = core.limits[owner]
    if limits.position != LIFTED:
        request.value = worst(core, request, owner, request.row)
        request.limit = limits.position
        if request.value > limits.position and not reduces(core, request, owner):
            return True
    if limits.gross == LIFTED and limits.net == LIFTED:
        return False
    return book_limit(core, request, owner)
