"""Exits over night: DAY orders that end with their session and are sent anew at the next open.

Between two sessions nothing protects a position: no exchange holds its stop (docs/adr 020).
"""

from __future__ import annotations

from alphapanda.books.changes import want
from alphapanda.books.emit import call_order, emit, emit_end, emit_order
from alphapanda.books.flags import HOOK_ORDER, PAPER
from alphapanda.books.orders import (
    count_anew,
    count_message,
    finish,
    open_qty,
    release,
    remember_ended,
    sweep,
)
from alphapanda.books.state import Core, Maker, OrderRole, OrderState, Record
from alphapanda.core.execution import execute, outside_circuit
from alphapanda.core.matching import apply_change, arrive
from alphapanda.model.calendar import MINUTE, Phase
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import NEVER, Kind, Out, Reason

AGAIN_NS = MINUTE
"""From a broker's refusal of an exit to the next try; twice as long after each, LONGEST times."""
LONGEST = 5


def end_session(core: Core, row: int) -> None:
    """End an instrument's orders with their session; exits of what is held sleep."""
    slot = core.instruments[row].first
    while slot >= 0:
        order = core.orders[slot]
        if order.state < OrderState.CLOSED:
            if order.system >= Maker.SQUARE_OFF:
                close_at_last(core, order)
            elif stays(core, order):
                sleep(core, order, Out.EXPIRED, Reason.OVERNIGHT)
            else:
                finish(core, order, Out.EXPIRED, Reason.SESSION_END)
        slot = order.next
    sweep(core, row)


def end_at_broker(core: Core, order: Record) -> None:
    """End an order whose session is over, as the broker says; an exit of what is held sleeps."""
    if order.role <= OrderRole.ENTRY or order.cancel_ts != NEVER or not holds(core, order):
        finish(core, order, Out.EXPIRED, Reason.SESSION_END)
        return
    lie_down(core, order, Out.EXPIRED, Reason.OVERNIGHT)


def refuse_exit(core: Core, order: Record, reason: int) -> None:
    """End an order that the broker refused; an exit of what is held is tried again later.

    Not one that may appear at the broker after all: then there would be two.
    """
    if order.role <= OrderRole.ENTRY or order.cancel_ts != NEVER or not holds(core, order):
        finish(core, order, Out.FAILED, reason)
        return
    if reason == Reason.LAPSED:
        finish(core, order, Out.FAILED, reason)
        return
    lie_down(core, order, Out.FAILED, reason)
    wait_longer(core, order)


def wait_longer(core: Core, order: Record) -> None:
    """Let an exit wait for its next try, twice as long after each."""
    order.again = core.clock[0].now + (AGAIN_NS << min(order.refusals, LONGEST))
    order.refusals += 1


def try_again(core: Core, order: Record) -> None:
    """Send an exit anew that was refused, if its time has come and its position is still held."""
    if order.state != OrderState.ASLEEP or order.again == 0:
        return
    if order.again > core.clock[0].now or core.instruments[order.row].phase != Phase.OPEN:
        return
    if holds(core, order):
        send_anew(core, order, 0)
    else:
        finish(core, order, Out.CANCELLED, Reason.OCO)


def lie_down(core: Core, order: Record, type_: int, reason: int) -> None:
    """Let an exit end at the broker, with its last terms, and keep it to be sent anew."""
    if order.modify_ts != NEVER:
        order.price = order.new_price
        order.level = order.new_trigger
    release(core, order)
    order.modify_ts = NEVER
    order.more = 0
    count_anew(core, order)
    sleep(core, order, type_, reason)
    order.trigger = order.level
    want(core, order, order.goal, Reason.OCO)


def close_forced(core: Core, row: int) -> None:
    """Close the broker's own orders of an instrument; others wait for the next session."""
    slot = core.instruments[row].first
    while slot >= 0:
        order = core.orders[slot]
        if order.state < OrderState.CLOSED and order.system >= Maker.SQUARE_OFF:
            close_at_last(core, order)
        slot = order.next
    sweep(core, row)


