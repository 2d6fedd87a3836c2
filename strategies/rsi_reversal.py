"""Relative strength index: buy after falling too far, sell after rising enough."""

from alphapanda import param, rsi, strategy, target


@strategy
class RsiReversal:
    """Long once the RSI is below `low`, flat once it is above `high`."""

    window = param(14, ge=2, doc="bars in the RSI")
    low = param(30.0, gt=0.0, lt=100.0, doc="RSI below which to buy")
    high = param(55.0, gt=0.0, lt=100.0, doc="RSI above which to sell")
    settle = param(150, ge=1, doc="bars before the first trade: the RSI forgets where it began")
    quantity = param(1, ge=1, doc="shares to hold")
    strength = rsi("window", warmup="settle")

    def check(window, low, high, settle, quantity):
        return "" if low < high else f"low = {low} must be below high = {high}"

    def on_bar(self, ctx):
        if self.strength.value < self.low:
            target(ctx, self.quantity)
        elif self.strength.value > self.high:
            target(ctx, 0)
