"""Semantics §5 on bars: the next open, gaps at the open, stops before targets."""

from __future__ import annotations

from typing import Any

import pytest

from alphapanda import bracket, buy, buy_limit, buy_stop, order, sell, sell_limit, sell_stop
from alphapanda.engine.setup import Paper
from alphapanda.model.rows import Kind, LimitFill, Out, Tif
from tests.support.harness import MINUTE, Filled, bars, play, rs, share

FLAT = (100, 100, 100, 100)


def test_a_market_order_fills_at_the_next_open() -> None:
    """A MARKET order made on a bar's end pays the next bar's open."""
    played = play(bars(FLAT, (100.5, 101, 100, 100.8)), {0: lambda ctx: buy(ctx, 10)})
    assert played.fills == [Filled(1, 10, 100.5)]


@pytest.mark.parametrize(("latency", "price"), [(MINUTE, 100.1), (MINUTE + 1, 100.2)])
def test_latency_on_bars_is_measured_at_the_bar_s_end(latency: int, price: float) -> None:
    """A bar is a row at its end: it fills orders whose time + latency is not after that end."""
    rows = bars(FLAT, (100.1, 100.1, 100.1, 100.1), (100.2, 100.2, 100.2, 100.2))
    played = play(rows, {0: lambda ctx: buy(ctx, 10)}, paper=Paper(latency_ns=latency))
    assert played.fills == [Filled(1, 10, price)]


@pytest.mark.parametrize(
    ("bar", "price"),
    [((100, 100, 98.9, 99.5), 99), ((98.5, 99.5, 98, 99), 98.5), ((100, 100, 99, 99.5), None)],
)
def test_a_limit_inside_a_bar(bar: Any, price: float | None) -> None:
    """A LIMIT fills at its price when the range goes through it, at the open after a gap."""
    script = {0: lambda ctx: buy_limit(ctx, 10, rs(99))}
    played = play(bars(FLAT, (100, 100, 99.5, 100), bar), script)
    assert [fill.price for fill in played.fills] == ([] if price is None else [price])


def test_a_limit_touched_inside_a_bar() -> None:
    """With the touch option the bar's extreme is enough."""
    script = {0: lambda ctx: sell_limit(ctx, 10, rs(101))}
    rows = bars(FLAT, (100, 101, 100, 100))
    assert play(rows, script).fills == []
    assert play(rows, script, paper=Paper(limit_fill=LimitFill.TOUCH)).fills == [
        Filled(1, -10, 101)
    ]


@pytest.mark.parametrize(
    ("bar", "price"),
    [
        ((100, 101, 100, 100.5), 101),
        ((101.5, 102, 101, 101), 101.5),
        ((100, 100.95, 99, 100), None),
    ],
)
def test_a_stop_inside_a_bar(bar: Any, price: float | None) -> None:
    """A stop fills at its trigger when the range reaches it, at the open after a gap."""
    played = play(bars(FLAT, bar), {0: lambda ctx: buy_stop(ctx, 10, rs(101))})
    assert [fill.price for fill in played.fills] == ([] if price is None else [price])


def test_slippage_worsens_a_stop_inside_a_bar() -> None:
    """A stop's trigger is worsened by the slippage like every market price."""
    script = {0: lambda ctx: sell_stop(ctx, 10, rs(99))}
    played = play(bars(FLAT, (100, 100, 98, 98)), script, paper=Paper(slippage=10_000))
    assert played.fills == [Filled(1, -10, 98.9)]


def test_the_stop_comes_before_the_target() -> None:
    """A bar that reaches both exits fills the stop: the pessimistic order."""
    script = {0: lambda ctx: bracket(ctx, 10, stop=rs(99), target=rs(101))}
    played = play(bars(FLAT, FLAT, (100, 102, 98, 100)), script)
    assert played.fills == [Filled(1, 10, 100), Filled(2, -10, 99)]
    assert played.life(3) == ["ORDER", "ACKNOWLEDGED", "CANCELLED"]


def test_a_gap_beyond_the_target_fills_at_the_open() -> None:
    """The open comes first: a gap above the target sells there, whatever the bar does later."""
    script = {0: lambda ctx: bracket(ctx, 10, stop=rs(99), target=rs(101))}
    played = play(bars(FLAT, FLAT, (101.5, 102, 98, 98)), script)
    assert played.fills == [Filled(1, 10, 100), Filled(3, -10, 101.5)]


def test_a_stop_limit_fills_at_its_trigger_inside_a_bar() -> None:
    """A buy SL whose limit leaves room above its trigger fills where the range reaches that."""
    script = {0: lambda ctx: order(ctx, 10, Kind.STOP_LIMIT, rs(101.5), rs(101))}
    played = play(bars(FLAT, (100, 102, 99, 102)), script)
    assert played.fills == [Filled(1, 10, 101)]


def test_a_trailing_stop_follows_the_bar_s_extreme_afterwards() -> None:
    """A bar first tries the stop's old level, then moves it."""
    script = {0: lambda ctx: bracket(ctx, 10, stop=rs(98), trail=rs(2))}
    calm, rise, dip = (100, 100, 99, 99), (100, 103, 99, 102), (102, 102, 100.5, 101)
    played = play(bars(FLAT, FLAT, calm, rise, dip), script)
    assert played.fills == [Filled(1, 10, 100), Filled(2, -10, 101)]
    assert played.of(Out.FILL)[-1].cause == 5


def test_the_bar_s_volume_limits_its_fills() -> None:
    """All fills of one bar and side together take at most the share of its volume."""
    script = {0: lambda ctx: (sell(ctx, 6), sell_limit(ctx, 6, rs(100.5)))}
    rows = bars(FLAT, (100, 101, 100, 100), FLAT, volume=(9, 9, 9))
    played = play(rows, script)
    assert played.fills == [Filled(1, -6, 100), Filled(2, -3, 100.5)]


def test_an_ioc_limit_has_only_the_open() -> None:
    """An IOC order sees the open of its bar and nothing after it."""
    script = {0: lambda ctx: order(ctx, 10, Kind.LIMIT, rs(99), tif=Tif.IOC)}
    played = play(bars(FLAT, (100, 100, 98, 99)), script)
    assert played.life(1) == ["ORDER", "ACKNOWLEDGED", "CANCELLED"]


def test_circuit_limits_hold_inside_a_bar() -> None:
    """A stop whose trigger lies outside the circuit limits is refused, one inside fills."""
    banded = (share(lower_circuit=rs(99), upper_circuit=rs(101)),)
    script = {0: lambda ctx: (buy_stop(ctx, 1, rs(101.05)), buy_stop(ctx, 1, rs(101)))}
    played = play(bars(FLAT, (100, 101, 100, 101)), script, instruments=banded)
    assert played.codes() == [1]
    assert played.fills == [Filled(2, 1, 101)]


def test_a_market_order_waits_for_an_open_inside_the_circuit_limits() -> None:
    """An open outside the circuit limits fills nothing."""
    banded = (share(lower_circuit=rs(99.8), upper_circuit=rs(100.2)),)
    rows = bars(FLAT, (100.5, 100.5, 100, 100), FLAT)
    played = play(rows, {0: lambda ctx: buy(ctx, 1)}, instruments=banded)
    assert played.of(Out.FILL)[0].cause == 3
