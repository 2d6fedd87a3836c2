"""Time-series momentum: hold what has risen over a long window, whatever the others did."""

from alphapanda import param, roc, strategy, target


@strategy
class TimeSeriesMomentum:
    """Long once the price stands `rise` percent above its past, flat once it is below it."""

    window = param(375, ge=2, doc="bars between the two prices that are compared; 375 is a day")
    rise = param(0.5, ge=0.0, doc="percent above the earlier price at which to buy")
    quantity = param(1, ge=1, doc="shares to hold")
    change = roc("window")

    def on_bar(self, ctx):
        if self.change.value > self.rise:
            target(ctx, self.quantity)
        elif self.change.value < 0.0:
            target(ctx, 0)
