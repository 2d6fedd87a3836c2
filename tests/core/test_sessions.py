"""Phases, the end of the day, square-off, expiry, and the kill switch."""

from __future__ import annotations

from typing import Any

import pytest

from alphapanda import buy, buy_limit, cancel_all, sell, sell_limit, target
from alphapanda.engine.setup import Paper
from alphapanda.model.calendar import Phase
from alphapanda.model.charges import Schedule
from alphapanda.model.instruments import Product
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import ChargeKind, Control, Out, Reason, Scope
from tests.support.harness import (
    DAY,
    GROUP_OF_DERIVATIVES,
    MINUTE,
    SECOND,
    T0,
    Filled,
    Heard,
    closes,
    future,
    killed,
    listener,
    merged,
    opens,
    phase,
    play,
    reasons,
    rs,
    share,
    tick_strategy,
    ticks,
)

CLOSE = T0 + 10 * SECOND
BUY: dict[int, Any] = {0: lambda ctx: buy(ctx, 10)}


def test_pre_open_rows_only_set_the_last_price() -> None:
    """Before continuous trading nothing is decided or filled, but the last price is known."""
    rows = ticks(90, 95, 100, 100, start=T0 - 2 * SECOND)
    pre_open = phase(T0 - MINUTE, Phase.PRE_OPEN, T0)
    played = play(rows, BUY, events=(pre_open, opens(CLOSE)))
    assert [row.ts for row in played.of(Out.SIGNAL)] == [T0]
    assert played.fills == [Filled(1, 10, 100)]
    before = play(rows.slice(0, 2), BUY, events=(pre_open,))
    assert before.rows == []
    assert before.field("instruments", "last") == rs(95)


def test_a_marked_position_moves_outside_the_session() -> None:
    """A position is marked by every row, also by those before the open."""
    played = play(
        ticks(100, 100, 90), BUY, events=(opens(T0 + 2 * SECOND), closes(T0 + 2 * SECOND))
    )
    assert played.field("ledgers", "mark") == 10 * rs(90)


def test_day_orders_expire_when_trading_ends() -> None:
    """Everything that still works when continuous trading ends expires, in flight or resting."""
    script = {0: lambda ctx: (buy_limit(ctx, 10, rs(90)), buy(ctx, 1)), 2: lambda ctx: buy(ctx, 2)}
    rows = ticks(100, 100, 100, 100, step=4 * SECOND)
    played = play(rows, script, events=(opens(CLOSE), closes(CLOSE)))
    assert reasons(played) == [("EXPIRED", n, Reason.SESSION_END) for n in (1, 3)]
    assert played.field("positions", "open_buy") == 0
    assert played.field("clock", "slots") == 64


def test_the_closing_auction_ends_continuous_trading() -> None:
    """Orders expire at the auction too, and new ones are refused."""
    events = (opens(CLOSE), phase(CLOSE, Phase.AUCTION, CLOSE + MINUTE))
    script = {0: lambda ctx: buy_limit(ctx, 10, rs(90))}
    played = play(ticks(100, 100, 100, step=6 * SECOND), script, events=events)
    assert reasons(played) == [("EXPIRED", 1, Reason.SESSION_END)]


def test_an_order_at_the_close_is_refused() -> None:
    """A decision at or after the end of the phase is MARKET_CLOSED."""
    heard = Heard()
    cls = listener({1: lambda ctx: buy(ctx, 1)}, heard)
    rows = ticks(100, 100, start=CLOSE - SECOND)
    played = play(rows, classes=[cls], events=(opens(CLOSE),))
    assert played.codes() == [RejectionCode.MARKET_CLOSED]
    assert [call[0] for call in heard.calls] == ["session"]


MIS = {"product": Product.MIS, "schedule": Schedule.zerodha()}
CUT_OFF = T0 + 5 * SECOND
SQUARE_OFF = (CUT_OFF, Control.SQUARE_OFF, 0)


def test_square_off_closes_intraday_positions_for_a_fee() -> None:
    """At the dated time MIS orders are cancelled and positions closed, for the broker's fee."""
    script = {0: lambda ctx: (buy(ctx, 10), buy_limit(ctx, 5, rs(90)))}
    rows = ticks(100, 100, 100, 99, step=2 * SECOND)
    played = play(rows, script, events=(opens(CLOSE, CUT_OFF), SQUARE_OFF), **MIS)
    assert played.fills == [Filled(1, 10, 100), Filled(3, -10, 99)]
    assert reasons(played) == [("CANCELLED", 2, Reason.SQUARE_OFF)]
    fees = [(row.a, row.b) for row in played.of(Out.CHARGE)]
    assert fees == [(ChargeKind.SQUARE_OFF, rs(59))]


