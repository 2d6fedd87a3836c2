"""Output rows: the only way anything leaves the core."""

from __future__ import annotations

from alphapanda.books.flags import WARM
from alphapanda.books.state import Core, Hook, Record
from alphapanda.model.calendar import DAY, IST
from alphapanda.model.money import deeper
from alphapanda.model.rows import Out


def emit(
    core: Core, type_: int, strategy: int, row: int, order: int, qty: int, price: int,
    a: int, b: int, c: int, d: int,
) -> None:  # fmt: skip
    """Append one output row that belongs to no group of orders."""
    emit_in(core, 0, type_, strategy, row, order, qty, price, a, b, c, d)


def emit_in(
    core: Core, group: int, type_: int, strategy: int, row: int, order: int, qty: int, price: int,
    a: int, b: int, c: int, d: int,
) -> None:  # fmt: skip
    """Append one output row of a group; of a sweep's run only what figures are counted from."""
    if core.equity[0].counted != 0 and type_ != Out.FILL and type_ != Out.CHARGE:
        return
    clock = core.clock[0]
    out = core.out[clock.n_out]
    out.ts = clock.now
    out.cause = clock.cause
    out.type = type_
    out.strategy = strategy
    out.row = row
    out.order = order
    out.group = group
    out.qty = qty
    out.price = price
    out.a = a
    out.b = b
    out.c = c
    out.d = d
    clock.n_out += 1


def emit_order(core: Core, type_: int, order: Record) -> None:
    """Append a row that shows an order's present terms."""
    emit_in(
        core, order.group, type_, order.strategy, order.row, order.id, order.qty, order.price,
        order.trigger, order.kind, order.tif, order.product,
    )  # fmt: skip


def emit_request(core: Core, type_: int, request: Record) -> None:
    """Append a row that shows what was asked for."""
    emit_in(
        core, request.tag, type_, request.strategy, request.row, request.id, request.qty,
        request.price, request.trigger, request.kind, request.tif, request.product,
    )  # fmt: skip


def emit_end(core: Core, type_: int, order: Record, reason: int) -> None:
    """Append a row that says why the rest of an order will never be filled."""
    emit(
        core, type_, order.strategy, order.row, order.id, order.qty - order.filled, order.price,
        reason, order.kind, order.filled, order.product,
    )  # fmt: skip


def emit_pnl(core: Core, strategy: int) -> None:
    """Append a strategy's P&L; `pnl = realised + unrealised - charges` to the last unit."""
    ledger = core.ledgers[strategy]
    pnl = ledger.cash + ledger.mark
    ledger.last_pnl = pnl
    if core.equity[0].counted != 0:
        count_pnl(core, pnl)
        return
    emit(
        core, Out.PNL, strategy, -1, 0, 0, 0,
        ledger.realised, ledger.mark - ledger.cost, ledger.charges, pnl,
    )  # fmt: skip


def count_pnl(core: Core, pnl: int) -> None:
    """Count what a row of P&L would tell: a sweep has too many of them to be said one by one."""
    known = core.equity[0]
    equity = known.cash + pnl
    known.equity = equity
    known.peak = max(known.peak, equity)
    fall = known.peak - equity
    # Peaks only rise, so a deeper fraction is a greater fall as well: few get to divide.
    if fall > known.fall and deeper(fall, known.peak, known.fall, known.fall_peak):
        known.fall = fall
        known.fall_peak = known.peak
    close = core.closes[(core.clock[0].now + IST) // DAY - known.first_day]
    close.seen = 1
    close.equity = equity


def call(
    core: Core, hook: int, strategy: int, instance: int, row: int, a: int, b: int, c: int
) -> None:
    """Queue a hook, which runs before anything later does; before the run begins there is none."""
    clock = core.clock[0]
    if WARM and clock.now < core.config[0].begin:
        return
    entry = core.calls[clock.n_calls]
    entry.hook = hook
    entry.strategy = strategy
    entry.instance = instance
    entry.row = row
    entry.a = a
    entry.b = b
    entry.c = c
    clock.n_calls += 1


def call_fill(core: Core, order: Record, qty: int, price: int) -> None:
    """Queue the on_fill hook of the strategy that owns the order."""
    bind = core.binds[order.strategy * core.clock[0].instruments + order.row]
    call(core, Hook.FILL, order.strategy, bind.instance, order.row, order.id, qty, price)


def call_order(core: Core, order: Record, type_: int) -> None:
    """Queue the on_order hook of the strategy that owns the order."""
    bind = core.binds[order.strategy * core.clock[0].instruments + order.row]
    call(core, Hook.ORDER, order.strategy, bind.instance, order.row, order.id, type_, 0)
