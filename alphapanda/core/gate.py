"""The risk gate: every request of a strategy becomes an order, or is refused with a code."""

from __future__ import annotations

from alphapanda.books.emit import emit, emit_order, emit_request
from alphapanda.books.flags import PAPER
from alphapanda.books.funds import needed_funds, valued_at
from alphapanda.books.halts import halting
from alphapanda.books.orders import (
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
from alphapanda.books.state import (
    ALL_ORDERS,
    Core,
    Maker,
    OrderRole,
    OrderState,
    Record,
    RequestVerb,
    placed_slot,
)
from alphapanda.books.stops import kill
from alphapanda.core.glue import refusal
from alphapanda.core.matching import protected
from alphapanda.core.ticks import doubt_tick
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import NEVER, Kind, Out, Reason, Scope


def gate(core: Core) -> None:
    """Answer every request that waits, in the order in which they were made."""
    clock = core.clock[0]
    for index in range(clock.n_requests):
        request = core.requests[index]
        if request.verb == RequestVerb.NEW:
            answer_new(core, request)
        elif request.verb == RequestVerb.CANCEL:
            answer_cancel(core, request)
        else:
            answer_modify(core, request)
    clock.n_requests = 0


def answer_new(core: Core, request: Record) -> None:
    """Turn a request into a signal, and the signal into an order or a refusal."""
    announce(core, request)
    decide_on(core, request, code_of(core, request))


def code_of(core: Core, request: Record) -> int:
    """Return the code that refuses a request, of a rule or of the broker's side; 0 if none does."""
    doubt_tick(core.instruments[request.row])
    code = refusal(core, request)
    if not PAPER and code == 0:
        code = halting(core, request)
    return code


def announce(core: Core, request: Record) -> None:
    """Say a request as a signal."""
    core.ledgers[request.strategy].signals += 1
    emit_request(core, Out.SIGNAL, request)


def decide_on(core: Core, request: Record, code: int) -> bool:
    """Place a signal's order, if no rule gave a code and there is room; say if it was placed."""
    if code == 0 and not has_room(core, request):
        code = RejectionCode.ORDER_CAPACITY
    if code != 0:
        refuse(core, request, code)
        return False
    emit_request(core, Out.VALIDATED, request)
    place(core, request)
    return True


def refuse(core: Core, request: Record, code: int) -> None:
    """Say why a request is refused; two rules also stop whoever broke them."""
    ledger = core.ledgers[request.strategy]
    ledger.rejected += 1
    emit(
        core, Out.REJECTED, request.strategy, request.row, request.id, request.qty, request.price,
        code, request.value, request.limit, request.kind,
    )  # fmt: skip
    if code == RejectionCode.LOSS_LIMIT or code == RejectionCode.REPEAT_EXEC:
        kill(core, Scope.STRATEGY, request.strategy, code)


def has_room(core: Core, request: Record) -> bool:
    """Say if the order table can hold a request and, of a bracket, its exits."""
    clock = core.clock[0]
    needed = 3 if request.role == OrderRole.ENTRY else 1
    free = clock.slots - clock.reserved
    if free >= needed:
        return True
    request.value = needed
    request.limit = free
    return False


def place(core: Core, request: Record) -> None:
    """Put a validated request into the order table and send it."""
    clock = core.clock[0]
    slot = take_slot(core)
    order = core.orders[slot]
    clear(order)
    order.id = request.id
    order.strategy = request.strategy
    order.row = request.row
    order.qty = request.qty
    order.kind = request.kind
    order.price = request.price
    order.trigger = request.trigger
    order.tif = request.tif
    order.product = request.product
    order.ts = clock.now + core.config[0].latency
    order.cause = clock.cause
    order.protection = request.protection
    order.system = request.system
    if request.role == OrderRole.ENTRY:
        order.role = OrderRole.ENTRY
        order.stop = request.stop
        order.target = request.target
        order.trail = request.trail
        clock.reserved += 2
    order.goal = request.qty
    order.level = request.trigger
    last = core.instruments[request.row].last
    order.basis = valued_at(core, request)
    if request.kind == Kind.MARKET:
        order.price = protected(core, order, last)
    append(core, slot, request.row)
    block(core, order, request.qty)
    open_qty(core, order, request.qty)
    count_message(core, request.strategy)
    remember(core, request)
    core.ledgers[request.strategy].orders += 1
    emit_order(core, Out.ORDER, order)


def remember(core: Core, request: Record) -> None:
    """Remember an order's terms for the duplicate rule."""
    clock = core.clock[0]
    index = request.strategy * clock.instruments + request.row
    position = core.positions[index]
    slot = placed_slot(core, index, position.placed)
    core.ring[slot] = clock.now
    core.ring[slot + 1] = request.qty
    core.ring[slot + 2] = request.price
    position.placed += 1


def unknown(core: Core, request: Record) -> None:
    """Refuse a request that names an order which is not open."""
    core.ledgers[request.strategy].rejected += 1
    emit(
        core, Out.REJECTED, request.strategy, request.row, request.order, 0, 0,
        RejectionCode.UNKNOWN_ORDER, request.order, 0, request.verb,
    )  # fmt: skip


def answer_cancel(core: Core, request: Record) -> None:
    """Ask the broker to cancel one order of the strategy on an instrument, or all of them."""
    if request.order == ALL_ORDERS:
        cancel_all_of(core, request.strategy, request.row)
        return
    slot = find(core, request.row, request.strategy, request.order)
    if slot < 0:
        unknown(core, request)
        return
    request_cancel(core, core.orders[slot], Reason.STRATEGY)
    sweep_ended(core, request.row)


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


def answer_modify(core: Core, request: Record) -> None:
    """Change an order's terms, after the same rules that a new order passes."""
    slot = find(core, request.row, request.strategy, request.order)
    if slot < 0 or core.orders[slot].cancel_ts != NEVER:
        unknown(core, request)
        return
    order = core.orders[slot]
    complete(request, order)
    if not PAPER and (order.modify_ts != NEVER or order.state == OrderState.UNKNOWN):
        refuse(core, request, RejectionCode.CHANGE_UNDER_WAY)
        return
    blocked, extra = order.blocked, order.extra
    release(core, order)
    code = code_of(core, request)
    if code == 0 and order.state == OrderState.ASLEEP:
        change_asleep(core, order, request, blocked)
        return
    if code == 0:
        change(core, order, request, blocked)
        return
    order.extra = extra
    hold(core, order, blocked)
    refuse(core, request, code)


def change(core: Core, order: Record, request: Record, blocked: int) -> None:
    """Send a change; until the exchange has it, the worse of old and new terms counts."""
    clock = core.clock[0]
    left = order.qty - order.filled
    order.more = request.qty - left
    order.new_price = request.price
    order.new_trigger = request.trigger
    order.modify_ts = clock.now + core.config[0].latency
    order.modifications += 1
    if abs(request.qty) > abs(left):
        order.extra = order.more
    if order.system == Maker.STRATEGY:
        order.basis = max(order.basis, valued_at(core, request))
        blocked = max(blocked, needed_funds(core, order, working_qty(order), order.basis))
    hold(core, order, blocked)
    count_message(core, request.strategy)
    request.qty += order.filled
    order.goal = request.qty
    order.level = request.trigger
    order.own_change = 0
    emit_request(core, Out.MODIFY, request)


def change_asleep(core: Core, order: Record, request: Record, blocked: int) -> None:
    """Change an exit that is at no exchange: it will be sent with its new terms."""
    order.qty = request.qty + order.filled
    order.price = request.price
    order.trigger = request.trigger
    order.goal = order.qty
    order.level = request.trigger
    hold(core, order, blocked)


def complete(request: Record, order: Record) -> None:
    """Fill a change's open fields from the order as it will be; `qty` is the order's new total.

    Afterwards `qty` is what would be left to fill; 0, which no rule lets pass, if nothing would.
    """
    pending = order.modify_ts != NEVER
    total = order.qty + order.more if pending else order.qty
    if request.qty != 0:
        total = request.qty
    left = total - order.filled
    request.qty = left if (left > 0) == (order.qty > 0) else 0
    request.id = order.id
    request.role = order.role
    request.stop = order.stop
    request.target = order.target
    request.kind = order.kind
    request.tif = order.tif
    request.product = order.product
    request.protection = order.protection
    request.changes = order.modifications
    if request.price == 0:
        request.price = order.new_price if pending else order.price
    if request.trigger == 0:
        request.trigger = order.new_trigger if pending else order.trigger
