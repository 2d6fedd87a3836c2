"""What a strategy sees and may ask for: the only words of the core that strategies use.

All prices are scaled ints (1 = Rs 0.0001), quantities lots or shares, times ns UTC.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from alphapanda.books.orders import find
from alphapanda.books.state import ALL_ORDERS, Core, Maker, OrderRole, RequestVerb
from alphapanda.model.rows import Kind, Tif
from alphapanda.model.tags import tag_number

AUTO = -1
"""Market protection chosen by the instrument's price, as Zerodha's own default does."""


class Context(NamedTuple):
    """What a hook is told. Everything is as it was when the hook was called."""

    now: int
    row: int
    """The instrument's number; `at(ctx, row)` turns to another one."""
    leg: int
    """The instrument's place among the legs or members of the strategy."""
    last: int
    bid: int
    ask: int
    position: int
    """Net quantity that this strategy holds of the instrument."""
    open: int
    high: int
    low: int
    close: int
    volume: int
    """of the bar in on_bar; in on_tick the quantity traded since the last tick."""
    order: int
    """The order's number in on_fill and on_order."""
    qty: int
    """The fill's signed quantity in on_fill."""
    price: int
    """The fill's price in on_fill."""
    event: int
    """on_time: the timer's place; on_order: an `Out`; on_session: a `Phase`; on_bar: interval."""
    market: Any
    """The instrument's record: tick, lot, strike, expiry, bid_qty, ask_qty, traded, oi ..."""
    each: Any
    """A universe's members: record `row`, `cold` and the indicators of each."""
    strategy: int
    core: Any


def context(
    core: Core, each: Any, strategy: int, row: int, leg: int,
    opened: int, high: int, low: int, close: int, volume: int,
    order: int, qty: int, price: int, event: int,
) -> Context:  # fmt: skip
    """Build what a hook is told."""
    clock = core.clock[0]
    market = core.instruments[row]
    position = core.positions[strategy * clock.instruments + row]
    return Context(
        clock.now, row, leg, market.last, market.bid, market.ask, position.qty,
        opened, high, low, close, volume, order, qty, price, event, market, each, strategy, core,
    )  # fmt: skip


def at(ctx: Context, row: int) -> Context:
    """Return the same context turned to another instrument of the run."""
    core = ctx.core
    bind = core.binds[ctx.strategy * core.clock[0].instruments + row]
    return context(core, ctx.each, ctx.strategy, row, bind.leg, 0, 0, 0, 0, 0, 0, 0, 0, ctx.event)


def working(ctx: Context) -> int:
    """Return the signed quantity of this strategy's orders that work on the instrument."""
    core = ctx.core
    position = core.positions[ctx.strategy * core.clock[0].instruments + ctx.row]
    return int(position.open_buy - position.open_sell)


def is_open(ctx: Context, order: int) -> bool:
    """Say if an order of this strategy on the instrument is still open."""
    return find(ctx.core, ctx.row, ctx.strategy, order) >= 0


def filled(ctx: Context, order: int) -> int:
    """Return the filled quantity (signed) of an open order, 0 if it is not open."""
    slot = find(ctx.core, ctx.row, ctx.strategy, order)
    return int(ctx.core.orders[slot].filled) if slot >= 0 else 0


