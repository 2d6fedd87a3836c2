"""What trading costs, as it goes: the day's running totals, what is netted, and the contract note.

A fill books the change of the day's rounded running total. What an account buys and sells of a
share on one day for delivery is charged as intraday, the rest as delivery; so a sale can make what
was bought before it cheaper, and then a fill books less than nothing. docs/adr 024 says how.
"""

from __future__ import annotations

from collections.abc import Iterable

from alphapanda.core.emit import emit, emit_pnl
from alphapanda.core.state import Core, Record
from alphapanda.model.charges import RATE as WHOLE
from alphapanda.model.money import PAISA, SCALE
from alphapanda.model.rows import ChargeKind, Out


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


def add_day(note: Record, fees: Record) -> None:
    """Add a day's exact sums by one set of rates to the note that is being made."""
    parts = day_parts(fees)
    note.brokerage += parts[0]
    note.brokerage_rest += parts[1]
    note.exchange += parts[2]
    note.exchange_rest += parts[3]
    note.sebi += parts[4]
    note.sebi_rest += parts[5]
    note.stt += parts[6]
    note.stt_rest += parts[7]
    note.stamp += parts[8]
    note.stamp_rest += parts[9]
    note.gst += parts[10]
    note.gst_rest += parts[11]
    note.exercise_stt += parts[12]
    note.exercise_stt_rest += parts[13]
    note.settlement_brokerage += parts[14]
    note.settlement_brokerage_rest += parts[15]
    if fees.buy + fees.sell + fees.exercised + fees.settled != 0:
        note.rounding = max(note.rounding, fees.rounding)


def charges_total(fees: Record) -> int:
    """Return the day's charges so far by one set of rates, every kind rounded to the unit."""
    parts = day_parts(fees)
    total = 0
    for kind in range(0, 16, 2):
        total += rounded(parts[kind], parts[kind + 1], 1)
    return total


KINDS = ("brokerage", "exchange", "sebi", "stt", "stamp", "gst", "exercise_stt",
         "settlement_brokerage")  # fmt: skip
"""What a note tells apart, in the order of `day_parts`."""


def charges_by_kind(all_fees: Iterable[Record], all_notes: Iterable[Record]) -> dict[str, int]:
    """Return what all notes came to by kind, the day that is still open included."""
    totals = dict.fromkeys(KINDS, 0)
    for note in all_notes:
        for kind in KINDS:
            totals[kind] += getattr(note, f"total_{kind}")
    for fees in all_fees:
        parts = day_parts(fees)
        for place, kind in enumerate(KINDS):
            totals[kind] += rounded(parts[2 * place], parts[2 * place + 1], 1)
    return totals


def start_note(note: Record) -> None:
    """Forget the exact sums of the last note."""
    note.rounding = 0
    note.brokerage = 0
    note.brokerage_rest = 0
    note.exchange = 0
    note.exchange_rest = 0
    note.sebi = 0
    note.sebi_rest = 0
    note.stt = 0
    note.stt_rest = 0
    note.stamp = 0
    note.stamp_rest = 0
    note.gst = 0
    note.gst_rest = 0
    note.exercise_stt = 0
    note.exercise_stt_rest = 0
    note.settlement_brokerage = 0
    note.settlement_brokerage_rest = 0


def finish_note(note: Record) -> int:
    """Round a note's sums, each once, and add them to the run's by kind; return their total.

    STT is rounded to the rupee, that of exercised options with it, and stamp duty of securities;
    the rest to the paisa. What the rounding of STT makes is with the STT of trades.
    """
    paisa = PAISA if note.rounding != 0 else 1
    rupee = SCALE if note.rounding != 0 else 1
    stamp_unit = paisa if note.commodities != 0 else rupee
    brokerage = rounded(note.brokerage, note.brokerage_rest, paisa)
    exchange = rounded(note.exchange, note.exchange_rest, paisa)
    sebi = rounded(note.sebi, note.sebi_rest, paisa)
    stamp = rounded(note.stamp, note.stamp_rest, stamp_unit)
    gst = rounded(note.gst, note.gst_rest, paisa)
    settlement = rounded(note.settlement_brokerage, note.settlement_brokerage_rest, paisa)
    taxes = rounded(note.stt + note.exercise_stt, note.stt_rest + note.exercise_stt_rest, rupee)
    exercise = rounded(note.exercise_stt, note.exercise_stt_rest, 1)
    note.total_brokerage += brokerage
    note.total_exchange += exchange
    note.total_sebi += sebi
    note.total_stt += taxes - exercise
    note.total_stamp += stamp
    note.total_gst += gst
    note.total_exercise_stt += exercise
    note.total_settlement_brokerage += settlement
    return brokerage + exchange + sebi + stamp + gst + settlement + taxes


def close_note(core: Core, number: int) -> int:
    """Round the day as its contract note does, start a new day; return what the rounding costs."""
    note = core.notes[number]
    start_note(note)
    booked = 0
    for index in range(len(core.fees)):
        fees = core.fees[index]
        if fees.note == number:
            add_day(note, fees)
            booked += fees.booked
            fees.buy = 0
            fees.sell = 0
            fees.brokerage_sum = 0
            fees.exercised = 0
            fees.settled = 0
            fees.booked = 0
    return finish_note(note) - booked


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
    for number in range(len(core.notes)):
        extra = close_note(core, number)
        note = core.notes[number]
        charge_extra(core, note.filler, note.filler_row, ChargeKind.NOTE_ROUNDING, extra)
    charge_depository(core)
    for strategy in range(clock.strategies):
        ledger = core.ledgers[strategy]
        if ledger.cash + ledger.mark != ledger.last_pnl:
            emit_pnl(core, strategy)


def charge_depository(core: Core) -> None:
    """Charge the depository once for each share of which the account's holding went down today.

    A share's lines on two exchanges are one holding. What is bought and sold on one day never was
    in the account; what was bought the day before is not there yet, and has its own rate.
    """
    instruments = core.clock[0].instruments
    for row in range(instruments):
        instrument = core.instruments[row]
        core.instruments[instrument.stock].leaving += instrument.sold - instrument.bought
    for row in range(instruments):
        stock = core.instruments[row]
        if stock.leaving > 0 and stock.opening > 0:
            position = core.positions[stock.seller * instruments + stock.seller_row]
            fees = core.fees[current_fees(core, position)]
            fee = fees.dp if stock.settled > 0 else fees.dp_btst
            charge_extra(core, stock.seller, stock.seller_row, ChargeKind.DEPOSITORY, fee)
    open_holdings(core)


def open_holdings(core: Core) -> None:
    """Begin the next day's count of what is traded and held for delivery."""
    clock = core.clock[0]
    for row in range(clock.instruments):
        instrument = core.instruments[row]
        instrument.settled = instrument.opening
        instrument.opening = 0
        instrument.leaving = 0
        instrument.seller = -1
        instrument.bought = 0
        instrument.sold = 0
        instrument.bought_value = 0
        instrument.sold_value = 0
        instrument.due_buy = 0
        instrument.due_sell = 0
        instrument.pair_buy = 0
        instrument.pair_sell = 0
    for index in range(len(core.positions)):
        position = core.positions[index]
        if position.qty > 0 and core.fees[position.fees].pair >= 0:
            stock = core.instruments[index % clock.instruments].stock
            core.instruments[stock].opening += position.qty
    for row in range(clock.instruments):
        instrument = core.instruments[row]
        instrument.settled = min(instrument.settled, instrument.opening)
