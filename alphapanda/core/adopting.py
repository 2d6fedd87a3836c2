"""An order that the broker has and nobody here sent becomes a strategy's, because a person says so.

From then on it is one of the strategy's: it counts as working, reports move it, the strategy may
change and cancel it. No rule is asked, for nothing is sent.
"""

from __future__ import annotations

from alphapanda.books.emit import emit, emit_order
from alphapanda.books.flags import PAPER
from alphapanda.books.orders import append, count_anew, occupy, take_slot
from alphapanda.books.state import Core, Maker, Record
from alphapanda.core.context import AUTO
from alphapanda.model.rows import Kind, Out, Reason, Scope


def adopt(core: Core, row: Record) -> None:
    """Keep an order of the broker's as a strategy's; without room for it, say so."""
    clock = core.clock[0]
    known = 0 <= row.row < clock.instruments and 0 <= row.b < clock.strategies
    if PAPER or row.a != Scope.STRATEGY or not known or row.qty == 0:
        raise AssertionError("an order is adopted that there can't be")
    kind = kind_of(row)
    if clock.slots <= clock.reserved:
        emit(core, Out.FAILED, row.b, row.row, 0, row.qty, row.price,
             Reason.CAPACITY, kind, 0, row.reason)  # fmt: skip
        return
    slot = take_slot(core)
    order = core.orders[slot]
    occupy(core, order, row.b, row.row, row.qty, kind, row.price, row.trigger)
    clock.last_id += 1
    order.id = clock.last_id
    order.product = row.reason
    order.system = Maker.STRATEGY
    order.protection = AUTO
    order.basis = core.instruments[row.row].last
    append(core, slot, row.row)
    count_anew(core, order)
    core.ledgers[row.b].orders += 1
    emit_order(core, Out.ADOPTED, order)


def kind_of(row: Record) -> int:
    """Return the kind of an order by what it has of price and trigger."""
    if row.trigger != 0:
        return int(Kind.STOP if row.price == 0 else Kind.STOP_LIMIT)
    return int(Kind.MARKET if row.price == 0 else Kind.LIMIT)
