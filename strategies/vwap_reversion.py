"""Session VWAP with bands: buy below the lower band, sell at the VWAP, flat before the close."""

from alphapanda import close, daily, param, strategy, target, vwap_bands


@strategy
class VwapReversion:
    """Long from below the lower band to the session's average price; flat from 15:10 on."""

    timers = daily("15:10")
    width = param(2.0, gt=0.0, doc="deviations between the VWAP and its bands")
    rest = param(30, ge=1, doc="minutes of a session before the first trade")
    quantity = param(1, ge=1, doc="shares to hold")
    bands = vwap_bands("width")

    def on_bar(self, ctx):
        price = ctx.close / 10_000.0
        minute = (ctx.now + 19_800_000_000_000) // 60_000_000_000 % 1_440
        if ctx.position != 0 and price >= self.bands.value:
            target(ctx, 0)
        elif 555 + self.rest <= minute < 910 and price < self.bands.lower:
            target(ctx, self.quantity)

    def on_time(self, ctx):
        close(ctx)
