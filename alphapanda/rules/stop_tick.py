"""R2: a bracket's stop on the instrument's tick. A tick of 0 is unknown and not checked."""

from __future__ import annotations

from alphapanda.books.state import Core, Record
from alphapanda.model.limits import RejectionCode, Unit

NUMBER = 200
CODE = RejectionCode.STOP_TICK
PER = "signal"
SAYS = "the stop {value} is no multiple of the tick {limit}"
UNIT = Unit.MONEY
SETTLES = "prices must be multiples of the tick, which --instruments FILE tells"

AT = {"instrument.tick": 500, "request.stop": 500}
OVER = {"instrument.tick": 500, "request.stop": 501}
MISSING = None


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse a stop off the tick."""
    tick = core.instruments[request.row].tick
    request.value = request.stop
    request.limit = tick
    return bool(tick != 0 and request.stop % tick != 0)
