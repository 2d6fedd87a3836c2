"""What trading costs, as it goes: the day's running totals, and what is netted.

A fill books the change of the day's rounded running total. What an account buys and sells of a
share on one day for delivery is charged as intraday, the rest as delivery; so a sale can make what
was bought before it cheaper, and then a fill books less than nothing. docs/adr 024 says how.
"""

from __future__ import annotations

from alphapanda.books.emit import emit
from alphapanda.books.state import Core, Record
from alphapanda.model.charges import RATE as WHOLE
from alphapanda.model.rows import Out


def pay(core: Core, strategy: int, position: Record, amount: int) -> None:
    """Take charges from the strategy's and the account's cash."""
    ledger = core.ledgers[strategy]
    position.charges += amount
    ledger.cash -= amount
    ledger.charges += amount


def charge_fill(core: Core, position: Record, order: Record, qty: int, price: int) -> int:
    """Return the change of the day's rounded running total that this fill makes."""
    fees = core.fees[current_fees(core, position)]
    note = core.notes[fees.note]
    note.filler = order.strategy
    note.filler_row = order.row
    if fees.pair < 0:
        count_value(fees, order, qty, abs(qty) * price)
        return booked_change(fees)
    instrument = core.instruments[order.row]
    stock = core.instruments[instrument.stock]
    if qty < 0 and stock.seller < 0:
        stock.seller = order.strategy
        stock.seller_row = order.row
    pair = core.fees[current_pair(core, fees)]
    count_netted(fees, pair, instrument, -1)
    count_delivery(fees, pair, instrument, order, qty, abs(qty) * price)
    count_netted(fees, pair, instrument, 1)
    return booked_change(fees) + booked_change(pair)


def current_fees(core: Core, position: Record) -> int:
    """Return where the rates in force now are kept, following the chain of dated rates."""
    now = core.clock[0].now
    while core.fees[position.fees].until <= now:
        position.fees = core.fees[position.fees].next
    return int(position.fees)


def current_pair(core: Core, fees: Record) -> int:
    """Return where the rates in force now of what is netted are kept."""
    now = core.clock[0].now
    while core.fees[fees.pair].until <= now:
        fees.pair = core.fees[fees.pair].next
    return int(fees.pair)


def booked_change(fees: Record) -> int:
    """Bring a running total up to date; return by how much it changed."""
    total = charges_total(fees)
    change = total - fees.booked
    fees.booked = total
    return int(change)


def count_value(fees: Record, order: Record, qty: int, value: int) -> None:
    """Count `value` that an order traded into the day."""
    if qty > 0:
        fees.buy += value
    else:
        fees.sell += value
    if fees.brokerage_cap != 0 or fees.brokerage_flat != 0:
        order.value += value
        due = order_brokerage(fees, order.value)
        fees.brokerage_sum += due - order.brokerage
        order.brokerage = due


def count_delivery(
    fees: Record, pair: Record, instrument: Record, order: Record, qty: int, value: int
) -> None:
    """Count a fill for delivery into its instrument's day, and what its order owes by each rate."""
    order.value += value
    due = order_brokerage(fees, order.value)
    pair_due = order_brokerage(pair, order.value)
    if qty > 0:
        instrument.bought += qty
        instrument.bought_value += value
        instrument.due_buy += due - order.brokerage
        instrument.pair_buy += pair_due - order.pair_brokerage
    else:
        instrument.sold -= qty
        instrument.sold_value += value
        instrument.due_sell += due - order.brokerage
        instrument.pair_sell += pair_due - order.pair_brokerage
    order.brokerage = due
    order.pair_brokerage = pair_due


def count_netted(fees: Record, pair: Record, instrument: Record, sign: int) -> None:
    """Count an instrument's day in (1) or out (-1): netted by `pair`, the rest by `fees`."""
    netted = min(instrument.bought, instrument.sold)
    bought = instrument.bought - netted
    sold = instrument.sold - netted
    buy = share(instrument.bought_value, netted, instrument.bought)
    sell = share(instrument.sold_value, netted, instrument.sold)
    pair.buy += sign * buy
    pair.sell += sign * sell
    pair.brokerage_sum += sign * (
        side_brokerage(pair, buy, instrument.pair_buy, netted, instrument.bought)
        + side_brokerage(pair, sell, instrument.pair_sell, netted, instrument.sold)
    )
    buy = instrument.bought_value - buy
    sell = instrument.sold_value - sell
    fees.buy += sign * buy
    fees.sell += sign * sell
    fees.brokerage_sum += sign * (
        side_brokerage(fees, buy, instrument.due_buy, bought, instrument.bought)
        + side_brokerage(fees, sell, instrument.due_sell, sold, instrument.sold)
    )


