"""The order table: slots, the list of live orders of each instrument, and every way an order ends.

IN_FLIGHT ──▶ WORKING ──▶ CLOSED            an order leaves its list only in `sweep`, so that
   └──▶ PENDING_TRIGGER ──▶ WORKING         whoever walks a list may end any order on it

An exit sleeps between sessions (`core/overnight.py`), and is IN_FLIGHT again at the next open.
"""

from __future__ import annotations

from alphapanda.core.emit import call_order, emit_end, emit_order
from alphapanda.core.flags import BARS_IN, HOOK_ORDER
from alphapanda.core.funds import needed_funds
from alphapanda.core.protection import automatic
from alphapanda.core.state import Core, Maker, OrderRole, OrderState, Record, message_slot
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
    clock = core.clock[0]
    position = core.positions[order.strategy * clock.instruments + order.row]
    instrument = core.instruments[order.row]
    order.blocked = needed_funds(position, instrument, qty, order.basis)
    core.ledgers[clock.strategies].blocked += order.blocked


def release(core: Core, order: Record) -> None:
    """Free the funds that an order blocks, and count nothing of it as working."""
    left = working_qty(order)
    unblock(core, order, left)
    open_qty(core, order, -left)
    order.extra = 0


def hold(core: Core, order: Record, blocked: int) -> None:
    """Block funds for an order and count what it may still fill as working."""
    order.blocked = blocked
    core.ledgers[core.clock[0].strategies].blocked += blocked
    open_qty(core, order, working_qty(order))


def finish(core: Core, order: Record, type_: int, reason: int) -> None:
    """End an order that will not be filled further, and say so (of a sleeping one it was said)."""
    release(core, order)
    if order.state != OrderState.ASLEEP:
        emit_end(core, type_, order, reason)
    done(core, order, type_)


def done(core: Core, order: Record, type_: int) -> None:
    """Mark an order for the next sweep; an entry that ends empty frees its exits' slots."""
    clock = core.clock[0]
    order.state = OrderState.CLOSED
    clock.finished += 1
    if order.role == OrderRole.ENTRY and order.filled == 0:
        clock.reserved -= 2
    if HOOK_ORDER:
        call_order(core, order, type_)


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


def place_system(
    core: Core, strategy: int, row: int, qty: int, kind: int, price: int, trigger: int
) -> int:
    """Place an order that the core itself makes (exits, square-off); return its slot."""
    clock = core.clock[0]
    slot = take_slot(core)
    order = core.orders[slot]
    clear(order)
    clock.last_id += 1
    order.id = clock.last_id
    order.strategy = strategy
    order.row = row
    order.qty = qty
    order.kind = kind
    order.price = price
    order.trigger = trigger
    order.tif = 0
    order.product = core.positions[strategy * clock.instruments + row].product
    order.ts = clock.now + core.config[0].latency
    order.cause = clock.cause
    order.system = Maker.CORE
    order.basis = 0
    append(core, slot, row)
    open_qty(core, order, qty)
    return slot


def place_exits(core: Core, entry: Record, qty: int) -> None:
    """After a fill of a bracket's entry, place its stop and target, or enlarge them."""
    if entry.filled != qty:
        enlarge_exits(core, entry, qty)
        return
    core.clock[0].reserved -= 2
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
            open_qty(core, order, -qty)
            order.qty -= qty
            count_message(core, order.strategy)
            emit_order(core, Out.MODIFIED, order)
        slot = order.next


def shrink_sibling(core: Core, exit_: Record, qty: int) -> None:
    """After a fill of one exit, its sibling covers that much less; at nothing it is cancelled.

    What is left of the entry is cancelled too: nothing would protect a later fill of it.
    """
    slot = core.instruments[exit_.row].first
    while slot >= 0:
        order = core.orders[slot]
        if order.state != OrderState.CLOSED and order.id == exit_.group:
            count_message(core, order.strategy)
            finish(core, order, Out.CANCELLED, Reason.OCO)
        elif (
            order.state != OrderState.CLOSED and order.group == exit_.group and order.id != exit_.id
        ):
            count_message(core, order.strategy)
            cut_exit(core, order, qty)
        slot = order.next


def cut_exit(core: Core, order: Record, qty: int) -> None:
    """Take `qty` (signed as the exit) off an exit order."""
    if abs(order.qty - order.filled) <= abs(qty):
        finish(core, order, Out.CANCELLED, Reason.OCO)
        return
    open_qty(core, order, -qty)
    order.qty -= qty
    emit_order(core, Out.MODIFIED, order)


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
