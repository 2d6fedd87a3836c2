"""Channel breakout: buy a new high of many bars, sell a new low of few."""

from alphapanda import donchian, param, strategy, target


@strategy
class DonchianBreakout:
    """Long above the highest high of `enter` bars before, flat below the lowest low of `leave`."""

    enter = param(60, ge=2, doc="bars in the channel that is entered on")
    leave = param(20, ge=2, doc="bars in the channel that is left on")
    quantity = param(1, ge=1, doc="shares to hold")
    wide = donchian("enter", before=True)
    narrow = donchian("leave", before=True)

    def check(enter, leave, quantity):
        return "" if leave <= enter else f"leave = {leave} must not be above enter = {enter}"

    def on_bar(self, ctx):
        price = ctx.close / 10_000.0
        if price > self.wide.upper:
            target(ctx, self.quantity)
        elif price < self.narrow.lower:
            target(ctx, 0)
