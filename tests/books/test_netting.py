"""Shares bought and sold on one day, the depository, and one rounding a note, against a recount."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapanda import buy, order, sell
from alphapanda.books.notes import charges_by_kind
from alphapanda.engine.engine import Engine
from alphapanda.engine.records import view
from alphapanda.model.calendar import Calendar, day_start_ns
from alphapanda.model.charges import ChargeClass, Schedule
from alphapanda.model.contracts import by_name
from alphapanda.model.instruments import Exchange, OptionType, Product
from alphapanda.model.rows import ChargeKind, Control, Out
from tests.core.test_expiry import at, expire, index, on_index
from tests.core.test_properties import MANY
from tests.support import harness
from tests.support.harness import (
    DAY,
    SECOND,
    T0,
    Desk,
    Played,
    closes,
    controls,
    feed,
    merged,
    opens,
    option,
    play,
    present,
    rs,
    share,
    tick_strategy,
    ticks,
)
from tests.support.recount import Trade, depository, ist_day, notes
from tests.support.worked import KEYS, PRODUCTS, allowed, day_of, examples, name_of

ZERODHA = Schedule.zerodha()
END = T0 + 3_600 * SECOND
NIGHT = 86_400 * SECOND
UNIT = Decimal("0.0001")


def trades_of(played: Any, names: list[str]) -> list[Trade]:
    """Return what was traded."""
    return [
        Trade(ist_day(r.ts), r.ts, str(r.strategy), names[r.row], r.order, r.qty,
              Decimal(r.price) / 10_000)
        for r in played.of(Out.FILL)
    ]  # fmt: skip


def as_delivery(_: str) -> tuple[ChargeClass, Exchange]:
    """Return the terms of shares that are bought for delivery."""
    return ChargeClass.DELIVERY, Exchange.NSE


def days(count: int, apart: int = NIGHT) -> tuple[Any, ...]:
    """Return sessions of an hour on days in a row."""
    found: list[Any] = []
    for n in range(count):
        at = n * apart
        found += [(T0 + at, *opens(END + at)[1:]), closes(END + at), (END + at, Control.DAY_END)]
    return tuple(found)


TRADES = st.lists(
    st.tuples(st.integers(-1_600, 1_800).filter(bool), st.integers(-4, 4)), min_size=1, max_size=12
)


@MANY
@given(TRADES, st.booleans())
def test_a_day_s_charges_are_the_recount_s(made: list[tuple[int, int]], over: bool) -> None:
    """Whatever is bought and sold, in part or whole: running totals, then the note, to the unit."""
    script: dict[int, Any] = {0: lambda ctx: buy(ctx, 20_000)}
    script |= {n + 2: (lambda ctx, qty=qty: order(ctx, qty)) for n, (qty, _) in enumerate(made)}
    rows = ticks(100.0, 100.0, 100.0, *(100 + step / 10 for _, step in made))
    rows = rows._replace(ts=rows.ts + 2 * NIGHT * (np.arange(len(rows.ts)) > 1))
    events = days(2, 2 * NIGHT) if over else days(2, 2 * NIGHT)[:-2]
    played = play(rows, script, events=events, product=Product.CNC, schedule=ZERODHA, cash=10**14)
    found = trades_of(played, ["NSE:X"])
    assert len(found) == len(made) + 1
    open_days = () if over else (DAY + timedelta(2),)  # a holiday lies between
    wanted = notes(found, ZERODHA, as_delivery, open_days)
    due = sum(wanted.values()) + depository(found, ZERODHA, as_delivery, open_days)
    assert abs(Decimal(played.field("ledgers", "charges")) * UNIT - due) <= 12 * UNIT


def test_a_sale_makes_the_purchase_before_it_cheaper() -> None:
    """Bought for 4 lakh as delivery, sold again the same day: the sale books less than nothing."""
    script = {0: lambda ctx: buy(ctx, 400), 1: lambda ctx: sell(ctx, 400)}
    played = play(ticks(1000, 1000, 1000), script, product=Product.CNC, schedule=ZERODHA,
                  events=days(1), cash=10**14)  # fmt: skip
    first, second = played.of(Out.FILL)
    assert first.a > rs(460)
    assert second.a < -rs(270)
    paid = played.field("ledgers", "charges")
    assert paid == rs(189.12)
    assert paid == first.a + second.a + played.of(Out.CHARGE)[0].b


def test_two_strategies_are_one_account() -> None:
    """One buys what the other sells on the same day: nothing is delivered."""
    first = tick_strategy({0: lambda ctx: buy(ctx, 100)})
    other = tick_strategy({0: lambda ctx: buy(ctx, 100), 2: lambda ctx: sell(ctx, 100)})
    rows = ticks(*[1000.0] * 4)
    played = play(rows, classes=[first, other], product=Product.CNC, schedule=ZERODHA,
                  events=days(1), cash=10**14)  # fmt: skip
    found = trades_of(played, ["NSE:X"])
    paid = sum(int(c) for c in played.engine.tables["ledgers"]["charges"][:2])
    assert abs(Decimal(paid) * UNIT - sum(notes(found, ZERODHA, as_delivery, ()).values())) < UNIT


def deposited(played: Any) -> list[tuple[int, int, int]]:
    """Return day, row and amount of each depository charge."""
    rows = [row for row in played.of(Out.CHARGE) if row.a == ChargeKind.DEPOSITORY]
    return [((row.ts - T0) // NIGHT, row.row, row.b) for row in rows]


def over_days(*prices_a_day: int) -> Any:
    """Return ticks at Rs 100, so many on each of several days."""
    count = sum(prices_a_day)
    rows = ticks(*[100.0] * count)
    return rows._replace(ts=rows.ts + NIGHT * np.repeat(range(len(prices_a_day)), prices_a_day))


CNC = {"product": Product.CNC, "schedule": ZERODHA}
DP = 153_400


def test_the_depository_is_paid_only_for_what_leaves() -> None:
    """Held, bought and sold: as much as came went, and nothing left the demat account."""
    script = {0: lambda ctx: buy(ctx, 10), 2: lambda ctx: buy(ctx, 5), 3: lambda ctx: sell(ctx, 5)}
    assert deposited(play(over_days(2, 3), script, events=days(2), **CNC)) == []
    script[3] = lambda ctx: sell(ctx, 6)
    assert deposited(play(over_days(2, 3), script, events=days(2), **CNC)) == [(1, 0, DP)]


def test_two_lines_of_a_share_are_one_holding() -> None:
    """NSE and BSE lines sold on one day: one charge; bought on one, sold on the other: none."""
    lines = (share("NSE:X"), share("BSE:X", exchange=Exchange.BSE))
    rows = merged(over_days(2, 2, 2), over_days(2, 2, 2)._replace(row=np.ones(6, np.int32)))
    script = {0: lambda ctx: buy(ctx, 10), 2: lambda ctx: sell(ctx, 4)}
    classes = [tick_strategy(script), tick_strategy(dict(script), row=1)]
    played = play(rows, classes=classes, events=days(3), instruments=lines, **CNC)
    assert [amount for _, _, amount in deposited(played)] == [DP]
    crossed = tick_strategy({2: lambda ctx: buy(ctx, 4)}, row=1)
    played = play(rows, classes=[tick_strategy(script), crossed], events=days(3),
                  instruments=lines, **CNC)  # fmt: skip
    assert deposited(played) == []


def test_an_intraday_seller_does_not_hide_the_depository() -> None:
    """A strategy in MIS sells the same share before the one that delivers."""
    seller = tick_strategy({3: lambda ctx: sell(ctx, 5)})
    holder = tick_strategy({0: lambda ctx: buy(ctx, 10), 4: lambda ctx: sell(ctx, 10)})
    desk = Desk(schedule=ZERODHA, always=False)
    rows = over_days(3, 4)
    enrolled = desk.engine([seller, holder], present(rows)).setup
    first, second = enrolled.strategies
    mixed = [first, second.__class__(second.spec, second.arguments, second.rows, (Product.CNC,))]
    setup = enrolled.__class__(
        **{**{f: getattr(enrolled, f) for f in enrolled.__dataclass_fields__}, "strategies": mixed}
    )
    engine = Engine(desk.program([seller, holder], present(rows)), setup)
    played = Played(feed(engine, rows, controls(*days(2), columns=rows)), engine)
    assert deposited(played) == [(1, 0, DP)]
    assert [r.strategy for r in played.of(Out.CHARGE) if r.a == ChargeKind.DEPOSITORY] == [1]


@pytest.mark.parametrize(("start", "fee"), [("2021-03-02", 0), ("2021-06-08", 159_300)])
def test_bought_today_sold_tomorrow(start: str, fee: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Free until June 2021; what lies there for a day longer never was."""
    monkeypatch.setattr(harness, "DAY", day_of({"date": start}))
    shift = day_start_ns(harness.DAY) - day_start_ns(DAY)
    script = {0: lambda ctx: buy(ctx, 10), 2: lambda ctx: sell(ctx, 4),
              4: lambda ctx: sell(ctx, 6)}  # fmt: skip
    rows = over_days(2, 2, 2)
    events = tuple((ts + shift, kind, *rest) for ts, kind, *rest in days(3))
    events = tuple(
        (ts, kind, a, b, c + shift, d) if kind == Control.PHASE else (ts, kind)
        for ts, kind, a, b, c, d in (event + (0,) * (6 - len(event)) for event in events)
    )
    played = play(rows._replace(ts=rows.ts + shift), script, events=events, **CNC)
    paid = [row.b for row in played.of(Out.CHARGE) if row.a == ChargeKind.DEPOSITORY]
    assert paid == ([fee] if fee else []) + [159_300]


