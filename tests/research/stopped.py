"""A strategy with stops, for the tests of results."""

from __future__ import annotations

from typing import Any

from alphapanda import bracket, state, strategy


@strategy
class Stopped:
    """Enter with a bracket whenever flat."""

    entry = state(0)

    def on_tick(self, ctx: Any) -> None:
        """Enter once in a hundred rows."""
        self.entry = self.entry + 1
        if ctx.position == 0 and self.entry % 100 == 0:
            stop, goal = ctx.last - ctx.last // 1000, ctx.last + ctx.last // 500
            bracket(ctx, 1, stop // 500 * 500, goal // 500 * 500)
