"""R13: the instrument's data are too old to act on."""

from __future__ import annotations

from alphapanda.books.state import Core, Record
from alphapanda.model.limits import LIFTED, RejectionCode, Unit

NUMBER = 160
CODE = RejectionCode.STALE_DATA
PER = "strategy"
SAYS = "the last price is {value} old, the limit is {limit}"
UNIT = Unit.TIME
LIMITED_BY = "age"

AT = {"limits.age_ns": 5, "instrument.ts": 1_999_999_995}
OVER = {"limits.age_ns": 5, "instrument.ts": 1_999_999_994}
MISSING = {"limits.age_ns": 5, "instrument.ts": 0}


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse when the last row of the instrument is older than the limit."""
    limit = core.limits[owner].age_ns
    if limit == LIFTED:
        return False
    request.value = core.clock[0].now - core.instruments[request.row].ts
    request.limit = limit
    return bool(request.value > limit)
