"""R2: a trigger on the instrument's tick. A tick of 0 is unknown to the source and not checked."""

from __future__ import annotations

from alphapanda.books.state import Core, Record
from alphapanda.model.limits import RejectionCode, Unit
from alphapanda.model.rows import Kind

NUMBER = 190
CODE = RejectionCode.TRIGGER_TICK
PER = "signal"
SAYS = "the trigger {value} is no multiple of the tick {limit}"
UNIT = Unit.MONEY
SETTLES = "prices must be multiples of the tick, which --instruments FILE tells"

AT = {"instrument.tick": 500, "request.kind": 3, "request.trigger": 1_000_500}
OVER = {"instrument.tick": 500, "request.kind": 3, "request.trigger": 1_000_501}
MISSING = ({"request.kind": 2, "request.price": 1}, {"request.kind": 3})


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse a trigger off the tick, and a kind whose trigger is not given."""
    tick = core.instruments[request.row].tick
    request.value = request.trigger
    request.limit = tick
    if request.kind >= Kind.STOP_LIMIT and request.trigger <= 0:
        return True
    return bool(tick != 0 and request.trigger % tick != 0)