def share(amount: int, part: int, whole: int) -> int:
    """Return the share of an amount that `part` of `whole` pieces have, at their average."""
    if part == 0:
        return 0
    return amount // whole * part + amount % whole * part // whole


def side_brokerage(fees: Record, value: int, due: int, part: int, whole: int) -> int:
    """Return what `part` of a side's `whole` owes, in 1e-7 of a unit; `due`: its orders in full.

    The rate of its value, at most what its orders owe: which of them were netted nobody says, and
    no way of choosing gives more.
    """
    if part == 0:
        return 0
    if fees.brokerage_flat != 0:
        return share(due, part, whole)
    if fees.brokerage_cap == 0:
        return 0
    amount, rest = exact(value, fees.brokerage)
    if amount >= due // WHOLE + 1:
        return due
    return min(amount * WHOLE + rest, due)


def order_brokerage(fees: Record, value: int) -> int:
    """Return one executed order's brokerage in 1e-7 of a unit, whatever the number of its fills."""
    if fees.brokerage_flat != 0:
        return int(fees.brokerage_flat * WHOLE)
    if fees.brokerage_cap == 0:
        return 0
    whole, rest = exact(value, fees.brokerage)
    if whole >= fees.brokerage_cap:
        return int(fees.brokerage_cap * WHOLE)
    return whole * WHOLE + rest


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


def tax(whole: int, rest: int, rate: int) -> tuple[int, int]:
    """Return a rate of an exact amount in units and 1e-7 of a unit, cut below that."""
    amount, small = exact(whole + rest // WHOLE, rate)
    return amount, small + rest % WHOLE * rate // WHOLE


def fee_brokerage(fees: Record) -> tuple[int, int]:
    """Return the day's brokerage so far in units and 1e-7 of a unit."""
    if fees.brokerage_cap != 0 or fees.brokerage_flat != 0:
        return fees.brokerage_sum // WHOLE, fees.brokerage_sum % WHOLE
    return exact(fees.buy + fees.sell, fees.brokerage)


def day_parts(fees: Record) -> tuple[int, ...]:
    """Return a day's exact sums by one set of rates, each in units and 1e-7 of a unit.

    Brokerage, exchange charge, SEBI fee, STT, stamp duty, GST, STT on what was exercised, and the
    brokerage of settlements.
    """
    brokerage, brokerage_rest = fee_brokerage(fees)
    exchange, exchange_rest = exact(fees.buy + fees.sell, fees.exchange)
    sebi, sebi_rest = exact(fees.buy + fees.sell, fees.sebi)
    bought, bought_rest = exact(fees.buy, fees.stt_buy)
    sold, sold_rest = exact(fees.sell, fees.stt_sell)
    stamp, stamp_rest = exact(fees.buy, fees.stamp_buy)
    exercise, exercise_rest = exact(fees.exercised, fees.exercise_stt)
    settled, settled_rest = fees.settled // WHOLE, fees.settled % WHOLE
    gst, gst_rest = 0, 0
    if fees.gst != 0:
        gst, gst_rest = tax(
            brokerage + exchange + sebi + settled,
            brokerage_rest + exchange_rest + sebi_rest + settled_rest,
            fees.gst,
        )
    return (
        brokerage, brokerage_rest, exchange, exchange_rest, sebi, sebi_rest,
        bought + sold, bought_rest + sold_rest, stamp, stamp_rest, gst, gst_rest,
        exercise, exercise_rest, settled, settled_rest,
    )  # fmt: skip


def charges_total(fees: Record) -> int:
    """Return the day's charges so far by one set of rates, every kind rounded to the unit."""
    parts = day_parts(fees)
    total = 0
    for kind in range(0, 16, 2):
        total += rounded(parts[kind], parts[kind + 1], 1)
    return total


def charge_extra(core: Core, strategy: int, row: int, kind: int, amount: int) -> None:
    """Book a charge that belongs to no fill and say it in a row."""
    if amount == 0:
        return
    clock = core.clock[0]
    position = core.positions[strategy * clock.instruments + row]
    pay(core, strategy, position, amount)
    emit(core, Out.CHARGE, strategy, row, 0, 0, 0, kind, amount, 0, 0)
