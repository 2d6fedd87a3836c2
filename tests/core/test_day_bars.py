"""Bars of whole days: decided after the close, filled at the next open, gone after one bar."""

from __future__ import annotations

from typing import Any

import pytest

from alphapanda import buy, buy_limit, buy_stop, sell
from alphapanda.model.calendar import Phase
from alphapanda.model.columns import Columns
from alphapanda.model.instruments import Product
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import NEVER, Control, Out, Reason
from tests.support.harness import MINUTE, SECOND, T0, Filled, phase, play, reasons, rs

DAY = 86_400 * SECOND
CLOSE = 375 * MINUTE
FLAT = (100, 100, 100, 100)


def day_bars(*ohlc: tuple[float, float, float, float]) -> Columns:
    """Return a bar a day (open, high, low, close) of one instrument, each at 15:30."""
    opened, high, low, close = ([rs(p) for p in part] for part in zip(*ohlc, strict=True))
    ts = [T0 + CLOSE + DAY * number for number in range(len(close))]
    return Columns.of(ts=ts, row=[0] * len(ts), last=close, open=opened, high=high, low=low)


def session(day: int, ends: Phase, at: int, cut_off: int = NEVER) -> list[tuple[Any, ...]]:
    """Return the phases of one day: continuous trading from 09:15, then another phase."""
    start = T0 + day * DAY
    return [
        phase(start, Phase.OPEN, start + at, cut_off),
        phase(start + at, ends, start + DAY - at, cut_off),
    ]


def regular(days: int) -> list[tuple[Any, ...]]:
    """Return the phases of days that close at 15:30."""
    return [row for day in range(days) for row in session(day, Phase.CLOSED, CLOSE)]


def auctioned(days: int) -> list[tuple[Any, ...]]:
    """Return the phases of days whose continuous trading gives way to an auction at 15:15."""
    return [row for day in range(days) for row in session(day, Phase.AUCTION, CLOSE - 15 * MINUTE)]


@pytest.mark.parametrize("sessions", [regular, auctioned])
def test_an_order_fills_at_the_next_day_s_open(sessions: Any) -> None:
    """The decision falls when trading is over, and the order is for the next morning."""
    rows = day_bars(FLAT, (101, 102, 100, 100), FLAT)
    played = play(rows, {0: lambda ctx: buy(ctx, 10)}, events=sessions(3), interval=DAY)
    assert played.codes() == []
    assert played.fills == [Filled(1, 10, 101)]
    assert [row.ts for row in played.of(Out.FILL)] == [T0 + CLOSE + DAY]


@pytest.mark.parametrize("product", [Product.CNC, Product.NRML])
def test_what_is_held_can_be_sold_at_the_next_open(product: Product) -> None:
    """The end of a day leaves alone what was ordered for the morning, also of what is held."""
    events = sorted(
        [*regular(4), *((T0 + CLOSE + day * DAY + 1, Control.DAY_END) for day in range(4))]
    )
    acts = {0: lambda ctx: buy(ctx, 10), 1: lambda ctx: sell(ctx, 10)}
    rows = day_bars(FLAT, (101, 102, 100, 100), (103, 104, 100, 100), FLAT)
    played = play(rows, acts, events=events, interval=DAY, product=product)
    assert played.fills == [Filled(1, 10, 101), Filled(2, -10, 103)]
    assert reasons(played) == []


@pytest.mark.parametrize("sessions", [regular, auctioned])
@pytest.mark.parametrize("ask", [
    lambda ctx: buy_limit(ctx, 10, rs(95)), lambda ctx: buy_stop(ctx, 10, rs(110)),
], ids=["limit", "stop"])  # fmt: skip
def test_an_order_lives_for_one_bar(sessions: Any, ask: Any) -> None:
    """A DAY order that its day does not fill is gone, though the day after would have filled it."""
    rows = day_bars(FLAT, (100, 105, 96, 100), (100, 111, 90, 100))
    played = play(rows, {0: ask}, events=sessions(3), interval=DAY)
    assert played.fills == []
    assert reasons(played) == [("EXPIRED", 1, Reason.SESSION_END)]
    assert [row.ts for row in played.of(Out.EXPIRED)] == [T0 + CLOSE + DAY]
    assert played.field("positions", "open_buy") == 0


def test_a_limit_fills_inside_its_bar() -> None:
    """The range of the next day counts, as it does on shorter bars."""
    rows = day_bars(FLAT, (100, 105, 90, 100))
    played = play(
        rows, {0: lambda ctx: buy_limit(ctx, 10, rs(95))}, events=regular(2), interval=DAY
    )
    assert played.fills == [Filled(1, 10, 95)]


def test_a_day_whose_session_is_elsewhere_is_seen() -> None:
    """On a day of evening trading only (Muhurat), its bar decides and fills like any other."""
    evening = phase(T0 + DAY, Phase.CLOSED, T0 + 2 * DAY)
    events = [*session(0, Phase.CLOSED, CLOSE), evening]
    rows = day_bars(FLAT, (101, 102, 100, 100))
    played = play(rows, {0: lambda ctx: buy(ctx, 10)}, events=events, interval=DAY)
    assert played.fills == [Filled(1, 10, 101)]


def test_intraday_orders_are_refused() -> None:
    """MIS ends at its cut-off, and a day's bar is decided later."""
    events = session(0, Phase.CLOSED, CLOSE, T0 + CLOSE - 10 * MINUTE)
    played = play(
        day_bars(FLAT, FLAT), {0: lambda ctx: buy(ctx, 10)}, events=events, interval=DAY,
        product=Product.MIS,
    )  # fmt: skip
    assert played.codes() == [RejectionCode.MARKET_CLOSED]


def test_shorter_bars_that_end_at_the_close_decide_too_late() -> None:
    """The last hour of a day could have traded earlier: its orders are refused, as live."""
    played = play(day_bars(FLAT, FLAT), {0: lambda ctx: buy(ctx, 10)}, events=regular(2))
    assert played.codes() == [RejectionCode.MARKET_CLOSED]
