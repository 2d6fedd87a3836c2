"""Sizes: against the account in Decimal, to the last lot that still fits."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapanda import at, size_by_equity, size_by_margin, size_by_risk
from alphapanda.books.funds import free_funds
from alphapanda.model.instruments import OptionType, Product
from alphapanda.words.sizing import needed, percent_of
from tests.support.harness import option, play, rs, share, ticks

CASH = 1_000_000 * 10_000


def ask(question: Any, *, price: float = 250.0, lot: int = 1, **desk: Any) -> Any:
    """Return what a strategy hears on its only tick."""
    heard: list[Any] = []
    desk = {"instruments": [share(lot_size=lot)], "product": Product.CNC, "cash": CASH, **desk}
    play(ticks(price), {0: lambda ctx: heard.append(question(ctx))}, **desk)
    return heard[0]


def test_percent_of_equity() -> None:
    """A fifth of ten lakh at Rs 250 is 800 shares; what is less than a lot is left."""
    assert ask(lambda ctx: size_by_equity(ctx, 20)) == 800
    assert ask(lambda ctx: size_by_equity(ctx, 20), lot=75) == 750
    assert ask(lambda ctx: size_by_equity(ctx, 20), price=250.05) == 799
    assert ask(lambda ctx: size_by_equity(ctx, 1.8), lot=75) == 0
    assert ask(lambda ctx: size_by_equity(ctx, 0)) == 0


def test_risk_a_trade() -> None:
    """Half a percent of ten lakh is Rs 5,000: over Rs 12.50 to the stop that is 400 shares."""
    assert ask(lambda ctx: size_by_risk(ctx, 0.5, rs(237.5))) == 400
    assert ask(lambda ctx: size_by_risk(ctx, 0.5, rs(262.5))) == 400
    assert ask(lambda ctx: size_by_risk(ctx, 0.5, rs(237.45)), lot=50) == 350
    assert ask(lambda ctx: size_by_risk(ctx, 0.5, rs(250))) == 0


def test_by_margin() -> None:
    """Intraday a fifth is blocked; for delivery all of it, and nothing is sold short."""
    assert ask(lambda ctx: size_by_margin(ctx, 50)) == 2_000
    assert ask(lambda ctx: size_by_margin(ctx, 50, -1)) == 0
    intraday = {"product": Product.MIS}
    assert ask(lambda ctx: size_by_margin(ctx, 50), **intraday) == 10_000
    assert ask(lambda ctx: size_by_margin(ctx, 50, -1), **intraday) == 10_000


def test_short_options_by_their_strike() -> None:
    """A short option blocks 15 % of strike x quantity, a bought one what it costs."""
    desk = {
        "instruments": [option("NFO:XCE", rs(24_000), OptionType.CALL, lot_size=75)],
        "product": Product.NRML,
    }
    assert ask(lambda ctx: size_by_margin(ctx, 100, -1), **desk) == 225  # 3 x 75 x 3,600 = 8.1 lakh
    assert ask(lambda ctx: size_by_margin(ctx, 81, -1), **desk) == 225
    assert ask(lambda ctx: size_by_margin(ctx, 80.99999, -1), **desk) == 150
    assert ask(lambda ctx: size_by_margin(ctx, 100), **desk) == 3_975  # 53 x 75 x 250


@pytest.mark.parametrize("percent", [-1, 1000.1, float("nan")])
def test_a_percentage_that_is_none_is_refused(percent: float) -> None:
    """A percentage outside 0 to 1,000 stops the strategy with a message."""
    with pytest.raises(ValueError, match="from 0 to 1000"):
        ask(lambda ctx: size_by_equity(ctx, percent))
    with pytest.raises(ValueError, match="1 to buy or -1"):
        ask(lambda ctx: size_by_margin(ctx, 1, 0))


def test_without_a_price_there_is_no_size() -> None:
    """An instrument of which no row has come yet has size 0."""
    two = {"instruments": [share(), share("NSE:Y")]}
    for size in (size_by_equity, size_by_margin):
        assert ask(lambda ctx, size=size: size(at(ctx, 1), 50), **two) == 0
    assert ask(lambda ctx: size_by_risk(at(ctx, 1), 50, rs(5)), **two) == 0


@settings(deadline=None, max_examples=40)
@given(st.integers(0, (1 << 56) - 1), st.integers(0, 100_000_000))
def test_a_part_is_exact_and_rounded_down(amount: int, rate: int) -> None:
    """In units of 0.00001 percent it is the exact part, rounded down, and within int64."""
    wanted = (Decimal(amount) * rate / 10_000_000).to_integral_value(ROUND_FLOOR)
    assert percent_of(amount, rate / 100_000) == wanted
    assert amount // 10**7 * rate + 10**7 * rate < 1 << 63


@settings(deadline=None, max_examples=40)
@given(
    st.floats(1, 200_000).map(lambda price: round(price, 2)), st.integers(1, 10_000),
    st.floats(0, 100), st.sampled_from([1, -1]), st.sampled_from(list(Product)),
)  # fmt: skip
def test_the_next_lot_would_not_fit(
    price: float, lot: int, percent: float, side: int, product: Product
) -> None:
    """The size's margin fits the budget, that of one lot more does not."""

    def question(ctx: Any) -> tuple[int, int, int, int]:
        size = size_by_margin(ctx, percent, side)
        more = needed(ctx, side * (size + lot))
        return size, needed(ctx, side * size), more, percent_of(free_funds(ctx.core), percent)

    size, taken, more, budget = ask(question, price=price, lot=lot, product=product)
    assert size % lot == 0
    assert size == 0 or taken <= budget
    assert more > budget
