"""The risk gate at work: what it counts, whom it stops, and what it does when the table is full."""

from __future__ import annotations

from typing import Any

import pytest

from alphapanda import bracket, buy, buy_limit, cancel, order, sell, sell_limit
from alphapanda.books.state import Limit
from alphapanda.model.instruments import Product
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import Control, Kind, Out, Reason, Scope
from tests.support.harness import (
    SECOND,
    T0,
    Filled,
    controls,
    feed,
    limited,
    opens,
    play,
    reasons,
    rs,
    tick_strategy,
    ticks,
)


def test_a_loss_stops_the_strategy() -> None:
    """Passing the day's loss refuses with LOSS_LIMIT, kills, and refuses as KILLED from then on."""
    script: dict[int, Any] = {
        0: lambda ctx: (buy(ctx, 10), buy_limit(ctx, 1, rs(80))),
        2: lambda ctx: buy(ctx, 1),
        3: lambda ctx: (buy(ctx, 1), buy(ctx, 1)),
    }
    played = play(ticks(100, 100, 90, 89.95, 89.95), script, limits=limited(loss=10 * rs(10)))
    assert played.codes() == [RejectionCode.LOSS_LIMIT, RejectionCode.KILLED]
    assert reasons(played) == [("CANCELLED", 2, Reason.KILLED)]
    assert [row.a for row in played.of(Out.KILLED)] == [RejectionCode.LOSS_LIMIT]


def test_a_loss_is_the_day_s() -> None:
    """The loss is counted from the day's start: yesterday's does not stop today."""
    script = {0: lambda ctx: buy(ctx, 10), 2: lambda ctx: buy(ctx, 1)}
    rows = ticks(100, 100, 80, step=16 * 3_600 * SECOND)
    assert play(rows, script, limits=limited(loss=rs(150))).codes() == [RejectionCode.LOSS_LIMIT]
    late = ticks(100, 100, 80, 80, step=16 * 3_600 * SECOND)
    script = {0: lambda ctx: buy(ctx, 10), 3: lambda ctx: buy(ctx, 1)}
    assert play(late, script, limits=limited(loss=rs(150))).codes() == []


def test_repeated_executions_stop_the_strategy() -> None:
    """R10: with five filled orders on a side within the window the sixth is refused, and kills."""
    script = {n: (lambda ctx: buy(ctx, 1)) for n in range(7)}
    window = {"repeats": 5, "repeat_ns": 60 * SECOND}
    played = play(ticks(*[100.0] * 9), script, limits=limited(**window))
    assert played.codes() == [RejectionCode.REPEAT_EXEC, RejectionCode.KILLED]
    assert len(played.fills) == 5


def test_a_rearmed_strategy_counts_anew() -> None:
    """REARM forgets the executions that led to the stop."""
    script = {n: (lambda ctx: buy(ctx, 1)) for n in range(5)}
    events = (opens(T0 + 3_600 * SECOND), (T0 + 3 * SECOND + 1, Control.REARM, Scope.STRATEGY, 0))
    window = {"repeats": 2, "repeat_ns": 60 * SECOND}
    played = play(ticks(*[100.0] * 6), script, events=events, limits=limited(**window))
    assert played.codes() == [RejectionCode.REPEAT_EXEC, RejectionCode.KILLED]
    assert len(played.fills) == 3


def test_ten_parts_of_one_order_are_one_execution() -> None:
    """R10 counts orders with a fill, not fills."""
    script = {0: lambda ctx: buy(ctx, 6), 7: lambda ctx: buy(ctx, 1)}
    window = {"repeats": 2, "repeat_ns": 60 * SECOND}
    played = play(ticks(*[100.0] * 9, qty=[1] * 9), script, limits=limited(**window))
    assert played.codes() == []


