"""Positions, cash, charges and margins: what a fill changes, in exact integers.

Equity is cash plus the marked value of what is held. A position keeps quantity and cost, never a
rounded average, so realised + unrealised - charges is the change of equity to the last unit.
"""

from __future__ import annotations

from alphapanda.core.emit import emit, emit_pnl
from alphapanda.core.flags import STRATEGIES
from alphapanda.core.funds import margin_of
from alphapanda.core.state import Core, Record
from alphapanda.model.charges import RATE as WHOLE
from alphapanda.model.money import PAISA, SCALE
from alphapanda.model.rows import ChargeKind, Out


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
    """Return one executed order's brokerage in 1e-7 of a unit, whatever the number of its fills."""
    if fees.brokerage_flat != 0:
        return int(fees.brokerage_flat * WHOLE)
    whole, rest = exact(value, fees.brokerage)
    if whole >= fees.brokerage_cap:
        return int(fees.brokerage_cap * WHOLE)
    return whole * WHOLE + rest


def current_fees(core: Core, position: Record) -> int:
    """Return where the rates in force now are kept, following the chain of dated rates."""
    now = core.clock[0].now
    while core.fees[position.fees].until <= now:
        position.fees = core.fees[position.fees].next
    return int(position.fees)


def exact(turnover: int, rate: int) -> tuple[int, int]:
    """Return turnover x rate / 1e7 in units and 1e-7 of a unit; most schemes have few rates."""
    if rate == 0:
        return 0, 0
    low = turnover % WHOLE * rate
    return turnover // WHOLE * rate + low // WHOLE, low % WHOLE


def rounded(whole: int, rest: int, unit: int) -> int:
    """Round an exact amount half up to a multiple of `unit`, which is 1 or even."""
    if unit == 1:
        return whole + (rest + WHOLE // 2) // WHOLE
    return (whole + rest // WHOLE + unit // 2) // unit * unit


def tax(whole: int, rest: int, rate: int, unit: int) -> int:
    """Return a rate of an exact amount, rounded once, with no intermediate beyond int64."""
    step = WHOLE * unit
    amount = whole + rest // WHOLE
    part = amount % step * rate + rest % WHOLE * rate // WHOLE
    return (amount // step * rate + (part + step // 2) // step) * unit


def fee_brokerage(fees: Record) -> tuple[int, int]:
    """Return the day's brokerage so far in units and 1e-7 of a unit."""
    if fees.brokerage_cap != 0 or fees.brokerage_flat != 0:
        return fees.brokerage_sum // WHOLE, fees.brokerage_sum % WHOLE
    return exact(fees.buy + fees.sell, fees.brokerage)


def day_charges(fees: Record, paisa: int, rupee: int) -> tuple[int, int, int, int, int, int]:
    """Return the day's brokerage, exchange charge, SEBI fee, STT, stamp duty and GST so far.

    STT and stamp duty are rounded to `rupee`, the others to `paisa`, each once, from exact parts.
    """
    turnover = fees.buy + fees.sell
    brokerage, brokerage_rest = fee_brokerage(fees)
    exchange, exchange_rest = exact(turnover, fees.exchange)
    sebi, sebi_rest = exact(turnover, fees.sebi)
    bought, bought_rest = exact(fees.buy, fees.stt_buy)
    sold, sold_rest = exact(fees.sell, fees.stt_sell)
    stamp, stamp_rest = exact(fees.buy, fees.stamp_buy)
    gst = 0
    if fees.gst != 0:
        taxed_rest = brokerage_rest + exchange_rest + sebi_rest
        gst = tax(brokerage + exchange + sebi, taxed_rest, fees.gst, paisa)
    return (
        rounded(brokerage, brokerage_rest, paisa),
        rounded(exchange, exchange_rest, paisa),
        rounded(sebi, sebi_rest, paisa),
        rounded(bought + sold, bought_rest + sold_rest, rupee),
        rounded(stamp, stamp_rest, rupee),
        gst,
    )


def charges_total(fees: Record) -> int:
    """Return the day's charges so far, every kind rounded to the unit."""
    brokerage, exchange, sebi, stt, stamp, gst = day_charges(fees, 1, 1)
    return brokerage + exchange + sebi + stt + stamp + gst


def close_note(fees: Record) -> int:
    """Round the day as its contract note does, start a new day; return what the rounding costs."""
    paisa, rupee = 1, 1
    if fees.rounding != 0:
        paisa, rupee = PAISA, SCALE
    brokerage, exchange, sebi, stt, stamp, gst = day_charges(fees, paisa, rupee)
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
    for row in range(clock.instruments):
        charge_depository(core, row)
    for index in range(len(core.positions)):
        core.positions[index].sold = 0
        core.positions[index].opening = core.positions[index].qty
    for strategy in range(clock.strategies):
        ledger = core.ledgers[strategy]
        if ledger.cash + ledger.mark != ledger.last_pnl:
            emit_pnl(core, strategy)


def charge_depository(core: Core, row: int) -> None:
    """Charge the depository once for an instrument sold out of demat, to the first who sold it."""
    instruments = core.clock[0].instruments
    opening = 0
    seller = -1
    for strategy in range(STRATEGIES):
        position = core.positions[strategy * instruments + row]
        opening += max(position.opening, 0)
        if position.sold != 0 and seller < 0:
            seller = strategy
    if seller >= 0 and opening > 0:
        fees = core.fees[current_fees(core, core.positions[seller * instruments + row])]
        charge_extra(core, seller, row, ChargeKind.DEPOSITORY, fees.dp)
