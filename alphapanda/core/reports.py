"""Reports: what a broker says moves orders, and nothing else does where orders are sent.

A report may come late, twice, or before one that it follows. A fill proves that its order was at
the exchange, and that its stop was triggered; it is booked even if the order has ended. What a
report leaves to be done (exits, changes) is sent at once (`books/changes.py`).
"""

from __future__ import annotations

from alphapanda.books.changes import (
    drop_cancel,
    drop_change,
    follows,
    pursue,
    refuse_change,
)
from alphapanda.books.emit import call_order, emit, emit_end, emit_in, emit_order
from alphapanda.books.flags import HOOK_ORDER
from alphapanda.books.halts import set_halt
from alphapanda.books.orders import (
    append,
    copy_order,
    count_anew,
    done,
    finish,
    open_qty,
    place_of,
    release,
    sweep,
    take_slot,
)
from alphapanda.books.state import Core, OrderRole, OrderState, Record, RequestVerb
from alphapanda.books.stops import trim
from alphapanda.core.brackets import trailing
from alphapanda.core.execution import execute
from alphapanda.core.matching import arrive, trigger
from alphapanda.core.overnight import end_at_broker, refuse_exit, try_again
from alphapanda.core.square_off import hear_square_off
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import NEVER, Out, Reason, ReportKind


def hear(core: Core, row: Record) -> None:
    """Do what a report says; then what it leaves to be done."""
    if row.a >= ReportKind.EXTERNAL_ORDER:
        hear_of_account(core, row)
        return
    if row.b <= 0 or row.b > core.clock[0].last_id:
        raise AssertionError("a report is about an order that this run never placed")
    slot = place_of(core, row.b)
    if slot < 0:
        hear_of_ended(core, row)
        return
    order = core.orders[slot]
    instrument = order.row
    if order.state != OrderState.ASLEEP:
        hear_of_order(core, order, row)
    elif row.a == ReportKind.FILLED:
        book_trade(core, order, row)
    tidy(core, instrument)


def hear_of_account(core: Core, row: Record) -> None:
    """Do what a report says that is about no order of this run."""
    needed = row.a in (ReportKind.CIRCUIT, ReportKind.SQUARED_OFF)
    if row.row >= core.clock[0].instruments or (needed and row.row < 0):
        raise AssertionError("a report is about an instrument that the run does not have")
    if row.a == ReportKind.EXTERNAL_ORDER:
        emit(core, Out.EXTERNAL_ORDER, -1, row.row, 0, row.qty, row.price, 0, 0, 0, 0)
    elif row.a == ReportKind.EXTERNAL_POSITION:
        emit(core, Out.EXTERNAL_POSITION, -1, row.row, 0, row.qty, row.price, 0, 0, 0, 0)
    elif row.a == ReportKind.BLOCKED:
        set_halt(core, row.row, row.reason, 1)
    elif row.a == ReportKind.UNBLOCKED:
        set_halt(core, row.row, row.reason, 0)
    elif row.a == ReportKind.CIRCUIT:
        core.instruments[row.row].lower = row.price
        core.instruments[row.row].upper = row.trigger
    elif row.a == ReportKind.SQUARED_OFF:
        hear_square_off(core, row)
        tidy(core, row.row)
    elif row.a == ReportKind.EARLIER:
        core.ledgers[core.clock[0].strategies].others = row.qty
        core.ledgers[core.clock[0].strategies].others_day = row.price
    else:
        emit(core, Out.RECONCILED, -1, -1, 0, row.qty, 0, 0, 0, 0, 0)


def hear_of_order(core: Core, order: Record, row: Record) -> None:
    """Do what a report says of a live order."""
    if row.a == ReportKind.UNKNOWN:
        doubt(core, order)
        return
    doubted = order.state == OrderState.UNKNOWN
    if doubted:
        order.state = order.was
        core.instruments[order.row].unknowns -= 1
    if row.a == ReportKind.ACKNOWLEDGED:
        acknowledge(core, order, doubted)
    elif row.a == ReportKind.TRIGGERED:
        become_triggered(core, order)
    elif row.a == ReportKind.FILLED:
        fill(core, order, row)
    elif row.a == ReportKind.REPLACED:
        arrive_first(core, order)
        replace(core, order, row)
    elif row.a == ReportKind.CHANGE_REJECTED:
        reject_change(core, order, row)
    else:
        end(core, order, row)


