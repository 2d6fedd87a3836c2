"""R8: messages to the broker a second, a minute and a day; changes of one order."""

from __future__ import annotations

from alphapanda.books.state import Core, Record, RequestVerb, message_slot
from alphapanda.model.limits import LIFTED, RejectionCode

NUMBER = 110
CODE = RejectionCode.RATE
PER = "both"

SECOND = 1_000_000_000
SAYS = "{value} orders in the window, the limit is {limit}"
LIMITED_BY = "per_second, per_minute or per_day"

AT = (
    {"limits.per_second": 2, "messages": (1,)},
    {"limits.per_second": 1, "messages": (1_000_000_000,)},
    {"limits.per_minute": 2, "messages": (1,)},
    {"limits.per_minute": 1, "messages": (60_000_000_000,)},
    {"limits.per_day": 2, "messages": (1,)},
    {"limits.modifications": 2, "request.verb": RequestVerb.MODIFY, "request.changes": 1},
    {"limits.per_second": 1},
)
OVER = (
    {"limits.per_second": 2, "messages": (1, 1)},
    {"limits.per_second": 1, "messages": (999_999_999,)},
    {"limits.per_minute": 2, "messages": (1, 1)},
    {"limits.per_minute": 1, "messages": (59_999_999_999,)},
    {"limits.per_day": 2, "messages": (1, 1)},
    {"limits.modifications": 2, "request.verb": RequestVerb.MODIFY, "request.changes": 2},
    {"limits.per_second": 0},
)
MISSING = None


def too_many(core: Core, owner: int, limit: int, window: int) -> bool:
    """Say if the last `limit` messages all lie inside the window that ends now."""
    ledger = core.ledgers[owner]
    if limit == LIFTED:
        return False
    if limit == 0:
        return True
    if ledger.messages < limit:
        return False
    oldest = core.ring[message_slot(owner, ledger.messages - limit)]
    return bool(core.clock[0].now - oldest < window)


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse the message that would pass a limit in any sliding window, or one change too many."""
    limits = core.limits[owner]
    if request.verb == RequestVerb.MODIFY and request.changes >= limits.modifications:
        request.value = request.changes
        request.limit = limits.modifications
        return True
    ledger = core.ledgers[owner]
    request.value = ledger.messages_day
    request.limit = limits.per_day
    if limits.per_day != LIFTED and ledger.messages_day >= limits.per_day:
        return True
    if too_many(core, owner, limits.per_second, SECOND):
        request.limit = limits.per_second
        return True
    request.limit = limits.per_minute
    return too_many(core, owner, limits.per_minute, 60 * SECOND)
