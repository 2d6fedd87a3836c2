"""An ordinary Python strategy (`compiled=False`): any library may be used in its hooks."""

from collections import deque
from statistics import fmean, pstdev

from alphapanda import ema, param, strategy, target


@strategy(compiled=False)
class QuietReversal:
    """Buy what fell far below its recent mean while the slow average is not falling."""

    window = param(120, ge=10, doc="ticks remembered")
    depth = param(2.0, gt=0.0, doc="standard deviations below the mean at which to buy")
    quantity = param(1, ge=1, doc="shares to hold")
    slow_ema = ema("window")

    def start(self):
        self.prices = deque(maxlen=self.window)
        self.before = 0.0

    def on_tick(self, ctx):
        self.prices.append(ctx.last / 10_000)
        if len(self.prices) < self.window or ctx.now % 30_000_000_000:
            return
        mean, spread = fmean(self.prices), pstdev(self.prices)
        if ctx.position == 0 and self.prices[-1] < mean - self.depth * spread:
            if self.slow_ema.value >= self.before:
                target(ctx, self.quantity)
        elif ctx.position > 0 and self.prices[-1] >= mean:
            target(ctx, 0)
        self.before = self.slow_ema.value
