"""The order table: slots, the list of live orders of each instrument, and every way an order ends.

IN_FLIGHT ──▶ WORKING ──▶ CLOSED            an order leaves its list only in `sweep`, so that
   └──▶ PENDING_TRIGGER ──▶ WORKING         whoever walks a list may end any order on it
any of these ◀──▶ UNKNOWN, at a broker

An exit sleeps between sessions (`core/overnight.py`), and is IN_FLIGHT again at the next open.
"""

from __future__ import annotations

from alphapanda.books.emit import call_order, emit_end
from alphapanda.books.flags import HOOK_ORDER, PAPER
from alphapanda.books.funds import needed_funds
from alphapanda.books.state import Core, Maker, OrderRole, OrderState, Record, message_slot
from alphapanda.model.rows import NEVER, Kind, Out, Reason


def take_slot(core: Core) -> int:
    """Take a free slot; callers have checked that there is one."""
    clock = core.clock[0]
    slot = clock.free
    clock.free = core.orders[slot].next
    clock.slots -= 1
    return slot


def append(core: Core, slot: int, row: int) -> None:
    """Put an order last in its instrument's list: first come, first matched."""
    instrument = core.instruments[row]
    core.orders[slot].next = -1
    if instrument.first < 0:
        instrument.first = slot
    else:
        core.orders[instrument.tail].next = slot
    instrument.tail = slot


def sweep(core: Core, row: int) -> None:
    """Take the finished orders out of an instrument's list and free their slots."""
    clock = core.clock[0]
    instrument = core.instruments[row]
    slot = instrument.first
    before = -1
    while slot >= 0:
        order = core.orders[slot]
        behind = order.next
        if order.state == OrderState.CLOSED:
            if before < 0:
                instrument.first = behind
            else:
                core.orders[before].next = behind
            order.id = 0
            order.next = clock.free
            clock.free = slot
            clock.slots += 1
        else:
            before = slot
        slot = behind
    instrument.tail = before


def find(core: Core, row: int, strategy: int, number: int) -> int:
    """Return the slot of a strategy's live order on an instrument, or -1."""
    slot = core.instruments[row].first
    while slot >= 0:
        order = core.orders[slot]
        if order.id == number and order.strategy == strategy and may_touch(order):
            return slot
        slot = order.next
    return -1


def place_of(core: Core, number: int) -> int:
    """Return the slot of a live order, or -1."""
    for row in range(core.clock[0].instruments):
        slot = core.instruments[row].first
        while slot >= 0:
            order = core.orders[slot]
            if order.id == number and order.state != OrderState.CLOSED:
                return int(slot)
            slot = order.next
    return -1


def may_touch(order: Record) -> bool:
    """Say if a strategy may change or cancel an order: it lives, and the broker did not make it."""
    if order.state == OrderState.CLOSED:
        return False
    return bool(order.system == Maker.STRATEGY or order.role != OrderRole.NONE)


def open_qty(core: Core, order: Record, qty: int) -> None:
    """Count `qty` (signed) of an order in, or with the opposite sign out of, what is working."""
    clock = core.clock[0]
    position = core.positions[order.strategy * clock.instruments + order.row]
    if order.qty > 0:
        position.open_buy += qty
        value = qty * order.basis
    else:
        position.open_sell -= qty
        value = -qty * order.basis
    if order.state == OrderState.ASLEEP:
        position.asleep += qty if order.qty > 0 else -qty
    core.ledgers[order.strategy].open_value += value
    core.ledgers[clock.strategies].open_value += value


def working_qty(order: Record) -> int:
    """Return the signed quantity that an order may still fill, a change on its way included."""
    return int(order.qty - order.filled + order.extra)


def unblock(core: Core, order: Record, qty: int) -> None:
    """Free the funds that `qty` (signed) of an order blocks."""
    if order.blocked == 0:
        return
    left = working_qty(order)
    part = order.blocked if qty == left else order.blocked // abs(left) * abs(qty)
    order.blocked -= part
    core.ledgers[core.clock[0].strategies].blocked -= part


def block(core: Core, order: Record, qty: int) -> None:
    """Block the funds of `qty` (signed) of an order, before it is counted as working."""
    order.blocked = needed_funds(core, order, qty, order.basis)
    core.ledgers[core.clock[0].strategies].blocked += order.blocked


def release(core: Core, order: Record) -> None:
    """Free the funds that an order blocks, and count nothing of it as working."""
    left = working_qty(order)
    unblock(core, order, left)
    open_qty(core, order, -left)
    order.extra = 0


def count_anew(core: Core, order: Record) -> None:
    """Block funds for an order by its present terms, and count what it may still fill."""
    left = order.qty - order.filled
    if order.system == Maker.STRATEGY:
        if order.kind != Kind.MARKET:
            order.basis = order.trigger if order.kind == Kind.STOP else order.price
        block(core, order, left)
    open_qty(core, order, left)


def hold(core: Core, order: Record, blocked: int) -> None:
    """Block funds for an order and count what it may still fill as working."""
    order.blocked = blocked
    core.ledgers[core.clock[0].strategies].blocked += blocked
    open_qty(core, order, working_qty(order))


def finish(core: Core, order: Record, type_: int, reason: int) -> None:
    """End an order that will not be filled further, and say so (of a sleeping one it was said)."""
    release(core, order)
    order.reason = reason
    if order.state != OrderState.ASLEEP:
        emit_end(core, type_, order, reason)
    done(core, order, type_)


