"""The square-off of intraday positions: what the broker does before the session ends.

The broker sees one account: what its strategies hold against each other is settled among them, and
what is left is closed by market orders, a fee for each that executes. No such position lives over
night: what no row could fill is closed at the last price (docs/adr 020). At a broker it is told
trade by trade, of orders that the run never sent.
"""

from __future__ import annotations

from alphapanda.books.book import move
from alphapanda.books.emit import emit, emit_order, emit_pnl
from alphapanda.books.orders import end_all, occupy, open_qty, place_system
from alphapanda.books.state import Core, Maker, Record
from alphapanda.core.execution import execute
from alphapanda.core.overnight import close_forced
from alphapanda.model.instruments import Product, Segment
from alphapanda.model.rows import Kind, Out, Reason

SHARES = 30_000
"""The broker's largest square-off order in shares; in derivatives it is the freeze quantity."""


def square_off(core: Core, group: int) -> None:
    """Cancel a group's intraday orders, then close its intraday positions, as the broker does."""
    clock = core.clock[0]
    for row in range(clock.instruments):
        if core.instruments[row].group == group:
            for strategy in range(clock.strategies):
                if intraday(core, strategy, row):
                    end_all(core, row, strategy, Out.CANCELLED, Reason.SQUARE_OFF)
    for row in range(clock.instruments):
        if core.instruments[row].group == group:
            close_positions(core, row, largest_order(core.instruments[row]))


def square_off_left(core: Core) -> None:
    """Close at the last price what is still held intraday when the day's last session is over."""
    for row in range(core.clock[0].instruments):
        if core.instruments[row].held != 0:
            close_positions(core, row, 0)
            close_forced(core, row)


def intraday(core: Core, strategy: int, row: int) -> bool:
    """Say if a position is an intraday one."""
    return bool(core.positions[strategy * core.clock[0].instruments + row].product == Product.MIS)


def held_intraday(core: Core, strategy: int, row: int) -> int:
    """Return what a strategy holds of an instrument for the day."""
    if not intraday(core, strategy, row):
        return 0
    return int(core.positions[strategy * core.clock[0].instruments + row].qty)


def close_positions(core: Core, row: int, most: int) -> None:
    """Close an instrument's intraday positions: against each other, and the net in the market.

    `most`: the largest order of the account, 0 if nothing limits it.
    """
    even_out(core, row)
    sent = 0
    for strategy in range(core.clock[0].strategies):
        sent = send_orders(core, strategy, row, most, sent)


def even_out(core: Core, row: int) -> None:
    """Close what strategies hold of an instrument against each other for the day."""
    long = 0
    short = 0
    for strategy in range(core.clock[0].strategies):
        qty = held_intraday(core, strategy, row)
        long += max(qty, 0)
        short += max(-qty, 0)
    both = min(long, short)
    settle_among(core, row, both, 1)
    settle_among(core, row, both, -1)


def settle_among(core: Core, row: int, both: int, side: int) -> None:
    """Close `both` of the positions of one side (1 long, -1 short) at the last price, for nothing.

    No order reaches the exchange: in the account they have closed each other already.
    """
    price = core.instruments[row].last
    left = both
    for strategy in range(core.clock[0].strategies):
        qty = side * min(left, max(side * held_intraday(core, strategy, row), 0))
        if qty != 0:
            left -= abs(qty)
            realised = move(core, strategy, row, -qty, price)
            held = core.positions[strategy * core.clock[0].instruments + row].qty
            emit(core, Out.FILL, strategy, row, 0, -qty, price, 0, realised, held, -qty)
            emit_pnl(core, strategy)


def largest_order(instrument: Record) -> int:
    """Return the most that one square-off order may have, in whole lots; 0 if nothing limits it."""
    most = instrument.freeze
    if instrument.segment == Segment.EQUITY:
        most = SHARES
    return int(most // instrument.lot * instrument.lot)


def send_orders(core: Core, strategy: int, row: int, most: int, sent: int) -> int:
    """Send a strategy's part of the account's square-off; return what the account has sent then.

    The account's orders have `most` each; a part that begins one of them pays its fee.
    """
    left = held_intraday(core, strategy, row)
    while left != 0:
        size = abs(left) if most == 0 else min(abs(left), most - sent % most)
        begins = sent == 0 or (most != 0 and sent % most == 0)
        qty = size if left > 0 else -size
        maker = Maker.PAID_SQUARE_OFF if begins else Maker.SQUARE_OFF
        if not send_order(core, strategy, row, -qty, maker):
            return sent
        sent += size
        left -= qty
    return sent


def send_order(core: Core, strategy: int, row: int, qty: int, maker: int) -> bool:
    """Send one square-off order, if the order table has room; else say that there is none."""
    clock = core.clock[0]
    if clock.slots <= clock.reserved:
        product = core.positions[strategy * clock.instruments + row].product
        emit(core, Out.FAILED, strategy, row, 0, qty, 0,
             Reason.CAPACITY, Kind.MARKET, 0, product)  # fmt: skip
        return False
    slot = place_system(core, strategy, row, qty, Kind.MARKET, 0, 0)
    core.orders[slot].system = maker
    emit_order(core, Out.ORDER, core.orders[slot])
    return True


def hear_square_off(core: Core, row: Record) -> None:
    """Book a trade by which the broker closes intraday positions of the account.

    Once nothing is left of them in the account, strategies that hold against each other are even.
    """
    if row.qty == 0 or row.price <= 0:
        raise AssertionError("a trade of a square-off of nothing, or without a price")
    left = int(row.qty)
    maker = Maker.PAID_SQUARE_OFF if row.reason == Reason.SQUARE_OFF else Maker.SQUARE_OFF
    for strategy in range(core.clock[0].strategies):
        held = held_intraday(core, strategy, row.row)
        if left * held < 0:
            qty = min(left, -held) if left > 0 else max(left, -held)
            left -= qty
            book_square_off(core, strategy, row, qty, maker)
            maker = Maker.SQUARE_OFF
    if left != 0:
        raise AssertionError("the broker squared off more than the run holds")
    if net_intraday(core, row.row) == 0:
        even_out(core, row.row)


def book_square_off(core: Core, strategy: int, row: Record, qty: int, maker: int) -> None:
    """Book a strategy's part of such a trade, as a fill of no order of ours.

    It needs no room in the order table: it has ended before anything else could happen to it.
    """
    clock = core.clock[0]
    order = core.ended[clock.ended % len(core.ended)]
    clock.ended += 1
    occupy(core, order, strategy, row.row, qty, Kind.MARKET, 0, 0)
    order.system = maker
    clock.day_ended = 0
    open_qty(core, order, qty)
    execute(core, order, qty, row.price)


def net_intraday(core: Core, row: int) -> int:
    """Return what all strategies together hold of an instrument for the day."""
    net = 0
    for strategy in range(core.clock[0].strategies):
        net += held_intraday(core, strategy, row)
    return net
