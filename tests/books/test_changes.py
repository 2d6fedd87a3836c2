"""Cancel and modify: what reaches the exchange when, and what counts in between."""

from __future__ import annotations

from typing import Any

import pytest

from alphapanda import (
    buy,
    buy_limit,
    cancel,
    cancel_all,
    is_open,
    modify,
    order,
    sell_limit,
    sell_stop,
    target,
    working,
)
from alphapanda.engine.setup import Paper
from alphapanda.model.instruments import Product
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import Kind, LimitFill, Out, Reason
from tests.support.harness import SECOND, Filled, limited, play, quotes, reasons, rs, ticks

LATE = Paper(latency_ns=SECOND)
REST: dict[int, Any] = {0: lambda ctx: buy_limit(ctx, 10, rs(99))}


def test_a_cancel_ends_a_resting_order() -> None:
    """A cancelled order is CANCELLED on the next row and fills no more."""
    played = play(ticks(100, 100, 100, 98), {**REST, 1: lambda ctx: cancel(ctx, 1)})
    assert played.life(1) == ["ORDER", "ACKNOWLEDGED", "CANCEL", "CANCELLED"]
    assert played.fills == []


def test_a_cancel_takes_its_latency() -> None:
    """Until the cancellation arrives the order is alive, and may fill."""
    script = {**REST, 1: lambda ctx: cancel(ctx, 1)}
    half = SECOND // 2
    won = play(ticks(100, 100, 100, 98, step=half), script, paper=LATE)
    assert won.life(1) == ["ORDER", "CANCEL", "ACKNOWLEDGED", "CANCELLED"]
    raced = play(ticks(100, 100, 98, step=half), script, paper=LATE)
    assert raced.fills == [Filled(1, 10, 98)]
    assert raced.life(1) == ["ORDER", "CANCEL", "ACKNOWLEDGED", "FILL"]


def test_a_cancel_wins_on_the_row_on_which_it_arrives() -> None:
    """A row that both fills and sees the cancellation cancels: we do not choose our own luck."""
    script = {0: lambda ctx: (buy(ctx, 10), cancel(ctx, 1))}
    played = play(ticks(100, 100), script)
    assert played.fills == []
    assert played.life(1) == ["ORDER", "CANCEL", "CANCELLED"]


def test_a_second_cancel_says_nothing() -> None:
    """Asking twice sends one message."""
    script = {**REST, 1: lambda ctx: (cancel(ctx, 1), cancel(ctx, 1))}
    played = play(ticks(100, 100, 100), script)
    assert len(played.of(Out.CANCEL)) == 1
    assert played.field("ledgers", "messages") == 2


@pytest.mark.parametrize("number", [0, 7, -1])
def test_a_cancel_of_no_order_is_refused(number: int) -> None:
    """A cancel that names no open order is refused, above all one with number 0."""
    script = {**REST, 1: lambda ctx: cancel(ctx, 99 if number == 7 else number)}
    played = play(ticks(100, 100, 98), script)
    refused = [RejectionCode.UNKNOWN_ORDER] if number != -1 else []
    assert played.codes() == refused


def test_cancel_all_ends_all_of_one_instrument() -> None:
    """`cancel_all` ends every order of the strategy on the instrument."""
    script = {
        0: lambda ctx: (
            buy_limit(ctx, 1, rs(99)),
            buy_limit(ctx, 2, rs(98)),
            sell_stop(ctx, 1, rs(97)),
        ),
        1: cancel_all,
    }
    played = play(ticks(100, 100, 100), script)
    assert reasons(played) == [("CANCELLED", n, Reason.STRATEGY) for n in (1, 2, 3)]


def test_target_cancels_the_other_side_first() -> None:
    """`target` never trades against an own order: it cancels, and orders when called again."""
    script = {
        0: lambda ctx: target(ctx, 10),
        2: lambda ctx: sell_limit(ctx, 5, rs(105)),
        3: lambda ctx: target(ctx, 12),
        4: lambda ctx: target(ctx, 12),
    }
    played = play(ticks(*[100.0] * 6), script)
    assert played.fills == [Filled(1, 10, 100), Filled(3, 2, 100)]
    assert reasons(played) == [("CANCELLED", 2, Reason.STRATEGY)]


def test_a_change_applies_at_the_exchange() -> None:
    """New terms hold from the row on which they arrive."""
    script = {**REST, 1: lambda ctx: modify(ctx, 1, qty=4, price=rs(99.5))}
    played = play(ticks(100, 100, 99.45), script)
    assert played.life(1) == ["ORDER", "ACKNOWLEDGED", "MODIFY", "MODIFIED", "FILL"]
    assert played.fills == [Filled(1, 4, 99.5)]
    asked = played.of(Out.MODIFY)[0]
    assert (asked.qty, asked.price) == (4, rs(99.5))


def test_a_change_keeps_what_it_does_not_name() -> None:
    """What is 0 stays as it is, or as a change still on its way will make it."""
    script = {
        **REST,
        1: lambda ctx: (modify(ctx, 1, qty=4), modify(ctx, 1, price=rs(99.5))),
    }
    played = play(ticks(100, 100, 99.45), script)
    assert played.fills == [Filled(1, 4, 99.5)]


def test_a_stop_s_trigger_can_be_moved() -> None:
    """A stop may be moved while it waits."""
    script = {
        0: lambda ctx: sell_stop(ctx, 10, rs(98)),
        1: lambda ctx: modify(ctx, 1, trigger=rs(99)),
    }
    assert play(ticks(100, 100, 98.9), script).fills == [Filled(1, -10, 98.9)]


