"""Small markets and a strategy for the tests of sweeps, each made and compiled once."""

from __future__ import annotations

from typing import Any

from alphapanda import param, rupees, sma, state, strategy, target
from tests.support.running import ROOT, session

SMA_CROSS = str(ROOT / "strategies" / "sma_cross.py")
GRID = {"fast": [2, 5, 9], "slow": [5, 12, 30]}
WAYS: dict[str, Any] = {"limits": "wide", "costs": "0.03%"}


def bars(days: int = 6) -> str:
    """Return some days of minute bars of two shares."""
    return session(shares=2, rows=300, days=days, kind="bar")


@strategy
class Flipper:
    """Long above its average, short below, by a share more each time: every fill reverses."""

    window = param(10, ge=2, doc="bars of the average")
    band = param(0.5, ge=0.0, doc="rupees around the average in which nothing happens")
    size = state(1)
    average = sma("window")

    def on_bar(self, ctx: Any) -> None:
        """Trade only on a bar that is clear of the band."""
        price = rupees(ctx.close)
        if price > self.average.value + self.band:
            target(ctx, self.size)
        elif price < self.average.value - self.band:
            target(ctx, -self.size)
            self.size = self.size % 7 + 1