def test_classes_of_a_day_are_rounded_on_one_note() -> None:
    """STT of a share and of an option are one sum, rounded once."""
    call = on_index(option("NFO:NIFTY26NOV90CE", rs(90), OptionType.CALL))
    rows = merged(ticks(*[100.0] * 4), ticks(*[10.0] * 4, row=1))
    classes = [tick_strategy({0: lambda ctx: buy(ctx, 13)}),
               tick_strategy({0: lambda ctx: buy(ctx, 25), 1: lambda ctx: sell(ctx, 25)},
                             row=1)]  # fmt: skip
    events = (opens(END), opens(END, group=2), closes(END), closes(END, 2), (END, Control.DAY_END))
    desk = Desk(instruments=(share(), call), schedule=ZERODHA, always=False)
    rates = desk.engine(classes, present(rows)).setup
    mixed = [
        e.__class__(e.spec, e.arguments, e.rows, (Product.CNC, Product.NRML))
        for e in rates.strategies
    ]
    setup = rates.__class__(
        **{**{f: getattr(rates, f) for f in rates.__dataclass_fields__}, "strategies": mixed}
    )
    engine = Engine(desk.program(classes, present(rows)), setup)
    played = Played(feed(engine, rows, controls(*events, columns=rows)), engine)
    found = trades_of(played, ["NSE:X", "NFO:NIFTY26NOV90CE"])
    assert len(found) == 3

    def terms(name: str) -> tuple[ChargeClass, Exchange]:
        share_of = name.startswith("NSE")
        return (ChargeClass.DELIVERY, Exchange.NSE) if share_of else (
            ChargeClass.OPTIONS, Exchange.NFO)  # fmt: skip

    wanted = notes(found, ZERODHA, terms, ())
    assert wanted["stt"] == 2  # 1.30 and 0.375: 1 and 0 if each were rounded
    paid = sum(int(c) for c in engine.tables["ledgers"]["charges"][:2])
    assert abs(Decimal(paid) * UNIT - sum(wanted.values())) < UNIT


