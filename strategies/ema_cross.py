"""Exponential moving averages on ticks: hold while the fast one is above the slow one."""

from alphapanda import ema, param, strategy, target


@strategy
class EmaCross:
    """Long while the fast average is above the slow one, flat while below; a tie keeps."""

    fast = param(20, ge=1, doc="window of the fast average, ticks")
    slow = param(100, ge=2, doc="window of the slow average, ticks")
    quantity = param(1, ge=1, doc="shares to hold")
    fast_ema = ema("fast")
    slow_ema = ema("slow")

    def check(fast, slow, quantity):
        return "" if fast < slow else f"fast = {fast} must be below slow = {slow}"

    def on_tick(self, ctx):
        if self.fast_ema.value > self.slow_ema.value:
            target(ctx, self.quantity)
        elif self.fast_ema.value < self.slow_ema.value:
            target(ctx, 0)
