"""Short straddle on an option chain: sell the call and the put at the money, each with a stop.

Strikes and expiries come from `--instruments`. Snapshots of a chain that come a minute apart are
older than the default limits let a price be: say `--limits wide`.
"""

from alphapanda import at, bracket, cancel_all, close, daily, param, strategy, tick_up, universe

SELL, CANCEL = 0, 1
"""Places of the timers: stops are cancelled before the options are bought back."""

CALL, PUT = 1, 2
FAR = 1 << 62


@strategy
class ShortStraddle:
    """At 09:30 sell the nearest expiry at the money; buy back at the stops, and at 15:11."""

    bind = universe()
    timers = (daily("09:30"), daily("15:10"), daily("15:11"))
    lots = param(1, ge=1, doc="lots of each option")
    stop = param(30, ge=1, doc="percent above its price at which an option is bought back")

    def on_time(self, ctx):
        if ctx.event == SELL:
            call = at_the_money(ctx, nearest(ctx))
            if call >= 0:
                sell(self, at(ctx, call))
                sell(self, at(ctx, twin(ctx, call)))
            return
        for member in ctx.each:
            if ctx.event == CANCEL:
                cancel_all(at(ctx, member.row))
            else:
                close(at(ctx, member.row))


def sell(self, option):
    """Sell an option, with a stop above its price."""
    trigger = middle(option) * (100 + self.stop) // 100
    bracket(option, -self.lots * option.market.lot, tick_up(option, trigger))


def middle(option):
    """Return the middle of an option's quote, 0 where a side is missing."""
    return (option.bid + option.ask) // 2 if option.bid > 0 and option.ask > 0 else 0


def nearest(ctx):
    """Return the next expiry of a call that is quoted."""
    expiry = FAR
    for member in ctx.each:
        here = at(ctx, member.row)
        if here.market.option == CALL and middle(here) > 0 and ctx.now < here.market.expiry:
            expiry = min(expiry, here.market.expiry)
    return expiry


def at_the_money(ctx, expiry):
    """Return the call that costs most nearly what its put costs, -1 if there is none."""
    found, least = -1, FAR
    for member in ctx.each:
        call = at(ctx, member.row)
        if call.market.option == CALL and call.market.expiry == expiry and middle(call) > 0:
            put = twin(ctx, member.row)
            if put >= 0 and abs(middle(call) - middle(at(ctx, put))) < least:
                found, least = member.row, abs(middle(call) - middle(at(ctx, put)))
    return found


def twin(ctx, call):
    """Return the quoted put of a call's strike and expiry, -1 if there is none."""
    wanted = at(ctx, call).market
    for member in ctx.each:
        market = at(ctx, member.row).market
        if market.option == PUT and market.strike == wanted.strike:
            if market.expiry == wanted.expiry and middle(at(ctx, member.row)) > 0:
                return member.row
    return -1
