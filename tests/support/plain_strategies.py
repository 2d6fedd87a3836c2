"""Strategies in plain Python, which need no compiling, for tests of figures and notes."""

from __future__ import annotations

from typing import Any

from alphapanda import buy_limit, param, state, strategy, target


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