def average_price(ctx: Context) -> int:
    """Return the average price of the position, rounded down, 0 when flat."""
    core = ctx.core
    position = core.positions[ctx.strategy * core.clock[0].instruments + ctx.row]
    return int(position.cost // position.qty) if position.qty != 0 else 0


def pnl(ctx: Context) -> int:
    """Return the strategy's P&L after charges, marked at the last prices."""
    ledger = ctx.core.ledgers[ctx.strategy]
    return int(ledger.cash + ledger.mark)


def whole(qty: float) -> int:
    """Return a quantity as the whole number that it must be."""
    number = int(qty)
    if number != qty:
        raise ValueError("a quantity must be a whole number: int() or round() makes it one")
    return number


def tick_down(ctx: Context, price: int) -> int:
    """Round a price down to the instrument's tick."""
    tick = max(ctx.market.tick, 1)
    return int(price // tick * tick)


def tick_up(ctx: Context, price: int) -> int:
    """Round a price up to the instrument's tick."""
    tick = max(ctx.market.tick, 1)
    return int(-(-price // tick) * tick)


def ask_for(
    ctx: Context, verb: int, qty: int, kind: int, price: int, trigger: int, tif: int
) -> int:
    """Write down a request, which the risk gate answers when the hook returns; return its place."""
    core = ctx.core
    clock = core.clock[0]
    if clock.n_requests >= len(core.requests):
        raise OverflowError("a hook asked for more orders than one call may make")
    request = core.requests[clock.n_requests]
    clock.n_requests += 1
    if verb == RequestVerb.NEW:
        clock.last_id += 1
        request.id = clock.last_id
    else:
        request.id = 0
    request.verb = verb
    request.strategy = ctx.strategy
    request.row = ctx.row
    request.qty = qty
    request.kind = kind
    request.price = price
    request.trigger = trigger
    request.tif = tif
    request.product = core.positions[ctx.strategy * clock.instruments + ctx.row].product
    request.order = 0
    request.stop = 0
    request.target = 0
    request.trail = 0
    request.protection = AUTO
    request.role = OrderRole.NONE
    request.system = Maker.STRATEGY
    request.tag = 0
    return int(clock.n_requests - 1)


def as_tag(tag: str | int) -> int:
    """Return the number of a tag, 0 for none; compiled code has it in place of the text."""
    if isinstance(tag, str):
        return tag_number(tag)
    if tag != 0:
        raise ValueError(f'tag {tag!r}: write a text, such as tag="gap-up"')
    return 0


def order(
    ctx: Context, qty: int, kind: int = Kind.MARKET, price: int = 0, trigger: int = 0,
    tif: int = Tif.DAY, protection: int = AUTO, tag: str | int = 0,
) -> int:  # fmt: skip
    """Ask for an order of `qty` (negative sells); return its number.

    `protection` is the widest fill of MARKET and STOP in 1e-7 of the last price. `tag` says why, in
    up to 12 of a-z, 0-9 and `-`; reports and events show it.
    """
    request = ctx.core.requests[
        ask_for(ctx, RequestVerb.NEW, whole(qty), kind, price, trigger, tif)
    ]
    request.protection = protection
    request.tag = as_tag(tag)
    return int(request.id)


def buy(ctx: Context, qty: int, tag: str | int = 0) -> int:
    """Ask to buy at the market; return the order's number."""
    return order(ctx, qty, Kind.MARKET, 0, 0, Tif.DAY, AUTO, tag)


def sell(ctx: Context, qty: int, tag: str | int = 0) -> int:
    """Ask to sell at the market; return the order's number."""
    return order(ctx, -qty, Kind.MARKET, 0, 0, Tif.DAY, AUTO, tag)


def buy_limit(ctx: Context, qty: int, price: int, tag: str | int = 0) -> int:
    """Ask to buy at `price` or better; return the order's number."""
    return order(ctx, qty, Kind.LIMIT, price, 0, Tif.DAY, AUTO, tag)


def sell_limit(ctx: Context, qty: int, price: int, tag: str | int = 0) -> int:
    """Ask to sell at `price` or better; return the order's number."""
    return order(ctx, -qty, Kind.LIMIT, price, 0, Tif.DAY, AUTO, tag)


def buy_stop(ctx: Context, qty: int, trigger: int, tag: str | int = 0) -> int:
    """Ask to buy at the market once the price reaches `trigger`; return the order's number."""
    return order(ctx, qty, Kind.STOP, 0, trigger, Tif.DAY, AUTO, tag)


def sell_stop(ctx: Context, qty: int, trigger: int, tag: str | int = 0) -> int:
    """Ask to sell at the market once the price falls to `trigger`; return the order's number."""
    return order(ctx, -qty, Kind.STOP, 0, trigger, Tif.DAY, AUTO, tag)


def bracket(
    ctx: Context, qty: int, stop: int, target: int = 0, trail: int = 0, price: int = 0,
    tag: str | int = 0,
) -> int:  # fmt: skip
    """Ask for an entry (at the market, or at the limit `price`) with its exits; return its number.

    The first fill places a stop at `stop` (which follows the price at distance `trail`, if given)
    and a limit order at `target` (if given); a fill of one cuts the other. `trail` is rounded down
    to whole ticks, the nearer and so the safer stop, but to one at least.
    """
    kind = Kind.LIMIT if price != 0 else Kind.MARKET
    request = ctx.core.requests[ask_for(ctx, RequestVerb.NEW, whole(qty), kind, price, 0, Tif.DAY)]
    request.role = OrderRole.ENTRY
    request.stop = stop
    request.target = target
    request.trail = trail if trail <= 0 else max(tick_down(ctx, trail), ctx.market.tick, 1)
    request.tag = as_tag(tag)
    return int(request.id)


def target(ctx: Context, qty: int, tag: str | int = 0) -> int:
    """Bring the position to `qty`: ask for a market order for what is missing, 0 if nothing is.

    Working orders count as filled. Those on the other side are cancelled first, and the order
    follows when `target` is called again after that: an account must not trade with itself. Exits
    that sleep between sessions are at no exchange, so the order follows at once.
    """
    core = ctx.core
    position = core.positions[ctx.strategy * core.clock[0].instruments + ctx.row]
    wanted = whole(qty)
    missing = wanted - position.qty - position.open_buy + position.open_sell
    if missing == 0:
        return 0
    if (missing > 0 and position.open_sell != 0) or (missing < 0 and position.open_buy != 0):
        cancel_all(ctx)
        if position.open_buy + position.open_sell != position.asleep:
            return 0
        missing = wanted - position.qty
        if missing == 0:
            return 0
    return order(ctx, missing, Kind.MARKET, 0, 0, Tif.DAY, AUTO, tag)


def close(ctx: Context, tag: str | int = 0) -> int:
    """Ask to close the position at the market; return the order's number, 0 when flat."""
    return target(ctx, 0, tag)


def cancel(ctx: Context, number: int) -> None:
    """Ask for the cancellation of an order on the instrument."""
    ctx.core.requests[ask_for(ctx, RequestVerb.CANCEL, 0, 0, 0, 0, 0)].order = number


def cancel_all(ctx: Context) -> None:
    """Ask for the cancellation of all of this strategy's orders on the instrument."""
    ctx.core.requests[ask_for(ctx, RequestVerb.CANCEL, 0, 0, 0, 0, 0)].order = ALL_ORDERS


def modify(ctx: Context, number: int, qty: int = 0, price: int = 0, trigger: int = 0) -> None:
    """Ask for other terms of an open order; what is 0 stays. `qty` is the new total, signed."""
    place = ask_for(ctx, RequestVerb.MODIFY, whole(qty), 0, price, trigger, 0)
    ctx.core.requests[place].order = number
