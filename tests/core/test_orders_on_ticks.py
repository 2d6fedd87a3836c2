"""Semantics §5 on ticks without quotes: every kind of order meets the last price."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alphapanda import bracket, buy, buy_limit, buy_stop, order, sell, sell_limit, sell_stop
from alphapanda.engine.setup import Paper
from alphapanda.model.calendar import Phase
from alphapanda.model.instruments import Product
from alphapanda.model.rows import Kind, LimitFill, Out, Tif
from tests.support.harness import (
    SECOND,
    T0,
    Filled,
    closes,
    merged,
    opens,
    phase,
    play,
    reasons,
    rs,
    share,
    ticks,
)  # fmt: skip

BUY: dict[int, Any] = {0: lambda ctx: buy(ctx, 10)}


def test_a_market_order_fills_at_the_next_row() -> None:
    """A MARKET order pays the next last price, not that of the row that made it."""
    played = play(ticks(100, 100.5, 101), BUY)
    assert played.fills == [Filled(1, 10, 100.5)]
    assert played.life(1) == ["ORDER", "ACKNOWLEDGED", "FILL"]
    assert played.of(Out.FILL)[0].cause == 2


def test_an_equal_time_is_a_next_row() -> None:
    """A row of the same time behind the order's own row fills it."""
    played = play(ticks(100, 100.5, step=0), BUY)
    assert played.fills == [Filled(1, 10, 100.5)]


def test_nothing_fills_on_the_last_row() -> None:
    """An order made on the last row stays open: no row is left to fill it."""
    assert play(ticks(100), BUY).fills == []


def test_rows_of_other_instruments_fill_nothing() -> None:
    """Only a row of the order's own instrument fills it."""
    rows = ticks(100, 100.5, 100)._replace(row=np.array([0, 1, 0], np.int32))
    played = play(rows, BUY, instruments=(share("NSE:X"), share("NSE:Y")))
    assert played.of(Out.FILL)[0].cause == 3


@pytest.mark.parametrize(("latency", "price"), [(1, 100.05), (SECOND, 100.05), (SECOND + 1, 100.1)])
def test_latency_delays_the_first_fill(latency: int, price: float) -> None:
    """The earliest fill is the first row at or after order time + latency."""
    played = play(ticks(100, 100.05, 100.1), BUY, paper=Paper(latency_ns=latency))
    assert played.fills == [Filled(1, 10, price)]


def test_slippage_worsens_both_sides() -> None:
    """Slippage is added for buys and taken off for sells, rounded to the tick against us."""
    script = {0: lambda ctx: buy(ctx, 10), 1: lambda ctx: sell(ctx, 10)}
    played = play(ticks(100, 100, 100), script, paper=Paper(slippage=1_001))
    assert played.fills == [Filled(1, 10, 100.05), Filled(2, -10, 99.95)]


def test_slippage_ends_at_the_protection() -> None:
    """A market order never pays more than its protection: 1 % at Rs 100."""
    script = {0: lambda ctx: buy(ctx, 10), 1: lambda ctx: sell(ctx, 10)}
    played = play(ticks(100, 100, 100), script, paper=Paper(slippage=500_000))
    assert played.fills == [Filled(1, 10, 101), Filled(2, -10, 99)]


def test_random_slippage_depends_on_seed_and_order_alone() -> None:
    """The random part is a hash of seed and order number: repeatable, and not constant."""
    script = {n: (lambda ctx: buy(ctx, 1)) for n in range(20)}
    rows = ticks(*([100.0] * 21))
    paper = Paper(slippage_random=90_000, seed=1)
    first, again = (play(rows, script, paper=paper).fills for _ in range(2))
    other = play(rows, script, paper=Paper(slippage_random=90_000, seed=2)).fills
    assert first == again != other
    assert len({fill.price for fill in first}) > 3
    assert all(100 < fill.price <= 100.9 + 0.05 for fill in first)


def test_a_market_order_rests_beyond_its_protection() -> None:
    """Beyond 1 % of Rs 100 a MARKET order rests as LIMIT at 101 and fills there when it can."""
    played = play(ticks(100, 102, 101.5, 101, 100.95, 100.9), BUY)
    assert played.fills == [Filled(1, 10, 101)]
    assert played.of(Out.FILL)[0].cause == 5


