"""Short straddle whose delta is hedged every quarter of an hour, in the future or the underlying.

Strikes and expiries come from `--instruments`; the hedge is the expiry's future, or else the
underlying itself (a share, with `--product MIS`; an index has no market). Snapshots of a chain that
come a minute apart are older than the default limits let a price be: say `--limits wide`.
"""

import math

from alphapanda import (
    at,
    at_the_money,
    close,
    date_of,
    delta_of,
    every,
    forward_of,
    future_at,
    middle_price,
    nearest_expiry,
    option_at,
    param,
    sell,
    state,
    strategy,
    target,
    universe,
)

CALL, PUT = 1, 2
LAST_ENTRY = 14 * 3600
OUT = 15 * 3600
"""Seconds of the day: no straddle is sold from 14:00, all is closed from 15:00."""


@strategy
class DeltaHedgedStraddle:
    """Sell the straddle at the money once a day, hold its delta near 0, be out by 15:00."""

    bind = universe()
    timers = every("15m")
    lots = param(1, ge=1, doc="lots of each option")
    days = param(1, ge=0, doc="calendar days to the expiry at least")
    rate = param(0.06, ge=0.0, le=1.0, doc="interest a year, where no future tells the forward")
    call = state(-1)
    put = state(-1)
    day = state(0)

    def on_time(self, ctx):
        second = (ctx.now // 1_000_000_000 + 19_800) % 86_400
        today = date_of(ctx)
        if second >= OUT:
            for member in ctx.each:
                close(at(ctx, member.row))
        elif self.day == today:
            hedge(self, ctx)
        elif second < LAST_ENTRY and enter(self, ctx):
            self.day = today


def enter(self, ctx):
    """Sell the straddle; say if it could be, with a price of each and something to hedge it by."""
    expiry = nearest_expiry(ctx, self.days)
    strike = at_the_money(ctx, expiry, forward_of(ctx, expiry, self.rate))
    if strike == 0:
        return False
    self.call = option_at(ctx, CALL, expiry, strike)
    self.put = option_at(ctx, PUT, expiry, strike)
    if hedge_of(self, ctx) < 0:
        return False
    for option in (self.call, self.put):
        sell(at(ctx, option), self.lots * at(ctx, option).market.lot)
    return True


def hedge_of(self, ctx):
    """Return the row of what hedges: the expiry's future, else the underlying; -1: neither."""
    market = at(ctx, self.call).market
    future = future_at(at(ctx, self.call), market.expiry)
    row = future if future >= 0 else market.underlying
    if row < 0 or at(ctx, row).market.untradable != 0:
        return -1
    return row if middle_price(at(ctx, row)) > 0 else -1


def hedge(self, ctx):
    """Bring the hedge to what offsets the options' delta; left as it is where one has none."""
    call = at(ctx, self.call)
    put = at(ctx, self.put)
    row = hedge_of(self, ctx)
    if row < 0:
        return
    forward = forward_of(call, call.market.expiry, self.rate)
    delta = call.position * delta_of(call, forward, self.rate)
    delta += put.position * delta_of(put, forward, self.rate)
    if delta - delta == 0.0:
        lot = at(ctx, row).market.lot
        target(at(ctx, row), -math.floor(delta / lot + 0.5) * lot)
