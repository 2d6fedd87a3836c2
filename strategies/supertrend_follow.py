"""Supertrend: hold while the price stays above a stop that follows it at some true ranges."""

from alphapanda import param, strategy, supertrend, target


@strategy
class SupertrendFollow:
    """Long while the Supertrend's direction is up, flat while it is down."""

    window = param(10, ge=2, doc="bars in the average true range")
    width = param(3.0, gt=0.0, doc="true ranges between price and line")
    settle = param(150, ge=1, doc="bars before the first trade: the line forgets where it began")
    quantity = param(1, ge=1, doc="shares to hold")
    trend = supertrend("window", "width", warmup="settle")

    def on_bar(self, ctx):
        target(ctx, self.quantity if self.trend.direction > 0 else 0)