def test_a_protection_of_its_own_is_kept() -> None:
    """A strategy's own protection binds in place of the automatic one."""
    script = {0: lambda ctx: order(ctx, 10, protection=500_000)}
    assert play(ticks(100, 102), script).fills == [Filled(1, 10, 102)]


def test_a_marketable_limit_gets_the_better_price() -> None:
    """A LIMIT that is marketable on arrival fills at the market's price, not at its own."""
    script = {
        0: lambda ctx: buy_limit(ctx, 10, rs(101)),
        1: lambda ctx: sell_limit(ctx, 10, rs(99)),
    }
    assert play(ticks(100, 100, 100.5), script).fills == [Filled(1, 10, 100), Filled(2, -10, 100.5)]


def test_a_limit_at_the_market_is_marketable() -> None:
    """On arrival the limit's own price is good enough."""
    script = {0: lambda ctx: buy_limit(ctx, 10, rs(100))}
    assert play(ticks(100.5, 100), script).fills == [Filled(1, 10, 100)]


@pytest.mark.parametrize(("rule", "cause"), [(LimitFill.THROUGH, 4), (LimitFill.TOUCH, 3)])
def test_a_resting_limit_fills_through_or_at_its_price(rule: LimitFill, cause: int) -> None:
    """A resting LIMIT fills at its price when the market goes through it, or by option touches."""
    script = {0: lambda ctx: buy_limit(ctx, 10, rs(99))}
    played = play(ticks(100, 99.5, 99, 98), script, paper=Paper(limit_fill=rule))
    assert played.fills == [Filled(1, 10, 99)]
    assert played.of(Out.FILL)[0].cause == cause


@pytest.mark.parametrize("kind", [Kind.STOP, Kind.STOP_LIMIT])
def test_a_stop_waits_for_its_trigger(kind: Kind) -> None:
    """SL and SL-M trigger when the last price reaches the trigger, and then meet the market."""
    price = rs(102) if kind == Kind.STOP_LIMIT else 0
    script = {0: lambda ctx: order(ctx, 10, kind, price, rs(101))}
    played = play(ticks(100, 100.95, 101.1), script)
    assert played.fills == [Filled(1, 10, 101.1)]
    assert played.life(1) == ["ORDER", "ACKNOWLEDGED", "TRIGGERED", "FILL"]


def test_a_stop_limit_rests_when_the_market_is_beyond_its_limit() -> None:
    """A triggered SL fills at its limit or better, or rests there."""
    script = {0: lambda ctx: order(ctx, 10, Kind.STOP_LIMIT, rs(101.2), rs(101))}
    played = play(ticks(100, 101.5, 101.2, 101.15), script)
    assert played.fills == [Filled(1, 10, 101.2)]
    assert played.of(Out.FILL)[0].cause == 4


def test_a_triggered_stop_carries_protection() -> None:
    """SL-M becomes MARKET, its protection (1 % when it was made) around the triggering price."""
    paper = Paper(slippage=500_000)
    played = play(ticks(100, 99, 98, 97), {0: lambda ctx: sell_stop(ctx, 10, rs(98))}, paper=paper)
    assert [row.price for row in played.of(Out.TRIGGERED)] == [rs(97.05)]
    assert played.fills == [Filled(1, -10, 97.05)]


def test_ioc_cancels_what_its_first_row_does_not_fill() -> None:
    """An IOC order has one row; the rest is cancelled on it."""
    script = {0: lambda ctx: order(ctx, 10, Kind.LIMIT, rs(99), tif=Tif.IOC)}
    played = play(ticks(100, 99.5, 98), script)
    assert played.fills == []
    assert reasons(played) == [("CANCELLED", 1, 1)]


def test_ioc_keeps_what_it_got() -> None:
    """An IOC order keeps its partial fill and cancels the rest of it."""
    script = {0: lambda ctx: order(ctx, 10, Kind.LIMIT, rs(101), tif=Tif.IOC)}
    played = play(ticks(100, 100, 100, qty=(4, 4, 4)), script)
    assert played.fills == [Filled(1, 4, 100)]
    assert played.life(1)[-1] == "CANCELLED"
    assert played.of(Out.CANCELLED)[0].qty == 6


def test_an_ioc_stop_waits_for_its_trigger() -> None:
    """The one row of an IOC stop is the one that triggers it."""
    script = {0: lambda ctx: order(ctx, 10, Kind.STOP_LIMIT, rs(101), rs(101), tif=Tif.IOC)}
    played = play(ticks(100, 100, 102, 100), script)
    assert played.life(1) == ["ORDER", "ACKNOWLEDGED", "TRIGGERED", "CANCELLED"]


