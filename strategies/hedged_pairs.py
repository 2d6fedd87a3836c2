"""Two instruments on a rolling hedge ratio: trade how far one strays from what the other says."""

from alphapanda import at, beta, legs, param, state, strategy, target

SETTLE = 3
"""Windows before the first trade: by then the variance has forgotten where it began."""


@strategy
class HedgedPairs:
    """Short the near leg and long the far one when the spread is high, the reverse when low."""

    bind = legs("near", "far")
    window = param(120, ge=10, doc="bars in the hedge ratio")
    entry = param(2.0, gt=0.0, doc="deviations of the spread at which to enter")
    quantity = param(10, ge=1, doc="shares of the near leg")
    ratio = beta("window", legs=("near", "far"), returns=False)
    seen = state(0)
    variance = state(0.0)

    def on_bar(self, ctx):
        near = at(ctx, self.near)
        far = at(ctx, self.far)
        if near.market.ts != far.market.ts:  # whichever leg's bar comes first, it waits for both
            return
        line = self.ratio.intercept + self.ratio.value * far.last / 10_000.0
        spread = near.last / 10_000.0 - line
        self.seen += 1
        self.variance += (spread * spread - self.variance) / min(self.seen, self.window)
        if self.seen < SETTLE * self.window:
            return
        hedge = int(self.quantity * min(max(self.ratio.value, 0.0), 100.0))
        if spread * spread > self.entry * self.entry * self.variance and near.position == 0:
            side = -1 if spread > 0.0 else 1
            target(near, side * self.quantity)
            target(far, -side * hedge)
        elif near.position * spread >= 0.0 and near.position != 0:
            target(near, 0)
            target(far, 0)