def end(core: Core, order: Record, row: Record) -> None:
    """End an order; who ended it is told by what was asked for, where the report has no reason."""
    if row.a == ReportKind.REJECTED:
        refuse_exit(core, order, Reason.REJECTED if row.reason == 0 else row.reason)
    elif row.a == ReportKind.EXPIRED:
        end_at_broker(core, order)
    elif row.reason != 0:
        finish(core, order, Out.CANCELLED, row.reason)
    elif order.cancel_ts != NEVER:
        finish(core, order, Out.CANCELLED, order.reason)
    else:
        finish(core, order, Out.CANCELLED, Reason.EXTERNAL)


def arrive_first(core: Core, order: Record) -> None:
    """What is said of an order proves that it reached the exchange."""
    if order.state == OrderState.IN_FLIGHT:
        arrive(core, order)


def acknowledge(core: Core, order: Record, doubted: bool) -> None:
    """An order works; what else is on its way to it has an answer of its own."""
    if order.state == OrderState.IN_FLIGHT:
        arrive(core, order)
    elif doubted:
        emit_order(core, Out.ACKNOWLEDGED, order)
        if HOOK_ORDER:
            call_order(core, order, Out.ACKNOWLEDGED)


def become_triggered(core: Core, order: Record) -> None:
    """A stop has become a limit or market order."""
    arrive_first(core, order)
    if order.state == OrderState.PENDING_TRIGGER:
        trigger(core, order, core.instruments[order.row].last)


def fill(core: Core, order: Record, row: Record) -> None:
    """Book a trade of a live order."""
    become_triggered(core, order)
    if beyond(order.filled + row.qty, order.qty) and order.extra != 0:
        take_terms(core, order, order.qty + order.more, order.new_price, order.new_trigger)
    book_trade(core, order, row)


def book_trade(core: Core, order: Record, row: Record) -> None:
    """Book a trade; one that no order of ours can have brought about stops the run."""
    if row.qty == 0 or (row.qty > 0) != (order.qty > 0) or row.price <= 0:
        raise AssertionError("a trade of nothing, of the other side, or without a price")
    if beyond(order.filled + row.qty, order.qty):
        raise AssertionError("more was filled of an order than was ever asked for")
    core.clock[0].day_ended = 0
    execute(core, order, row.qty, row.price)


def beyond(total: int, most: int) -> bool:
    """Say if a signed total is larger than another of the same side."""
    return abs(total) > abs(most)


def replace(core: Core, order: Record, row: Record) -> None:
    """A change is in force: what was asked for, or what somebody else made of it."""
    asked, price, level = order.qty, order.price, order.trigger
    if order.modify_ts != NEVER:
        asked, price, level = order.qty + order.more, order.new_price, order.new_trigger
    total = row.qty if row.qty != 0 else asked
    price = row.price if row.price != 0 else price
    level = row.trigger if row.trigger != 0 else level
    if order.own_change == 0:
        order.goal += total - asked
        order.level = level
    take_terms(core, order, total, price, level)


def take_terms(core: Core, order: Record, total: int, price: int, level: int) -> None:
    """Give an order its new terms; with all of them filled it is done."""
    if total == 0 or (total > 0) != (order.qty > 0) or beyond(order.filled, total):
        raise AssertionError("a change turns an order round, or takes back what was filled")
    release(core, order)
    order.modify_ts = NEVER
    order.more = 0
    order.own_change = 0
    order.qty = total
    order.price = price
    order.trigger = level
    count_anew(core, order)
    emit_order(core, Out.MODIFIED, order)
    if order.filled == order.qty:
        release(core, order)
        done(core, order, Out.FILL)


def reject_change(core: Core, order: Record, row: Record) -> None:
    """A change or a cancellation did not come about: the order stands as it was."""
    verb = RequestVerb.CANCEL if order.cancel_ts != NEVER else RequestVerb.MODIFY
    drop_cancel(core, order)
    drop_change(core, order)
    refuse_change(core, order, RejectionCode.BROKER, row.reason, verb)
    if HOOK_ORDER:
        call_order(core, order, Out.REJECTED)


