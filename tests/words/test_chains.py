"""Chains in hooks: expiries, strikes, the forward, options by delta; compiled as in Python."""

# ruff: noqa: ANN001, ANN201 (strategies are written as traders write them)
from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from alphapanda import (
    at,
    at_the_money,
    black_delta,
    black_gamma,
    black_theta,
    black_vega,
    date_of,
    delta_of,
    forward_of,
    future_at,
    middle_price,
    nearest_expiry,
    option_at,
    option_by_delta,
    size_by_equity,
    size_by_margin,
    size_by_risk,
    state,
    strategy,
    strike_beside,
    universe,
    volatility_of,
    weekday_of,
    years_left,
)
from alphapanda.engine.tier import Tier
from alphapanda.indicators._black76 import years_between
from alphapanda.model.instruments import Product
from tests.support.harness import T0, Desk, feed, present, rs
from tests.words.made_chain import FAR, NEAR, RATE, SPOT, VOLATILITY, Chain, ask, chain

CALL, PUT = 1, 2


def test_expiries_by_days_from_now() -> None:
    """The next expiry, the next of at least so many days, and 0 where there is none so late."""
    made = chain()
    assert ask(made, nearest_expiry) == NEAR
    assert ask(made, lambda ctx: nearest_expiry(ctx, 7)) == NEAR
    assert ask(made, lambda ctx: nearest_expiry(ctx, 8)) == FAR
    assert ask(made, lambda ctx: nearest_expiry(ctx, 29)) == 0


@pytest.mark.parametrize("seen_from", ["NFO:N90PE", "NSE:X", "NFO:NFUT", "NFO:F120CE"])
def test_the_chain_is_the_same_from_each_of_its_instruments(seen_from: str) -> None:
    """Its underlying, a future and an option lead to the same contracts."""
    made = chain()
    row = [i.name for i in made.instruments].index(seen_from)
    assert ask(made, lambda ctx: nearest_expiry(at(ctx, row))) == NEAR
    found = ask(made, lambda ctx: option_at(at(ctx, row), PUT, FAR, rs(95)))
    assert found == made.row("F95PE")
    assert ask(made, lambda ctx: future_at(at(ctx, row), NEAR)) == made.row("NFUT")
    assert ask(made, lambda ctx: future_at(at(ctx, row), FAR)) == -1


def test_another_underlyings_contracts_are_no_part_of_it() -> None:
    """A chain on Y beside it, with the same strikes and expiry, is another one."""
    made = chain()
    own = len(made.instruments)
    for instrument in chain(spot=False).instruments:
        if instrument.name.startswith("NFO:N"):
            name = instrument.name.replace("NFO:N", "NFO:Y")
            made.add(replace(instrument, name=name, underlying="Y"), 7.0, NEAR)
    assert ask(made, lambda ctx: option_at(at(ctx, 0), CALL, NEAR, rs(100))) == made.row("N100CE")
    assert ask(made, lambda ctx: option_at(at(ctx, own), CALL, NEAR, rs(100))) == made.row("Y100CE")


def test_the_forward_is_the_future_else_the_spot_else_parity() -> None:
    """Each source gives the same forward, as all are priced alike; without any it is NaN."""
    near, far = (SPOT * math.exp(RATE * years_between(T0, expiry)) for expiry in (NEAR, FAR))
    told = ask(chain(), lambda ctx: forward_of(ctx, NEAR))
    assert told == pytest.approx(near, abs=1e-4)
    assert ask(chain(), lambda ctx: forward_of(ctx, FAR, RATE)) == pytest.approx(far, abs=1e-3)
    assert ask(chain(), lambda ctx: forward_of(ctx, FAR)) == SPOT
    bare = chain(spot=False, futures=False)
    assert ask(bare, lambda ctx: forward_of(ctx, FAR, RATE)) == pytest.approx(far, abs=1e-3)
    for name in [name for name in bare.prices if name.endswith("PE")]:
        del bare.prices[name]
    assert math.isnan(ask(bare, lambda ctx: forward_of(ctx, FAR, RATE)))


def test_strikes_at_and_beside_the_money() -> None:
    """The strike nearest the forward whose call and put are priced, and those listed beside it."""
    made = chain()
    assert ask(made, lambda ctx: at_the_money(ctx, NEAR, 101.2)) == rs(100)
    assert ask(made, lambda ctx: at_the_money(ctx, NEAR, 102.5)) == rs(100)
    assert ask(made, lambda ctx: at_the_money(ctx, NEAR, math.nan)) == 0
    assert ask(made, lambda ctx: strike_beside(ctx, NEAR, rs(100), 2)) == rs(110)
    assert ask(made, lambda ctx: strike_beside(ctx, NEAR, rs(100), -3)) == rs(80)
    assert ask(made, lambda ctx: strike_beside(ctx, NEAR, rs(101), 1)) == rs(105)
    assert ask(made, lambda ctx: strike_beside(ctx, NEAR, rs(100), 0)) == rs(100)
    assert ask(made, lambda ctx: strike_beside(ctx, NEAR, rs(100), 4)) == 0
    del made.prices["NFO:N100PE"]
    assert ask(made, lambda ctx: at_the_money(ctx, NEAR, 101.2)) == rs(105)


