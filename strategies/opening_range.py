"""Opening-range breakout: buy above the high of a session's first minutes, out below their low."""

from alphapanda import close, daily, param, state, strategy, target

IST = 19_800_000_000_000
DAY = 86_400_000_000_000
MINUTE = 60_000_000_000
OPEN = 555
"""Minute of the day at which NSE opens, 09:15."""


@strategy
class OpeningRange:
    """One long trade a day at most, above the opening range; flat below it and at 15:10."""

    timers = daily("15:10")
    minutes = param(15, ge=1, le=300, doc="minutes of the opening range")
    quantity = param(1, ge=1, doc="shares to hold")
    today = state(0)
    upper = state(0)
    lower = state(0)
    traded = state(0)

    def on_bar(self, ctx):
        minute = (ctx.now + IST) // MINUTE % 1_440 - OPEN
        if (ctx.now + IST) // DAY != self.today:
            self.today = (ctx.now + IST) // DAY
            self.upper = 0
            self.lower = 0
            self.traded = 0
        if minute <= self.minutes:
            self.upper = max(self.upper, ctx.high)
            self.lower = ctx.low if self.lower == 0 else min(self.lower, ctx.low)
        elif ctx.position != 0 and ctx.close < self.lower:
            target(ctx, 0)
        elif self.traded == 0 and ctx.close > self.upper > 0 and minute < 355:
            self.traded = 1
            target(ctx, self.quantity)

    def on_time(self, ctx):
        close(ctx)
