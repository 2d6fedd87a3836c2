"""Two instruments that should move together: sell the rich one, buy the cheap one."""

from alphapanda import at, legs, param, state, strategy, target

SETTLE = 5
"""Windows before the first trade: by then the average has forgotten where it began."""


@strategy
class Spread:
    """Trade the difference near - far around its own slow average."""

    bind = legs("near", "far")
    window = param(60, ge=2, doc="ticks in the average of the spread")
    entry = param(2.0, gt=0.0, doc="rupees from the average at which to enter")
    quantity = param(75, ge=1, doc="quantity of each leg")
    seen = state(0)
    average = state(0.0)

    def on_tick(self, ctx):
        near = at(ctx, self.near)
        far = at(ctx, self.far)
        if near.last == 0 or far.last == 0:
            return
        spread = (near.last - far.last) / 10000.0
        self.seen += 1
        self.average += (spread - self.average) / min(self.seen, self.window)
        if self.seen < SETTLE * self.window:
            return
        if spread > self.average + self.entry:
            target(near, -self.quantity)
            target(far, self.quantity)
        elif spread < self.average - self.entry:
            target(near, self.quantity)
            target(far, -self.quantity)
        elif near.position > 0 and spread >= self.average:
            target(near, 0)
            target(far, 0)
        elif near.position < 0 and spread <= self.average:
            target(near, 0)
            target(far, 0)
