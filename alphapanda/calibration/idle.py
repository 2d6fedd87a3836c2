"""A strategy that does nothing: in its name a paper core takes orders that others decided on."""

from __future__ import annotations

from alphapanda.core.context import Context
from alphapanda.engine.compiler.strategy import spec_of, strategy


@strategy
class Idle:
    """Never asks for anything."""

    def on_tick(self, ctx: Context) -> None:  # noqa: ARG002 (every hook takes it)
        """Do nothing."""
        return


IDLE = spec_of(Idle)
