"""Positions, cash and margins: what a fill changes, in exact integers.

Equity is cash plus the marked value of what is held. A position keeps quantity and cost, never a
rounded average, so realised + unrealised - charges is the change of equity to the last unit.
"""

from __future__ import annotations

from alphapanda.books.charging import charge_fill, pay
from alphapanda.books.emit import emit, emit_pnl
from alphapanda.books.flags import STRATEGIES
from alphapanda.books.funds import margin_of
from alphapanda.books.state import Core, Record
from alphapanda.model.rows import Out


def book(core: Core, order: Record, qty: int, price: int) -> int:
    """Book `qty` (signed) of an order at `price`; return its charges, and say it in rows."""
    clock = core.clock[0]
    position = core.positions[order.strategy * clock.instruments + order.row]
    realised = move(core, order.strategy, order.row, qty, price)
    charges = charge_fill(core, position, order, qty, price)
    pay(core, order.strategy, position, charges)
    order.filled += qty
    emit(
        core, Out.FILL, order.strategy, order.row, order.id, qty, price,
        charges, realised, position.qty, order.filled,
    )  # fmt: skip
    emit_pnl(core, order.strategy)
    return charges


def move(core: Core, strategy: int, row: int, qty: int, price: int) -> int:
    """Move a position and the cash for it; return the P&L it realises (before charges)."""
    clock = core.clock[0]
    instrument = core.instruments[row]
    position = core.positions[strategy * clock.instruments + row]
    ledger = core.ledgers[strategy]
    before = position.qty
    released = released_cost(position, qty)
    closed = closed_by(before, qty)
    realised = closed * price + released if closed != 0 else 0
    added = (qty + closed) * price + released
    position.qty = before + qty
    position.cost += added
    position.realised += realised
    value = qty * price
    mark = qty * instrument.last
    ledger.cash -= value
    ledger.mark += mark
    ledger.cost += added
    ledger.realised += realised
    ledger.turnover += abs(value)
    instrument.net += qty
    if before == 0:
        instrument.held += 1
    if position.qty == 0:
        instrument.held -= 1
    remargin(core, position, instrument, mark)
    return realised


def closed_by(before: int, qty: int) -> int:
    """Return how much of a position `qty` closes, with the sign of the position."""
    if before > 0 and qty < 0:
        return min(before, -qty)
    if before < 0 and qty > 0:
        return max(before, -qty)
    return 0


def released_cost(position: Record, qty: int) -> int:
    """Return minus the cost that leaves the position (two steps, so no product passes int64)."""
    closed = closed_by(position.qty, qty)
    if closed == 0:
        return 0
    if closed == position.qty:
        return -position.cost
    held, part = abs(position.qty), abs(closed)
    each, rest = position.cost // held, position.cost % held
    return -(each * part + rest * part // held)


def remargin(core: Core, position: Record, instrument: Record, mark: int) -> None:
    """Bring the margin that a leveraged position blocks up to date."""
    if position.margin_rate == 0:
        return
    account = core.ledgers[core.clock[0].strategies]
    account.margin_mark += mark
    needed = margin_of(position, instrument, position.qty, instrument.last)
    account.margin += needed - position.margin
    position.margin = needed


def mark(core: Core, row: int, change: int) -> None:
    """Mark what is held of an instrument after its last price changed by `change`."""
    clock = core.clock[0]
    strategies = STRATEGIES or clock.strategies
    for strategy in range(strategies):
        position = core.positions[strategy * clock.instruments + row]
        if position.qty != 0:
            worth = position.qty * change
            core.ledgers[strategy].mark += worth
            if position.margin_rate != 0:
                core.ledgers[strategies].margin_mark += worth
