"""The broker's square-off: orders that nobody here sent, and that close what we hold for the day.

Zerodha names no such order. It is told by what it does: it trades an intraday position of ours away
behind the hour of the square-off, and the positions agree with it. Each trade is booked once, at
its own price; one that came earlier was a person's, who knows why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alphapanda.brokers.ports import ReportKind
from alphapanda.brokers.zerodha.orders.bodies import PRODUCTS
from alphapanda.brokers.zerodha.orders.reading import PositionRow, TradeRow
from alphapanda.brokers.zerodha.orders.state import State
from alphapanda.model.instruments import Product
from alphapanda.model.rows import Reason

Key = tuple[str, str]
"""EXCHANGE:SYMBOL and product."""
MIS = int(Product.MIS)


def book(
    state: State, positions: Mapping[Key, PositionRow], trades: tuple[TradeRow, ...]
) -> None:  # fmt: skip
    """Book what the broker has closed of ours, where its positions show the same."""
    for (row, product), held in list(state.held.items()):
        begins_ns = state.squares_off(row)
        if product != MIS or not held or not begins_ns:
            continue
        key = state.instruments[row].name, PRODUCTS[Product.MIS]
        foreign = [each for each in trades if concerns(state, each, key)]
        gone = (positions[key].qty if key in positions else 0) - held
        # Else the lists are of two moments, or all of ours is there.
        if gone == sum(left_of(state, each) for each in foreign) and gone * held < 0:
            closed = max(gone, -held) if held > 0 else min(gone, -held)
            for trade, qty in closing(state, foreign, closed, begins_ns):
                take(state, row, trade, qty)


def closing(
    state: State, trades: list[TradeRow], closed: int, begins_ns: int
) -> Iterator[tuple[TradeRow, int]]:
    """Yield the trades by which so much was closed, signed, each with its part of it."""
    for trade in sorted(trades, key=lambda one: (one.ts, len(one.trade_id), one.trade_id)):
        qty = left_of(state, trade)
        if trade.ts >= begins_ns and qty * closed > 0:
            part = min(qty, closed) if closed > 0 else max(qty, closed)
            closed -= part
            yield trade, part


def take(state: State, row: int, trade: TradeRow, qty: int) -> None:
    """Book one trade."""
    begins = all(order_id != trade.order_id for order_id, _ in state.squared)
    note(state, row, (trade.order_id, trade.trade_id), qty)
    state.alert("squared off", f"{trade.name}: order {trade.order_id} of the broker closes ours")
    state.say(
        ReportKind.SQUARED_OFF, row=row, qty=qty, price=trade.price, trade_id=trade.trade_id,
        broker_order_id=trade.order_id, exchange_ns=trade.ts,
        reason=int(Reason.SQUARE_OFF) if begins else 0, text="squared off by the broker",
    )  # fmt: skip


def note(state: State, row: int, trade: tuple[str, str], qty: int) -> None:
    """Take in that a trade of the broker's has closed so much of ours."""
    state.squared[trade] = state.squared.get(trade, 0) + qty
    state.held[row, MIS] = state.held.get((row, MIS), 0) + qty


def concerns(state: State, trade: TradeRow, key: Key) -> bool:
    """Say if a trade is of a position, and of no order of ours."""
    return (trade.name, trade.product) == key and is_foreign(state, trade)


def is_foreign(state: State, trade: TradeRow) -> bool:
    """Say if a trade is of no order of ours."""
    return trade.order_id not in state.by_id


def left_of(state: State, trade: TradeRow) -> int:
    """Return the signed quantity of a foreign trade that is not booked as ours."""
    qty = trade.qty if trade.buys else -trade.qty
    return qty - state.squared.get((trade.order_id, trade.trade_id), 0)
