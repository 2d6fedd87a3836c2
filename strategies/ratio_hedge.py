"""Ratio hedge: hold one share and sell as much of another as moves with it, by their beta.

Shares are sold short within the day only: say `--product MIS`.
"""

from alphapanda import at, beta, close, daily, every, legs, param, strategy, target

CHANGE, CLOSE = 0, 1
OUT = 15 * 3600
"""The second of the day from which nothing is opened."""


@strategy
class RatioHedge:
    """Long the held leg, short the hedge by its beta, looked at each half hour; out by 15:01."""

    bind = legs("held", "hedge")
    timers = (every("30m"), daily("15:01"))
    window = param(240, ge=10, doc="bars in the beta")
    quantity = param(100, ge=1, doc="shares of the held leg")
    band = param(10.0, ge=0.0, doc="percent of the hedge by which it may be off")
    line = beta("window", legs=("held", "hedge"))

    def on_time(self, ctx):
        held = at(ctx, self.held)
        hedge = at(ctx, self.hedge)
        if ctx.event == CLOSE:
            close(held)
            close(hedge)
        elif (ctx.now // 1_000_000_000 + 19_800) % 86_400 < OUT and held.last > 0 < hedge.last:
            wanted = int(min(max(self.line.value, 0.0), 5.0) * self.quantity * held.last)
            wanted = wanted // hedge.last
            target(held, self.quantity)
            if abs(hedge.position + wanted) * 100.0 > self.band * wanted:
                target(hedge, -wanted)
