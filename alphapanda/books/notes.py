"""The day's contract note: what an account's day costs, and its rounding."""

from __future__ import annotations

from collections.abc import Iterable

from alphapanda.books.charging import charge_extra, current_fees, day_parts, rounded
from alphapanda.books.emit import emit_pnl
from alphapanda.books.state import Core, Record
from alphapanda.model.money import PAISA, SCALE
from alphapanda.model.rows import ChargeKind

KINDS = ("brokerage", "exchange", "sebi", "stt", "stamp", "gst", "exercise_stt",
         "settlement_brokerage")  # fmt: skip
"""What a note tells apart, in the order of `day_parts`."""


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
