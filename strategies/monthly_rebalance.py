"""A portfolio of all members in equal parts, brought back to them in each month's first session."""

from alphapanda import at, daily, date_of, param, size_by_equity, state, strategy, target, universe

SELL = 0
"""The timer at which what is too large is sold; five minutes later the money buys the rest."""


@strategy
class MonthlyRebalance:
    """Hold every member in equal parts of the equity; sell what grew, buy what fell, monthly."""

    bind = universe()
    timers = (daily("09:20"), daily("09:25"))
    invested = param(95.0, gt=0.0, le=100.0, doc="percent of equity in all members together")
    month = state(0)

    def on_time(self, ctx):
        month = date_of(ctx) // 100
        if month == self.month:
            return
        for member in ctx.each:
            here = at(ctx, member.row)
            wanted = size_by_equity(here, self.invested / len(ctx.each))
            if here.last > 0 and (wanted < here.position) == (ctx.event == SELL):
                target(here, wanted)
        if ctx.event != SELL:
            self.month = month
