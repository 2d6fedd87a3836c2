"""Paper matching: what the next row of an instrument does to its resting orders.

A tick fills at the opposite quote, or at the last price where there is none. Of a bar the open
comes first, a gap fills at the open, then stops, then targets: the pessimistic order. No order
fills on the row that made it, but for the stop of a bracket on the bar that filled its entry.
"""

from __future__ import annotations

from alphapanda.books.emit import call_order, emit_order
from alphapanda.books.flags import BARS_IN, HOOK_ORDER, QUOTES
from alphapanda.books.orders import (
    count_anew,
    finish,
    release,
    sweep,
)
from alphapanda.books.protection import worst_price
from alphapanda.books.state import Core, OrderRole, OrderState, Record
from alphapanda.books.stops import trim
from alphapanda.core.brackets import trailing
from alphapanda.core.execution import (
    UNLIMITED,
    available,
    reaches,
    take,
    taken,
    trade_share,
    whole_lots,
)
from alphapanda.model.charges import portion
from alphapanda.model.rows import NEVER, Kind, LimitFill, Out, Reason, Tif


def match(core: Core, row: int) -> None:
    """Match an instrument's resting orders against the row that has just come in."""
    instrument = core.instruments[row]
    instrument.taken_buy = 0
    instrument.taken_sell = 0
    if BARS_IN:
        instrument.met = instrument.open
        instrument.inside = 0
    slot = instrument.first
    while slot >= 0:
        order = core.orders[slot]
        match_first(core, order, instrument)
        slot = order.next
    if BARS_IN:
        match_inside_bar(core, instrument)
    clock = core.clock[0]
    if clock.guarded != 0:
        trim(core, row)
    if clock.finished != 0:
        clock.finished = 0
        sweep(core, row)


def match_first(core: Core, order: Record, instrument: Record) -> None:
    """Bring an order up to this row: cancel, change, arrival, trigger, then its first chance."""
    clock = core.clock[0]
    if order.cause == clock.cause or order.state >= OrderState.CLOSED:
        return
    if order.cancel_ts <= instrument.ts:
        finish(core, order, Out.CANCELLED, order.reason)
        return
    if order.modify_ts <= instrument.ts:
        apply_change(core, order)
    if order.ts > instrument.ts:
        return
    arrived = order.state == OrderState.IN_FLIGHT
    if arrived:
        arrive(core, order)
    first = instrument.open if BARS_IN else instrument.last
    if order.state == OrderState.PENDING_TRIGGER and touches(order, first):
        trigger(core, order, first)
        arrived = True
    if order.state == OrderState.WORKING:
        first_chance(core, order, instrument, arrived)
    else:
        trail(order, instrument, first)
    if arrived and order.tif == Tif.IOC and order.state == OrderState.WORKING:
        finish(core, order, Out.CANCELLED, Reason.IOC)


def arrive(core: Core, order: Record) -> None:
    """The order reaches the exchange."""
    emit_order(core, Out.ACKNOWLEDGED, order)
    if HOOK_ORDER:
        call_order(core, order, Out.ACKNOWLEDGED)
    if order.kind >= Kind.STOP_LIMIT:
        order.state = OrderState.PENDING_TRIGGER
        return
    order.state = OrderState.WORKING
    queue_up(core, order)


def apply_change(core: Core, order: Record) -> None:
    """A modification reaches the exchange; the quantity never falls below what is filled."""
    order.modify_ts = NEVER
    wanted = order.qty + order.more
    if wanted == order.filled or (wanted > order.filled) != (order.qty > 0):
        finish(core, order, Out.CANCELLED, Reason.STRATEGY)
        return
    release(core, order)
    order.qty = wanted
    order.price = order.new_price
    order.trigger = order.new_trigger
    count_anew(core, order)
    queue_up(core, order)
    emit_order(core, Out.MODIFIED, order)


