"""Fills on paper: how much of an order a row has room for, and what each fill books."""

from __future__ import annotations

from alphapanda.books.book import book
from alphapanda.books.charging import charge_extra, current_fees
from alphapanda.books.emit import call_fill
from alphapanda.books.flags import HOOK_FILL, QUOTES, SIZES
from alphapanda.books.orders import (
    done,
    open_qty,
    release,
    unblock,
)
from alphapanda.books.state import Core, Maker, OrderRole, Record, repeat_slot
from alphapanda.books.stops import fillable
from alphapanda.core.brackets import place_exits, shrink_sibling
from alphapanda.model.charges import portion
from alphapanda.model.rows import ChargeKind, Out

UNLIMITED = 1 << 62


def reaches(qty: int, price: int, limit: int, touch: bool) -> bool:
    """Say if `price` is through a limit (or at it, where touching is enough)."""
    if qty > 0:
        return price <= limit if touch else price < limit
    return price >= limit if touch else price > limit


def take(core: Core, order: Record, instrument: Record, price: int, most: int) -> None:
    """Fill up to `most` of an order at `price`, if band and circuit limits allow it."""
    if order.price != 0 and not reaches(order.qty, price, order.price, True):
        return
    if outside_circuit(instrument, price):
        return
    left = order.qty - order.filled
    size = min(abs(left), most)
    if core.clock[0].guarded != 0:
        size = min(size, fillable(core, order))
    if size <= 0:
        return
    if left > 0:
        instrument.taken_buy += size
        execute(core, order, size, price)
    else:
        instrument.taken_sell += size
        execute(core, order, -size, price)


def outside_circuit(instrument: Record, price: int) -> bool:
    """Say if a price is outside the day's circuit limits (0: none known)."""
    if instrument.upper != 0 and price > instrument.upper:
        return True
    return bool(price < instrument.lower)


def taken(order: Record, instrument: Record) -> int:
    """Return what our orders on the same side have already taken of this row."""
    return int(instrument.taken_buy if order.qty > 0 else instrument.taken_sell)


def available(core: Core, order: Record, instrument: Record) -> int:
    """Return how much of this row an order may take: the quote's size, or a share of the volume."""
    if QUOTES:
        quoted = instrument.ask_qty if order.qty > 0 else instrument.bid_qty
        if quoted > 0:
            return whole_lots(instrument, quoted - taken(order, instrument))
    if SIZES:
        return trade_share(core, order, instrument)
    return UNLIMITED


def trade_share(core: Core, order: Record, instrument: Record) -> int:
    """Return how much of what was traded an order may take."""
    share = core.config[0].volume_share
    if share == 0 or instrument.volumeless != 0:
        return UNLIMITED
    return whole_lots(instrument, portion(instrument.traded, share) - taken(order, instrument))


def whole_lots(instrument: Record, size: int) -> int:
    """Round a size down to whole lots."""
    if instrument.lot <= 1:
        return size
    return size // instrument.lot * instrument.lot


def execute(core: Core, order: Record, qty: int, price: int) -> None:
    """Fill `qty` (signed) of an order and let everything that hangs on it know."""
    unblock(core, order, qty)
    open_qty(core, order, -qty)
    book(core, order, qty, price)
    if order.system == Maker.PAID_SQUARE_OFF and order.filled == qty:
        charge_square_off(core, order)
    if HOOK_FILL:
        call_fill(core, order, qty, price)
    if order.role == OrderRole.ENTRY:
        place_exits(core, order, qty)
    elif order.role != OrderRole.NONE:
        shrink_sibling(core, order, qty)
    count_repeat(core, order, qty)
    if order.filled == order.qty:
        if order.extra != 0:
            release(core, order)
        done(core, order, Out.FILL)


def charge_square_off(core: Core, order: Record) -> None:
    """Charge the broker's fee for a square-off order that has begun to execute."""
    position = core.positions[order.strategy * core.clock[0].instruments + order.row]
    fee = core.fees[current_fees(core, position)].square_off_fee
    charge_extra(core, order.strategy, order.row, ChargeKind.SQUARE_OFF, fee)


def count_repeat(core: Core, order: Record, qty: int) -> None:
    """Note the first fill of each order by side, for the repeated-execution rule."""
    clock = core.clock[0]
    if order.filled != qty:
        return
    index = order.strategy * clock.instruments + order.row
    position = core.positions[index]
    if qty > 0:
        core.ring[repeat_slot(core, index, 0, position.repeats_buy)] = clock.now
        position.repeats_buy += 1
    else:
        core.ring[repeat_slot(core, index, 1, position.repeats_sell)] = clock.now
        position.repeats_sell += 1
