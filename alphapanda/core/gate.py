"""The risk gate: every wish of a strategy becomes an order, or is refused with a code."""

from __future__ import annotations

from alphapanda.core.emit import emit, emit_order, emit_wish
from alphapanda.core.funds import needed_funds, valued_at
from alphapanda.core.glue import refusal
from alphapanda.core.matching import protected
from alphapanda.core.orders import (
    append,
    block,
    clear,
    count_message,
    find,
    hold,
    may_touch,
    open_qty,
    release,
    request_cancel,
    sweep,
    take_slot,
    working_qty,
)
from alphapanda.core.state import (
    ALL_ORDERS,
    Core,
    Maker,
    OrderState,
    Record,
    RequestVerb,
    Role,
    placed_slot,
)
from alphapanda.core.stops import kill
from alphapanda.model.rows import NEVER, Code, Kind, Out, Reason, Scope


def gate(core: Core) -> None:
    """Answer every wish that waits, in the order in which they were made."""
    clock = core.clock[0]
    for index in range(clock.n_wishes):
        wish = core.wishes[index]
        if wish.verb == RequestVerb.NEW:
            answer_new(core, wish)
        elif wish.verb == RequestVerb.CANCEL:
            answer_cancel(core, wish)
        else:
            answer_modify(core, wish)
    clock.n_wishes = 0


def answer_new(core: Core, wish: Record) -> None:
    """Turn a wish into a signal, and the signal into an order or a refusal."""
    announce(core, wish)
    decide_on(core, wish, refusal(core, wish))


def announce(core: Core, wish: Record) -> None:
    """Say a wish as a signal."""
    core.ledgers[wish.strategy].signals += 1
    emit_wish(core, Out.SIGNAL, wish)


def decide_on(core: Core, wish: Record, code: int) -> bool:
    """Place a signal's order, if no rule gave a code and there is room; say if it was placed."""
    if code == 0 and not has_room(core, wish):
        code = Code.ORDER_CAPACITY
    if code != 0:
        refuse(core, wish, code)
        return False
    emit_wish(core, Out.VALIDATED, wish)
    place(core, wish)
    return True


def refuse(core: Core, wish: Record, code: int) -> None:
    """Say why a wish is refused; two rules also stop whoever broke them."""
    ledger = core.ledgers[wish.strategy]
    ledger.rejected += 1
    emit(
        core, Out.REJECTED, wish.strategy, wish.row, wish.id, wish.qty, wish.price,
        code, wish.value, wish.limit, wish.kind,
    )  # fmt: skip
    if code == Code.LOSS_LIMIT or code == Code.REPEAT_EXEC:
        kill(core, Scope.STRATEGY, wish.strategy, code)


def has_room(core: Core, wish: Record) -> bool:
    """Say if the order table can hold a wish and, of a bracket, its exits."""
    clock = core.clock[0]
    needed = 3 if wish.role == Role.ENTRY else 1
    free = clock.slots - clock.reserved
    if free >= needed:
        return True
    wish.value = needed
    wish.limit = free
    return False


def place(core: Core, wish: Record) -> None:
    """Put a validated wish into the order table and send it."""
    clock = core.clock[0]
    slot = take_slot(core)
    order = core.orders[slot]
    clear(order)
    order.id = wish.id
    order.strategy = wish.strategy
    order.row = wish.row
    order.qty = wish.qty
    order.kind = wish.kind
    order.price = wish.price
    order.trigger = wish.trigger
    order.tif = wish.tif
    order.product = wish.product
    order.ts = clock.now + core.config[0].latency
    order.cause = clock.cause
    order.protection = wish.protection
    order.system = wish.system
    if wish.role == Role.ENTRY:
        order.role = Role.ENTRY
        order.stop = wish.stop
        order.target = wish.target
        order.trail = wish.trail
        clock.reserved += 2
    last = core.instruments[wish.row].last
    order.basis = valued_at(core, wish)
    if wish.kind == Kind.MARKET:
        order.price = protected(core, order, last)
    append(core, slot, wish.row)
    block(core, order, wish.qty)
    open_qty(core, order, wish.qty)
    count_message(core, wish.strategy)
    remember(core, wish)
    core.ledgers[wish.strategy].orders += 1
    emit_order(core, Out.ORDER, order)


def remember(core: Core, wish: Record) -> None:
    """Remember an order's terms for the duplicate rule."""
    clock = core.clock[0]
    index = wish.strategy * clock.instruments + wish.row
    position = core.positions[index]
    slot = placed_slot(core, index, position.placed)
    core.ring[slot] = clock.now
    core.ring[slot + 1] = wish.qty
    core.ring[slot + 2] = wish.price
    position.placed += 1