@pytest.mark.parametrize(
    ("share_of", "fills"),
    [
        (10_000_000, [(4, 100), (6, 100)]),
        (5_000_000, [(2, 100), (3, 100), (5, 100)]),
        (0, [(10, 100)]),
    ],
)
def test_a_fill_takes_a_share_of_what_was_traded(share_of: int, fills: list[Any]) -> None:
    """Size is limited to a share of the traded quantity; a share of 0 lifts the limit."""
    rows = ticks(100, 100, 100, 100, qty=(4, 4, 6, 20))
    played = play(rows, BUY, paper=Paper(volume_share=share_of))
    assert [(fill.qty, fill.price) for fill in played.fills] == fills


def test_cumulative_volume_is_differenced() -> None:
    """Of ticks `volume` is the day's so far: its step was traded, and nothing on a reset."""
    played = play(ticks(100, 100, 100, 100, volume=(1_000, 1_003, 5, 12)), BUY)
    assert [fill.qty for fill in played.fills] == [3, 7]


def test_volume_counts_from_the_day_s_begin() -> None:
    """On a recording that starts late nothing is known to be traded, however little was before."""
    day = 86_400 * SECOND
    first = ticks(100, 100, 100, volume=(1_000, 1_100, 1_200))
    later = ticks(90, 90, 90, start=T0 + day, volume=(5_000, 5_003, 5_010))
    sessions = [opens(T0 + 600 * SECOND), closes(T0 + 600 * SECOND),
                phase(T0 + day, Phase.OPEN, T0 + day + 600 * SECOND)]  # fmt: skip
    hold = {0: lambda ctx: bracket(ctx, 10, rs(95))}
    played = play(merged(first, later), hold, events=sessions, product=Product.CNC)
    assert [(fill.qty, fill.price) for fill in played.fills] == [(10, 100), (-3, 90), (-7, 90)]


def test_orders_share_one_row_s_volume() -> None:
    """Two orders on one side cannot both take what was traded once: first come, first filled."""
    script = {0: lambda ctx: (buy(ctx, 4), buy(ctx, 4))}
    played = play(ticks(100, 100, 100, qty=(5, 5, 5)), script)
    assert played.fills == [Filled(1, 4, 100), Filled(2, 1, 100), Filled(2, 3, 100)]


def test_partial_fills_are_whole_lots() -> None:
    """Partial fills round down to whole lots."""
    script = {0: lambda ctx: buy(ctx, 100)}
    rows = ticks(100, 100, 100, qty=(60, 60, 90))
    played = play(rows, script, instruments=(share(lot_size=25),))
    assert [fill.qty for fill in played.fills] == [50, 50]


def test_nothing_fills_outside_the_circuit_limits() -> None:
    """A price outside the circuit limits fills nothing, one on the limit does."""
    banded = (share(lower_circuit=rs(99.5), upper_circuit=rs(100.5)),)
    played = play(ticks(100, 100.55, 100.5), BUY, instruments=banded)
    assert played.of(Out.FILL)[0].cause == 3
    sold = play(ticks(100, 99.45, 99.5), {0: lambda ctx: sell(ctx, 10)}, instruments=banded)
    assert sold.of(Out.FILL)[0].cause == 3


def test_queue_waits_for_what_was_ahead() -> None:
    """With the queue rule a trade at the price fills only what exceeds the quantity ahead of us.

    Without quotes nothing is known to be ahead, so the first trade at the price counts in full.
    """
    script = {0: lambda ctx: buy_limit(ctx, 10, rs(99))}
    rows = ticks(100, 99.5, 99, 99, qty=(5, 5, 4, 5))
    played = play(rows, script, paper=Paper(limit_fill=LimitFill.QUEUE))
    assert played.fills == [Filled(1, 4, 99), Filled(1, 5, 99)]


def test_first_come_first_filled() -> None:
    """Orders at the same price fill in the order in which they were made."""
    script = {0: lambda ctx: (buy_stop(ctx, 1, rs(101)), buy_stop(ctx, 2, rs(100.5)))}
    played = play(ticks(100, 101), script)
    assert [fill.order for fill in played.fills] == [1, 2]
