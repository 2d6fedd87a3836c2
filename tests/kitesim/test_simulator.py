"""A simulated day from its first row to its last: the same each time, and what stays after it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alphapanda.data.replay.replay import ReplayOptions
from alphapanda.kitesim.acts import act
from alphapanda.kitesim.orders import Order
from alphapanda.kitesim.script import script_of
from alphapanda.kitesim.simulator import Simulator, Wanted
from alphapanda.kitesim.terms import place_terms
from tests.support.kitesim import KEYS, ROWS

BAD_DAY = {
    "account": {"cash": "500000"},
    "fault": [
        {"do": "foreign-order", "at": "09:30:05", "instrument": "NSE:INFY", "qty": 3},
        {"do": "circuit", "at": "09:30:10", "instrument": "NSE:INFY", "price": "1500"},
    ],
}


def simulator(recording: Path, instruments: Path, seed: int = 1) -> Simulator:
    """Return a simulator whose rows pass when asked."""
    script = script_of(BAD_DAY, "faults.toml", seed)
    options = ReplayOptions(paths=[str(recording)])
    sim = Simulator(Wanted(options, (instruments,), 0.0, "", seed, "SIM001", script))
    sim.act = lambda fault: act(sim, fault)
    return sim


def place(sim: Simulator, quantity: int) -> Order:
    """Place a market order and let the exchange act on it."""
    params = {"exchange": "NSE", "tradingsymbol": "INFY", "transaction_type": "BUY",
              "product": "CNC", "order_type": "MARKET", "quantity": str(quantity),
              "market_protection": "-1"}  # fmt: skip
    terms = place_terms(params, "regular", sim.listings)
    order = sim.exchange.place(terms, sim.now())  # type: ignore[arg-type]
    assert isinstance(order, Order)
    sim.exchange.carry_out(order.order_id, sim.now())
    return order


async def live(sim: Simulator) -> bytes:
    """Trade through a day and return the ledger."""
    for _ in range(ROWS):
        await sim.step(3)
        if sim.rows == 15:
            place(sim, 25)
    sim.close()
    return sim.export()


def test_the_same_day_writes_the_same_ledger(recording: Path, instruments: Path) -> None:
    """Seed, script, rows and requests decide every byte; another seed is another ledger."""
    first, again, other = (
        asyncio.run(live(simulator(recording, instruments, seed))) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert b'"foreign-order"' in first


def test_the_market_closes_when_the_data_end(recording: Path, instruments: Path) -> None:
    """What works lapses, new orders are rejected, and quotes can still be read."""
    sim = simulator(recording, instruments)

    async def day() -> None:
        resting = place(sim, 25)
        assert resting.status == "OPEN"
        sim.market.by_key["NSE:INFY"].ask = 0
        passed = await sim.step(10 * ROWS)
        assert passed == len(KEYS) * ROWS
        assert sim.ended
        assert all(order.is_final for order in sim.exchange.orders.values())
        assert place(sim, 1).status == "REJECTED"

    asyncio.run(day())
    sim.close()
    assert sim.market.by_key["NSE:INFY"].last == 15_009_500