def test_worked_examples_of_fills(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders of other people's examples through the core: fills, then the day's note.

    Of delivery the sale is on another day, as it is in a delivery.
    """
    for example in examples():
        if example["fills"] and example["cls"] in ("INTRADAY", "FUTURES", "OPTIONS"):
            check_fills(example, monkeypatch)


def check_fills(example: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare an example's parts with what the core books by kind."""
    monkeypatch.setattr(harness, "DAY", day_of(example))
    start = day_start_ns(harness.DAY) + 9 * 3_600 * SECOND
    made = [(f["qty"] if f["side"] == "B" else -f["qty"], float(f["price"]))
            for f in example["fills"]]  # fmt: skip
    script = {n: (lambda ctx, qty=qty: order(ctx, qty)) for n, (qty, _) in enumerate(made)}
    rows = ticks(made[0][1], *(price for _, price in made), start=start)
    instrument = by_name(name_of(example), Calendar.nse())
    played = play(rows, script, instruments=(instrument,), schedule=ZERODHA, cash=10**16,
                  product=Product[PRODUCTS[example["cls"]]])  # fmt: skip
    assert len(played.of(Out.FILL)) == len(made)
    if example["rounding"] == "note":
        feed(played.engine, ticks(), controls((start + NIGHT // 4, Control.DAY_END)))
    tables = played.engine.tables
    found = charges_by_kind(view(tables["fees"]), view(tables["notes"]))
    found["total"] = sum(found.values())
    for part, wanted in example["expected"].items():
        off = abs(found[KEYS.get(part, part)] / 10_000 - wanted)
        assert off <= allowed(example, part), (example["id"], part, found)


def test_worked_examples_of_exercises() -> None:
    """What the exercise of options costs, by the core (its rate of today scaled to the day's)."""
    for example in examples():
        if "exercise" not in example:
            continue
        ended = example["exercise"]
        rates = ZERODHA.rates(day_of(example), ChargeClass.OPTIONS, Exchange.NFO)
        call = on_index(option("NFO:NC", rs(1_000), OptionType.CALL, lot_size=1))
        played = expire(
            call, spot_at(1_000 + ended["intrinsic"]), ended["qty"], underlying=index(),
            schedule=Schedule("then", None, rates), cash=10**16,
        )  # fmt: skip
        last = played.of(Out.FILL)[-1]
        due = example["expected"]["exercise_stt"] + 20 * 1.18
        assert last.a / 10_000 == pytest.approx(due), example["id"]


def spot_at(price: int) -> Any:
    """Return an underlying's rows late on the day."""
    return at((15 * 60 + 20, float(price)))
