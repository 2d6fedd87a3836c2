"""How much to trade: quantities from a share of the account, exact, rounded down to whole lots.

All take the context turned to the instrument, and `percent` from 0 to 1,000, counted to 0.00001.
The account's equity is its cash and what all its strategies hold, at last prices. What an order
costs (charges, a worse fill) is not set aside. Without a price, or with less than a lot, it is 0.
No freeze quantity and no limit of the risk gate cuts a size: the gate refuses what is too large.
"""

from __future__ import annotations

from alphapanda.books.funds import equity, free_funds, margin_of
from alphapanda.core.context import Context
from alphapanda.model.money import VALUE_BOUND

MOST_PERCENT = 1_000
WHOLE = 10_000_000
"""100 % in 1e-7."""
MOST_MONEY = 1 << 56
"""Of what larger amounts come to in percent, int64 can't hold the steps."""


def size_by_equity(ctx: Context, percent: float) -> int:
    """Return the quantity that is worth `percent` of the account's equity at the last price."""
    budget = percent_of(equity(ctx.core, ctx.core.clock[0].strategies), percent)
    return whole_lots(ctx, budget // ctx.last) if ctx.last > 0 else 0


def size_by_risk(ctx: Context, percent: float, stop: int) -> int:
    """Return the quantity that loses `percent` of equity between the last price and `stop`.

    `stop` is a price of the context (Rs 0.0001), on either side; at the last price itself it is 0.
    """
    budget = percent_of(equity(ctx.core, ctx.core.clock[0].strategies), percent)
    distance = abs(ctx.last - stop)
    return whole_lots(ctx, budget // distance) if ctx.last > 0 and distance > 0 else 0


def size_by_margin(ctx: Context, percent: float, side: int = 1) -> int:
    """Return the quantity whose margin is at most `percent` of the account's free funds.

    `side` is 1 to buy, -1 to sell short; the quantity is never negative. The margin is what a
    position blocks: a flat share of the value, or of a short option's strike, from a dated table;
    for delivery the whole value, and nothing can be sold short. No leg lowers another one's. The
    gate holds an order's charges and a buy's protection band beside it, so 100 % is refused.
    """
    if side != 1 and side != -1:
        raise ValueError("side must be 1 to buy or -1 to sell")
    budget = percent_of(free_funds(ctx.core), percent)
    unit = max(ctx.last, ctx.market.strike) * ctx.market.lot
    if ctx.last <= 0:
        return 0
    low, high = 0, VALUE_BOUND // unit
    while low < high:
        middle = (low + high + 1) // 2
        if needed(ctx, side * middle * ctx.market.lot) <= budget:
            low = middle
        else:
            high = middle - 1
    return int(low * ctx.market.lot)


def needed(ctx: Context, qty: int) -> int:
    """Return what a position of `qty` (negative: short) blocks at the last price."""
    core = ctx.core
    position = core.positions[ctx.strategy * core.clock[0].instruments + ctx.row]
    if position.margin_rate != 0:
        return margin_of(position, ctx.market, qty, ctx.last)
    return int(qty * ctx.last) if qty > 0 else VALUE_BOUND


def whole_lots(ctx: Context, qty: int) -> int:
    """Return a quantity cut to whole lots."""
    return int(qty // ctx.market.lot * ctx.market.lot)


def percent_of(amount: int, percent: float) -> int:
    """Return a part of an amount, rounded down; 0 of an amount that is none."""
    if not 0 <= percent <= MOST_PERCENT:
        raise ValueError("a percentage must be from 0 to 1000")
    if amount >= MOST_MONEY:
        raise OverflowError("an account of more than Rs 7.2e12 can't be cut into percent")
    if amount <= 0:
        return 0
    rate = int(percent * 100_000 + 0.5)
    return int(amount // WHOLE * rate + amount % WHOLE * rate // WHOLE)
