"""Mean reversion by z-score: buy what is far below its average, sell at the average."""

from alphapanda import param, strategy, target, zscore


@strategy
class ZscoreReversion:
    """Long when the close is `entry` deviations below its average, flat once it is back."""

    window = param(60, ge=3, doc="bars in average and deviation")
    entry = param(2.0, gt=0.0, doc="deviations below the average at which to buy")
    quantity = param(1, ge=1, doc="shares to hold")
    distance = zscore("window")

    def on_bar(self, ctx):
        if self.distance.value < -self.entry:
            target(ctx, self.quantity)
        elif self.distance.value >= 0.0:
            target(ctx, 0)
