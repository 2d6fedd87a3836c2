"""Stops and exits on the wrong side of the market are refused, as the broker refuses them."""

from __future__ import annotations

from typing import Any

import pytest

from alphapanda import Kind, bracket, buy_stop, modify, order, sell_stop
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import Out
from tests.support.harness import bars, play, rs, share, ticks

FLAT = (100, 100, 100, 100)


@pytest.mark.parametrize("ask", [
    lambda ctx: buy_stop(ctx, 10, rs(88)),
    lambda ctx: buy_stop(ctx, 10, rs(100)),
    lambda ctx: sell_stop(ctx, 10, rs(120)),
    lambda ctx: sell_stop(ctx, 10, rs(100)),
    lambda ctx: bracket(ctx, 10, rs(105), rs(110)),
    lambda ctx: bracket(ctx, 10, rs(95), rs(99)),
    lambda ctx: bracket(ctx, -10, rs(95), rs(90)),
    lambda ctx: bracket(ctx, -10, rs(105), rs(101)),
    lambda ctx: bracket(ctx, 10, rs(98), price=rs(97)),
    lambda ctx: bracket(ctx, 10, rs(101), price=rs(102)),
    lambda ctx: bracket(ctx, 10, -rs(5)),
    lambda ctx: bracket(ctx, 10, 0, trail=-rs(5)),
    lambda ctx: order(ctx, 10, Kind.STOP_LIMIT, rs(100.5), rs(101)),
    lambda ctx: order(ctx, -10, Kind.STOP_LIMIT, rs(99.5), rs(99)),
])  # fmt: skip
def test_the_wrong_side_is_refused(ask: Any) -> None:
    """Whatever would fill at once, or never, is no stop and no target."""
    for rows in (ticks(100, 100, 100), bars(FLAT, FLAT, FLAT)):
        played = play(rows, {0: ask})
        assert played.codes() == [RejectionCode.WRONG_SIDE]
        assert played.fills == []


@pytest.mark.parametrize("ask", [
    lambda ctx: buy_stop(ctx, 10, rs(100.05)),
    lambda ctx: sell_stop(ctx, 10, rs(99.95)),
    lambda ctx: order(ctx, 10, Kind.STOP_LIMIT, rs(101), rs(101)),
    lambda ctx: bracket(ctx, 10, rs(98), rs(99.5), price=rs(99)),
    lambda ctx: bracket(ctx, -10, rs(100.05), rs(99.95)),
])  # fmt: skip
def test_the_right_side_passes(ask: Any) -> None:
    """One tick beyond the market is enough."""
    assert play(ticks(100, 100), {0: ask}).codes() == []


def test_a_stop_may_not_be_moved_to_the_wrong_side() -> None:
    """A change passes the same rule; the stop stays where it was."""
    script = {
        0: lambda ctx: buy_stop(ctx, 10, rs(103)),
        1: lambda ctx: modify(ctx, 1, trigger=rs(99)),
    }
    played = play(ticks(100, 100, 100), script)
    assert played.codes() == [RejectionCode.WRONG_SIDE]
    assert played.fills == []


def test_an_entry_may_not_be_moved_beyond_its_stop() -> None:
    """A limit below the bracket's stop would be stopped as it fills."""
    script = {
        0: lambda ctx: bracket(ctx, 10, rs(95), price=rs(98)),
        1: lambda ctx: modify(ctx, 1, price=rs(94)),
    }
    assert play(ticks(100, 100, 100), script).codes() == [RejectionCode.WRONG_SIDE]


@pytest.mark.parametrize(("ask", "code", "value"), [
    (lambda ctx: order(ctx, 1, Kind.LIMIT, rs(99.99)), RejectionCode.TICK_SIZE, 99.99),
    (lambda ctx: buy_stop(ctx, 1, rs(101.01)), RejectionCode.TRIGGER_TICK, 101.01),
    (lambda ctx: bracket(ctx, 1, rs(95.02)), RejectionCode.STOP_TICK, 95.02),
    (lambda ctx: bracket(ctx, 1, rs(95), rs(110.03)), RejectionCode.TARGET_TICK, 110.03),
])  # fmt: skip
def test_a_refusal_names_what_is_off_the_tick(ask: Any, code: RejectionCode, value: float) -> None:
    """The code says which field it is, the value what stood in it, the limit the tick."""
    (refused,) = play(ticks(100, 100), {0: ask}).of(Out.REJECTED)
    assert (refused.a, refused.b, refused.c) == (code, rs(value), 500)


@pytest.mark.parametrize(("gap", "level"), [(2.03, 98), (0.01, 99.95), (2, 98)])
def test_a_trail_is_rounded_to_the_nearer_tick(gap: float, level: float) -> None:
    """A distance between ticks becomes the smaller one, and one tick at least."""
    played = play(ticks(100, 100, 100), {0: lambda ctx: bracket(ctx, 1, 0, trail=rs(gap))})
    assert played.codes() == []
    assert [row.a for row in played.of(Out.ORDER)][1:] == [rs(level)]


@pytest.mark.parametrize(("qty", "level"), [(1, 61.05), (-1, 63)])
def test_a_trail_off_an_odd_price_lies_on_the_tick(qty: int, level: float) -> None:
    """Adjusted prices are no ticks: the trigger is rounded towards the market, the safe side."""
    played = play(ticks(62.0005, 62.0005), {0: lambda ctx: bracket(ctx, qty, 0, trail=rs(1))})
    assert [row.a for row in played.of(Out.ORDER)][1:] == [rs(level)]


def test_a_trail_without_a_known_tick_is_taken_as_it_is() -> None:
    """Where the source knows no tick, nothing is rounded."""
    plain = share(tick_size=0)
    played = play(ticks(100, 100), {0: lambda ctx: bracket(ctx, 1, 0, trail=rs(0.0005))},
                  instruments=[plain])  # fmt: skip
    assert [row.a for row in played.of(Out.ORDER)][1:] == [rs(99.9995)]
