"""Cross-sectional momentum: hold the few instruments that rose most, decided at set times."""

from alphapanda import at, every, param, sma, strategy, target, universe


@strategy
class Momentum:
    """Every half hour hold the members furthest above their own average, equal in money."""

    bind = universe()
    timers = every("30m")
    window = param(60, ge=2, doc="minutes in the average")
    hold = param(5, ge=1, doc="members to hold")
    money = param(50_000, ge=1, doc="rupees in each")
    average = sma("window", bar="1m")

    def on_time(self, ctx):
        for member in ctx.each:
            if member.cold == 0:
                here = at(ctx, member.row)
                if here.last > 0:
                    target(here, wanted(self, ctx, member))


def wanted(self, ctx, member):
    """Return the quantity of a member: full if fewer than `hold` others are stronger."""
    mine = strength(ctx, member)
    stronger = 0
    for other in ctx.each:
        if other.cold == 0 and other.row != member.row:
            theirs = strength(ctx, other)
            if theirs > mine or (theirs == mine and other.row < member.row):
                stronger += 1
    if stronger >= self.hold or mine <= 0.0:
        return 0
    return self.money * 10_000 // at(ctx, member.row).last


def strength(ctx, member):
    """Return how far a member stands above its average, as a fraction."""
    return at(ctx, member.row).last / 10000.0 / member.average.value - 1.0
