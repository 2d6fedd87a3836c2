"""What faults of the script do to the market and to connections at an hour."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial

from alphapanda import log
from alphapanda.errors import UsageError
from alphapanda.kitesim.gtt import ACTIVE, Leg
from alphapanda.kitesim.market import Quote
from alphapanda.kitesim.orders import LIMIT, MARKET, Order, Terms
from alphapanda.kitesim.script import Fault
from alphapanda.kitesim.simulator import Simulator
from alphapanda.model.money import to_scaled

LOG = log.get(__name__)
SECOND = 1_000_000_000
ANY = "*"
PROTECTED = 500
GOING_AWAY = 1001


def end_token(sim: Simulator, fault: Fault) -> None:
    """End every session, and the connections that came with it."""
    sim.logins.end()
    for connection in sim.hub.connections:
        connection.leave(GOING_AWAY)


def silent(sim: Simulator, fault: Fault) -> None:
    """Send nothing for some seconds, not even heartbeats."""
    for connection in sim.hub.connections:
        connection.silent_until = time.monotonic() + fault.lasts(sim.seed)


def reset(sim: Simulator, fault: Fault) -> None:
    """Cut all connections without a word."""
    for connection in sim.hub.connections:
        connection.leave(None)


def close(sim: Simulator, fault: Fault) -> None:
    """Close all connections in order."""
    for connection in sim.hub.connections:
        connection.leave(GOING_AWAY)


def foreign_order(sim: Simulator, fault: Fault) -> None:
    """Place a market order that no client of this app placed."""
    listing = met(sim, fault).listing
    product = "CNC" if listing.exchange in ("NSE", "BSE") else "NRML"
    qty = fault.qty * max(listing.instrument.lot_size, 1) if fault.instrument == ANY else fault.qty
    terms = Terms(listing, "regular", fault.side, MARKET, product, qty, protection=PROTECTED)
    order = sim.exchange.place(terms, sim.now(), app=False)
    if isinstance(order, Order):
        sim.exchange.carry_out(order.order_id, sim.now())


def fire_gtt(sim: Simulator, fault: Fault) -> None:
    """Fire the first active trigger, as if its price had been reached; without one, a new one."""
    gtt = next((gtt for gtt in sim.triggers.all.values() if gtt.status == ACTIVE), None)
    if gtt is None:
        quote = met(sim, fault)
        listing, lot = quote.listing, max(quote.listing.instrument.lot_size, 1)
        product = "CNC" if listing.exchange in ("NSE", "BSE") else "NRML"
        terms = Terms(listing, "regular", fault.side, LIMIT, product, fault.qty * lot, quote.last)
        gtt = sim.triggers.add("single", listing, quote.last, [Leg(quote.last, terms)], sim.now())
    sim.triggers.fire(gtt, 0, sim.now())


def circuit(sim: Simulator, fault: Fault) -> None:
    """Set an instrument's circuit limits to 1 % around a price."""
    quote = met(sim, fault)
    price, tick = to_scaled(fault.price) or quote.last, quote.listing.instrument.tick_size or 1
    quote.lower_circuit = price * 99 // 100 // tick * tick
    quote.upper_circuit = price * 101 // 100 // tick * tick


def clock_jump(sim: Simulator, fault: Fault) -> None:
    """Move the market's clock."""
    at = sim.now() + round(fault.lasts(sim.seed) * SECOND)
    sim.clock.put(at, time.monotonic(), runs=sim.clock.runs)


def split(sim: Simulator, fault: Fault) -> None:
    """Let a share be split when the next day begins."""
    sim.of_next_day.append(partial(split_now, sim, met(sim, fault), fault.ratio))


def split_now(sim: Simulator, quote: Quote, ratio: int) -> None:
    """Divide a share's prices, and multiply what is held of it; its triggers are over."""
    quote.split(ratio)
    held = sim.account.holdings.get(quote.listing.key)
    if held is not None:
        held.quantity, held.t1 = held.quantity * ratio, held.t1 * ratio
        held.average //= ratio
        first = sim.account.first_holdings
        first[quote.listing.key] = first.get(quote.listing.key, 0) * ratio
    for gtt in sim.triggers.all.values():
        if gtt.listing.key == quote.listing.key and gtt.status == ACTIVE:
            sim.triggers.delete(gtt.number, sim.now())
    sim.ledger.write("split", sim.market.ts, key=quote.listing.key, ratio=ratio)


def new_token(sim: Simulator, fault: Fault) -> None:
    """Let an instrument have another token when the next day begins."""
    sim.of_next_day.append(partial(new_token_now, sim, met(sim, fault)))


def new_token_now(sim: Simulator, quote: Quote) -> None:
    """Give an instrument another token; whoever subscribed to the old one hears no more of it."""
    old = quote.listing
    number = max(listing.token for listing in sim.listings.all) // 256 + 1
    token = number * 256 + old.token % 256
    line = (str(token), str(number), *old.line[2:])
    new = replace(old, token=token, line=line, instrument=replace(old.instrument, token=token))
    sim.listings = sim.listings.replaced(
        [new if listing is old else listing for listing in sim.listings.all]
    )
    sim.market.relist(quote, new)
    for position in sim.account.positions.values():
        position.listing = new if position.listing.key == new.key else position.listing
    for key, held in sim.account.holdings.items():
        held.listing = new if key == new.key else held.listing
    sim.ledger.write("new token", sim.market.ts, key=new.key, token=token)


def met(sim: Simulator, fault: Fault) -> Quote:
    """Return the first instrument that a fault names and that can be traded.

    Raises:
        UsageError: there is none.
    """
    fitting = (
        quote for quote in sim.market.quotes
        if fnmatchcase(quote.listing.key, fault.instrument) and quote.last
        and not quote.listing.is_index
    )  # fmt: skip
    quote = next(fitting, None)
    if quote is None:
        raise UsageError(f"{fault.do}: no instrument of the data is {fault.instrument}")
    return quote


ACTS: dict[str, Callable[[Simulator, Fault], None]] = {
    "end-token": end_token, "silent": silent, "reset": reset, "close": close,
    "foreign-order": foreign_order, "fire-gtt": fire_gtt, "circuit": circuit,
    "clock-jump": clock_jump, "split": split, "new-token": new_token,
}  # fmt: skip


def act(sim: Simulator, fault: Fault) -> None:
    """Do what a fault says; one that can't be is in the ledger, and in the log."""
    try:
        ACTS[fault.do](sim, fault)
    except UsageError as error:
        sim.ledger.write("fault not done", sim.market.ts, fault=fault.number, text=str(error))
        LOG.warning("kitesim_fault_not_done", fault=fault.number, why=str(error))