def test_the_rate_slides() -> None:
    """R8: a message leaves the window exactly one second later."""
    script = {n: (lambda ctx: buy_limit(ctx, 1, rs(90))) for n in range(5)}
    played = play(ticks(*[100.0] * 5, step=SECOND // 2), script, limits=limited(per_second=2))
    assert played.codes() == []
    faster = play(ticks(*[100.0] * 5, step=SECOND // 2 - 1), script, limits=limited(per_second=2))
    assert faster.codes() == [RejectionCode.RATE]


def test_refusals_are_no_messages_and_cancellations_are() -> None:
    """What is refused never leaves; a cancellation does, counts, and is never refused for the rate.

    Semantics say nothing of it; keeping an order that should go is the worse reading.
    """
    script = {0: lambda ctx: (buy_limit(ctx, 1, rs(90)), buy_limit(ctx, 2, rs(90)), cancel(ctx, 1))}
    played = play(ticks(100, 100, 100, step=1), script, limits=limited(per_second=1))
    assert played.codes() == [RejectionCode.RATE]
    assert played.field("ledgers", "messages") == 2


def test_the_account_s_limits_bind_all_strategies() -> None:
    """Two strategies within their own limits share the account's."""
    classes = [tick_strategy({n: lambda ctx: buy(ctx, 6)}) for n in (0, 1)]
    played = play(ticks(100, 100, 100), classes=classes, limits=limited(position=10))
    assert played.codes() == [RejectionCode.POSITION_LIMIT]


def test_strategies_do_not_trade_with_each_other() -> None:
    """R11: an order that would meet another strategy's resting order is refused."""
    classes = [
        tick_strategy({0: lambda ctx: sell_limit(ctx, 1, rs(101))}),
        tick_strategy({1: lambda ctx: (buy_limit(ctx, 1, rs(101)), buy_limit(ctx, 1, rs(100.5)))}),
    ]
    played = play(ticks(100, 100, 100), classes=classes)
    assert played.codes() == [RejectionCode.SELF_TRADE]


@pytest.mark.parametrize("kind", list(Kind))
def test_orders_are_valued_by_their_kind(kind: Kind) -> None:
    """A price that a kind does not use does not make an order cheap."""
    script = {0: lambda ctx: order(ctx, 10, kind, rs(100), rs(100))}
    assert play(ticks(100), script, limits=limited(value=10 * rs(100) - 1)).codes() == [
        RejectionCode.VALUE_LIMIT
    ]
    cheap = {0: lambda ctx: order(ctx, 10, Kind.MARKET, 1, 1)}
    assert play(ticks(100), cheap, limits=limited(value=10 * rs(100) - 1)).codes() != []


@pytest.mark.parametrize("qty", [1 << 50, 1 << 62, -(1 << 62)])
def test_what_int64_cannot_value_is_refused(qty: int) -> None:
    """With every limit off, a quantity whose value would pass int64 is refused, not wrapped."""
    script = {0: lambda ctx: order(ctx, qty)}
    played = play(ticks(100, 100), script)
    assert played.codes() == [RejectionCode.QTY_LIMIT]


def test_a_full_table_refuses() -> None:
    """Orders beyond the table are refused; a bracket needs room for its exits as well."""
    script = {
        0: lambda ctx: (
            bracket(ctx, 1, rs(99), rs(101)),
            *(buy_limit(ctx, 1, rs(90)) for _ in "ab"),
        )
    }
    played = play(ticks(100, 100, 100), script, sizes=Limit(orders=4, out=64))
    assert played.codes() == [RejectionCode.ORDER_CAPACITY]
    refused = played.of(Out.REJECTED)[0]
    assert (refused.b, refused.c) == (1, 0)
    assert played.field("clock", "slots") == 1


def test_a_square_off_frees_the_slots_it_needs() -> None:
    """Square-off cancels all intraday orders first, so a full table is no excuse."""
    end = T0 + 3_600 * SECOND
    events = (opens(end, end), (T0 + 2 * SECOND + 1, Control.SQUARE_OFF, 0))
    resting = {2: lambda ctx: bracket(ctx, 1, rs(90), rs(110), price=rs(95))}
    played = play(
        ticks(*[100.0] * 5), events=events, sizes=Limit(orders=3, out=64),
        classes=[tick_strategy({0: lambda ctx: buy(ctx, 1)}), tick_strategy(resting)],
    )  # fmt: skip
    assert played.field("positions", "qty") == 0
    assert reasons(played) == [("CANCELLED", 2, Reason.SQUARE_OFF)]


def test_a_square_off_without_a_slot_is_said() -> None:
    """A square-off that finds no slot, or only those that a bracket's exits need, says FAILED."""
    end = T0 + 3_600 * SECOND
    rows = ticks(*[100.0] * 4)
    played = play(rows, {0: lambda ctx: buy(ctx, 1)}, events=(opens(end, end),))
    clock = played.engine.tables["clock"]
    clock["reserved"] = clock["slots"]
    said = feed(
        played.engine, rows.slice(0, 0), controls((int(rows.ts[3]) + 1, Control.SQUARE_OFF, 0))
    )
    assert [(row.type, row.qty, row.a) for row in said] == [(Out.FAILED, -1, Reason.CAPACITY)]


def test_delivery_needs_cash() -> None:
    """CNC buys are paid in full: what working orders block is not free."""
    script = {
        0: lambda ctx: (
            buy_limit(ctx, 6, rs(100)),
            buy_limit(ctx, 5, rs(100)),
            buy_limit(ctx, 4, rs(100)),
        )
    }
    played = play(ticks(100, 100), script, product=Product.CNC, cash=10 * rs(100))
    assert played.codes() == [RejectionCode.FUNDS]
    assert played.fills == [Filled(1, 6, 100), Filled(3, 4, 100)]


def test_margin_counts_what_opens() -> None:
    """MIS blocks a fifth of what an order opens, nothing for what it closes."""
    script = {
        0: lambda ctx: buy(ctx, 50),
        1: lambda ctx: (sell(ctx, 100), sell(ctx, 1)),
        3: lambda ctx: buy(ctx, 50),
    }
    played = play(ticks(*[100.0] * 5), script, cash=20 * rs(100))
    assert played.codes() == [RejectionCode.FUNDS]
    assert [fill.qty for fill in played.fills] == [50, -100, 50]
    assert played.field("ledgers", "margin", 1) == 0


def test_a_duplicate_is_one_within_the_moment() -> None:
    """R9: the same side, quantity and price within a second, whatever was sent in between."""
    script = {
        0: lambda ctx: (buy_limit(ctx, 1, rs(90)), buy_limit(ctx, 2, rs(90))),
        1: lambda ctx: (
            buy_limit(ctx, 1, rs(90)),
            buy_limit(ctx, 1, rs(91)),
            sell_limit(ctx, 1, rs(110)),
        ),
        2: lambda ctx: buy_limit(ctx, 1, rs(90)),
    }
    rows = ticks(100, 100, 100, step=SECOND // 2)
    played = play(rows, script, limits=limited(duplicate_ns=SECOND))
    assert [(row.ts - T0, row.a) for row in played.of(Out.REJECTED)] == [
        (SECOND // 2, RejectionCode.DUPLICATE)
    ]
