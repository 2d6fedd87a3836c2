"""Futures that follow each other, in hooks: the one to hold, and the roll into it before expiry.

They are those of the chain (`alphapanda/words/chains.py`) that the context is turned to. Days are
those of the calendar, as in `nearest_expiry`: a roll whose day has no session falls to the next.
"""

from __future__ import annotations

from alphapanda.core.context import Context, at, target
from alphapanda.model.calendar import DAY, IST
from alphapanda.model.instruments import Segment
from alphapanda.model.rows import NEVER
from alphapanda.words.chains import in_chain


def nearest_future(ctx: Context, days: int = 0) -> int:
    """Return the row of the next future to expire, `days` calendar days away at least; -1: none."""
    found, first = -1, NEVER
    today = (ctx.now + IST) // DAY
    for row in range(ctx.core.clock[0].instruments):
        market = ctx.core.instruments[row]
        if market.segment == Segment.FUTURES and ctx.now < market.expiry < first:
            if (market.expiry + IST) // DAY - today >= days and in_chain(ctx, row):
                found, first = row, int(market.expiry)
    return found


def roll(ctx: Context, days: int, qty: int) -> int:
    """Bring the future to hold to `qty` and all others of the chain to 0; return its row.

    It is the next one that expires more than `days` calendar days from today: call it on a timer,
    and `days` before its expiry, at that time, the next one takes its place. Without such a
    future, or without a price of it yet, nothing is asked for and -1 returned: call it again.
    What works on the other side is cancelled first, as `target` does: then call it again too.
    """
    held = nearest_future(ctx, days + 1)
    if held < 0 or ctx.core.instruments[held].last <= 0:
        return -1
    for row in range(ctx.core.clock[0].instruments):
        if row != held and ctx.core.instruments[row].segment == Segment.FUTURES:
            if in_chain(ctx, row):
                target(at(ctx, row), 0)
    target(at(ctx, held), qty)
    return held
