"""What a contract is worth when it expires, and what its settlement costs.

The value is the underlying's closing value: what its rows after the close say, or else the mean of
its rows of the last half hour; the host tells from `settled_by` which it was. docs/adr 024.
"""

from __future__ import annotations

from alphapanda.books.book import move
from alphapanda.books.charging import booked_change, current_fees, exact, pay
from alphapanda.books.emit import emit, emit_pnl
from alphapanda.books.flags import PAPER
from alphapanda.books.orders import end_all
from alphapanda.books.state import Core, Record, SettledBy
from alphapanda.model.calendar import DAY, IST, MINUTE
from alphapanda.model.charges import RATE as WHOLE
from alphapanda.model.instruments import OptionType, Segment
from alphapanda.model.money import PAISA
from alphapanda.model.rows import NEVER, Out, Reason

COUNTED = 30 * MINUTE
"""The last part of continuous trading that a closing value is the mean of."""

EARLIEST = 15 * 60 * MINUTE
"""But none of it before 15:00 on a day that ends later: a share whose closing auction begins at
15:15 has the mean of a quarter of an hour."""


def await_close(instrument: Record, until: int, midnight: int) -> None:
    """Begin to look for today's closing value, of an instrument whose session ends at `until`."""
    if instrument.close_from == NEVER:
        return
    start = until - COUNTED
    if start < midnight + EARLIEST < until:
        start = midnight + EARLIEST
    instrument.close_from = start
    instrument.close_until = until
    instrument.close_sum = 0
    instrument.close_count = 0
    instrument.close_value = 0


def see_close(instrument: Record, ts: int, last: int, before: int) -> None:
    """Count a row towards the closing value, or take it for that when trading has ended.

    Feeds repeat a share's last trade after the close: only another price tells its closing value.
    """
    if ts < instrument.close_until:
        instrument.close_sum += last
        instrument.close_count += 1
    elif last != before or instrument.segment == Segment.INDEX:
        instrument.close_value = last


def expire(core: Core, row: int) -> None:
    """Settle a contract; one on a share with all on the same share that expire with it."""
    if PAPER:
        end_all(core, row, -1, Out.EXPIRED, Reason.EXPIRED)
    instrument = core.instruments[row]
    if instrument.held == 0:
        return
    if instrument.physical == 0:
        settle_all(core, row, settlement(core, instrument), 0, 0)
        return
    taken = delivered(core, instrument, 1)
    given = delivered(core, instrument, -1)
    for other in range(core.clock[0].instruments):
        contract = core.instruments[other]
        if contract.held != 0 and together(contract, instrument):
            settle_all(core, other, settlement(core, contract), taken, given)


def together(contract: Record, instrument: Record) -> bool:
    """Say if two contracts are on one share and expire together."""
    return bool(contract.family == instrument.family and contract.expiry == instrument.expiry)


def delivered(core: Core, instrument: Record, side: int) -> int:
    """Return how many shares contracts bring into the account (1), or take from it (-1)."""
    total = 0
    for other in range(core.clock[0].instruments):
        contract = core.instruments[other]
        if contract.held != 0 and contract.physical != 0 and together(contract, instrument):
            total += max(side * delivery(contract, settlement(core, contract)), 0)
    return total


def delivery(contract: Record, price: int) -> int:
    """Return the shares that the account gets (or gives, below 0) for its net position."""
    if contract.option == OptionType.PUT:
        return -int(contract.net) if price != 0 else 0
    if contract.option == OptionType.CALL and price == 0:
        return 0
    return int(contract.net)


def settlement(core: Core, instrument: Record) -> int:
    """Return a contract's settlement price, and note on it where that comes from."""
    if instrument.underlying >= 0:
        spot = core.instruments[instrument.underlying]
        if (spot.ts + IST) // DAY == (core.clock[0].now + IST) // DAY:
            return intrinsic(instrument, closing_value(instrument, spot))
    instrument.settled_by = SettledBy.OWN
    instrument.settled_at = instrument.ts
    return int(instrument.last)


