"""Futures one after the other: hold the near one, and roll into the next before it expires.

Expiries come from `--instruments`; positions stay over nights, so say `--product NRML`.
"""

from alphapanda import at, daily, nearest_future, param, roll, strategy, universe


@strategy
class FuturesRoll:
    """Long from the first 15:00 on, rolled at 15:00 some days before expiry; 15:05 tries again."""

    bind = universe()
    timers = (daily("15:00"), daily("15:05"))
    lots = param(1, ge=1, doc="lots to hold")
    days = param(1, ge=0, doc="calendar days before expiry at which to roll")

    def on_time(self, ctx):
        near = nearest_future(ctx, self.days + 1)
        if near >= 0:
            roll(ctx, self.days, self.lots * at(ctx, near).market.lot)