def doubt(core: Core, order: Record) -> None:
    """Nobody knows whether an order works: it counts as if it did, and blocks its instrument."""
    if order.state == OrderState.UNKNOWN:
        return
    order.was = order.state
    order.state = OrderState.UNKNOWN
    core.instruments[order.row].unknowns += 1
    emit_in(
        core, order.group, Out.UNKNOWN, order.strategy, order.row, order.id,
        order.qty - order.filled, order.price, order.trigger, order.kind, order.filled,
        order.product,
    )  # fmt: skip
    if HOOK_ORDER:
        call_order(core, order, Out.UNKNOWN)


def doubt_all(core: Core) -> None:
    """No order for a day outlives it: one whose end was not reported by midnight is in doubt."""
    for row in range(core.clock[0].instruments):
        slot = core.instruments[row].first
        while slot >= 0:
            order = core.orders[slot]
            if order.state < OrderState.CLOSED:
                doubt(core, order)
            slot = order.next


def hear_of_ended(core: Core, row: Record) -> None:
    """Do what a report says of an order that has ended: only a trade, or its return, counts."""
    if row.a != ReportKind.FILLED and row.a != ReportKind.ACKNOWLEDGED:
        return
    place = ended_place(core, row.b)
    if place < 0:
        if row.a == ReportKind.FILLED:
            raise AssertionError("a trade of an order that has nothing left to fill")
        return
    order = core.ended[place]
    if row.a == ReportKind.FILLED:
        fill_ended(core, order, row)
    elif order.reason == Reason.LAPSED:
        revive(core, order)


def ended_place(core: Core, number: int) -> int:
    """Return where an order that ended with something unfilled is kept, or -1."""
    for place in range(len(core.ended)):
        if core.ended[place].id == number:
            return place
    return -1


def fill_ended(core: Core, order: Record, row: Record) -> None:
    """Book a trade of an order that has ended; of an entry it needs its exits all the same."""
    if order.role == OrderRole.ENTRY and order.filled == 0:
        if has_room(core, 2):
            core.clock[0].reserved += 2
        else:
            order.role = OrderRole.NONE
            emit_end(core, Out.FAILED, order, Reason.CAPACITY)
    open_qty(core, order, row.qty)
    book_trade(core, order, row)
    tidy(core, order.row)


def has_room(core: Core, slots: int) -> bool:
    """Say if so many orders more can be kept, beside what is reserved for exits."""
    return bool(core.clock[0].slots - core.clock[0].reserved >= slots)


def revive(core: Core, kept: Record) -> None:
    """Take back an order that was given up as never sent, and appears at the broker."""
    needed = 3 if kept.role == OrderRole.ENTRY and kept.filled == 0 else 1
    if not has_room(core, needed):
        return
    slot = take_slot(core)
    order = core.orders[slot]
    order.was = OrderState.IN_FLIGHT
    copy_order(kept, order)
    kept.id = 0
    order.state = OrderState.IN_FLIGHT
    order.goal = order.qty
    order.level = order.trigger
    order.next_message = 0
    order.next_trail = 0
    core.clock[0].reserved += needed - 1
    append(core, slot, order.row)
    count_anew(core, order)
    arrive(core, order)


def tidy(core: Core, row: int) -> None:
    """After a report: send what it leaves to be done, and free the slots of what has ended."""
    clock = core.clock[0]
    if clock.guarded != 0:
        trim(core, row)
    slot = core.instruments[row].first
    while slot >= 0:
        order = core.orders[slot]
        pursue(core, order)
        slot = order.next
    if clock.finished != 0:
        clock.finished = 0
        sweep(core, row)


def follow(core: Core, row: int) -> None:
    """After a market row: let trailing stops want to move with the price; send what waits."""
    instrument = core.instruments[row]
    slot = instrument.first
    while slot >= 0:
        order = core.orders[slot]
        if follows(order):
            best = trailing(instrument, order.qty, instrument.last, order.trail)
            order.level = min(order.level, best) if order.qty > 0 else max(order.level, best)
        try_again(core, order)
        slot = order.next
    tidy(core, row)