def test_intraday_orders_end_at_the_cut_off() -> None:
    """After the cut-off no intraday order passes, a delivery order does."""
    script = {3: lambda ctx: buy(ctx, 1)}
    rows = ticks(100, 100, 100, 100, 100, step=2 * SECOND)
    events = (opens(CLOSE, CUT_OFF), SQUARE_OFF)
    assert play(rows, script, events=events, **MIS).codes() == [RejectionCode.MARKET_CLOSED]
    assert play(rows, script, events=events, product=Product.CNC).codes() == []


def test_delivery_is_not_squared_off() -> None:
    """Square-off touches intraday positions alone."""
    events = (opens(CLOSE, CUT_OFF), SQUARE_OFF)
    played = play(
        ticks(100, 100, 100, 99, step=2 * SECOND), BUY, events=events, product=Product.CNC
    )
    assert played.fills == [Filled(1, 10, 100)]


@pytest.mark.parametrize("undo", [cancel_all, lambda ctx: target(ctx, 10)])
def test_a_strategy_cannot_stop_the_square_off(undo: Any) -> None:
    """The broker's own order is not the strategy's to cancel."""
    script = {**BUY, 3: undo}
    rows = ticks(*[100.0] * 6, step=2 * SECOND)
    played = play(
        rows, script, events=(opens(T0 + MINUTE, CUT_OFF), SQUARE_OFF),
        paper=Paper(latency_ns=3 * SECOND),
    )  # fmt: skip
    assert played.field("positions", "qty") == 0


def test_orders_end_at_expiry_and_none_follow() -> None:
    """What works on a contract expires with it; later orders are refused."""
    rows = merged(ticks(100, 100, 100, 100), ticks(10, 10, 10, 10, row=1))
    cls = tick_strategy(
        {0: lambda ctx: buy_limit(ctx, 25, rs(9)), 3: lambda ctx: buy(ctx, 25)}, row=1
    )
    at = T0 + 2 * SECOND + 1
    events = (opens(CLOSE, group=GROUP_OF_DERIVATIVES), (at, Control.EXPIRY, 1))
    played = play(rows, classes=[cls], events=events, instruments=(share("NSE:X"), future()),
                  expiries={1: at}, product=Product.NRML)  # fmt: skip
    assert reasons(played) == [("EXPIRED", 1, Reason.EXPIRED)]
    assert played.codes() == [RejectionCode.MARKET_CLOSED]


@pytest.mark.parametrize("scope", list(Scope))
def test_a_kill_cancels_and_refuses_until_rearmed(scope: Scope) -> None:
    """KILL of account, strategy or instrument cancels and refuses; REARM ends it."""
    script = {
        0: lambda ctx: buy_limit(ctx, 1, rs(90)),
        2: lambda ctx: buy(ctx, 1),
        4: lambda ctx: buy(ctx, 1),
    }
    events = (
        opens(CLOSE), killed(T0 + SECOND + 1, scope),
        (T0 + 3 * SECOND + 1, Control.REARM, scope, 0),
    )  # fmt: skip
    played = play(ticks(*[100.0] * 6), script, events=events)
    assert reasons(played) == [("CANCELLED", 1, Reason.KILLED)]
    assert played.codes() == [RejectionCode.KILLED]
    assert [fill.order for fill in played.fills] == [3]
    assert [(row.a, row.b) for row in played.of(Out.KILLED)] == [(RejectionCode.KILLED, scope)]


def test_a_kill_of_one_leaves_the_others() -> None:
    """A killed strategy or instrument does not stop the rest."""
    other = tick_strategy({2: lambda ctx: buy(ctx, 1)})
    mine = tick_strategy({2: lambda ctx: buy(ctx, 1)})
    events = (opens(CLOSE), killed(T0 + SECOND + 1, Scope.STRATEGY, 1))
    played = play(ticks(*[100.0] * 4), classes=[mine, other], events=events)
    assert [row.strategy for row in played.of(Out.FILL)] == [0]
    assert [row.strategy for row in played.of(Out.REJECTED)] == [1]


def test_a_sell_never_exceeds_holdings() -> None:
    """CNC: what is held and not already being sold may be sold, and no more."""
    script = {
        0: lambda ctx: (sell(ctx, 1), buy(ctx, 10)),
        2: lambda ctx: (
            sell_limit(ctx, 6, rs(105)),
            sell_limit(ctx, 5, rs(105)),
            sell_limit(ctx, 4, rs(105)),
        ),
    }
    played = play(ticks(100, 100, 100, 106), script, product=Product.CNC)
    assert played.codes() == [RejectionCode.HOLDINGS] * 2
    assert [fill.qty for fill in played.fills] == [10, -6, -4]


def test_the_day_is_the_rate_s_day() -> None:
    """The tests' Monday lies after the changes of 2026-04-01, whose rates they use."""
    assert str(DAY) == "2026-11-23"
