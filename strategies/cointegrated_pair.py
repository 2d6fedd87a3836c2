"""A pair that is only traded while it is cointegrated: the distance must have come back before.

One leg is sold short, which shares allow within the day only: say `--product MIS`. By chance alone
1 of 100 windows passes the bound; two sessions in a row must, and that is no proof either.
"""

from alphapanda import (
    at,
    close,
    cointegration,
    daily,
    date_of,
    legs,
    param,
    state,
    strategy,
    target,
)


@strategy
class CointegratedPair:
    """Fit the pair before each session; trade its distance where the fit held twice in a row."""

    bind = legs("near", "far")
    timers = daily("15:10")
    window = param(750, ge=30, doc="bars in the fit")
    bound = param(-3.9, ge=-20.0, lt=0.0, doc="statistic below which a pair is one: -3.9 at 1 %")
    entry = param(1.5, gt=0.0, doc="deviations from the fit at which to enter")
    quantity = param(100, ge=1, doc="shares of the near leg")
    fit = cointegration("window")
    today = state(0)
    passed = state(0)
    over = state(0)
    ratio = state(0.0)
    intercept = state(0.0)
    deviation = state(0.0)

    def on_time(self, ctx):
        self.over = date_of(ctx)
        close(at(ctx, self.near))
        close(at(ctx, self.far))

    def on_bar(self, ctx):
        near = at(ctx, self.near)
        far = at(ctx, self.far)
        if near.market.ts != far.market.ts:  # whichever leg's bar comes first, it waits for both
            return
        if self.today != date_of(ctx):
            self.today = date_of(ctx)
            judge(self)
        if self.passed >= 2 and self.over != self.today:
            trade(self, near, far)


def judge(self):
    """Keep the fit for the session, and count how many in a row have passed."""
    self.ratio = self.fit.ratio
    self.intercept = self.fit.intercept
    self.deviation = self.fit.deviation
    passes = self.fit.value < self.bound and self.fit.ratio > 0.0
    self.passed = self.passed + 1 if passes else 0


def trade(self, near, far):
    """Sell the near leg where it is dear, buy it where it is cheap, leave where it is neither."""
    away = near.last / 10_000.0 - self.intercept - self.ratio * far.last / 10_000.0
    side = 0
    if away > self.entry * self.deviation:
        side = -1
    elif away < -self.entry * self.deviation:
        side = 1
    if near.position == 0 and side != 0:
        target(near, side * self.quantity)
        target(far, -side * int(self.quantity * self.ratio + 0.5))
    elif near.position != 0 and near.position * away >= 0.0:
        close(near)
        close(far)
