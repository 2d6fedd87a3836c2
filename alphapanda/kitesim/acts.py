"""What faults of the script do to the market and to connections at an hour."""

from __future__ import annotations

import time
from collections.abc import Callable

from alphapanda.kitesim.gtt import ACTIVE
from alphapanda.kitesim.orders import MARKET, Order, Terms
from alphapanda.kitesim.script import Fault
from alphapanda.kitesim.simulator import Simulator
from alphapanda.model.money import to_scaled

SECOND = 1_000_000_000
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
        connection.silent_until = time.monotonic() + fault.seconds


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
    listing = sim.listings.by_key[fault.instrument]
    product = "CNC" if listing.exchange in ("NSE", "BSE") else "NRML"
    terms = Terms(listing, "regular", fault.side, MARKET, product, fault.qty, protection=PROTECTED)
    order = sim.exchange.place(terms, sim.now(), app=False)
    if isinstance(order, Order):
        sim.exchange.carry_out(order.order_id, sim.now())


def fire_gtt(sim: Simulator, fault: Fault) -> None:
    """Fire the first active trigger, as if its price had been reached."""
    gtt = next((gtt for gtt in sim.triggers.all.values() if gtt.status == ACTIVE), None)
    if gtt is not None:
        sim.triggers.fire(gtt, 0, sim.now())


def circuit(sim: Simulator, fault: Fault) -> None:
    """Set an instrument's circuit limits to 1 % around a price."""
    quote = sim.market.by_key[fault.instrument]
    price, tick = to_scaled(fault.price), quote.listing.instrument.tick_size or 1
    quote.lower_circuit = price * 99 // 100 // tick * tick
    quote.upper_circuit = price * 101 // 100 // tick * tick


def clock_jump(sim: Simulator, fault: Fault) -> None:
    """Move the market's clock."""
    at = sim.now() + round(fault.seconds * SECOND)
    sim.clock.put(at, time.monotonic(), runs=sim.clock.runs)


ACTS: dict[str, Callable[[Simulator, Fault], None]] = {
    "end-token": end_token, "silent": silent, "reset": reset, "close": close,
    "foreign-order": foreign_order, "fire-gtt": fire_gtt, "circuit": circuit,
    "clock-jump": clock_jump,
}  # fmt: skip


def act(sim: Simulator, fault: Fault) -> None:
    """Do what a fault says."""
    ACTS[fault.do](sim, fault)
