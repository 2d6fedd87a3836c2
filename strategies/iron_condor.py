"""Iron condor on an option chain: sell a call and a put by their deltas, buy one beyond each.

Strikes and expiries come from `--instruments`. Snapshots of a chain that come a minute apart are
older than the default limits let a price be: say `--limits wide`.
"""

from alphapanda import (
    at,
    buy,
    cancel_all,
    close,
    daily,
    forward_of,
    nearest_expiry,
    option_at,
    option_by_delta,
    param,
    sell,
    strategy,
    strike_beside,
    universe,
)

SELL = 0
"""Behind this timer closing and cancelling take turns: an order that was left is sent anew."""
CALL, PUT = 1, 2


@strategy
class IronCondor:
    """At 09:30 in the next expiry, out from 15:10; nothing where one of the four has no price."""

    bind = universe()
    timers = (
        daily("09:30"), daily("15:10"), daily("15:14"), daily("15:15"), daily("15:19"),
        daily("15:20"),
    )  # fmt: skip
    lots = param(1, ge=1, doc="lots of each option")
    delta = param(0.2, gt=0.0, lt=0.5, doc="delta of what is sold, without its sign")
    wing = param(4, ge=1, doc="strikes from what is sold to what is bought")
    rate = param(0.06, ge=0.0, le=1.0, doc="interest a year, where no future tells the forward")

    def on_time(self, ctx):
        if ctx.event == SELL:
            enter(self, ctx)
            return
        for member in ctx.each:
            if ctx.event % 2 == 0:
                cancel_all(at(ctx, member.row))
            else:
                close(at(ctx, member.row))


def enter(self, ctx):
    """Buy the wings, then sell what they protect."""
    expiry = nearest_expiry(ctx)
    forward = forward_of(ctx, expiry, self.rate)
    call = option_by_delta(ctx, CALL, expiry, self.delta, forward, self.rate)
    put = option_by_delta(ctx, PUT, expiry, self.delta, forward, self.rate)
    if call < 0 or put < 0:
        return
    above = beyond(self, ctx, call, self.wing)
    below = beyond(self, ctx, put, -self.wing)
    if above < 0 or below < 0 or at(ctx, above).last == 0 or at(ctx, below).last == 0:
        return
    for wing in (above, below):
        buy(at(ctx, wing), self.lots * at(ctx, wing).market.lot)
    for short in (call, put):
        sell(at(ctx, short), self.lots * at(ctx, short).market.lot)


def beyond(self, ctx, row, steps):
    """Return the option of the same kind so many strikes away, -1 if there is none."""
    market = at(ctx, row).market
    strike = strike_beside(ctx, market.expiry, market.strike, steps)
    return option_at(ctx, market.option, market.expiry, strike) if strike != 0 else -1