def close_at_last(core: Core, order: Record) -> None:
    """Fill the broker's own order at the last price: an intraday position ends with its day."""
    clock = core.clock[0]
    instrument = core.instruments[order.row]
    if clock.forced == 0:
        clock.forced_row = order.row
        clock.forced_ts = instrument.ts
    clock.forced += 1
    if order.state == OrderState.IN_FLIGHT:
        arrive(core, order)
    execute(core, order, order.qty - order.filled, instrument.last)


def stays(core: Core, order: Record) -> bool:
    """Say if an order is an exit of a position that is still held; a change on its way arrives."""
    if order.role <= OrderRole.ENTRY or order.cancel_ts != NEVER:
        return False
    if order.modify_ts != NEVER:
        apply_change(core, order)
        if order.state == OrderState.CLOSED:
            return True
    return holds(core, order)


def holds(core: Core, order: Record) -> bool:
    """Say if a strategy holds what an order would close."""
    held = core.positions[order.strategy * core.clock[0].instruments + order.row].qty
    return bool(held > 0) if order.qty < 0 else bool(held < 0)


def sleep(core: Core, order: Record, type_: int, reason: int) -> None:
    """Let an exit end at the exchange, and keep it to be sent anew."""
    if order.state == OrderState.CLOSED:
        return
    emit_end(core, type_, order, reason)
    if HOOK_ORDER:
        call_order(core, order, type_)
    left = order.qty - order.filled
    open_qty(core, order, -left)
    order.state = OrderState.ASLEEP
    open_qty(core, order, left)


def wake(core: Core, row: int, since: int) -> None:
    """Send the sleeping exits of an instrument anew, as orders of a session `since` ns old."""
    slot = core.instruments[row].first
    while slot >= 0:
        order = core.orders[slot]
        if order.state == OrderState.ASLEEP:
            order.refusals = 0
            send_anew(core, order, since)
        slot = order.next


def refuse_anew(core: Core, order: Record, price: int) -> None:
    """Say that an exit can't be sent anew, by a number of its own: its last order has ended.

    It never was an order. It is tried again later: limits may be widened.
    """
    clock = core.clock[0]
    instrument = core.instruments[order.row]
    clock.last_id += 1
    left = order.qty - order.filled
    emit(
        core, Out.SIGNAL, order.strategy, order.row, clock.last_id, left, order.price,
        order.trigger, order.kind, order.tif, order.product,
    )  # fmt: skip
    core.ledgers[order.strategy].rejected += 1
    limit = instrument.lower if price < instrument.lower else instrument.upper
    emit(
        core, Out.REJECTED, order.strategy, order.row, clock.last_id, left, order.price,
        RejectionCode.PRICE_BAND, price, limit, order.kind,
    )  # fmt: skip
    wait_longer(core, order)


def send_anew(core: Core, order: Record, since: int) -> None:
    """Send an exit as a new order; outside the circuit limits none can stand, and that is said."""
    clock = core.clock[0]
    if not PAPER:
        price = order.trigger if order.role == OrderRole.STOP else order.price
        if outside_circuit(core.instruments[order.row], price):
            refuse_anew(core, order, price)
            return
        remember_ended(core, order)
    order.again = 0
    clock.last_id += 1
    order.id = clock.last_id
    order.qty -= order.filled
    order.filled = 0
    order.value = 0
    order.brokerage = 0
    order.cause = -1
    order.ts = clock.now - since + core.config[0].latency
    if order.role == OrderRole.STOP:
        order.kind = Kind.STOP
        order.price = 0
    order.goal = order.qty
    order.level = order.trigger
    order.cancel_ts = NEVER
    order.modifications = 0
    order.next_message = 0
    order.next_trail = 0
    count_message(core, order.strategy)
    emit_order(core, Out.ORDER, order)
    price = order.trigger if order.kind == Kind.STOP else order.price
    if outside_circuit(core.instruments[order.row], price):
        emit_end(core, Out.FAILED, order, Reason.CIRCUIT)
        return
    left = order.qty
    open_qty(core, order, -left)
    order.state = OrderState.IN_FLIGHT
    open_qty(core, order, left)