def queue_up(core: Core, order: Record) -> None:
    """Put an order behind what is quoted on its side."""
    if core.config[0].limit_fill == LimitFill.QUEUE:
        instrument = core.instruments[order.row]
        order.ahead = instrument.bid_qty if order.qty > 0 else instrument.ask_qty


def touches(order: Record, last: int) -> bool:
    """Say if the last price has reached an order's trigger."""
    if order.qty > 0:
        return bool(last >= order.trigger)
    return bool(last <= order.trigger)


def trail(order: Record, instrument: Record, last: int) -> None:
    """Let a trailing stop follow the price, never back."""
    if order.trail == 0:
        return
    level = trailing(instrument, order.qty, last, order.trail)
    if order.qty > 0:
        order.trigger = min(order.trigger, level)
    else:
        order.trigger = max(order.trigger, level)


def trigger(core: Core, order: Record, last: int) -> None:
    """A stop becomes a limit order, or a market order with its protection band."""
    order.state = OrderState.WORKING
    if order.kind == Kind.STOP:
        order.kind = Kind.MARKET
        order.price = protected(core, order, last)
    else:
        order.kind = Kind.LIMIT
    emit_order(core, Out.TRIGGERED, order)
    if HOOK_ORDER:
        call_order(core, order, Out.TRIGGERED)


def protected(core: Core, order: Record, last: int) -> int:
    """Return the worst price of a market order: last +- its protection, or 0 without one."""
    if order.protection == 0:
        return 0
    return worst_price(last, order.protection, order.qty, core.instruments[order.row].tick)


def first_chance(core: Core, order: Record, instrument: Record, arrived: bool) -> None:
    """Fill against a tick, or against a bar's open."""
    price = offered(order, instrument)
    if order.kind == Kind.MARKET:
        if price != 0:
            size = available(core, order, instrument)
            take(core, order, instrument, slipped(core, order, price), size)
            if order.price != 0 and not reaches(order.qty, price, order.price, True):
                order.kind = Kind.LIMIT
        return
    touch = arrived or core.config[0].limit_fill == LimitFill.TOUCH
    if price != 0 and reaches(order.qty, price, order.price, touch):
        size = available(core, order, instrument)
        fill = better(order.qty, price, order.price, arrived or BARS_IN != 0)
        take(core, order, instrument, fill, size)
    elif not BARS_IN:
        rest_chance(core, order, instrument)


def offered(order: Record, instrument: Record) -> int:
    """Return the price an order meets: opposite quote, bar's open or last; 0 if there is none."""
    if BARS_IN:
        return instrument.open
    if QUOTES:
        return instrument.ask if order.qty > 0 else instrument.bid
    return instrument.last


def better(qty: int, price: int, limit: int, arrived: bool) -> int:
    """Return the fill of a limit order: the market's price on arrival, its own once it rests."""
    if not arrived:
        return limit
    return min(price, limit) if qty > 0 else max(price, limit)


def rest_chance(core: Core, order: Record, instrument: Record) -> None:
    """Fill a resting limit order when trades go through its price, touch it, or use up the queue.

    A row on which nothing was traded shows an old last price: nobody sold at it now.
    """
    if instrument.traded == 0 and instrument.volumeless == 0:
        return
    rule = core.config[0].limit_fill
    last = instrument.last
    size = trade_share(core, order, instrument)
    if reaches(order.qty, last, order.price, rule == LimitFill.TOUCH):
        take(core, order, instrument, order.price, size)
    elif rule == LimitFill.QUEUE and last == order.price:
        order.ahead -= instrument.traded
        if order.ahead < 0:
            size = min(size, whole_lots(instrument, -order.ahead - taken(order, instrument)))
            order.ahead = 0
            take(core, order, instrument, order.price, size)


def slipped(core: Core, order: Record, price: int) -> int:
    """Return a market price worsened by the slippage settings, never beyond the protection."""
    config = core.config[0]
    if config.slippage == 0 and config.slippage_random == 0:
        return price
    worse = portion(price, config.slippage)
    if config.slippage_random != 0:
        worse += portion(price, config.slippage_random) * noise(config.seed, order.id) // 1024
    tick = max(core.instruments[order.row].tick, 1)
    worse = (worse + tick - 1) // tick * tick
    if order.qty > 0:
        bound = max(order.price, price) if order.price != 0 else UNLIMITED
        return min(price + worse, bound)
    return max(price - worse, min(order.price, price), tick)


