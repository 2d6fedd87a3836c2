"""Kill and pause: who may not trade, which orders that cancels, and how far the rest may fill.

While something is paused its orders only reduce, as an exchange's reduce-only orders do: none may
fill more than is held against it, whatever fills first. Bracket exits are not counted as closing
beside an order by hand, so that a position with a stop can be closed; what fills first cuts the
others. The broker's own square-off is never touched.
"""

from __future__ import annotations

from alphapanda.books.changes import want
from alphapanda.books.emit import emit, emit_order
from alphapanda.books.flags import PAPER
from alphapanda.books.funds import needed_funds
from alphapanda.books.orders import (
    count_message,
    finish,
    hold,
    release,
    request_cancel,
    working_qty,
)
from alphapanda.books.state import Core, Maker, OrderRole, OrderState, Record
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import NEVER, Out, Reason, Scope

UNLIMITED = 1 << 62


def covers(scope: int, number: int, strategy: int, row: int) -> bool:
    """Say if a scope covers a strategy's trading on an instrument."""
    if scope == Scope.STRATEGY:
        return strategy == number
    if scope == Scope.INSTRUMENT:
        return row == number
    return True


def kill(core: Core, scope: int, number: int, code: int) -> None:
    """Stop the account, a strategy or an instrument: no new risk, and open orders are cancelled.

    A person's kill stops a flatten too; one that a risk rule brought about does not.
    """
    clock = core.clock[0]
    if scope == Scope.INSTRUMENT:
        core.instruments[number].killed = code
    else:
        core.ledgers[clock.strategies if scope == Scope.ACCOUNT else number].killed = code
    strategy = number if scope == Scope.STRATEGY else -1
    emit(core, Out.KILLED, strategy, number if scope == Scope.INSTRUMENT else -1, 0, 0, 0,
         code, scope, 0, 0)  # fmt: skip
    for row in range(clock.instruments):
        if scope != Scope.INSTRUMENT or row == number:
            cancel_for_kill(core, row, strategy, code == RejectionCode.KILLED)


def cancel_for_kill(core: Core, row: int, strategy: int, closing: bool) -> None:
    """Ask for the cancellation of an instrument's orders (of one strategy, or all with -1)."""
    slot = core.instruments[row].first
    while slot >= 0:
        order = core.orders[slot]
        mine = strategy < 0 or order.strategy == strategy
        if mine and order.system == Maker.STRATEGY:
            request_cancel(core, order, Reason.KILLED)
        elif mine and closing and order.system == Maker.OPERATOR:
            request_cancel(core, order, Reason.KILLED)
        slot = order.next
    if closing:
        for other in range(core.clock[0].strategies):
            if strategy < 0 or other == strategy:
                wait_for_close(core, other, row, 0)


def rearm(core: Core, scope: int, number: int) -> None:
    """Allow trading again, and forget what led to the stop."""
    clock = core.clock[0]
    if scope == Scope.INSTRUMENT:
        core.instruments[number].killed = 0
        return
    core.ledgers[clock.strategies if scope == Scope.ACCOUNT else number].killed = 0
    for index in range(len(core.positions)):
        if scope == Scope.ACCOUNT or index // clock.instruments == number:
            core.positions[index].repeats_buy = 0
            core.positions[index].repeats_sell = 0


def set_paused(core: Core, scope: int, number: int, paused: int) -> None:
    """Pause the account, a strategy or an instrument (1), or let it go on (0)."""
    clock = core.clock[0]
    if scope == Scope.INSTRUMENT:
        core.instruments[number].paused = paused
    else:
        core.ledgers[clock.strategies if scope == Scope.ACCOUNT else number].paused = paused
    if paused != 0:
        clock.guarded = 1


def pause(core: Core, scope: int, number: int) -> None:
    """Take no new risk: cancel what adds some, leave what only reduces, and bracket exits."""
    set_paused(core, scope, number, 1)
    clock = core.clock[0]
    for row in range(clock.instruments):
        for strategy in range(clock.strategies):
            if covers(scope, number, strategy, row):
                cancel_adding(core, strategy, row)


def is_paused(core: Core, strategy: int, row: int) -> bool:
    """Say if a strategy may take no new risk on an instrument."""
    account = core.ledgers[core.clock[0].strategies]
    if account.paused != 0 or core.ledgers[strategy].paused != 0:
        return True
    return bool(core.instruments[row].paused != 0)


def wait_for_close(core: Core, strategy: int, row: int, waits: int) -> None:
    """Note that a flatten waits to close a position (1), or no longer does (0)."""
    position = core.positions[strategy * core.clock[0].instruments + row]
    change = waits - position.closing
    position.closing = waits
    core.instruments[row].closing += change
    core.clock[0].closing += change


