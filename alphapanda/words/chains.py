"""The option chain of an underlying, in hooks: its expiries, its strikes, options by delta.

A chain is the contracts that this strategy is bound to, on the underlying of the instrument that
the context is turned to: any of the contracts, or the underlying itself. Expiries are times (ns),
strikes scaled as prices are; an instrument is its row, for `at`. Volatility and greeks count rupees
and fractions a year (`alphapanda/indicators/_black76.py`). Each look goes once over all contracts:
ask on a timer, or remember the answer in a state, not on each tick.
"""

from __future__ import annotations

import math

from alphapanda.core.context import Context
from alphapanda.indicators._black76 import (
    black_delta,
    growth,
    implied_volatility,
    years_between,
)
from alphapanda.indicators._rupees import rupees
from alphapanda.model.calendar import DAY, IST
from alphapanda.model.instruments import OptionType, Segment
from alphapanda.model.rows import NEVER


def in_chain(ctx: Context, row: int) -> bool:
    """Say if a row is a contract of this strategy on the same underlying."""
    core = ctx.core
    if core.binds[ctx.strategy * core.clock[0].instruments + row].instance < 0:
        return False
    other = core.instruments[row]
    if other.segment != Segment.FUTURES and other.segment != Segment.OPTIONS:
        return False
    return bool(other.underlying == ctx.row or other.family == ctx.market.family)