def noise(seed: int, number: int) -> int:
    """Return 0..1023, a hash of seed and order number: no stream, so no order of calls."""
    x = (seed * 1_000_003 + number * 7_919) % 2_147_483_647
    x = x * 48_271 % 2_147_483_647
    x = x * 69_621 % 2_147_483_647
    x = x * 48_271 % 2_147_483_647
    return x // 7 % 1024


def match_inside_bar(core: Core, instrument: Record) -> None:
    """After the open: stops that the bar's range reaches, then limits; at last trailing stops move.

    Before that come the stops of what the limits opened: the price went on from there.
    """
    instrument.inside = 1
    slot = instrument.first
    while slot >= 0:
        order = core.orders[slot]
        if reachable(core, order, instrument) and order.state == OrderState.PENDING_TRIGGER:
            stop_inside_bar(core, order, instrument)
        slot = order.next
    slot = instrument.first
    while slot >= 0:
        order = core.orders[slot]
        if reachable(core, order, instrument) and order.state == OrderState.WORKING:
            limit_inside_bar(core, order, instrument)
        slot = order.next
    slot = instrument.first
    while slot >= 0:
        order = core.orders[slot]
        if opened_inside(core, order, instrument):
            arrive(core, order)
            stop_inside_bar(core, order, instrument)
        slot = order.next
    slot = instrument.first
    while slot >= 0:
        order = core.orders[slot]
        if order.state == OrderState.PENDING_TRIGGER:
            trail_inside_bar(core, order, instrument)
        slot = order.next


def opened_inside(core: Core, order: Record, instrument: Record) -> bool:
    """Say if an order is the new stop of a position that was opened inside this bar."""
    if order.role != OrderRole.STOP or order.state != OrderState.IN_FLIGHT:
        return False
    return bool(order.cause == core.clock[0].cause and order.ts <= instrument.ts)


def trail_inside_bar(core: Core, order: Record, instrument: Record) -> None:
    """Let a trailing stop follow a bar: its extreme, or what is known to be later, its close."""
    if reachable(core, order, instrument):
        trail(order, instrument, instrument.high if order.qty < 0 else instrument.low)
    elif order.ts <= instrument.ts:
        trail(order, instrument, instrument.last)


def reachable(core: Core, order: Record, instrument: Record) -> bool:
    """Say if an order was at the exchange before this bar."""
    return bool(order.cause != core.clock[0].cause and order.ts <= instrument.ts)


def stop_inside_bar(core: Core, order: Record, instrument: Record) -> None:
    """Trigger a stop inside the bar's range and fill it at its trigger.

    What it does not fill there waits for the next bar: how low the bar went before is not known.
    """
    if not touches(order, instrument.high if order.qty > 0 else instrument.low):
        return
    price = order.trigger
    trigger(core, order, price)
    order.cause = core.clock[0].cause
    size = available(core, order, instrument)
    if order.kind == Kind.MARKET:
        take(core, order, instrument, slipped(core, order, price), size)
    elif reaches(order.qty, price, order.price, True):
        take(core, order, instrument, price, size)
    if order.tif == Tif.IOC and order.state == OrderState.WORKING:
        finish(core, order, Out.CANCELLED, Reason.IOC)


def limit_inside_bar(core: Core, order: Record, instrument: Record) -> None:
    """Fill a limit order that the bar's range goes through (or touches)."""
    if order.kind != Kind.LIMIT:
        return
    extreme = instrument.low if order.qty > 0 else instrument.high
    if reaches(order.qty, extreme, order.price, core.config[0].limit_fill == LimitFill.TOUCH):
        instrument.met = order.price
        take(core, order, instrument, order.price, available(core, order, instrument))