def unknown(core: Core, wish: Record) -> None:
    """Refuse a wish that names an order which is not open."""
    core.ledgers[wish.strategy].rejected += 1
    emit(
        core, Out.REJECTED, wish.strategy, wish.row, wish.order, 0, 0,
        Code.UNKNOWN_ORDER, wish.order, 0, wish.verb,
    )  # fmt: skip


def answer_cancel(core: Core, wish: Record) -> None:
    """Ask the broker to cancel one order of the strategy on an instrument, or all of them."""
    if wish.order == ALL_ORDERS:
        cancel_all_of(core, wish.strategy, wish.row)
        return
    slot = find(core, wish.row, wish.strategy, wish.order)
    if slot < 0:
        unknown(core, wish)
        return
    request_cancel(core, core.orders[slot], Reason.STRATEGY)
    sweep_ended(core, wish.row)


def sweep_ended(core: Core, row: int) -> None:
    """Take out of an instrument's list what a cancellation ended at once: exits that slept."""
    if core.clock[0].finished != 0:
        core.clock[0].finished = 0
        sweep(core, row)


def cancel_all_of(core: Core, strategy: int, row: int) -> None:
    """Ask for the cancellation of all of a strategy's orders on an instrument."""
    slot = core.instruments[row].first
    while slot >= 0:
        order = core.orders[slot]
        if order.strategy == strategy and may_touch(order):
            request_cancel(core, order, Reason.STRATEGY)
        slot = order.next
    sweep_ended(core, row)


def answer_modify(core: Core, wish: Record) -> None:
    """Change an order's terms, after the same rules that a new order passes."""
    slot = find(core, wish.row, wish.strategy, wish.order)
    if slot < 0 or core.orders[slot].cancel_ts != NEVER:
        unknown(core, wish)
        return
    order = core.orders[slot]
    complete(wish, order)
    blocked, extra = order.blocked, order.extra
    release(core, order)
    code = refusal(core, wish)
    if code == 0 and order.state == OrderState.ASLEEP:
        change_asleep(core, order, wish, blocked)
        return
    if code == 0:
        change(core, order, wish, blocked)
        return
    order.extra = extra
    hold(core, order, blocked)
    refuse(core, wish, code)


def change(core: Core, order: Record, wish: Record, blocked: int) -> None:
    """Send a change; until the exchange has it, the worse of old and new terms counts."""
    clock = core.clock[0]
    left = order.qty - order.filled
    order.more = wish.qty - left
    order.new_price = wish.price
    order.new_trigger = wish.trigger
    order.modify_ts = clock.now + core.config[0].latency
    order.modifications += 1
    if abs(wish.qty) > abs(left):
        order.extra = order.more
    if order.system == Maker.STRATEGY:
        order.basis = max(order.basis, valued_at(core, wish))
        position = core.positions[order.strategy * clock.instruments + order.row]
        instrument = core.instruments[order.row]
        needed = needed_funds(position, instrument, working_qty(order), order.basis)
        blocked = max(blocked, needed)
    hold(core, order, blocked)
    count_message(core, wish.strategy)
    wish.qty += order.filled
    emit_wish(core, Out.MODIFY, wish)


def change_asleep(core: Core, order: Record, wish: Record, blocked: int) -> None:
    """Change an exit that is at no exchange: it will be sent with its new terms."""
    order.qty = wish.qty + order.filled
    order.price = wish.price
    order.trigger = wish.trigger
    hold(core, order, blocked)


def complete(wish: Record, order: Record) -> None:
    """Fill a change's open fields from the order as it will be; `qty` is the order's new total.

    Afterwards `qty` is what would be left to fill; 0, which no rule lets pass, if nothing would.
    """
    pending = order.modify_ts != NEVER
    total = order.qty + order.more if pending else order.qty
    if wish.qty != 0:
        total = wish.qty
    left = total - order.filled
    wish.qty = left if (left > 0) == (order.qty > 0) else 0
    wish.id = order.id
    wish.role = order.role
    wish.stop = order.stop
    wish.target = order.target
    wish.kind = order.kind
    wish.tif = order.tif
    wish.product = order.product
    wish.protection = order.protection
    wish.changes = order.modifications
    if wish.price == 0:
        wish.price = order.new_price if pending else order.price
    if wish.trigger == 0:
        wish.trigger = order.new_trigger if pending else order.trigger
