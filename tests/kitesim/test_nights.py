"""Days that follow each other at the simulator: a day's books stay until its night is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from alphapanda.data.replay.replay import ReplayOptions
from alphapanda.kitesim.orders import Order, Terms
from alphapanda.kitesim.script import Script
from alphapanda.kitesim.simulator import Simulator, Wanted
from alphapanda.model.calendar import ist_date
from tests.support.kitesim import INFY


def simulator(data: Path, instruments: Path) -> Simulator:
    """Return a simulator whose clock runs a thousand times as fast."""
    options = ReplayOptions(paths=[str(data)])
    return Simulator(Wanted(options, (instruments,), 1_000.0, "", 1, "SIM001", Script(seed=1)))


async def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 (the simulator tells nobody)
            await asyncio.sleep(0.01)


def buy(sim: Simulator) -> Order:
    """Buy shares for delivery at the market."""
    listing = sim.listings.by_key["NSE:INFY"]
    order = sim.exchange.place(
        Terms(listing, "regular", "BUY", "MARKET", "CNC", 3, protection=500), sim.now()
    )
    assert isinstance(order, Order)
    sim.exchange.carry_out(order.order_id, sim.now())
    return order


def test_a_days_books_stay_until_the_morning(two_days: Path, instruments: Path) -> None:
    """Orders and trades can be read in the evening; in the morning the shares are holdings."""
    sim = simulator(two_days, instruments)

    async def live() -> None:
        running = asyncio.create_task(sim.run())
        connection = sim.hub.open("a")
        assert connection is not None
        assert not await sim.nights.end()
        sim.hub.take(connection, f'{{"a": "subscribe", "v": [{INFY}]}}')
        await until(lambda: sim.rows > 5)
        bought = buy(sim)
        await until(lambda: sim.nights.is_night)
        first = sim.nights.day
        close = sim.exchange.hours.day_over([bought.terms.listing], sim.now())
        assert sim.now() >= close
        assert [trade.qty for trade in sim.exchange.trades] == [3]
        assert bought.order_id in sim.exchange.orders
        assert await sim.nights.end()
        assert sim.nights.day > first
        assert ist_date(sim.now()) == sim.nights.day
        assert not sim.clock.runs  # until somebody subscribes
        assert (sim.exchange.orders, sim.exchange.trades, sim.account.positions) == ({}, [], {})
        held = sim.account.holdings["NSE:INFY"]
        assert (held.quantity, held.t1) == (0, 3)
        assert len(sim.charged) == 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(live())
    sim.close()


def test_a_night_that_nobody_waits_in_passes_at_once(two_days: Path, instruments: Path) -> None:
    """Whoever has gone closes no day by its books."""
    sim = simulator(two_days, instruments)
    first = sim.nights.day

    async def live() -> None:
        running = asyncio.create_task(sim.run())
        sim.begin()
        await until(lambda: sim.nights.day > first)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(live())
    sim.close()


def test_each_days_list_of_instruments_is_another(two_days: Path, instruments: Path) -> None:
    """The second morning's list has the last prices of the day before."""
    sim = simulator(two_days, instruments)
    before = sim.listings.dump(closes=sim.nights.closes)
    sim.nights.begin_day(sim.market.ts + 86_400 * 10**9)
    after = sim.listings.dump(closes=sim.nights.closes)
    sim.close()
    assert before == sim.listings.dump()
    assert ",1500.00," in after
    assert before != after
