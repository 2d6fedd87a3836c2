"""What a contract settles at, and what that costs."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapanda import buy, sell
from alphapanda.books.state import SettledBy
from alphapanda.model.calendar import Phase, day_start_ns
from alphapanda.model.charges import Schedule
from alphapanda.model.instruments import Exchange, Instrument, OptionType, Product, Segment
from alphapanda.model.rows import ChargeKind, Control, Out
from tests.core.test_properties import MANY
from tests.support.harness import (
    DAY,
    GROUP_OF_DERIVATIVES,
    MINUTE,
    T0,
    bars,
    future,
    merged,
    option,
    phase,
    play,
    rs,
    share,
    tick_strategy,
    ticks,
)

CLOSE = day_start_ns(DAY) + (15 * 60 + 30) * MINUTE
SETTLED = CLOSE + 30 * MINUTE
OPTION_RATES = Schedule.zerodha()
PAISA = Decimal("0.01")


def index(name: str = "NSE:NIFTY 50") -> Instrument:
    """Return an index."""
    return Instrument(name, Exchange.NSE, Segment.INDEX, tick_size=0, lot_size=1)


def on_index(instrument: Instrument) -> Instrument:
    """Return the contract as one on NIFTY."""
    return replace(instrument, underlying="NIFTY")


def at(*points: tuple[int, float], row: int = 0) -> Any:
    """Return ticks at minutes of the day."""
    made = ticks(*(price for _, price in points), row=row)
    return made._replace(ts=made.ts * 0 + [day_start_ns(DAY) + m * MINUTE for m, _ in points])


def expire(
    contract: Any, spot: Any, qty: int, *, underlying: Any = None, until: int = CLOSE, **desk: Any
) -> Any:
    """Buy (or sell) a contract at Rs 10 at the open, and let it settle at 16:00."""
    contracts = contract if isinstance(contract, tuple) else (contract,)
    qtys = qty if isinstance(qty, tuple) else (qty,)
    own = [ticks(10, 10, 11, row=1 + n) for n in range(len(contracts))]
    classes = [
        tick_strategy({0: lambda ctx, q=q: buy(ctx, q) if q > 0 else sell(ctx, -q)}, row=1 + n)
        for n, q in enumerate(qtys)
    ]
    group = 1 if underlying is not None and underlying.has_derivatives else 0
    rows = merged(*own, *([spot] if spot is not None else []))
    events: list[Any] = [phase(T0, Phase.OPEN, CLOSE, group=GROUP_OF_DERIVATIVES),
                         phase(T0, Phase.OPEN, until, group=group)]  # fmt: skip
    events += [phase(until, Phase.AUCTION if until < CLOSE else Phase.CLOSED, SETTLED, group=group),
               phase(CLOSE, Phase.CLOSED, SETTLED, group=GROUP_OF_DERIVATIVES)]  # fmt: skip
    events += [(SETTLED, Control.EXPIRY, 1 + n) for n in range(len(contracts))]
    events.append((SETTLED, Control.DAY_END))
    return play(
        rows, classes=classes, events=events,
        instruments=(underlying or index(), *contracts),
        expiries={1 + n: CLOSE for n in range(len(contracts))},
        **{"product": Product.NRML, **desk},
    )  # fmt: skip


def settled(played: Any, row: int = 1) -> tuple[int, float, float, float]:
    """Return quantity, price, charges and realised P&L of a contract's last fill, in rupees."""
    last = [fill for fill in played.of(Out.FILL) if fill.row == row][-1]
    return last.qty, last.price / 10_000, last.a / 10_000, last.b / 10_000


LATE = (15 * 60 + 25, 120.0)


def test_a_row_after_the_close_is_the_closing_value() -> None:
    """What an index's feed says after 15:30 is what its contracts settle at."""
    spot = at((14 * 60, 90), LATE, (15 * 60 + 32, 112))
    played = expire(on_index(future()), spot, 25)
    assert settled(played)[:2] == (-25, 112)
    assert played.field("instruments", "settled_by", 1) == SettledBy.CLOSING
    assert played.field("positions", "qty", 1) == 0


