"""R2: a bracket's target on the instrument's tick. A tick of 0 is unknown and not checked."""

from __future__ import annotations

from alphapanda.books.state import Core, Record
from alphapanda.model.limits import RejectionCode, Unit

NUMBER = 210
CODE = RejectionCode.TARGET_TICK
PER = "signal"
SAYS = "the target {value} is no multiple of the tick {limit}"
UNIT = Unit.MONEY
SETTLES = "prices must be multiples of the tick, which --instruments FILE tells"

AT = {"instrument.tick": 500, "request.target": 500}
OVER = {"instrument.tick": 500, "request.target": 501}
MISSING = None


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse a target off the tick."""
    tick = core.instruments[request.row].tick
    request.value = request.target
    request.limit = tick
    return bool(tick != 0 and request.target % tick != 0)
