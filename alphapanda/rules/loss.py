"""R7: the day's loss, realised and marked; passing it stops whoever made it.

What other runs of the account have earned today counts with it.
"""

from __future__ import annotations

from alphapanda.books.funds import equity
from alphapanda.books.state import Core, Record
from alphapanda.model.limits import LIFTED, RejectionCode, Unit

NUMBER = 100
CODE = RejectionCode.LOSS_LIMIT
PER = "both"
SAYS = "the loss {value} has reached the limit {limit}: trading is stopped"
UNIT = Unit.MONEY
LIMITED_BY = "loss"

AT = (
    {"limits.loss": 10_000, "ledger.day_start": 10_000, "ledger.cash": 0, "ledger.mark": 0},
    {"limits.loss": 0, "ledger.day_start": 5, "ledger.cash": 5},
    {"limits.loss": 10_000, "ledger.day_start": 9_000, "ledger.others": -1_000, "ledger.cash": 0},
)
OVER = (
    {"limits.loss": 10_000, "ledger.day_start": 10_001, "ledger.cash": 0, "ledger.mark": 0},
    {"limits.loss": 0, "ledger.day_start": 6, "ledger.cash": 5},
    {"limits.loss": 10_000, "ledger.day_start": 9_000, "ledger.others": -1_001, "ledger.cash": 0},
)
MISSING = None


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse once the day's loss is greater than the limit."""
    limit = core.limits[owner].loss
    if limit == LIFTED:
        return False
    ledger = core.ledgers[owner]
    request.value = ledger.day_start - equity(core, owner)
    if ledger.others_day == core.clock[0].day:
        request.value -= ledger.others
    request.limit = limit
    return bool(request.value > limit)
