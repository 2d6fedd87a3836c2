"""R2: a trigger on the instrument's tick. A tick of 0 is unknown to the source and not checked."""

from __future__ import annotations

from alphapanda.core.state import Core, Record
from alphapanda.model.rows import Code, Kind

NUMBER = 19
CODE = Code.TRIGGER_TICK
PER = "signal"

AT = {"instrument.tick": 500, "wish.kind": 3, "wish.trigger": 1_000_500}
OVER = {"instrument.tick": 500, "wish.kind": 3, "wish.trigger": 1_000_501}
MISSING = ({"wish.kind": 2, "wish.price": 1}, {"wish.kind": 3})


def check(core: Core, wish: Record, owner: int) -> bool:
    """Refuse a trigger off the tick, and a kind whose trigger is not given."""
    tick = core.instruments[wish.row].tick
    wish.value = wish.trigger
    wish.limit = tick
    if wish.kind >= Kind.STOP_LIMIT and wish.trigger <= 0:
        return True
    return bool(tick != 0 and wish.trigger % tick != 0)
