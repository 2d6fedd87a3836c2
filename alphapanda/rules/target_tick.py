"""R2: a bracket's target on the instrument's tick. A tick of 0 is unknown and not checked."""

from __future__ import annotations

from alphapanda.core.state import Core, Record
from alphapanda.model.rows import Code

NUMBER = 21
CODE = Code.TARGET_TICK
PER = "signal"

AT = {"instrument.tick": 500, "wish.target": 500}
OVER = {"instrument.tick": 500, "wish.target": 501}
MISSING = None


def check(core: Core, wish: Record, owner: int) -> bool:
    """Refuse a target off the tick."""
    tick = core.instruments[wish.row].tick
    wish.value = wish.target
    wish.limit = tick
    return bool(tick != 0 and wish.target % tick != 0)
