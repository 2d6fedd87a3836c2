"""Positions, cash, charges and margins: what a fill changes, in exact integers.

Equity is cash plus the marked value of what is held. A position keeps quantity and cost, never a
rounded average, so realised + unrealised - charges is the change of equity to the last unit.
"""

from __future__ import annotations

from alphapanda.core.emit import emit, emit_pnl
from alphapanda.core.flags import STRATEGIES
from alphapanda.model.charges import portion
from alphapanda.model.funds import margin_of
from alphapanda.model.money import PAISA, SCALE
from alphapanda.model.rows import ChargeKind, Out
from alphapanda.model.state import Core, Record


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


def pay(core: Core, strategy: int, position: Record, amount: int) -> None:
    """Take charges from the strategy's and the account's cash."""
    ledger = core.ledgers[strategy]
    position.charges += amount
    ledger.cash -= amount
    ledger.charges += amount


def charge_fill(core: Core, position: Record, order: Record, qty: int, price: int) -> int:
    """Return the change of the day's rounded running total that this fill makes."""
    fees = core.fees[current_fees(core, position)]
    fees.filler = order.strategy
    fees.filler_row = order.row
    value = abs(qty) * price
    if qty > 0:
        fees.buy += value
    else:
        fees.sell += value
        position.sold -= qty
    if fees.brokerage_cap != 0 or fees.brokerage_flat != 0:
        order.value += value
        due = order_brokerage(fees, order.value)
        fees.brokerage_sum += due - order.brokerage
        order.brokerage = due
    total = charges_total(fees)
    change = total - fees.booked
    fees.booked = total
    return change


def order_brokerage(fees: Record, value: int) -> int:
    """Return one executed order's brokerage, whatever the number of its fills."""
    if fees.brokerage_flat != 0:
        return fees.brokerage_flat
    return min(portion(value, fees.brokerage), fees.brokerage_cap)


def current_fees(core: Core, position: Record) -> int:
    """Return where the rates in force now are kept, following the chain of dated rates."""
    now = core.clock[0].now
    while core.fees[position.fees].until <= now:
        position.fees = core.fees[position.fees].next
    return int(position.fees)


def fee_brokerage(fees: Record) -> int:
    """Return the day's brokerage so far."""
    if fees.brokerage_cap != 0 or fees.brokerage_flat != 0:
        return fees.brokerage_sum
    return portion(fees.buy + fees.sell, fees.brokerage)


def fee_part(turnover: int, rate: int) -> int:
    """Return a charge on turnover; most schemes have few rates, so zero is the quick way out."""
    if rate == 0:
        return 0
    return portion(turnover, rate)


def day_charges(fees: Record) -> tuple[int, int, int, int, int, int]:
    """Return the day's brokerage, exchange charge, SEBI fee, STT, stamp duty and GST so far."""
    turnover = fees.buy + fees.sell
    brokerage = fee_brokerage(fees)
    exchange = fee_part(turnover, fees.exchange)
    sebi = fee_part(turnover, fees.sebi)
    stt = fee_part(fees.buy, fees.stt_buy) + fee_part(fees.sell, fees.stt_sell)
    stamp = fee_part(fees.buy, fees.stamp_buy)
    gst = fee_part(brokerage + exchange + sebi, fees.gst)
    return brokerage, exchange, sebi, stt, stamp, gst


def charges_total(fees: Record) -> int:
    """Return the day's charges so far, every kind rounded to the unit, GST on their sum."""
    brokerage, exchange, sebi, stt, stamp, gst = day_charges(fees)
    return brokerage + exchange + sebi + stt + stamp + gst


def rounded(amount: int, unit: int) -> int:
    """Round half up to a multiple of `unit`."""
    return (amount + unit // 2) // unit * unit


def close_note(fees: Record) -> int:
    """Round the day as its contract note does, start a new day; return what the rounding costs."""
    brokerage, exchange, sebi, stt, stamp, gst = day_charges(fees)
    if fees.rounding != 0:
        brokerage = rounded(brokerage, PAISA)
        exchange = rounded(exchange, PAISA)
        sebi = rounded(sebi, PAISA)
        stt = rounded(stt, SCALE)
        stamp = rounded(stamp, SCALE)
        gst = rounded(gst, PAISA)
    fees.total_brokerage += brokerage
    fees.total_exchange += exchange
    fees.total_sebi += sebi
    fees.total_stt += stt
    fees.total_stamp += stamp
    fees.total_gst += gst
    change = brokerage + exchange + sebi + stt + stamp + gst - fees.booked
    fees.buy = 0
    fees.sell = 0
    fees.brokerage_sum = 0
    fees.booked = 0
    return change


def mark(core: Core, row: int, change: int) -> None:
    """Mark what is held of an instrument after its last price changed by `change`."""
    clock = core.clock[0]
    for strategy in range(STRATEGIES):
        position = core.positions[strategy * clock.instruments + row]
        if position.qty != 0:
            worth = position.qty * change
            core.ledgers[strategy].mark += worth
            if position.margin_rate != 0:
                core.ledgers[STRATEGIES].margin_mark += worth


def charge_extra(core: Core, strategy: int, row: int, kind: int, amount: int) -> None:
    """Book a charge that belongs to no fill and say it in a row."""
    if amount == 0:
        return
    clock = core.clock[0]
    position = core.positions[strategy * clock.instruments + row]
    pay(core, strategy, position, amount)
    emit(core, Out.CHARGE, strategy, row, 0, 0, 0, kind, amount, 0, 0)


def end_of_day(core: Core) -> None:
    """Contract notes and depository charges; the note's rounding goes to who filled last."""
    clock = core.clock[0]
    for index in range(len(core.fees)):
        fees = core.fees[index]
        if fees.buy + fees.sell != 0:
            extra = close_note(fees)
            charge_extra(core, fees.filler, fees.filler_row, ChargeKind.NOTE_ROUNDING, extra)
    for index in range(len(core.positions)):
        end_position_day(core, index)
    for strategy in range(clock.strategies):
        ledger = core.ledgers[strategy]
        if ledger.cash + ledger.mark != ledger.last_pnl:
            emit_pnl(core, strategy)


def end_position_day(core: Core, index: int) -> None:
    """Charge the depository once for stock sold out of demat, and open the next day."""
    clock = core.clock[0]
    position = core.positions[index]
    if position.sold != 0 and position.opening > 0:
        fees = core.fees[current_fees(core, position)]
        charge_extra(
            core, index // clock.instruments, index % clock.instruments,
            ChargeKind.DEPOSITORY, fees.dp,
        )  # fmt: skip
    position.sold = 0
    position.opening = position.qty