def test_without_one_it_is_the_mean_of_the_last_half_hour() -> None:
    """Rows from 15:00 on count alike; those before, and the next row of the day, do not."""
    spot = at((14 * 60 + 59, 500), (15 * 60, 100), (15 * 60 + 10, 103), (15 * 60 + 29, 104))
    played = expire(on_index(future()), spot, 25)
    assert settled(played)[1] == 102.33
    assert played.field("instruments", "settled_by", 1) == SettledBy.MEAN


def test_of_bars_those_that_end_in_the_half_hour_count() -> None:
    """The bar that ends at 15:00 does not, the one that ends at 15:30 does."""
    start = day_start_ns(DAY) + (14 * 60 + 59) * MINUTE
    closes = [500.0, *(100.0 + n for n in range(30))]
    spot = bars(*((c, c, c, c) for c in closes), start=start)
    own = bars(*((10.0,) * 4 for _ in range(3)), start=T0)
    own = own._replace(row=own.row + 1)
    events = [phase(T0, Phase.OPEN, CLOSE), phase(T0, Phase.OPEN, CLOSE, group=2),
              phase(CLOSE, Phase.CLOSED, SETTLED), (SETTLED, Control.EXPIRY, 1)]  # fmt: skip
    played = play(
        merged(own, spot), {0: lambda ctx: buy(ctx, 25)}, events=events, product=Product.NRML,
        instruments=(index(), on_index(future())), expiries={1: CLOSE},
    )  # fmt: skip
    assert settled(played)[:2] == (-25, 114.5)


def test_a_share_with_a_closing_auction_has_the_quarter_of_an_hour_before_it() -> None:
    """From 15:00 to 15:15, unless a row of the auction has another price."""
    stock = share("NSE:X", has_derivatives=True)
    until = day_start_ns(DAY) + (15 * 60 + 15) * MINUTE
    rows = ((14 * 60 + 50, 90), (15 * 60 + 1, 100), (15 * 60 + 14, 110))
    played = expire(future(), at(*rows, (15 * 60 + 20, 110)), 25, underlying=stock, until=until)
    assert settled(played)[1] == 105
    played = expire(future(), at(*rows, (15 * 60 + 33, 111)), 25, underlying=stock, until=until)
    assert settled(played)[1] == 111


def test_a_day_without_late_rows_has_its_last_price() -> None:
    """And the host can say so."""
    played = expire(on_index(future()), at((11 * 60, 97)), 25)
    assert settled(played)[1] == 97
    assert played.field("instruments", "settled_by", 1) == SettledBy.LAST


@pytest.mark.parametrize("spot", [None, "yesterday"])
def test_without_its_underlying_s_day_a_contract_settles_at_its_own_last(spot: Any) -> None:
    """An underlying of yesterday tells nothing about today."""
    rows = None if spot is None else ticks(97, start=T0 - 24 * 60 * MINUTE)
    played = expire(on_index(future()), rows, 25)
    assert settled(played)[1] == 11
    assert played.field("instruments", "settled_by", 1) == SettledBy.OWN


def test_a_long_option_pays_exercise_tax_and_the_broker_s_fee() -> None:
    """0.15 % of what it is worth, Rs 20 and GST on the fee; the note rounds STT to the rupee."""
    call = on_index(option("NFO:NC", rs(90), OptionType.CALL))
    played = expire(call, at(LATE), 25, schedule=OPTION_RATES)
    qty, price, charges, realised = settled(played)
    assert (qty, price, realised) == (-25, 30, 500)
    assert charges == pytest.approx(25 * 30 * 0.0015 + 20 * 1.18)
    paid = played.field("ledgers", "charges") / 10_000
    bought = 250 * 0.0003553 + 250 * 0.000001
    gst = round((40 + bought) * 0.18, 2)
    assert paid == pytest.approx(40 + round(bought, 2) + gst + 1)  # STT 1.125, stamp 0.0075


def test_an_option_out_of_the_money_is_worth_and_costs_nothing() -> None:
    """Its premium is lost."""
    put = on_index(option("NFO:NP", rs(90), OptionType.PUT))
    assert settled(expire(put, at((920, 100)), 25, schedule=OPTION_RATES))[1:] == (0, 0, -250)


def test_a_short_option_pays_its_intrinsic_value() -> None:
    """Whoever sold the option pays what it is worth, without exercise tax but with the fee."""
    put = on_index(option("NFO:NP", rs(110), OptionType.PUT))
    played = expire(put, at((920, 95)), -25, schedule=OPTION_RATES)
    assert settled(played) == (25, 15, 23.6, -125)