def middle_of(ctx: Context, row: int) -> int:
    """Return the middle of an instrument's bid and ask; its last price where one is missing."""
    market = ctx.core.instruments[row]
    if market.bid > 0 and market.ask > 0:
        return int((market.bid + market.ask) // 2)
    return int(market.last)


def middle_price(ctx: Context) -> int:
    """Return the middle of bid and ask, the last price where one is missing, 0 without either."""
    return middle_of(ctx, ctx.row)


def years_left(ctx: Context) -> float:
    """Return the seconds to the close of a contract's last session / 365 days; NaN if unknown."""
    if ctx.market.expiry == NEVER:
        return math.nan
    return years_between(ctx.now, ctx.market.expiry)


def nearest_expiry(ctx: Context, days: int = 0) -> int:
    """Return the chain's next expiry of options, `days` calendar days away at least; 0: none."""
    found = NEVER
    today = (ctx.now + IST) // DAY
    for row in range(ctx.core.clock[0].instruments):
        market = ctx.core.instruments[row]
        if in_chain(ctx, row) and market.option != OptionType.NONE:
            if ctx.now < market.expiry < found and (market.expiry + IST) // DAY - today >= days:
                found = int(market.expiry)
    return found if found != NEVER else 0


def expiry_after(ctx: Context, expiry: int) -> int:
    """Return the chain's first expiry of options behind another one; 0: none."""
    found = NEVER
    for row in range(ctx.core.clock[0].instruments):
        market = ctx.core.instruments[row]
        if market.option != OptionType.NONE and expiry < market.expiry < found:
            if ctx.now < market.expiry and in_chain(ctx, row):
                found = int(market.expiry)
    return found if found != NEVER else 0


def option_at(ctx: Context, right: int, expiry: int, strike: int) -> int:
    """Return the row of an option (`right` 1: call, 2: put), -1 if the strategy has none such."""
    for row in range(ctx.core.clock[0].instruments):
        market = ctx.core.instruments[row]
        if market.option == right and market.expiry == expiry and market.strike == strike:
            if in_chain(ctx, row):
                return row
    return -1


def future_at(ctx: Context, expiry: int) -> int:
    """Return the row of the future that expires then, -1 if the strategy has none."""
    for row in range(ctx.core.clock[0].instruments):
        market = ctx.core.instruments[row]
        if market.segment == Segment.FUTURES and market.expiry == expiry and in_chain(ctx, row):
            return row
    return -1


def at_the_money(ctx: Context, expiry: int, forward: float) -> int:
    """Return the strike nearest to `forward` rupees, of a priced call and put; 0: none."""
    found, least = 0, math.inf
    for row in range(ctx.core.clock[0].instruments):
        market = ctx.core.instruments[row]
        if market.option == OptionType.CALL and market.expiry == expiry and in_chain(ctx, row):
            away = abs(rupees(market.strike) - forward)
            nearer = away < least or (away == least and market.strike < found)
            if nearer and middle_of(ctx, row) > 0:
                put = option_at(ctx, OptionType.PUT, expiry, market.strike)
                if put >= 0 and middle_of(ctx, put) > 0:
                    found, least = int(market.strike), away
    return found


def strike_beside(ctx: Context, expiry: int, strike: int, steps: int) -> int:
    """Return the strike so many listed ones above (below where negative); 0 if there are fewer."""
    for _ in range(abs(steps)):
        found = 0
        for row in range(ctx.core.clock[0].instruments):
            market = ctx.core.instruments[row]
            if market.option != OptionType.NONE and market.expiry == expiry:
                here = int(market.strike)
                beyond = here > strike if steps > 0 else here < strike
                nearer = found == 0 or (here < found if steps > 0 else here > found)
                if beyond and nearer and in_chain(ctx, row):
                    found = here
        if found == 0:
            return 0
        strike = found
    return strike


def forward_of(ctx: Context, expiry: int, rate: float = 0.0) -> float:
    """Return the forward of an expiry in rupees, NaN if nothing tells it.

    That is the price of the future that expires then; or else the underlying's, if it is in the
    run, grown at `rate`; or else what the call and the put that cost most nearly the same say:
    strike + (call - put) x exp(rate x years).
    """
    years = years_between(ctx.now, expiry)
    future = future_at(ctx, expiry)
    if future >= 0 and middle_of(ctx, future) > 0:
        return rupees(middle_of(ctx, future))
    spot = underlying_of(ctx)
    if spot >= 0 and ctx.core.instruments[spot].last > 0:
        return rupees(ctx.core.instruments[spot].last) * growth(rate, years)
    return parity(ctx, expiry, growth(rate, years))


def underlying_of(ctx: Context) -> int:
    """Return the row of the chain's underlying, -1 if it is not in the run."""
    if ctx.market.segment == Segment.FUTURES or ctx.market.segment == Segment.OPTIONS:
        return int(ctx.market.underlying)
    return int(ctx.row)


def parity(ctx: Context, expiry: int, grown: float) -> float:
    """Return the forward that the call and the put tell which cost most nearly the same."""
    found, least = math.nan, math.inf
    for row in range(ctx.core.clock[0].instruments):
        market = ctx.core.instruments[row]
        if market.option == OptionType.CALL and market.expiry == expiry and in_chain(ctx, row):
            call = middle_of(ctx, row)
            put = option_at(ctx, OptionType.PUT, expiry, market.strike) if call > 0 else -1
            if put >= 0 and middle_of(ctx, put) > 0:
                between = rupees(call - middle_of(ctx, put))
                if abs(between) < least:
                    found, least = rupees(market.strike) + between * grown, abs(between)
    return found


def volatility_of(ctx: Context, forward: float, rate: float = 0.0) -> float:
    """Return the implied volatility of an option at its middle price; NaN where there is none."""
    market = ctx.market
    return implied_volatility(
        market.option, rupees(middle_price(ctx)), forward, rupees(market.strike),
        years_left(ctx), rate,
    )  # fmt: skip


def delta_of(ctx: Context, forward: float, rate: float = 0.0) -> float:
    """Return an option's delta at its own implied volatility; NaN where there is none."""
    market = ctx.market
    volatility = volatility_of(ctx, forward, rate)
    return black_delta(
        market.option, forward, rupees(market.strike), years_left(ctx), volatility, rate
    )


def option_by_delta(
    ctx: Context, right: int, expiry: int, delta: float, forward: float, rate: float = 0.0
) -> int:  # fmt: skip
    """Return the row of the option whose delta, without its sign, is nearest to `delta`.

    Options without an implied volatility at their middle price are passed over; -1: none has one.
    """
    found, least = -1, math.inf
    years = years_between(ctx.now, expiry)
    for row in range(ctx.core.clock[0].instruments):
        market = ctx.core.instruments[row]
        if market.option == right and market.expiry == expiry and in_chain(ctx, row):
            strike, price = rupees(market.strike), rupees(middle_of(ctx, row))
            volatility = implied_volatility(right, price, forward, strike, years, rate)
            mine = black_delta(right, forward, strike, years, volatility, rate)
            if abs(abs(mine) - abs(delta)) < least:
                found, least = row, abs(abs(mine) - abs(delta))
    return found
