"""Paper matching: what the next row of an instrument does to its resting orders.

A tick fills at the opposite quote, or at the last price where there is none. Of a bar the open
comes first, a gap fills at the open, then stops, then targets: the pessimistic order. No order
fills on the row that made it, but for the stop of a bracket on the bar that filled its entry.
"""

from __future__ import annotations

from alphapanda.core.book import book
from alphapanda.core.brackets import place_exits, shrink_sibling, trailing
from alphapanda.core.charging import charge_extra, current_fees
from alphapanda.core.emit import call_fill, call_order, emit_order
from alphapanda.core.flags import BARS_IN, HOOK_FILL, HOOK_ORDER, QUOTES, SIZES
from alphapanda.core.orders import (
    count_anew,
    done,
    finish,
    open_qty,
    release,
    sweep,
    unblock,
)
from alphapanda.core.protection import worst_price
from alphapanda.core.state import Core, Maker, OrderRole, OrderState, Record, repeat_slot
from alphapanda.core.stops import fillable, trim
from alphapanda.model.charges import portion
from alphapanda.model.rows import NEVER, ChargeKind, Kind, LimitFill, Out, Reason, Tif

UNLIMITED = 1 << 62


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


def reaches(qty: int, price: int, limit: int, touch: bool) -> bool:
    """Say if `price` is through a limit (or at it, where touching is enough)."""
    if qty > 0:
        return price <= limit if touch else price < limit
    return price >= limit if touch else price > limit


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


def take(core: Core, order: Record, instrument: Record, price: int, most: int) -> None:
    """Fill up to `most` of an order at `price`, if band and circuit limits allow it."""
    if order.price != 0 and not reaches(order.qty, price, order.price, True):
        return
    if outside_circuit(instrument, price):
        return
    left = order.qty - order.filled
    size = min(abs(left), most)
    if core.clock[0].guarded != 0:
        size = min(size, fillable(core, order))
    if size <= 0:
        return
    if left > 0:
        instrument.taken_buy += size
        execute(core, order, size, price)
    else:
        instrument.taken_sell += size
        execute(core, order, -size, price)


def outside_circuit(instrument: Record, price: int) -> bool:
    """Say if a price is outside the day's circuit limits (0: none known)."""
    if instrument.upper != 0 and price > instrument.upper:
        return True
    return bool(price < instrument.lower)


def taken(order: Record, instrument: Record) -> int:
    """Return what our orders on the same side have already taken of this row."""
    return int(instrument.taken_buy if order.qty > 0 else instrument.taken_sell)


def available(core: Core, order: Record, instrument: Record) -> int:
    """Return how much of this row an order may take: the quote's size, or a share of the volume."""
    if QUOTES:
        quoted = instrument.ask_qty if order.qty > 0 else instrument.bid_qty
        if quoted > 0:
            return whole_lots(instrument, quoted - taken(order, instrument))
    if SIZES:
        return trade_share(core, order, instrument)
    return UNLIMITED


def trade_share(core: Core, order: Record, instrument: Record) -> int:
    """Return how much of what was traded an order may take."""
    share = core.config[0].volume_share
    if share == 0 or instrument.volumeless != 0:
        return UNLIMITED
    return whole_lots(instrument, portion(instrument.traded, share) - taken(order, instrument))


def whole_lots(instrument: Record, size: int) -> int:
    """Round a size down to whole lots."""
    if instrument.lot <= 1:
        return size
    return size // instrument.lot * instrument.lot


def execute(core: Core, order: Record, qty: int, price: int) -> None:
    """Fill `qty` (signed) of an order and let everything that hangs on it know."""
    unblock(core, order, qty)
    open_qty(core, order, -qty)
    book(core, order, qty, price)
    if order.system == Maker.PAID_SQUARE_OFF and order.filled == qty:
        charge_square_off(core, order)
    if HOOK_FILL:
        call_fill(core, order, qty, price)
    if order.role == OrderRole.ENTRY:
        place_exits(core, order, qty)
    elif order.role != OrderRole.NONE:
        shrink_sibling(core, order, qty)
    count_repeat(core, order, qty)
    if order.filled == order.qty:
        if order.extra != 0:
            release(core, order)
        done(core, order, Out.FILL)


def charge_square_off(core: Core, order: Record) -> None:
    """Charge the broker's fee for a square-off order that has begun to execute."""
    position = core.positions[order.strategy * core.clock[0].instruments + order.row]
    fee = core.fees[current_fees(core, position)].square_off_fee
    charge_extra(core, order.strategy, order.row, ChargeKind.SQUARE_OFF, fee)


def count_repeat(core: Core, order: Record, qty: int) -> None:
    """Note the first fill of each order by side, for the repeated-execution rule."""
    clock = core.clock[0]
    if order.filled != qty:
        return
    index = order.strategy * clock.instruments + order.row
    position = core.positions[index]
    if qty > 0:
        core.ring[repeat_slot(core, index, 0, position.repeats_buy)] = clock.now
        position.repeats_buy += 1
    else:
        core.ring[repeat_slot(core, index, 1, position.repeats_sell)] = clock.now
        position.repeats_sell += 1
