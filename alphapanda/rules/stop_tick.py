"""R2: a bracket's stop on the instrument's tick. A tick of 0 is unknown and not checked."""

from __future__ import annotations

from alphapanda.core.state import Core, Record
from alphapanda.model.rows import Code

NUMBER = 20
CODE = Code.STOP_TICK
PER = "signal"

AT = {"instrument.tick": 500, "wish.stop": 500}
OVER = {"instrument.tick": 500, "wish.stop": 501}
MISSING = None


def check(core: Core, wish: Record, owner: int) -> bool:
    """Refuse a stop off the tick."""
    tick = core.instruments[wish.row].tick
    wish.value = wish.stop
    wish.limit = tick
    return bool(tick != 0 and wish.stop % tick != 0)
