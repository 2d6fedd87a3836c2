"""Simple moving averages on bars: hold while the fast one is above the slow one."""

from alphapanda import param, sma, strategy, target

TIE = 1e-6
"""Averages closer than this (rupees) are equal, and a tie keeps what is held."""


@strategy
class SmaCross:
    """Long while the fast average of closes is above the slow one, flat while below."""

    fast = param(10, ge=1, doc="window of the fast average, bars")
    slow = param(50, ge=2, doc="window of the slow average, bars")
    quantity = param(1, ge=1, doc="shares to hold")
    fast_sma = sma("fast")
    slow_sma = sma("slow")

    def check(fast, slow, quantity):
        return "" if fast < slow else f"fast = {fast} must be below slow = {slow}"

    def on_bar(self, ctx):
        difference = self.fast_sma.value - self.slow_sma.value
        if difference > TIE:
            target(ctx, self.quantity)
        elif difference < -TIE:
            target(ctx, 0)
