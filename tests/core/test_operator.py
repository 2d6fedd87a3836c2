"""What an operator's commands do: verbs by scopes, in every state that a position may be in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alphapanda import (
    bracket,
    buy,
    buy_limit,
    buy_stop,
    cancel_all,
    modify,
    sell,
    sell_limit,
)
from alphapanda.engine.setup import Paper
from alphapanda.model.calendar import Phase
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import Control, Kind, Out, Reason, Scope
from tests.support.harness import (
    SECOND,
    T0,
    Filled,
    closes,
    limited,
    opens,
    phase,
    play,
    reasons,
    rs,
    share,
    tick_strategy,
    ticks,
)

CLOSE = T0 + 1_000 * SECOND
LATE = Paper(latency_ns=3 * SECOND // 2)


def sent(second: float, verb: Control, scope: int = 0, number: int = 0) -> tuple[Any, ...]:
    """Return a command just behind the tick of a second; its number in the run is 7."""
    return T0 + round(second * SECOND) + 1, verb, scope, number, 7, T0


def day(script: Any, *commands: tuple[Any, ...], prices: Any = None, **desk: Any) -> Any:
    """Run a script on ticks of a second, with commands."""
    rows = ticks(*(prices or [100.0] * 12))
    return play(rows, script, events=(opens(CLOSE), *commands), **desk)


def ends(played: Any) -> dict[int, tuple[str, int]]:
    """Return how each order ended that was not filled: type and reason."""
    return {order: (kind, reason) for kind, order, reason in reasons(played)}


PAUSED = ("CANCELLED", Reason.PAUSED)
STOPPED = ("CANCELLED", Reason.KILLED)
BY_HAND = ("CANCELLED", Reason.OPERATOR)


def busy(side: int) -> dict[int, Any]:
    """Return a script that holds 10 of a side, with adding, reducing, too large and stop orders."""

    def place(ctx: Any) -> None:
        for qty, price in ((side, 90), (-4 * side, 110), (-6 * side, 111), (-side, 112)):
            away = rs(price if side > 0 else 200 - price)
            buy_limit(ctx, qty, away) if qty > 0 else sell_limit(ctx, -qty, away)

    return {0: lambda ctx: buy(ctx, 10) if side > 0 else sell(ctx, 10), 2: place}


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("late", [False, True])
def test_verbs_on_working_orders(scope: Scope, side: int, late: bool) -> None:
    """KILL cancels all, PAUSE what adds (2) or closes more than is held (5), FLATTEN all."""
    desk = {"paper": LATE if late else Paper()}

    def after(verb: Control) -> Any:
        return day(busy(side), sent(6, verb, scope), **desk)

    assert ends(after(Control.KILL)) == dict.fromkeys((2, 3, 4, 5), STOPPED)
    assert ends(after(Control.PAUSE)) == dict.fromkeys((2, 5), PAUSED)
    flat = after(Control.FLATTEN)
    assert ends(flat) == dict.fromkeys((2, 3, 4, 5), BY_HAND)
    assert flat.fills[-1] == Filled(6, -10 * side, 100)
    assert flat.field("positions", "qty") == 0
    told = flat.of(Out.COMMAND)
    names = (0 if scope == Scope.STRATEGY else -1, 0 if scope == Scope.INSTRUMENT else -1)
    assert [(row.strategy, row.row) for row in told] == [names]
    assert [(row.a, row.b, row.c, row.d) for row in told] == [(Control.FLATTEN, scope, 7, T0)]


@pytest.mark.parametrize("late", [False, True])
def test_a_flatten_waits_for_its_cancels(late: bool) -> None:
    """Closing orders are sent on the row at which the cancels took effect; at once without any."""
    desk = {"paper": LATE if late else Paper()}
    played = day(busy(1), sent(6, Control.FLATTEN), **desk)
    closing = next(row for row in played.of(Out.SIGNAL) if row.order == 6)
    through = max(row.ts for row in played.of(Out.CANCELLED))
    assert closing.ts == through == T0 + (8 if late else 7) * SECOND
    at_once = day({0: lambda ctx: buy(ctx, 10)}, sent(6, Control.FLATTEN), **desk)
    assert at_once.of(Out.SIGNAL)[-1].ts == T0 + 6 * SECOND + 1
    assert at_once.field("positions", "qty") == 0
    assert at_once.life(2)[:2] == ["ORDER", "ACKNOWLEDGED"]
    order = at_once.of(Out.ORDER)[-1]
    assert (order.b, order.price) == (Kind.MARKET, rs(99))  # 1 % of Zerodha's own protection


def test_a_bracket_keeps_its_exits_but_for_a_flatten() -> None:
    """PAUSE and KILL leave exits; FLATTEN cancels them, then closes; none of them fills later."""
    script = {0: lambda ctx: bracket(ctx, 10, rs(95), rs(110))}
    prices = [100.0] * 6 + [94.0] * 3
    for verb in (Control.PAUSE, Control.KILL):
        played = day(script, sent(3, verb), prices=prices)
        assert played.fills[-1] == Filled(2, -10, 94)
        assert ends(played) == {3: ("CANCELLED", Reason.OCO)}
    played = day(script, sent(3, Control.FLATTEN), prices=prices)
    assert ends(played) == dict.fromkeys((2, 3), BY_HAND)
    assert played.fills[1:] == [Filled(4, -10, 100)]


def test_a_bracket_in_flight_is_flattened_too() -> None:
    """An entry that fills before its cancel makes exits; they are cancelled, then it is closed."""
    script = {0: lambda ctx: bracket(ctx, 10, rs(95), rs(110), price=rs(100))}
    played = day(script, sent(0.5, Control.FLATTEN), paper=Paper(latency_ns=SECOND))
    assert played.fills[0] == Filled(1, 10, 100)
    assert played.field("positions", "qty") == 0
    assert ends(played) == dict.fromkeys((2, 3), BY_HAND)


def test_a_position_with_a_stop_is_closed_by_hand() -> None:
    """Paused, a closing order passes beside live exits; what fills first ends the others."""
    script = {
        0: lambda ctx: bracket(ctx, 10, rs(95), rs(110)),
        4: lambda ctx: sell(ctx, 4),
        6: lambda ctx: (sell_limit(ctx, 6, rs(104)), sell_limit(ctx, 1, rs(104))),
    }
    prices = [100.0] * 8 + [94.0, 94.0, 120.0, 80.0]
    played = day(script, sent(3, Control.PAUSE), prices=prices)
    assert played.codes() == [RejectionCode.PAUSED]
    assert played.fills == [Filled(1, 10, 100), Filled(4, -4, 100), Filled(2, -6, 94)]
    assert [row.qty for row in played.of(Out.MODIFIED)] == [-6, -6]
    assert ends(played) == {3: ("CANCELLED", Reason.OCO), 5: PAUSED}
    assert played.field("positions", "open_sell") == 0
    assert played.field("ledgers", "blocked", 1) == 0


PASS: dict[str, tuple[Any, bool]] = {
    "a buy adds": (lambda ctx: buy(ctx, 1), False),
    "a limit adds": (lambda ctx: buy_limit(ctx, 1, rs(50)), False),
    "a stop adds": (lambda ctx: buy_stop(ctx, 1, rs(150)), False),
    "a bracket adds, even against the position": (lambda ctx: bracket(ctx, -1, rs(120)), False),
    "closing all reduces": (lambda ctx: sell(ctx, 10), True),
    "closing more turns": (lambda ctx: sell(ctx, 11), False),
    "a stop reduces": (lambda ctx: sell_limit(ctx, 10, rs(150)), True),
}


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize("name", PASS)
def test_what_a_pause_lets_pass(name: str, scope: Scope) -> None:
    """A paused strategy that is long may only sell what it has; resumed, it may do all of it."""
    request, passes = PASS[name]
    script = {0: lambda ctx: buy(ctx, 10), 4: request}
    played = day(script, sent(3, Control.PAUSE, scope))
    assert played.codes() == ([] if passes else [RejectionCode.PAUSED])
    lifted = day(script, sent(2, Control.PAUSE, scope), sent(3, Control.RESUME, scope))
    assert lifted.codes() == []
    other = day(script, sent(2, Control.PAUSE, scope), sent(3, Control.REARM, scope))
    assert other.codes() == played.codes()
    assert day(script, sent(2, Control.KILL, scope), sent(3, Control.RESUME, scope)).codes() == [
        RejectionCode.KILLED
    ]


def test_a_change_is_judged_by_its_new_terms() -> None:
    """A reducing order may get another price, not more than is held; an exit another trigger."""
    script = {
        0: lambda ctx: bracket(ctx, 10, rs(95), rs(110)),
        2: lambda ctx: sell_limit(ctx, 4, rs(105)),
        4: lambda ctx: (
            modify(ctx, 4, price=rs(106)),
            modify(ctx, 4, qty=-10),
            modify(ctx, 4, qty=-11),
            modify(ctx, 2, trigger=rs(96)),
            modify(ctx, 2, qty=-11),
        ),
    }
    played = day(script, sent(3, Control.PAUSE))
    assert [(row.a, row.order) for row in played.of(Out.REJECTED)] == [
        (RejectionCode.PAUSED, 4), (RejectionCode.PAUSED, 2),
    ]  # fmt: skip


def test_a_pending_change_that_would_add_is_cancelled() -> None:
    """A change on its way counts: an order that would close too much by it is cancelled."""
    script = {
        0: lambda ctx: buy(ctx, 10),
        3: lambda ctx: sell_limit(ctx, 4, rs(105)),
        5: lambda ctx: modify(ctx, 2, qty=-12),
    }
    played = day(script, sent(5, Control.PAUSE), paper=Paper(latency_ns=SECOND))
    assert ends(played) == {2: PAUSED}


def test_other_strategies_and_instruments_go_on() -> None:
    """A command to one strategy or instrument leaves the others alone."""
    for verb in (Control.KILL, Control.PAUSE, Control.FLATTEN):
        script = {0: lambda ctx: buy(ctx, 2), 4: lambda ctx: buy(ctx, 1)}
        pair = [tick_strategy(script), tick_strategy(script)]
        events = (opens(CLOSE), sent(2, verb, Scope.STRATEGY, 1))
        played = play(ticks(*[100.0] * 8), classes=pair, events=events)
        assert [row.strategy for row in played.of(Out.REJECTED)] == [1]
        assert played.field("positions", "qty", 0) == 3
        assert played.field("positions", "qty", 1) == (0 if verb == Control.FLATTEN else 2)


def test_a_flatten_is_cut_at_the_freeze_quantity() -> None:
    """Large positions close by several orders, none beyond what the exchange, or R3, takes."""
    script = dict.fromkeys(range(3), lambda ctx: buy(ctx, 9))
    played = day(script, sent(6, Control.FLATTEN), instruments=(share(freeze_quantity=10),))
    assert [fill.qty for fill in played.fills[3:]] == [-10, -10, -7]
    played = day(
        script, sent(6, Control.FLATTEN), limits=limited(qty=10),
        instruments=(share(lot_size=3),),
    )  # fmt: skip
    assert [fill.qty for fill in played.fills[3:]] == [-9, -9, -9]
    assert played.field("positions", "qty") == 0


def test_a_flatten_passes_the_limits_but_those_of_facts() -> None:
    """Killed, over its loss, over its rate: it closes all the same. With the market shut it can't.

    Why is a refusal.
    """
    strict = limited(loss=1, value=rs(1), per_minute=2, repeats=1, repeat_ns=60 * SECOND)
    script = {0: lambda ctx: buy(ctx, 1)}
    loose = replace(strict, strategy={**strict.strategy, "value": rs(1_000)},
                    account={**strict.account, "value": rs(1_000)})  # fmt: skip
    prices = [100.0, 100.0, 90.0, 90.0, 90.0, 90.0]
    commands = (sent(2, Control.KILL), sent(3, Control.FLATTEN))
    played = day(script, *commands, prices=prices, limits=loose)
    assert played.fills == [Filled(1, 1, 100), Filled(2, -1, 90)]
    shut = (closes(T0 + 4 * SECOND), sent(4, Control.FLATTEN))
    assert day(script, *shut, prices=prices).codes() == [RejectionCode.MARKET_CLOSED]


def test_a_flatten_that_waits_when_trading_ends_says_so() -> None:
    """Cancels that the close overtakes end the wait: the closing order is refused, and told."""
    script = {0: lambda ctx: buy(ctx, 1), 4: lambda ctx: sell_limit(ctx, 1, rs(120))}
    shut = phase(T0 + 6 * SECOND, Phase.CLOSED, CLOSE)
    played = day(script, sent(5, Control.FLATTEN), shut, paper=LATE)
    assert played.codes() == [RejectionCode.MARKET_CLOSED]
    assert played.field("clock", "closing") == 0


def test_a_closing_order_is_not_its_strategy_s() -> None:
    """A strategy can neither cancel nor change what closes for a flatten, nor add to it."""

    def meddle(ctx: Any) -> None:
        cancel_all(ctx)
        modify(ctx, 2, qty=-1)
        sell(ctx, 1)

    script = {0: lambda ctx: buy(ctx, 10), 4: meddle}
    played = day(script, sent(3, Control.FLATTEN), paper=LATE)
    assert played.codes() == [RejectionCode.UNKNOWN_ORDER, RejectionCode.PAUSED]
    assert played.fills[-1].qty == -10


def test_a_closing_order_never_turns_the_position() -> None:
    """Resumed while it closes, a strategy that sells too leaves the flatten less to sell."""
    script = {0: lambda ctx: buy(ctx, 10), 4: lambda ctx: sell(ctx, 10)}
    resumed = day(
        script, sent(3, Control.FLATTEN), sent(3.5, Control.RESUME),
        prices=[100.0] * 4 + [98.0, 98.0, 98.0, 101.0, 101.0],
    )  # fmt: skip
    assert resumed.field("positions", "qty") == 0
    assert [fill.order for fill in resumed.fills] == [1, 3]
    assert ends(resumed) == {2: PAUSED}


def test_a_kill_stops_a_flatten_and_a_later_flatten_closes() -> None:
    """The later command counts: KILL ends a waiting flatten and cancels what closes for it."""
    script = {0: lambda ctx: buy(ctx, 10), 3: lambda ctx: sell_limit(ctx, 1, rs(130))}
    waiting = (sent(5, Control.FLATTEN), sent(5.5, Control.KILL))
    played = day(script, *waiting, paper=Paper(latency_ns=SECOND))
    assert len(played.of(Out.SIGNAL)) == 2
    assert played.field("positions", "qty") == 10
    closing = (sent(2, Control.FLATTEN), sent(2.5, Control.KILL))
    far = day({0: lambda ctx: buy(ctx, 10)}, *closing, paper=Paper(latency_ns=SECOND))
    assert ends(far) == {2: STOPPED}
    again = day({0: lambda ctx: buy(ctx, 10)}, *closing, sent(5, Control.FLATTEN))
    assert again.field("positions", "qty") == 0


def test_cancel_ends_one_order_whoever_s() -> None:
    """CANCEL takes an order, an exit too; of an unknown number its row names no instrument."""
    script = {0: lambda ctx: (bracket(ctx, 10, rs(95), rs(110)), buy_limit(ctx, 1, rs(90)))}
    orders = [(T0 + 3 * SECOND + n, Control.CANCEL, 0, order, n) for n, order in enumerate(
        (2, 3, 3, 99), start=1)]  # fmt: skip
    played = day(script, *orders)
    assert ends(played) == dict.fromkeys((2, 3), BY_HAND)
    told = [(row.order, row.strategy, row.row) for row in played.of(Out.COMMAND)]
    assert told == [(2, 0, 0), (3, 0, 0), (3, 0, 0), (99, -1, -1)]


def test_a_command_without_a_number_is_not_told() -> None:
    """Control rows that no operator sent, as sweeps make them, give no row of their own."""
    quiet = (T0 + 3 * SECOND, Control.PAUSE, 0, 0)
    assert day({0: lambda ctx: buy(ctx, 1)}, quiet).of(Out.COMMAND) == []
