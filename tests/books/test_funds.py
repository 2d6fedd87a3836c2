"""What is bought for delivery never costs more than there is: band, charges and note are held."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapanda import buy, buy_limit, buy_stop, sell
from alphapanda.engine.setup import Paper
from alphapanda.model.charges import Schedule
from alphapanda.model.instruments import OptionType, Product
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import Control
from tests.core.test_properties import MANY
from tests.support.harness import (
    SECOND,
    T0,
    Filled,
    Played,
    closes,
    limited,
    opens,
    option,
    play,
    rs,
    share,
    ticks,
)

ZERODHA = Schedule.zerodha()
END = T0 + 3_600 * SECOND
DAY = (opens(END), closes(END), (END, Control.DAY_END))


def cash(played: Played) -> int:
    """Return the account's cash, in units."""
    return int(played.engine.tables["ledgers"]["cash"].sum())


def bought(prices: tuple[float, ...], ask: Any, rupees: float, **desk: Any) -> Played:
    """Ask for something on the first tick, with so much cash, and end the day with its note."""
    terms = {"product": Product.CNC, "schedule": ZERODHA, "cash": rs(rupees), "events": DAY}
    return play(ticks(*prices), {0: ask}, **{**terms, **desk})


def test_the_band_is_held() -> None:
    """At Rs 100 the band is 1 %: what 10 shares at Rs 100 cost is not enough, at Rs 101 it is."""
    free = {"schedule": Schedule.none()}
    played = bought((100, 101), lambda ctx: buy(ctx, 10), 1_009.99, **free)
    assert played.codes() == [RejectionCode.FUNDS]
    played = bought((100, 101), lambda ctx: buy(ctx, 10), 1_010, **free)
    assert played.fills == [Filled(1, 10, 101)]
    assert cash(played) == 0


def test_charges_and_the_note_s_rounding_are_held() -> None:
    """A limit order for all the cash there is leaves nothing for taxes."""
    played = bought((100, 100), lambda ctx: buy_limit(ctx, 10, rs(100)), 1_000)
    assert played.codes() == [RejectionCode.FUNDS]
    played = bought((100, 100), lambda ctx: buy_limit(ctx, 10, rs(100)), 1_002.30)
    assert played.fills == [Filled(1, 10, 100)]
    assert cash(played) >= 0
    assert played.field("ledgers", "blocked", 1) == 0


def test_a_stop_holds_the_band_behind_its_trigger() -> None:
    """It becomes a market order there."""
    free = {"schedule": Schedule.none()}
    played = bought((100, 110), lambda ctx: buy_stop(ctx, 10, rs(110)), 1_111, **free)
    assert played.fills == [Filled(1, 10, 110)]
    played = bought((100, 110), lambda ctx: buy_stop(ctx, 10, rs(110)), 1_110, **free)
    assert played.codes() == [RejectionCode.FUNDS]


def test_a_premium_is_held_with_its_fee() -> None:
    """An option's band is 3 % at Rs 20, and an order pays Rs 20 and GST."""
    contract = (option("NFO:X25NOV100CE", rs(100), OptionType.CALL),)
    desk = {"product": Product.NRML, "instruments": contract, "events": ()}
    played = bought((20, 20.6), lambda ctx: buy(ctx, 25), 515 + 23, **desk)
    assert played.codes() == [RejectionCode.FUNDS]
    assert cash(bought((20, 20.6), lambda ctx: buy(ctx, 25), 515 + 26, **desk)) >= 0


def test_a_sale_that_closes_is_never_refused() -> None:
    """Whatever the cash is: what is held can be sold."""
    played = play(
        ticks(100, 100, 50, 50), {0: lambda ctx: buy(ctx, 10), 2: lambda ctx: sell(ctx, 10)},
        product=Product.CNC, schedule=ZERODHA, cash=rs(1_020), events=DAY,
    )  # fmt: skip
    assert [fill.qty for fill in played.fills] == [10, -10]


ORDERS = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from("mls"), st.integers(1, 400), st.integers(-3, 3)),
    min_size=1, max_size=8,
)  # fmt: skip


@MANY
@given(
    prices=st.lists(st.integers(1_900, 2_100), min_size=8, max_size=12),
    orders=ORDERS,
    rupees=st.integers(100, 90_000),
    slippage=st.sampled_from((0, 20_000)),
)
def test_cash_for_delivery_never_falls_below_zero(
    prices: list[int], orders: Any, rupees: int, slippage: int
) -> None:
    """Market and limit orders, sales between them, slippage, and the note at the day's end."""
    asks = {"m": lambda ctx, qty, _: buy(ctx, qty), "s": lambda ctx, qty, _: sell(ctx, qty),
            "l": lambda ctx, qty, off: buy_limit(ctx, qty, ctx.last + off * 500)}  # fmt: skip
    script: dict[int, Any] = {}
    for at, kind, qty, off in orders:
        script[at] = lambda ctx, ask=asks[kind], qty=qty, off=off: ask(ctx, qty, off)
    played = play(
        ticks(*(price / 20 for price in prices)), script, events=DAY, product=Product.CNC,
        schedule=ZERODHA, cash=rs(rupees), paper=Paper(slippage=slippage), limits=limited(),
    )  # fmt: skip
    assert cash(played) >= 0
    assert played.field("ledgers", "blocked", 1) == 0


@pytest.mark.parametrize("symbol", ["NSE:X", "NSE:LIQUIDBEES"])
def test_buying_back_what_was_sold_today_holds_both_sides(symbol: str) -> None:
    """Netted, it pays brokerage on the sale too, which as delivery had paid none."""
    day = 86_400 * SECOND
    events = (
        *DAY,
        (T0 + day, *opens(END + day)[1:]),
        closes(END + day),
        (END + day, Control.DAY_END),
    )
    rows = ticks(100, 100, 100, 100, 100, 100)
    rows = rows._replace(ts=rows.ts + np.array([0, 0, day, day, day, day]))
    script = {0: lambda ctx: buy(ctx, 500), 2: lambda ctx: sell(ctx, 500),
              3: lambda ctx: buy_limit(ctx, 499, rs(100))}  # fmt: skip
    for rupees in range(50_570, 50_720, 5):
        played = play(
            rows, script, events=events, instruments=(share(symbol),), product=Product.CNC,
            schedule=ZERODHA, cash=rs(rupees), limits=limited(),
        )  # fmt: skip
        assert cash(played) >= 0