def squares_off(order: Record) -> bool:
    """Say if an order is the broker's own square-off."""
    return bool(order.system >= Maker.SQUARE_OFF)


def reduces(held: int, qty: int) -> bool:
    """Say if `qty` is on the closing side of a position."""
    return (held > 0 and qty < 0) or (held < 0 and qty > 0)


def adds_risk(core: Core, request: Record) -> bool:
    """Say if an order request, or a change's new terms, could do more than reduce the position.

    What works by hand on its side counts as filled; bracket exits do not, and are asked alone.
    """
    held = core.positions[request.strategy * core.clock[0].instruments + request.row].qty
    role = request.role
    working = 0
    slot = core.instruments[request.row].first
    while slot >= 0:
        order = core.orders[slot]
        left = working_qty(order)
        if order.id == request.id:
            role = order.role
        elif order.strategy == request.strategy and order.role <= OrderRole.ENTRY:
            if order.state != OrderState.CLOSED and (left > 0) == (request.qty > 0):
                working += abs(left)
        slot = order.next
    if role > OrderRole.ENTRY:
        working = 0
    request.value = working + abs(request.qty)
    request.limit = abs(held) if reduces(held, request.qty) else 0
    return bool(role == OrderRole.ENTRY or request.value > request.limit)


def cancel_adding(core: Core, strategy: int, row: int) -> None:
    """Ask for the cancellation of what adds risk; of what reduces, the oldest orders stay."""
    held = core.positions[strategy * core.clock[0].instruments + row].qty
    room = abs(held)
    slot = core.instruments[row].first
    while slot >= 0:
        order = core.orders[slot]
        left = working_qty(order)
        if order.strategy != strategy or order.state == OrderState.CLOSED or squares_off(order):
            pass
        elif order.role == OrderRole.ENTRY or not reduces(held, left):
            request_cancel(core, order, Reason.PAUSED)
        elif order.role > OrderRole.ENTRY:
            cut_to(core, order, held)
        elif abs(left) > room:
            request_cancel(core, order, Reason.PAUSED)
        else:
            room -= abs(left)
        slot = order.next


def guards(core: Core, order: Record) -> bool:
    """Say if an order may only reduce now: it is a flatten's, or trading is paused.

    Orders whose cancellation is on its way may still fill: the exchange has not heard of it.
    """
    if order.cancel_ts != NEVER or order.state == OrderState.CLOSED or squares_off(order):
        return False
    return bool(order.system == Maker.OPERATOR or is_paused(core, order.strategy, order.row))


def fillable(core: Core, order: Record) -> int:
    """Return how much of an order may fill now."""
    if not guards(core, order):
        return UNLIMITED
    held = core.positions[order.strategy * core.clock[0].instruments + order.row].qty
    return abs(held) if reduces(held, order.qty) else 0


def trim(core: Core, row: int) -> None:
    """After the fills of a row: cut orders that may only reduce to what is left to close."""
    clock = core.clock[0]
    slot = core.instruments[row].first
    while slot >= 0:
        order = core.orders[slot]
        if guards(core, order):
            held = core.positions[order.strategy * clock.instruments + row].qty
            if reduces(held, order.qty):
                cut_to(core, order, held)
            elif not PAPER:
                want(core, order, order.filled, Reason.PAUSED)
            else:
                count_message(core, order.strategy)
                finish(core, order, Out.CANCELLED, Reason.PAUSED)
        slot = order.next


def cut_to(core: Core, order: Record, held: int) -> None:
    """Let an order fill no more than is held against it, by present terms and by a change's."""
    if abs(working_qty(order)) <= abs(held):
        return
    if not PAPER:
        if abs(order.goal - order.filled) > abs(held):
            want(core, order, order.filled - held, Reason.PAUSED)
        return
    left = order.qty - order.filled
    total = left + order.extra
    blocked = order.blocked
    wanted = left + order.more
    release(core, order)
    left = nearer(left, -held)
    total = nearer(total, -held)
    order.qty = order.filled + left
    order.more = nearer(wanted, -held) - left
    order.extra = total - left
    if blocked != 0:
        blocked = min(blocked, needed_funds(core, order, working_qty(order), order.basis))
    hold(core, order, blocked)
    count_message(core, order.strategy)
    emit_order(core, Out.MODIFIED, order)


def nearer(qty: int, most: int) -> int:
    """Return a quantity, but of the side of `most` no more than that."""
    if most > 0:
        return min(qty, most)
    return max(qty, most)
