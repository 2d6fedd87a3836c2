"""Semantics §5 on ticks with quotes: a buy pays the ask, a sell gets the bid, sizes are quoted."""

from __future__ import annotations

from typing import Any

from alphapanda import buy, buy_limit, buy_stop, order, sell, sell_limit
from alphapanda.engine.setup import Paper
from alphapanda.model.rows import Kind, LimitFill, Out, Tif
from tests.support.harness import Filled, play, quotes, reasons, rs

BUY: dict[int, Any] = {0: lambda ctx: buy(ctx, 10)}
WIDE = (99.9, 50, 100.1, 50)


def test_a_market_order_meets_the_opposite_quote() -> None:
    """A buy pays the next ask, a sell gets the next bid."""
    script = {0: lambda ctx: buy(ctx, 10), 1: lambda ctx: sell(ctx, 10)}
    played = play(quotes(WIDE, WIDE, WIDE), script)
    assert played.fills == [Filled(1, 10, 100.1), Filled(2, -10, 99.9)]


def test_the_quote_s_quantity_limits_a_fill() -> None:
    """A fill takes no more than is quoted; a market order meets the next row for the rest."""
    played = play(quotes(WIDE, (99.9, 50, 100.1, 7), (99.9, 50, 100.2, 50)), BUY)
    assert played.fills == [Filled(1, 7, 100.1), Filled(1, 3, 100.2)]


def test_orders_share_the_quote() -> None:
    """Two orders of one side cannot both take what is quoted once."""
    script = {0: lambda ctx: (buy(ctx, 6), buy(ctx, 6))}
    played = play(quotes(WIDE, (99.9, 50, 100.1, 8), WIDE), script)
    assert played.fills == [Filled(1, 6, 100.1), Filled(2, 2, 100.1), Filled(2, 4, 100.1)]


def test_without_a_quote_on_its_side_a_market_order_waits() -> None:
    """A side of 0 is no quote: nothing fills, not even at the last price."""
    played = play(quotes(WIDE, (99.9, 50, 0, 0), WIDE, last=(100, 100, 100)), BUY)
    assert played.of(Out.FILL)[0].cause == 3


def test_an_ioc_without_a_quote_is_cancelled() -> None:
    """An IOC order that meets no quote ends on that row."""
    script = {0: lambda ctx: order(ctx, 10, tif=Tif.IOC)}
    played = play(quotes(WIDE, (99.9, 50, 0, 0), last=(100, 100)), script)
    assert reasons(played) == [("CANCELLED", 1, 1)]


def test_a_marketable_limit_pays_the_ask() -> None:
    """A LIMIT above the ask pays the ask."""
    script = {0: lambda ctx: buy_limit(ctx, 10, rs(100.5))}
    assert play(quotes(WIDE, WIDE), script).fills == [Filled(1, 10, 100.1)]


def test_a_resting_limit_fills_when_the_quote_goes_through_it() -> None:
    """A resting buy fills at its price once the ask is below it, or by option at it."""
    script = {0: lambda ctx: buy_limit(ctx, 10, rs(100))}
    rows = quotes(WIDE, WIDE, (99.9, 9, 100, 50), (99.9, 9, 99.95, 50), last=(100.1,) * 4)
    assert play(rows, script).of(Out.FILL)[0][:2] == (int(rows.ts[3]), 4)
    touched = play(rows, script, paper=Paper(limit_fill=LimitFill.TOUCH))
    assert touched.of(Out.FILL)[0].cause == 3
    assert play(rows, script).fills == touched.fills == [Filled(1, 10, 100)]


def test_a_trade_through_a_resting_limit_fills_it() -> None:
    """A trade below a resting buy fills it at its price, no further than what was traded."""
    script = {0: lambda ctx: buy_limit(ctx, 10, rs(100))}
    rows = quotes(WIDE, WIDE, WIDE, last=(100.1, 100.1, 99.9), qty=(5, 5, 4))
    assert play(rows, script).fills == [Filled(1, 4, 100)]


def test_an_old_last_price_fills_nothing() -> None:
    """A last price below a resting buy on which nothing is traded is an old one: no fill.

    Semantics say "when the price goes through it"; that a trade must have happened is the
    pessimistic reading.
    """
    script = {0: lambda ctx: buy_limit(ctx, 10, rs(100))}
    rows = quotes(WIDE, WIDE, WIDE, last=(99.5, 99.5, 99.5), qty=(5, 0, 0))
    assert play(rows, script).fills == []
    assert play(quotes(WIDE, WIDE, last=(99.5, 99.5)), script).fills == []


def test_stops_trigger_by_the_last_price() -> None:
    """SL-M looks at the last price, not at the quotes, and then pays the ask."""
    script = {0: lambda ctx: buy_stop(ctx, 10, rs(100.4))}
    high = (100.3, 50, 100.6, 50)
    played = play(quotes(WIDE, high, high, last=(100, 100.2, 100.4)), script)
    assert [row.cause for row in played.of(Out.TRIGGERED)] == [3]
    assert played.fills == [Filled(1, 10, 100.6)]


def test_queue_counts_down_the_quote_ahead() -> None:
    """With the queue rule we stand behind the quote on our side when we arrive."""
    script = {0: lambda ctx: buy_limit(ctx, 10, rs(99.9))}
    quote = (99.9, 20, 100.1, 50)
    rows = quotes(quote, quote, quote, quote, quote, last=(100, 100, 99.9, 99.9, 99.9),
                  qty=(1, 1, 15, 8, 100))  # fmt: skip
    played = play(rows, script, paper=Paper(limit_fill=LimitFill.QUEUE))
    assert played.fills == [Filled(1, 3, 99.9), Filled(1, 7, 99.9)]


def test_queue_counts_one_trade_once() -> None:
    """Two own orders at one price cannot both fill from the same excess over the queue."""
    script = {0: lambda ctx: (sell_limit(ctx, 4, rs(100.1)), sell_limit(ctx, 4, rs(100.1)))}
    quote = (99.9, 50, 100.1, 10)
    rows = quotes(quote, quote, quote, last=(100, 100, 100.1), qty=(1, 1, 16))
    played = play(rows, script, paper=Paper(limit_fill=LimitFill.QUEUE))
    assert played.fills == [Filled(1, -4, 100.1), Filled(2, -2, 100.1)]


def test_slippage_comes_on_top_of_the_quote() -> None:
    """Slippage worsens the opposite quote."""
    played = play(quotes(WIDE, WIDE), BUY, paper=Paper(slippage=10_000))
    assert played.fills == [Filled(1, 10, 100.25)]


def test_a_stop_limit_meets_the_quote_within_its_limit() -> None:
    """A triggered SL buys at the ask if that is within its limit."""
    script = {0: lambda ctx: order(ctx, 10, Kind.STOP_LIMIT, rs(100.2), rs(100))}
    assert play(quotes(WIDE, WIDE, last=(99.9, 100)), script).fills == [Filled(1, 10, 100.1)]
