"""What orders and positions are worth, and what funds they need.

An order that opens something blocks what it may come to: at the edge of its protection band, with
its charges and the rounding of the day's note.
"""

from __future__ import annotations

from alphapanda.books.charging import current_fees, current_pair, exact, order_brokerage
from alphapanda.books.protection import worst_price
from alphapanda.books.state import Core, Record
from alphapanda.model.charges import RATE, portion
from alphapanda.model.money import PAISA, SCALE
from alphapanda.model.rows import Kind

KINDS = 6
"""Kinds of charges on a fill; each is rounded to the unit by itself, so each may cost one more."""

NOTE_ROUNDING = SCALE + 5 * PAISA // 2
"""The most that rounding adds to a day's note: half a rupee of STT and of stamp duty, half a paisa
of each other kind."""


def valued_at(core: Core, request: Record) -> int:
    """Return the price at which a signal is valued: the last, or by its kind trigger or limit."""
    if request.kind == Kind.MARKET:
        return int(core.instruments[request.row].last)
    if request.kind == Kind.STOP:
        return int(request.trigger)
    return int(request.price)


def margin_of(position: Record, instrument: Record, qty: int, price: int) -> int:
    """Return the margin of `qty` at `price`: a short option's on its strike, else on its price."""
    if qty < 0 and position.margin_short != 0:
        return portion(-qty * instrument.strike, position.margin_short)
    return portion(abs(qty) * price, position.margin_rate)


def opening_qty(position: Record, qty: int) -> int:
    """Return how much of `qty` would open or enlarge a position, working orders counted."""
    if qty > 0:
        return max(0, min(qty, position.qty + position.open_buy + qty))
    return max(0, min(-qty, -position.qty + position.open_sell - qty))


def needed_funds(core: Core, order: Record, qty: int, price: int) -> int:
    """Return what `qty` (signed) of an order or request blocks when it is valued at `price`.

    Its value for delivery, the margin of what it opens else, and what it may cost; a buy at the
    worst price that its band lets it have.
    """
    position = core.positions[order.strategy * core.clock[0].instruments + order.row]
    instrument = core.instruments[order.row]
    opening = opening_qty(position, qty)
    if opening == 0 or (position.margin_rate == 0 and qty < 0):
        return 0
    if qty < 0:
        return margin_of(position, instrument, -opening, price) + fill_cost(core, order, qty, price)
    worst = price
    if order.protection > 0 and (order.kind == Kind.MARKET or order.kind == Kind.STOP):
        worst = worst_price(price, order.protection, qty, instrument.tick)
    cost = fill_cost(core, order, qty, worst)
    if position.margin_rate == 0:
        return opening * worst + cost
    return margin_of(position, instrument, opening, worst) + cost


def fill_cost(core: Core, order: Record, qty: int, price: int) -> int:
    """Return the most that filling `qty` (signed) of an order at `price` may be charged.

    Bought for delivery what was sold today, a share pays both sides' brokerage within the day.
    """
    position = core.positions[order.strategy * core.clock[0].instruments + order.row]
    fees = core.fees[current_fees(core, position)]
    value = abs(qty) * price
    due = brokerage_of(fees, value)
    if fees.pair >= 0 and core.instruments[order.row].sold != 0:
        due += 2 * brokerage_of(core.fees[current_pair(core, fees)], value)
    due += upper(value, fees.exchange + fees.sebi)
    taxes = fees.stt_buy + fees.stamp_buy if qty > 0 else fees.stt_sell
    cost = due + upper(due, fees.gst) + upper(value, taxes)
    if cost != 0:
        cost += KINDS
    return int(cost + NOTE_ROUNDING if fees.rounding != 0 else cost)


def brokerage_of(fees: Record, value: int) -> int:
    """Return the brokerage of an order of that value, rounded up."""
    if fees.brokerage_cap == 0 and fees.brokerage_flat == 0:
        return upper(value, fees.brokerage)
    return -(-order_brokerage(fees, value) // RATE)


def upper(turnover: int, rate: int) -> int:
    """Return turnover x rate / 1e7, rounded up."""
    amount, rest = exact(turnover, rate)
    return amount + 1 if rest != 0 else amount


def equity(core: Core, owner: int) -> int:
    """Return what a strategy has made so far, or what the account is worth, at last prices."""
    ledger = core.ledgers[owner]
    if owner != core.clock[0].strategies:
        return int(ledger.cash + ledger.mark)
    worth = int(ledger.cash)
    for strategy in range(owner):
        worth += core.ledgers[strategy].cash + core.ledgers[strategy].mark
    return worth


def free_funds(core: Core) -> int:
    """Return the account's cash that nothing blocks; leveraged positions count with their P&L."""
    owner = core.clock[0].strategies
    account = core.ledgers[owner]
    cash = account.cash + account.margin_mark - account.margin - account.blocked
    for strategy in range(owner):
        cash += core.ledgers[strategy].cash
    return int(cash)