def test_a_future_pays_the_lower_of_fee_and_rate() -> None:
    """0.03 % of Rs 3,000 are 90 paise; of Rs 3 crore Rs 20."""
    small = expire(on_index(future()), at(LATE), 25, schedule=OPTION_RATES)
    assert settled(small)[2] == pytest.approx(0.9 * 1.18)
    large = expire(on_index(future()), at(LATE), 250_000, schedule=OPTION_RATES, cash=10**15)
    assert settled(large)[2] == 23.6


def test_an_account_that_is_flat_exercises_nothing() -> None:
    """Two strategies, one long and one short of the same option: no tax and no fee."""
    call = on_index(option("NFO:NC", rs(90), OptionType.CALL))
    rows = merged(ticks(10, 10, 11, row=1), at(LATE))
    classes = [tick_strategy({0: lambda ctx: buy(ctx, 25)}, row=1),
               tick_strategy({0: lambda ctx: sell(ctx, 25)}, row=1)]  # fmt: skip
    events = [phase(T0, Phase.OPEN, CLOSE), phase(T0, Phase.OPEN, CLOSE, group=2),
              (SETTLED, Control.EXPIRY, 1)]  # fmt: skip
    played = play(rows, classes=classes, events=events, instruments=(index(), call),
                  expiries={1: CLOSE}, product=Product.NRML, schedule=OPTION_RATES)  # fmt: skip
    ends = [row for row in played.of(Out.FILL) if row.ts == SETTLED]
    assert [(row.qty, row.a) for row in ends] == [(-25, 0), (25, 0)]


def test_contracts_on_a_share_pay_for_its_delivery() -> None:
    """0.25 % of the value that changes hands, and GST: of an option that of its strike."""
    stock = share("NSE:X", has_derivatives=True)
    played = expire(future(), at(LATE), 25, underlying=stock, schedule=OPTION_RATES)
    assert settled(played)[2] == pytest.approx(25 * 120 * 0.0025 * 1.18)
    call = option("NFO:XC", rs(90), OptionType.CALL)
    played = expire(call, at(LATE), -25, underlying=stock, schedule=OPTION_RATES)
    assert settled(played)[2] == pytest.approx(25 * 90 * 0.0025 * 1.18)


def test_what_offsets_each_other_pays_less() -> None:
    """A future held against a call sold: 25 shares come and 25 go, 0.1 % each."""
    stock = share("NSE:X", has_derivatives=True)
    call = option("NFO:XC", rs(90), OptionType.CALL)
    played = expire((future(), call), at(LATE), (50, -25), underlying=stock, schedule=OPTION_RATES)
    half = 25 * 120 * 0.001 + 25 * 120 * 0.0025
    assert settled(played)[2] == pytest.approx(half * 1.18)
    assert settled(played, 2)[2] == pytest.approx(25 * 90 * 0.001 * 1.18)


@MANY
@given(st.integers(1, 4), st.integers(60, 160))
def test_a_note_with_an_exercise_is_rounded_once(lots: int, spot: int) -> None:
    """STT of sales and of the exercise are one sum, rounded to the rupee."""
    call = on_index(option("NFO:NC", rs(90), OptionType.CALL))
    played = expire(call, at((920, float(spot))), 25 * lots, schedule=OPTION_RATES)
    value = Decimal(max(spot - 90, 0) * 25 * lots)
    stt = (value * Decimal("0.0015")).quantize(Decimal(1), ROUND_HALF_UP)
    premium = Decimal(10 * 25 * lots)
    fees = 20 + (20 if value else 0)
    exchange, sebi = premium * Decimal("0.0003553"), premium * Decimal("0.000001")
    gst = ((fees + exchange + sebi) * Decimal("0.18")).quantize(PAISA, ROUND_HALF_UP)
    stamp = (premium * Decimal("0.00003")).quantize(Decimal(1), ROUND_HALF_UP)
    parts = [exchange.quantize(PAISA, ROUND_HALF_UP), sebi.quantize(PAISA, ROUND_HALF_UP)]
    total = fees + stt + gst + stamp + sum(parts)
    assert Decimal(played.field("ledgers", "charges")) / 10_000 == total
    assert {row.a for row in played.of(Out.CHARGE)} <= {ChargeKind.NOTE_ROUNDING}
