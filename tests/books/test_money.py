"""Charges and results to the unit: running totals, contract notes, minutes, days."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapanda import buy, order, sell
from alphapanda.model.calendar import day_start_ns
from alphapanda.model.charges import (
    ChargeClass,
    NoteFill,
    Schedule,
    contract_note,
)
from alphapanda.model.instruments import Exchange, OptionType, Product
from alphapanda.model.rows import ChargeKind, Control, Out
from tests.core.test_properties import MANY
from tests.support.harness import (
    DAY,
    GROUP_OF_DERIVATIVES,
    MINUTE,
    SECOND,
    T0,
    closes,
    future,
    opens,
    option,
    play,
    rs,
    share,
    ticks,
)

END = T0 + 3_600 * SECOND


@MANY
@given(
    st.lists(
        st.tuples(st.integers(-30, 30).filter(bool), st.integers(-9, 9)), min_size=1, max_size=30
    )
)
def test_a_fill_books_the_change_of_the_rounded_total(trades: list[tuple[int, int]]) -> None:
    """Fee by fee the errors would add up; the sum of what is booked is the rounded total."""
    script = {n: (lambda ctx, qty=qty: order(ctx, qty)) for n, (qty, _) in enumerate(trades)}
    prices = [100.0, *(100 + step * 0.05 for _, step in trades)]
    played = play(ticks(*prices), script, schedule=Schedule.flat("0.03%"), cash=10**15)
    turnover = sum(abs(row.qty) * row.price for row in played.of(Out.FILL))
    assert sum(row.a for row in played.of(Out.FILL)) == (turnover * 3_000 + 5_000_000) // 10_000_000


CLASSES: list[Any] = [
    (ChargeClass.DELIVERY, share(), Product.CNC, 0),
    (ChargeClass.INTRADAY, share(), Product.MIS, 0),
    (ChargeClass.FUTURES, future(lot_size=1), Product.NRML, GROUP_OF_DERIVATIVES),
    (ChargeClass.OPTIONS, option("NFO:XC", rs(90), OptionType.CALL, lot_size=1), Product.NRML,
     GROUP_OF_DERIVATIVES),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "instrument", "product", "group"), CLASSES)
@given(qtys=st.lists(st.integers(1, 400), min_size=1, max_size=6))
@MANY
def test_a_day_costs_what_its_contract_note_says(
    kind: ChargeClass, instrument: Any, product: Product, group: int, qtys: list[int]
) -> None:
    """Fill by fill plus the rounding row at the day's end, charges are the exact note's.

    Everything bought is sold again, so what is for delivery is charged as intraday.
    A kind is rounded to the unit before GST is taken of it, so GST may turn by a paisa.
    """
    script: dict[int, Any] = {
        2 * n: (lambda ctx, qty=qty: buy(ctx, qty)) for n, qty in enumerate(qtys)
    }
    script |= {2 * n + 1: (lambda ctx, qty=qty: sell(ctx, qty)) for n, qty in enumerate(qtys)}
    prices = [100 + 0.05 * (n % 7) for n in range(2 * len(qtys) + 1)]
    events = (opens(END, group=group), closes(END, group), (END, Control.DAY_END))
    played = play(ticks(*prices), script, events=events, instruments=(instrument,), product=product,
                  schedule=Schedule.zerodha(), cash=10**14)  # fmt: skip
    fills = played.of(Out.FILL)
    assert len(fills) == 2 * len(qtys)
    charged = ChargeClass.INTRADAY if kind == ChargeClass.DELIVERY else kind
    rates = Schedule.zerodha().rates(DAY, charged, instrument.exchange)
    note = contract_note([NoteFill(r.qty > 0, abs(r.qty), r.price, r.order) for r in fills], rates)
    booked = sum(r.a for r in fills) + sum(
        r.b for r in played.of(Out.CHARGE) if r.a == ChargeKind.NOTE_ROUNDING
    )
    assert abs(booked - note.total) <= 100


def test_the_depository_is_paid_once_a_day() -> None:
    """Stock held since yesterday costs the depository fee once on the day it is sold."""
    day = 86_400 * SECOND
    script = {0: lambda ctx: buy(ctx, 10), 2: lambda ctx: sell(ctx, 4), 3: lambda ctx: sell(ctx, 6)}
    rows = ticks(*[100.0] * 5)
    rows = rows._replace(ts=rows.ts + day * (np.arange(5) > 1))
    events = (opens(END), closes(END), (END, Control.DAY_END), (T0 + day, *opens(END + day)[1:]),
              closes(END + day), (END + day, Control.DAY_END))  # fmt: skip
    played = play(rows, script, events=events, product=Product.CNC, schedule=Schedule.zerodha())
    paid = [row for row in played.of(Out.CHARGE) if row.a == ChargeKind.DEPOSITORY]
    rates = Schedule.zerodha().rates(DAY, ChargeClass.DELIVERY, Exchange.NSE)
    assert [(row.ts, row.b) for row in paid] == [(END + day, rates.dp)]


def test_charges_follow_the_dates_of_their_rates() -> None:
    """A fill pays the rates in force on its day."""
    schedule = Schedule.zerodha()
    key = ChargeClass.DELIVERY, Exchange.NSE
    change = next(day for day in schedule.dates(*key) if day.year >= 2024)
    before, after = (schedule.rates(day, *key) for day in (change - timedelta(1), change))
    assert before != after
    rows = ticks(100, 100, 100, start=day_start_ns(change) - SECOND)
    script = {n: (lambda ctx: buy(ctx, 1_000)) for n in (0, 1)}
    from tests.support import harness  # noqa: PLC0415

    kept, harness.DAY = harness.DAY, change - timedelta(1)
    try:
        played = play(rows, script, product=Product.CNC, schedule=schedule)
    finally:
        harness.DAY = kept
    fill = played.of(Out.FILL)
    note = contract_note([NoteFill(True, 1_000, rs(100), 1)], before)
    assert fill[0].ts == day_start_ns(change)
    assert fill[0].a != note.total or before.exchange == after.exchange


def test_pnl_is_said_on_fills_each_minute_and_at_the_close() -> None:
    """PNL rows come with fills, at each full minute in which it changed, and at the close."""
    script = {0: lambda ctx: buy(ctx, 1)}
    rows = ticks(100, 100, 101, 101, 102, step=30 * SECOND)
    close = T0 + 150 * SECOND
    played = play(rows, script, events=(opens(close), closes(close)))
    assert [(row.ts - T0) // SECOND for row in played.of(Out.PNL)] == [30, 120, 150]
    assert [row.d for row in played.of(Out.PNL)] == [0, rs(1), rs(2)]


def test_a_minute_is_said_before_its_tick() -> None:
    """The minute's PNL is that before the tick which opens the next minute."""
    played = play(ticks(100, 100, 105, step=MINUTE), {0: lambda ctx: buy(ctx, 1)})
    assert [row.d for row in played.of(Out.PNL)] == [0]