def test_a_change_below_what_is_filled_is_refused() -> None:
    """The total may not fall to what is filled already, nor change its side."""
    script = {
        0: lambda ctx: buy_limit(ctx, 10, rs(100)),
        1: lambda ctx: (modify(ctx, 1, qty=4), modify(ctx, 1, qty=3), modify(ctx, 1, qty=-5)),
    }
    played = play(ticks(100, 100, 101, qty=(9, 4, 9)), script)
    assert played.codes() == [RejectionCode.QTY_LIMIT] * 3
    assert played.field("positions", "qty") == 4


def test_a_change_overtaken_by_fills_ends_the_order() -> None:
    """A reduction that arrives when as much is filled ends the order: it never shrinks below."""
    script = {
        0: lambda ctx: buy_limit(ctx, 10, rs(100)),
        1: lambda ctx: modify(ctx, 1, qty=6),
    }
    rows = ticks(100, 100, 100, 99, 99, 99, qty=(9, 3, 4, 4, 9, 9), step=SECOND * 2 // 3)
    played = play(rows, script, paper=LATE)
    assert sum(fill.qty for fill in played.fills) >= 6
    assert played.life(1)[-1] in ("CANCELLED", "FILL")
    assert played.field("positions", "open_buy") == 0


def test_a_change_of_no_order_is_refused() -> None:
    """A change needs an open order that is not being cancelled."""
    script = {**REST, 1: lambda ctx: (cancel(ctx, 1), modify(ctx, 1, qty=4), modify(ctx, 9, qty=1))}
    assert play(ticks(100, 100, 100), script).codes() == [RejectionCode.UNKNOWN_ORDER] * 2


def test_a_delivery_sell_can_be_moved() -> None:
    """A CNC sell of all that is held may change its price: its quantity does not count twice."""
    script = {
        0: lambda ctx: buy(ctx, 10),
        1: lambda ctx: sell_limit(ctx, 10, rs(102)),
        2: lambda ctx: modify(ctx, 2, price=rs(101)),
        3: lambda ctx: modify(ctx, 2, qty=-11),
    }
    played = play(ticks(100, 100, 100, 100, 101.5), script, product=Product.CNC)
    assert played.codes() == [RejectionCode.HOLDINGS]
    assert played.fills == [Filled(1, 10, 100), Filled(2, -10, 101)]


@pytest.mark.parametrize("limit", [{"position": 12}, {"open_value": 12 * rs(99)}])
def test_a_change_on_its_way_counts(limit: dict[str, int]) -> None:
    """An enlargement counts from the moment it is sent: no other order may use the same room."""
    script = {
        **REST,
        1: lambda ctx: (modify(ctx, 1, qty=12), buy_limit(ctx, 1, rs(98))),
        2: lambda ctx: buy_limit(ctx, 1, rs(98)),
    }
    played = play(ticks(100, 100, 100, 100), script, limits=limited(**limit))
    assert len(played.codes()) == 2
    assert played.field("positions", "open_buy") == 12


def test_a_refused_change_leaves_everything() -> None:
    """After a refused change the order, its funds and its count are as before."""
    cash = 10 * rs(99)
    script = {**REST, 1: lambda ctx: modify(ctx, 1, qty=11)}
    played = play(ticks(100, 100, 98), script, cash=cash, product=Product.CNC)
    assert played.codes() == [RejectionCode.FUNDS]
    assert played.fills == [Filled(1, 10, 99)]
    assert played.field("ledgers", "blocked", 1) == 0


def test_funds_follow_a_change() -> None:
    """Funds are blocked for the larger of old and new terms, then for the new."""
    seen: list[tuple[int, int]] = []

    def look(ctx: Any) -> None:
        account = ctx.core.ledgers[1]
        seen.append((account.blocked, account.open_value))

    script = {
        **REST,
        1: lambda ctx: modify(ctx, 1, price=rs(98)),
        2: look,
        4: look,
    }
    rows = ticks(*[100.0] * 5, step=SECOND * 3 // 5)
    played = play(rows, script, paper=LATE, product=Product.CNC)
    assert seen == [(10 * rs(99),) * 2, (10 * rs(98),) * 2]
    assert played.codes() == []


def test_changes_are_counted() -> None:
    """Kite takes 25 changes of one order; the one beyond the limit is refused."""
    script = {**REST, 1: lambda ctx: [modify(ctx, 1, qty=10 + n) for n in range(1, 4)]}
    played = play(ticks(100, 100, 100), script, limits=limited(modifications=2))
    assert played.codes() == [RejectionCode.RATE]
    assert len(played.of(Out.MODIFY)) == 2


def test_a_change_loses_the_queue() -> None:
    """With the queue rule a changed order stands behind what is quoted again."""
    script = {0: lambda ctx: buy_limit(ctx, 10, rs(99.9)), 2: lambda ctx: modify(ctx, 1, qty=12)}
    quote = (99.9, 20, 100.1, 50)
    rows = quotes(*[quote] * 5, last=(100, 100, 99.9, 99.9, 99.9), qty=(1, 1, 15, 15, 8))
    played = play(rows, script, paper=Paper(limit_fill=LimitFill.QUEUE))
    assert played.fills == [Filled(1, 3, 99.9)]


def test_what_works_is_known() -> None:
    """`working` and `is_open` follow an order from its signal's answer to its end."""
    seen: list[Any] = []
    script = {
        0: lambda ctx: order(ctx, 10, Kind.LIMIT, rs(99)),
        1: lambda ctx: seen.append((working(ctx), is_open(ctx, 1))),
        2: lambda ctx: seen.append((working(ctx), is_open(ctx, 1), ctx.position)),
    }
    play(ticks(100, 100, 98), script)
    assert seen == [(10, True), (0, False, 10)]
