"""What the broker's side does not let pass: no new risk of the account, or on an instrument.

A report blocks with a code and unblocks it; several may hold at once. An order of which nobody
knows whether it works blocks its instrument until a report tells. What only reduces passes, as
while trading is paused.
"""

from __future__ import annotations

from alphapanda.books.emit import emit
from alphapanda.books.state import Core, Record
from alphapanda.books.stops import adds_risk
from alphapanda.model.instruments import Product
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import Out

FIRST = int(RejectionCode.AUTH_LOST)
LAST = int(RejectionCode.PRODUCT_CUTOFF)


def set_halt(core: Core, row: int, code: int, blocked: int) -> None:
    """Block (1) or unblock (0) an instrument, or with row -1 the account, for a reason."""
    if code != RejectionCode.STALE_DATA and (code < FIRST or code > LAST):
        raise AssertionError("a report blocks for STALE_DATA, or AUTH_LOST to PRODUCT_CUTOFF")
    bit = 1 << code
    if row < 0:
        core.clock[0].halts = with_bit(core.clock[0].halts, bit, blocked)
    else:
        core.instruments[row].halts = with_bit(core.instruments[row].halts, bit, blocked)
    emit(core, Out.BROKER_SESSION, -1, row, 0, 0, 0, code, blocked, 0, 0)


def with_bit(bits: int, bit: int, wanted: int) -> int:
    """Return bits with one of them set or cleared."""
    if wanted != 0:
        return int(bits | bit)
    return int(bits & ~bit)


def halting(core: Core, request: Record) -> int:
    """Return why the broker's side does not let a request pass, 0 if it does."""
    code = standing(core, request)
    if code == 0 or not adds_risk(core, request):
        return 0
    return code


def standing(core: Core, request: Record) -> int:
    """Return the first reason to take no new risk where a request is about, 0 without one."""
    instrument = core.instruments[request.row]
    bits = core.clock[0].halts | instrument.halts
    if instrument.unknowns != 0:
        bits |= 1 << int(RejectionCode.BLOCKED_UNKNOWN)
    group = core.groups[instrument.group]
    if request.product == Product.MIS and core.clock[0].now >= group.intraday_end:
        bits |= 1 << int(RejectionCode.PRODUCT_CUTOFF)
    if bits == 0:
        return 0
    for code in range(FIRST, LAST + 1):
        if bits & (1 << code):
            return code
    return int(RejectionCode.STALE_DATA)
