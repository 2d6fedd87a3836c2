"""Changes that the core wants of orders at a broker, and their way there: one at a time.

What it wants of an order is a total (`goal`) and a trigger (`level`). Whatever moves these says so
by `want`; `pursue` sends what is missing once the order stands at the exchange and no other change
of it is under way. So many small changes become one message. After each message about an order
the core waits PACE_NS before its next. A broker takes 25 changes of an order: trailing has the
first 20, in steps that grow (`step`), at most one in TRAIL_NS, and not while the account is busy.
"""

from __future__ import annotations

from alphapanda.books.emit import emit, emit_in
from alphapanda.books.orders import (
    count_anew,
    count_message,
    finish,
    open_qty,
    release,
    request_cancel,
)
from alphapanda.books.state import (
    Core,
    OrderRole,
    OrderState,
    Record,
    RequestVerb,
    message_slot,
)
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import NEVER, Out, Reason

PACE_NS = 1_000_000_000
RETRY_NS = 3_000_000_000
"""The core repeats what was refused so much later."""
TRAIL_NS = 5_000_000_000
MOST = 25
TRAILING = 20
BUSY = 4
"""Messages of the account in a second, beside which no stop is moved: half of what R8 allows."""
FINEST = 40
"""The first step of a trailing stop is so small a part of its gap; the n-th has n such parts."""


def want(core: Core, order: Record, total: int, reason: int) -> None:
    """Want a signed total of an order; with nothing left to fill it is cancelled, for a reason."""
    order.goal = total
    order.goal_reason = reason
    if order.state == OrderState.ASLEEP:
        change_asleep(core, order)
    else:
        pursue(core, order)


def change_asleep(core: Core, order: Record) -> None:
    """Change an exit that is at no exchange: it will be sent with its new quantity."""
    if is_over(order):
        finish(core, order, Out.CANCELLED, order.goal_reason)
        return
    open_qty(core, order, order.goal - order.qty)
    order.qty = order.goal


def is_over(order: Record) -> bool:
    """Say if nothing more is wanted of an order."""
    left = order.goal - order.filled
    return bool(left == 0 or (left > 0) != (order.qty > 0))


def pursue(core: Core, order: Record) -> None:
    """Send what an order lacks of what is wanted, if nothing about it is on its way."""
    if order.state >= OrderState.CLOSED or order.cancel_ts != NEVER:
        return
    if core.clock[0].now < order.next_message:
        return
    if is_over(order):
        request_cancel(core, order, order.goal_reason)
        return
    if order.modify_ts != NEVER or not stands(order):
        return
    trigger = wanted_trigger(core, order)
    if order.goal == order.qty and trigger == order.trigger:
        return
    if order.modifications >= MOST:
        give_up(core, order)
    else:
        send_change(core, order, trigger)


def stands(order: Record) -> bool:
    """Say if an order is known to stand at the exchange."""
    return bool(order.state == OrderState.WORKING or order.state == OrderState.PENDING_TRIGGER)


def send_change(core: Core, order: Record, trigger: int) -> None:
    """Send a change of quantity, trigger or both; the larger quantity counts as working."""
    clock = core.clock[0]
    order.more = order.goal - order.qty
    order.new_price = order.price
    order.new_trigger = trigger
    order.modify_ts = clock.now
    order.own_change = 1
    order.modifications += 1
    order.next_message = clock.now + PACE_NS
    if trigger != order.trigger:
        order.next_trail = clock.now + TRAIL_NS
    if abs(order.goal) > abs(order.qty):
        order.extra = order.more
        open_qty(core, order, order.more)
    count_message(core, order.strategy)
    emit_in(
        core, order.group, Out.MODIFY, order.strategy, order.row, order.id, order.goal,
        order.price, trigger, order.kind, order.tif, order.product,
    )  # fmt: skip


def give_up(core: Core, order: Record) -> None:
    """Say that an order takes no more changes: what is too large is cancelled, the rest stays."""
    refuse_change(core, order, RejectionCode.RATE, order.modifications, RequestVerb.MODIFY)
    if abs(order.goal) < abs(order.qty):
        request_cancel(core, order, order.goal_reason)
        return
    order.goal = order.qty
    order.trail = 0


def refuse_change(core: Core, order: Record, code: int, value: int, verb: int) -> None:
    """Say that a change or a cancellation of an order does not come about."""
    core.ledgers[order.strategy].rejected += 1
    emit(
        core, Out.REJECTED, order.strategy, order.row, order.id, order.goal, order.price,
        code, value, MOST, verb,
    )  # fmt: skip


def wanted_trigger(core: Core, order: Record) -> int:
    """Return where an order's trigger should be by now: of a trailing stop, in steps."""
    if order.trail == 0 or not follows(order):
        return int(order.trigger)
    gap = abs(order.level - order.trigger)
    if gap != 0 and order.goal != order.qty:
        return int(order.level)
    if gap < step(core, order) or core.clock[0].now < order.next_trail or is_busy(core):
        return int(order.trigger)
    if order.modifications >= TRAILING:
        refuse_change(core, order, RejectionCode.RATE, order.modifications, RequestVerb.MODIFY)
        order.trail = 0
        return int(order.trigger)
    return int(order.level)


def follows(order: Record) -> bool:
    """Say if an order is a trailing stop that waits for its trigger."""
    if order.role != OrderRole.STOP or order.trail == 0:
        return False
    return bool(order.state == OrderState.PENDING_TRIGGER)


def step(core: Core, order: Record) -> int:
    """Return how far a trailing stop has to move at least; each step is longer than the last."""
    part = order.trail * (order.modifications + 1) // FINEST
    return int(max(part, core.instruments[order.row].tick, 1))


def is_busy(core: Core) -> bool:
    """Say if the account has sent several messages within a second."""
    clock = core.clock[0]
    ledger = core.ledgers[clock.strategies]
    if ledger.messages < BUSY:
        return False
    oldest = core.ring[message_slot(clock.strategies, ledger.messages - BUSY)]
    return bool(clock.now - oldest < 1_000_000_000)


def drop_change(core: Core, order: Record) -> None:
    """Forget a change that did not come about; what was refused is not tried again at once."""
    if order.modify_ts == NEVER:
        return
    order.modify_ts = NEVER
    release(core, order)
    count_anew(core, order)
    if order.own_change == 0:
        order.goal -= order.more
        order.level = order.trigger
    order.more = 0
    order.own_change = 0
    order.next_message = core.clock[0].now + RETRY_NS


def may_repeat(core: Core, order: Record) -> bool:
    """Say if the core may send a message about an order that it sent before."""
    return bool(core.clock[0].now >= order.next_message)


def drop_cancel(core: Core, order: Record) -> None:
    """Forget a cancellation that did not come about."""
    if order.cancel_ts == NEVER:
        return
    order.cancel_ts = NEVER
    order.reason = Reason.STRATEGY
    order.next_message = core.clock[0].now + RETRY_NS