def test_volatility_and_delta_of_an_option() -> None:
    """They are those by which its price was made, to the tick of prices."""
    made = chain()
    row = made.row("F110CE")
    forward = ask(made, lambda ctx: forward_of(ctx, FAR, RATE))
    told = ask(made, lambda ctx: volatility_of(at(ctx, row), forward, RATE))
    assert told == pytest.approx(VOLATILITY, abs=1e-4)
    years = ask(made, lambda ctx: years_left(at(ctx, row)))
    assert years == (28 * 86_400 + 375 * 60) / (365 * 86_400)
    wanted = black_delta(CALL, forward, 110.0, years, VOLATILITY, RATE)
    assert ask(made, lambda ctx: delta_of(at(ctx, row), forward, RATE)) == pytest.approx(
        wanted, abs=1e-4
    )


def test_options_by_delta() -> None:
    """Nearest by delta whatever its sign; those without a volatility are passed over."""
    made = chain()
    forward = ask(made, lambda ctx: forward_of(ctx, FAR, RATE))

    def by(right: int, delta: float) -> Any:
        return ask(made, lambda ctx: option_by_delta(ctx, right, FAR, delta, forward, RATE))

    assert by(CALL, 0.5) == made.row("F100CE")
    assert by(CALL, 0.1) == by(CALL, -0.1) == made.row("F110CE")
    assert by(PUT, -0.15) == made.row("F95PE")
    made.prices["NFO:F95PE"] = 94.9  # above what any volatility makes it cost
    assert by(PUT, -0.15) == made.row("F90PE")
    assert ask(made, lambda ctx: option_by_delta(ctx, CALL, FAR + 1, 0.5, forward)) == -1


def test_what_has_no_expiry_has_no_years() -> None:
    """A share's years are NaN, and so is all that follows from them."""
    assert math.isnan(ask(chain(), lambda ctx: years_left(at(ctx, 0))))
    assert math.isnan(ask(chain(), lambda ctx: delta_of(at(ctx, 0), 100.0)))


@strategy
class Asks:
    """Says what every word of chains, sizes and dates says, on each row."""

    bind = universe()
    forward = state(0.0)
    numbers = state(0)
    floats = state(0.0)

    def on_tick(self, ctx):
        """Ask."""
        expiry = nearest_expiry(ctx, 8)
        self.forward = forward_of(ctx, expiry, 0.06)
        strike = at_the_money(ctx, expiry, self.forward)
        row = option_by_delta(ctx, 1, expiry, 0.3, self.forward, 0.06)
        self.numbers = expiry // 1_000_000_000 + strike + row + future_at(ctx, expiry)
        self.numbers += strike_beside(ctx, expiry, strike, -2) + option_at(ctx, 2, expiry, strike)
        self.numbers += date_of(ctx) + weekday_of(ctx)
        self.numbers += size_by_equity(ctx, 33.3) + size_by_risk(ctx, 1, ctx.last - 7_500)
        self.numbers += size_by_margin(ctx, 50, -1) + middle_price(ctx)
        if row >= 0:
            option = at(ctx, row)
            years = years_left(option)
            volatility = volatility_of(option, self.forward, 0.06)
            self.floats = delta_of(option, self.forward, 0.06) + years
            self.floats += black_gamma(1, self.forward, 105.0, years, volatility, 0.06)
            self.floats += black_vega(1, self.forward, 105.0, years, volatility, 0.06)
            self.floats += black_theta(1, self.forward, 105.0, years, volatility, 0.06)


def said(made: Chain, *, jit: bool) -> bytes:
    """Return all that the strategy remembers after each row."""
    desk = Desk(
        instruments=made.instruments, expiries=made.expiries, product=Product.NRML, jit=jit,
        tier=Tier.QUICK if jit else Tier.PLAIN,
    )  # fmt: skip
    few = made.columns()
    # Ticks as other tests have them, whose loop is compiled once.
    lots = np.full(few.rows, 75)
    columns = few._replace(
        qty=lots,
        volume=np.cumsum(lots),
        bid=few.last - 500,
        bid_qty=lots,
        ask=few.last + 500,
        ask_qty=2 * lots,
    )
    engine = desk.engine([Asks], present(columns))
    found = b""
    for at_ in range(len(columns.ts)):
        feed(engine, type(columns)._make(c[at_ : at_ + 1] if len(c) else c for c in columns))
        found += engine.tables["s0"].tobytes()
    return found


@pytest.mark.core
def test_compiled_words_say_the_same() -> None:
    """Every word gives the same bytes compiled as in plain Python."""
    made = chain()
    plain = said(made, jit=False)
    assert plain == said(made, jit=True)
    assert len(set(plain)) > 50
