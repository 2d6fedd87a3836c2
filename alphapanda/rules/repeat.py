"""R10: filled orders on one side of an instrument in a short time; the strategy is stopped."""

from __future__ import annotations

from alphapanda.books.state import Core, Record, repeat_slot
from alphapanda.model.limits import LIFTED, RejectionCode

NUMBER = 130
CODE = RejectionCode.REPEAT_EXEC
PER = "strategy"
SAYS = "{value} fills of the same kind in the window, the limit is {limit}"
LIMITED_BY = "repeats and repeat_window"

AT = (
    {"limits.repeats": 2, "limits.repeat_ns": 60_000_000_000, "fills": (1,)},
    {"limits.repeats": 2, "limits.repeat_ns": 60_000_000_000, "fills": (1,), "request.qty": -10},
    {"limits.repeats": 1, "limits.repeat_ns": 60_000_000_000, "fills": (60_000_000_000,)},
    {"limits.repeats": 1, "limits.repeat_ns": 60_000_000_000},
)
OVER = (
    {"limits.repeats": 2, "limits.repeat_ns": 60_000_000_000, "fills": (1, 1)},
    {"limits.repeats": 2, "limits.repeat_ns": 60_000_000_000, "fills": (1, 1), "request.qty": -10},
    {"limits.repeats": 1, "limits.repeat_ns": 60_000_000_000, "fills": (59_999_999_999,)},
    {"limits.repeats": 0, "limits.repeat_ns": 60_000_000_000},
)
MISSING = None


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse the next order once as many as the limit were filled inside the window."""
    limits = core.limits[owner]
    if limits.repeats == LIFTED:
        return False
    clock = core.clock[0]
    index = request.strategy * clock.instruments + request.row
    position = core.positions[index]
    side = 0 if request.qty > 0 else 1
    count = position.repeats_buy if request.qty > 0 else position.repeats_sell
    request.value = count
    request.limit = limits.repeats
    if count < limits.repeats:
        return False
    if limits.repeats == 0:
        return True
    oldest = core.ring[repeat_slot(core, index, side, count - limits.repeats)]
    return bool(clock.now - oldest < limits.repeat_ns)
