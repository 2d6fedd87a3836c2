"""Brackets: the stop and the target of an entry, and how each fill changes them.

On paper a change is done at once. At a broker the core says what it wants of an exit, and
`books/changes.py` sends it.
"""

from __future__ import annotations

from alphapanda.books.changes import want
from alphapanda.books.emit import emit_end, emit_order
from alphapanda.books.flags import BARS_IN, PAPER
from alphapanda.books.orders import count_message, finish, open_qty, place_system
from alphapanda.books.protection import automatic
from alphapanda.books.state import Core, OrderRole, OrderState, Record
from alphapanda.model.rows import NEVER, Kind, Out, Reason


def place_exits(core: Core, entry: Record, qty: int) -> None:
    """After a fill of a bracket's entry, place its stop and target, or enlarge them."""
    clock = core.clock[0]
    if entry.filled != qty:
        if PAPER or covered(core, entry.id, entry.row):
            enlarge_exits(core, entry, qty)
            return
        if clock.slots - clock.reserved < 2:
            emit_end(core, Out.FAILED, entry, Reason.CAPACITY)
            return
    else:
        clock.reserved -= 2
    if entry.stop != 0 or entry.trail != 0:
        slot = place_system(
            core, entry.strategy, entry.row, -qty, Kind.STOP, 0, first_stop(core, entry)
        )
        stop = core.orders[slot]
        stop.trail = entry.trail
        stop.protection = stop_protection(core, entry)
        stop.role = OrderRole.STOP
        stop.group = entry.id
        if BARS_IN:
            join_bar(core, stop)
        count_message(core, entry.strategy)
        emit_order(core, Out.ORDER, stop)
    if entry.target != 0:
        slot = place_system(core, entry.strategy, entry.row, -qty, Kind.LIMIT, entry.target, 0)
        target = core.orders[slot]
        target.role = OrderRole.TARGET
        target.group = entry.id
        count_message(core, entry.strategy)
        emit_order(core, Out.ORDER, target)


def covered(core: Core, group: int, row: int) -> bool:
    """Say if a bracket has an exit that stays: one that is being cancelled covers no more."""
    slot = core.instruments[row].first
    while slot >= 0:
        order = core.orders[slot]
        if order.group == group and stays_open(order):
            return True
        slot = order.next
    return False


def stays_open(order: Record) -> bool:
    """Say if an order lives and nobody has asked for its cancellation."""
    return bool(order.state != OrderState.CLOSED and order.cancel_ts == NEVER)


def join_bar(core: Core, stop: Record) -> None:
    """Let a new stop meet the rest of the bar that filled its entry: all of it came later.

    Of a fill at the open that is the whole bar, the open itself included.
    """
    clock = core.clock[0]
    config = core.config[0]
    stop.ts = clock.now - config.interval + config.latency
    if core.instruments[stop.row].inside == 0:
        stop.cause = -1


def market_price(instrument: Record) -> int:
    """Return where the market stands: the last price, or where a bar is while it is matched."""
    return int(instrument.met) if BARS_IN else int(instrument.last)


def first_stop(core: Core, entry: Record) -> int:
    """Return where a bracket's stop begins: where it is given, or its trail off the market."""
    if entry.stop != 0:
        return int(entry.stop)
    instrument = core.instruments[entry.row]
    return trailing(instrument, -entry.qty, market_price(instrument), entry.trail)


def trailing(instrument: Record, qty: int, last: int, gap: int) -> int:
    """Return the trigger of a trailing stop of `qty` (signed) that is `gap` away from the market.

    Of prices off the tick (adjusted ones) it is rounded towards the market, the safe side.
    """
    tick = max(instrument.tick, 1)
    if qty > 0:
        return int((last + gap) // tick * tick)
    return int(-((gap - last) // tick) * tick)


def stop_protection(core: Core, entry: Record) -> int:
    """Return a stop's protection: its entry's own, or what a LIMIT entry has none of, the band."""
    if entry.protection != 0:
        return int(entry.protection)
    instrument = core.instruments[entry.row]
    return automatic(instrument.segment, market_price(instrument))


def enlarge_exits(core: Core, entry: Record, qty: int) -> None:
    """Let the live exits of a bracket cover `qty` more."""
    slot = core.instruments[entry.row].first
    while slot >= 0:
        order = core.orders[slot]
        if (
            order.group == entry.id
            and order.role > OrderRole.ENTRY
            and order.state != OrderState.CLOSED
        ):
            if PAPER:
                open_qty(core, order, -qty)
                order.qty -= qty
                count_message(core, order.strategy)
                emit_order(core, Out.MODIFIED, order)
            elif order.cancel_ts == NEVER:
                want(core, order, order.goal - qty, Reason.OCO)
        slot = order.next


def shrink_sibling(core: Core, exit_: Record, qty: int) -> None:
    """After a fill of one exit, its sibling covers that much less; at nothing it is cancelled.

    What is left of the entry is cancelled too: nothing would protect a later fill of it.
    """
    slot = core.instruments[exit_.row].first
    while slot >= 0:
        order = core.orders[slot]
        if order.state != OrderState.CLOSED and order.id == exit_.group:
            if PAPER:
                count_message(core, order.strategy)
                finish(core, order, Out.CANCELLED, Reason.OCO)
            else:
                want(core, order, order.filled, Reason.OCO)
        elif (
            order.state != OrderState.CLOSED and order.group == exit_.group and order.id != exit_.id
        ):
            if PAPER:
                count_message(core, order.strategy)
                cut_exit(core, order, qty)
            else:
                want(core, order, nearest(order.goal - qty, order), Reason.OCO)
        slot = order.next


def cut_exit(core: Core, order: Record, qty: int) -> None:
    """Take `qty` (signed as the exit) off an exit order."""
    if abs(order.qty - order.filled) <= abs(qty):
        finish(core, order, Out.CANCELLED, Reason.OCO)
        return
    open_qty(core, order, -qty)
    order.qty -= qty
    emit_order(core, Out.MODIFIED, order)


def nearest(total: int, order: Record) -> int:
    """Return a total that is wanted of an order, at least what is filled of it."""
    if order.qty > 0:
        return max(total, order.filled)
    return min(total, order.filled)
