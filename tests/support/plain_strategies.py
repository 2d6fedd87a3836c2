"""Strategies in plain Python, which need no compiling, for tests of figures and notes."""

from __future__ import annotations

from typing import Any

from alphapanda import (
    bracket,
    buy_limit,
    cancel_all,
    param,
    sell,
    state,
    strategy,
    target,
    tick_down,
)


@strategy(compiled=False)
class Turner:
    """Hold some shares for some rows, and nothing for as many."""

    window = param(50, ge=1, doc="rows held")
    charges = param(10, ge=1, doc="shares, by a name that a figure has too")
    seen = state(0)

    def on_tick(self, ctx: Any) -> None:
        """Turn every so many rows."""
        self.seen += 1
        target(ctx, self.charges if self.seen // self.window % 2 else 0)


@strategy(compiled=False)
class Asker:
    """Bid far below the market, once: the order expires."""

    far = param(50, ge=10, doc="what part of the price below it")
    seen = state(0)

    def on_tick(self, ctx: Any) -> None:
        """Bid on the tenth row."""
        self.seen += 1
        if self.seen == 10:
            buy_limit(ctx, 1, (ctx.last - ctx.last // self.far) // 500 * 500)


@strategy(compiled=False)
class Holder:
    """Buy once behind a trailing stop, hold over night, and sell after so many ticks."""

    quantity = param(10, ge=1, doc="shares")
    hold = param(700, ge=1, doc="ticks until the stop is cancelled; the sale is 20 later")
    seen = state(0)

    def on_tick(self, ctx: Any) -> None:
        """Buy on the twentieth tick, sell later."""
        self.seen += 1
        if self.seen == 20:
            bracket(ctx, self.quantity, tick_down(ctx, ctx.last * 90 // 100), trail=ctx.last // 10)
        if self.seen == self.hold:
            cancel_all(ctx)
        if self.seen == self.hold + 20:
            sell(ctx, self.quantity)