def closing_value(instrument: Record, spot: Record) -> int:
    """Return an underlying's closing value of today, of which it has rows."""
    instrument.settled_at = spot.ts
    today = spot.close_from != NEVER and ((spot.close_until + IST) // DAY == (spot.ts + IST) // DAY)
    if today and spot.close_value != 0:
        instrument.settled_by = SettledBy.CLOSING
        return int(spot.close_value)
    if today and spot.close_count != 0:
        instrument.settled_by = SettledBy.MEAN
        count = spot.close_count * PAISA
        return int((spot.close_sum + count // 2) // count * PAISA)
    instrument.settled_by = SettledBy.LAST
    return int(spot.last)


def intrinsic(instrument: Record, spot: int) -> int:
    """Return what a contract is worth at its underlying's price."""
    if instrument.option == OptionType.CALL:
        return int(max(spot - instrument.strike, 0))
    if instrument.option == OptionType.PUT:
        return int(max(instrument.strike - spot, 0))
    return spot


def settle_all(core: Core, row: int, price: int, taken: int, given: int) -> None:
    """Close every position in a contract; what it costs is the account's, for its net position.

    `taken` and `given` are the shares that all contracts on this one's share bring and take.
    """
    clock = core.clock[0]
    instrument = core.instruments[row]
    net = instrument.net
    charges_due = net != 0
    for strategy in range(clock.strategies):
        position = core.positions[strategy * clock.instruments + row]
        if position.qty != 0:
            due = 0
            if charges_due and (position.qty > 0) == (net > 0):
                charges_due = False
                due = charge_settlement(core, strategy, row, price, taken, given)
            settle(core, strategy, row, price, due)


def charge_settlement(
    core: Core, strategy: int, row: int, price: int, taken: int, given: int
) -> int:
    """Return what the settlement of an account's net position costs.

    Exercise STT on an option in the money that is held; the broker's fee on what is exercised,
    assigned or closed out, or on the value of the shares that change hands.
    """
    clock = core.clock[0]
    instrument = core.instruments[row]
    fees = core.fees[current_fees(core, core.positions[strategy * clock.instruments + row])]
    core.notes[fees.note].filler = strategy
    core.notes[fees.note].filler_row = row
    net = instrument.net
    option = instrument.option != OptionType.NONE
    if option and price == 0:
        return 0
    if option and net > 0:
        fees.exercised += net * price
    if instrument.physical != 0 and fees.physical != 0:
        value = abs(net) * (instrument.strike if option else price)
        fees.settled += physical_fee(fees, value, abs(net), delivery(instrument, price),
                                     taken, given)  # fmt: skip
    else:
        fees.settled += settlement_fee(fees, abs(net) * price, option)
    return booked_change(fees)


def settlement_fee(fees: Record, value: int, option: bool) -> int:
    """Return the fee of one settled contract in 1e-7 of a unit: of a future at most its rate."""
    most = int(fees.settlement_brokerage * WHOLE)
    if option:
        return most
    amount, rest = exact(value, fees.brokerage)
    if amount >= fees.settlement_brokerage:
        return most
    return amount * WHOLE + rest


def physical_fee(
    fees: Record, value: int, qty: int, shares: int, taken: int, given: int
) -> int:  # fmt: skip
    """Return the fee for shares that change hands, less for those that other contracts offset."""
    side = taken if shares > 0 else given
    netted = min(taken, given) * qty // side if side != 0 else 0
    offset = value // qty * netted + value % qty * netted // qty
    dear, dear_rest = exact(value - offset, fees.physical)
    cheap, cheap_rest = exact(offset, fees.physical_netted)
    return (dear + cheap) * WHOLE + dear_rest + cheap_rest


def settle(core: Core, strategy: int, row: int, price: int, charges: int) -> None:
    """Close one position at the settlement price."""
    position = core.positions[strategy * core.clock[0].instruments + row]
    qty = position.qty
    realised = move(core, strategy, row, -qty, price)
    pay(core, strategy, position, charges)
    emit(core, Out.FILL, strategy, row, 0, -qty, price, charges, realised, 0, -qty)
    emit_pnl(core, strategy)