def done(core: Core, order: Record, type_: int) -> None:
    """Mark an order for the next sweep; an entry that ends empty frees its exits' slots."""
    clock = core.clock[0]
    if not PAPER:
        if order.state == OrderState.UNKNOWN:
            core.instruments[order.row].unknowns -= 1
        if type_ != Out.FILL:
            remember_ended(core, order)
    order.state = OrderState.CLOSED
    clock.finished += 1
    if order.role == OrderRole.ENTRY and order.filled == 0:
        clock.reserved -= 2
    if HOOK_ORDER:
        call_order(core, order, type_)


def remember_ended(core: Core, order: Record) -> None:
    """Keep an order that ends with something unfilled: a fill of it may be reported late."""
    clock = core.clock[0]
    kept = core.ended[clock.ended % len(core.ended)]
    clock.ended += 1
    copy_order(order, kept)
    if order.modify_ts != NEVER and abs(order.qty + order.more) > abs(order.qty):
        kept.qty += order.more


def copy_order(order: Record, kept: Record) -> None:
    """Copy what an order is, to where it is kept; what works of it is no part of that."""
    kept.id = order.id
    kept.state = OrderState.CLOSED
    kept.strategy = order.strategy
    kept.row = order.row
    kept.qty = order.qty
    kept.filled = order.filled
    kept.kind = order.kind
    kept.price = order.price
    kept.trigger = order.trigger
    kept.tif = order.tif
    kept.product = order.product
    kept.cancel_ts = NEVER
    kept.modify_ts = NEVER
    kept.more = 0
    kept.extra = 0
    kept.blocked = 0
    kept.modifications = order.modifications
    kept.reason = order.reason
    kept.group = order.group
    kept.role = order.role
    kept.stop = order.stop
    kept.target = order.target
    kept.trail = order.trail
    kept.system = order.system
    kept.value = order.value
    kept.brokerage = order.brokerage
    kept.pair_brokerage = order.pair_brokerage
    kept.basis = order.basis
    kept.protection = order.protection


def clear(order: Record) -> None:
    """Empty a slot before it is used."""
    order.state = OrderState.IN_FLIGHT
    order.filled = 0
    order.cancel_ts = NEVER
    order.modify_ts = NEVER
    order.modifications = 0
    order.extra = 0
    order.value = 0
    order.brokerage = 0
    order.pair_brokerage = 0
    order.blocked = 0
    order.ahead = 0
    order.stop = 0
    order.target = 0
    order.trail = 0
    order.group = 0
    order.role = OrderRole.NONE
    order.reason = Reason.STRATEGY
    order.system = Maker.STRATEGY
    order.protection = 0
    order.was = OrderState.IN_FLIGHT
    order.goal_reason = Reason.STRATEGY
    order.own_change = 0
    order.next_message = 0
    order.next_trail = 0


def place_system(
    core: Core, strategy: int, row: int, qty: int, kind: int, price: int, trigger: int
) -> int:
    """Place an order that the core itself makes (exits, square-off); return its slot."""
    clock = core.clock[0]
    slot = take_slot(core)
    order = core.orders[slot]
    occupy(core, order, strategy, row, qty, kind, price, trigger)
    clock.last_id += 1
    order.id = clock.last_id
    order.ts = clock.now + core.config[0].latency
    append(core, slot, row)
    open_qty(core, order, qty)
    return slot


def occupy(
    core: Core, order: Record, strategy: int, row: int, qty: int, kind: int, price: int,
    trigger: int,
) -> None:  # fmt: skip
    """Make a slot an order of now that no request asked for; it has no number yet."""
    clock = core.clock[0]
    clear(order)
    order.id = 0
    order.strategy = strategy
    order.row = row
    order.qty = qty
    order.kind = kind
    order.price = price
    order.trigger = trigger
    order.tif = 0
    order.product = core.positions[strategy * clock.instruments + row].product
    order.ts = clock.now
    order.cause = clock.cause
    order.system = Maker.CORE
    order.basis = 0
    order.goal = qty
    order.level = trigger


def end_all(core: Core, row: int, strategy: int, type_: int, reason: int) -> None:
    """End every live order on an instrument (of one strategy, or of all with -1)."""
    slot = core.instruments[row].first
    while slot >= 0:
        order = core.orders[slot]
        if order.state != OrderState.CLOSED and (strategy < 0 or order.strategy == strategy):
            finish(core, order, type_, reason)
        slot = order.next
    sweep(core, row)


def request_cancel(core: Core, order: Record, reason: int) -> None:
    """Ask for an order's cancellation; it takes effect at the exchange, after the latency."""
    if order.cancel_ts != NEVER:
        return
    if order.state == OrderState.ASLEEP:
        finish(core, order, Out.CANCELLED, reason)
        return
    count_message(core, order.strategy)
    order.cancel_ts = core.clock[0].now + core.config[0].latency
    order.reason = reason
    emit_end(core, Out.CANCEL, order, reason)


def count_message(core: Core, strategy: int) -> None:
    """Note a message to the broker for the rate limits of the strategy and the account."""
    clock = core.clock[0]
    note_message(core, strategy, clock.now)
    note_message(core, clock.strategies, clock.now)


def note_message(core: Core, owner: int, now: int) -> None:
    """Note a message in one ledger's ring."""
    ledger = core.ledgers[owner]
    core.ring[message_slot(owner, ledger.messages)] = now
    ledger.messages += 1
    ledger.messages_day += 1
