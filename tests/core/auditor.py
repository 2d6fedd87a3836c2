"""A second, naive set of books, made of output rows alone: dicts and ints, no code of the core."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from alphapanda.model.rows import Out

BEFORE = {
    Out.SIGNAL: {None},
    Out.VALIDATED: {Out.SIGNAL},
    Out.REJECTED: {Out.SIGNAL},
    Out.ORDER: {Out.VALIDATED, None},
    Out.ACKNOWLEDGED: {Out.ORDER, Out.MODIFY, Out.MODIFIED, Out.CANCEL},
}
"""What an order's last row must have been; for the rest it must be alive."""

LIVE = {Out.ORDER, Out.ACKNOWLEDGED, Out.MODIFY, Out.MODIFIED, Out.TRIGGERED, Out.CANCEL, Out.FILL}
FINAL = {Out.CANCELLED, Out.EXPIRED, Out.FAILED}


@dataclass
class Order:
    """An order as its rows tell it."""

    key: tuple[int, int]
    qty: int
    filled: int = 0
    last: Out | None = None
    acknowledged: bool = False
    over: bool = False
    asked: int = 0
    """Total of a change on its way."""


@dataclass
class Books:
    """Positions, cash and orders, counted from rows."""

    cash: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    charges: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    realised: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    held: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    paid: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    orders: dict[int, Order] = field(default_factory=dict)

    def take(self, rows: Iterable[Any]) -> Books:
        """Read rows in order, and refuse what cannot follow."""
        ts = cause = 0
        for row in rows:
            assert row.ts >= ts, "time fell"
            assert row.cause >= cause, "the cause fell"
            ts, cause = row.ts, row.cause
            if row.type == Out.CHARGE:
                self.pay(row.strategy, row.b)
            elif row.type == Out.PNL:
                assert row.a + row.b - row.c == row.d, "pnl = realised + unrealised - charges"
                assert self.realised[row.strategy] == row.a
                assert self.charges[row.strategy] == row.c
            elif row.type == Out.FILL and row.order == 0:
                self.fill(row)  # settled, or closed against another strategy: no order was sent
            elif row.type != Out.COMMAND and row.order != 0:
                self.follow(row)
        return self

    def follow(self, row: Any) -> None:
        """Read a row of an order."""
        if (
            row.type == Out.REJECTED
            and row.order in self.orders
            and self.orders[row.order].last in LIVE
        ):
            return  # a change or a cancellation was refused; the order goes on
        if row.type == Out.REJECTED and row.order not in self.orders:
            return  # it named an order that never was
        order = self.orders.setdefault(row.order, Order((row.strategy, row.row), row.qty))
        if row.type == Out.REJECTED and order.over:
            return  # it named an order that is over
        assert not order.over, f"order {row.order} goes on after its end"
        assert order.key == (row.strategy, row.row)
        if row.type in BEFORE:
            assert order.last in BEFORE[row.type], f"{row.type.name} after {order.last}"
        else:
            assert order.last in LIVE, f"{row.type.name} of an order that was never placed"
        order.last = row.type
        if row.type in (Out.ORDER, Out.MODIFIED):
            assert (row.qty > 0) == (order.qty > 0), "an order changed its side"
            order.qty = row.qty
        elif row.type == Out.MODIFY:
            order.asked = row.qty
        elif row.type == Out.ACKNOWLEDGED:
            order.acknowledged = True
        elif row.type == Out.FILL:
            assert order.acknowledged, "a fill before the acknowledgement"
            order.filled += row.qty
            assert order.filled == row.d
            self.fill(row)
        elif row.type in FINAL:
            assert row.qty == order.qty - order.filled
        assert abs(order.filled) <= abs(order.qty), "more filled than ordered"
        assert order.filled * order.qty >= 0
        order.over = row.type in (*FINAL, Out.REJECTED) or (
            row.type == Out.FILL and order.filled == order.qty
        )

    def fill(self, row: Any) -> None:
        """Book a fill by average cost; what a part of a position cost is rounded down."""
        key = row.strategy, row.row
        held, paid = self.held[key], self.paid[key]
        closed = 0
        if held * row.qty < 0:
            closed = min(abs(held), abs(row.qty)) * (1 if held > 0 else -1)
        cost = paid * abs(closed) // abs(held) if closed else 0
        realised = closed * row.price - cost
        assert realised == row.b
        self.realised[row.strategy] += realised
        self.held[key] = held + row.qty
        self.paid[key] = paid - cost + (row.qty + closed) * row.price
        assert self.held[key] == row.c
        self.cash[row.strategy] -= row.qty * row.price
        self.pay(row.strategy, row.a)

    def pay(self, strategy: int, amount: int) -> None:
        """Pay charges."""
        self.cash[strategy] -= amount
        self.charges[strategy] += amount

    def live(self) -> list[Order]:
        """Return the orders that are not over."""
        return [order for order in self.orders.values() if not order.over and order.last in LIVE]
