"""Gap fade: a session that opens far from the last close is traded back towards it.

Gaps upward are sold short, which shares allow within the day only: say `--product MIS`.
"""

from alphapanda import (
    bracket,
    cancel_all,
    close,
    daily,
    date_of,
    param,
    state,
    strategy,
    tick_down,
    tick_up,
)

CANCEL = 0
"""The timer at which exits are cancelled; a minute later the position is closed."""


@strategy
class GapFade:
    """From a gap at the open to the close before, with a stop as far away; out by 15:01."""

    timers = (daily("15:00"), daily("15:01"))
    gap = param(0.5, gt=0.0, doc="percent from the last close at which an open is a gap")
    quantity = param(1, ge=1, doc="shares to trade")
    today = state(0)
    before = state(0)

    def on_bar(self, ctx):
        if date_of(ctx) != self.today:
            self.today = date_of(ctx)
            if abs(ctx.open - self.before) * 100.0 > self.gap * self.before > 0.0:
                fade(self, ctx)
        self.before = ctx.close

    def on_time(self, ctx):
        if ctx.event == CANCEL:
            cancel_all(ctx)
        else:
            close(ctx)


def fade(self, ctx):
    """Trade towards the close before, unless the first bar has come back to it."""
    mirrored = 2 * ctx.close - self.before
    if ctx.open < self.before and ctx.close < self.before:
        bracket(ctx, self.quantity, tick_down(ctx, mirrored), tick_up(ctx, self.before))
    elif ctx.open > self.before and ctx.close > self.before:
        bracket(ctx, -self.quantity, tick_up(ctx, mirrored), tick_down(ctx, self.before))
