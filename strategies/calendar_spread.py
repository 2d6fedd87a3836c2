"""Calendar spread on an option chain: sell the next expiry at the money, buy the one behind it.

Strikes and expiries come from `--instruments`. Snapshots of a chain that come a minute apart are
older than the default limits let a price be: say `--limits wide`.
"""

from alphapanda import (
    at,
    at_the_money,
    buy,
    cancel_all,
    close,
    daily,
    expiry_after,
    forward_of,
    middle_price,
    nearest_expiry,
    option_at,
    param,
    sell,
    strategy,
    universe,
)

ENTER = 0
"""Behind this timer closing and cancelling take turns: an order that was left is sent anew."""


@strategy
class CalendarSpread:
    """From 09:30 to 15:10, both of one strike and kind; nothing where one of them has no price."""

    bind = universe()
    timers = (
        daily("09:30"), daily("15:10"), daily("15:14"), daily("15:15"), daily("15:19"),
        daily("15:20"),
    )  # fmt: skip
    lots = param(1, ge=1, doc="lots of each option")
    right = param(1, ge=1, le=2, doc="1: calls, 2: puts")
    days = param(1, ge=0, doc="calendar days to the expiry that is sold, at least")
    rate = param(0.06, ge=0.0, le=1.0, doc="interest a year, where no future tells the forward")

    def on_time(self, ctx):
        if ctx.event == ENTER:
            enter(self, ctx)
            return
        for member in ctx.each:
            if ctx.event % 2 == 0:
                cancel_all(at(ctx, member.row))
            else:
                close(at(ctx, member.row))


def enter(self, ctx):
    """Buy the far option, then sell the near one that it covers."""
    near = nearest_expiry(ctx, self.days)
    far = expiry_after(ctx, near)
    strike = at_the_money(ctx, near, forward_of(ctx, near, self.rate))
    sold = option_at(ctx, self.right, near, strike)
    bought = option_at(ctx, self.right, far, strike)
    if sold < 0 or bought < 0 or middle_price(at(ctx, bought)) == 0:
        return
    buy(at(ctx, bought), self.lots * at(ctx, bought).market.lot)
    sell(at(ctx, sold), self.lots * at(ctx, sold).market.lot)
