"""The night between two days of data: a day's books stay until it is over, as at a broker.

It lasts until somebody asks for the morning, until 06:00 by the simulator's clock, or until no
ticker has been connected for a while: then nobody is there who closes the day by its books.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from alphapanda.kitesim.logins import EXPIRY
from alphapanda.kitesim.market import Market
from alphapanda.kitesim.ticker import Hub
from alphapanda.model.calendar import day_start_ns, ist_date

NAP_S = 0.05
AWAY_S = 30.0
"""Clients whose connection is lost dial again within this time."""


class Day(Protocol):
    """What a simulator is to its nights."""

    hub: Hub
    market: Market

    def now(self) -> int:
        """Return the market's time."""
        ...

    def reach_close(self) -> None:
        """Let it be the close."""
        ...

    def hours_pass(self) -> None:
        """Do what the hour asks for."""
        ...


class Nights:
    """Lets nights pass."""

    def __init__(self, sim: Day, start_ns: int) -> None:
        self._sim = sim
        self.day = ist_date(start_ns)
        """Of the data; its night is a part of it."""
        self.closes: dict[str, int] = {}
        """Last prices of the day before, scaled, by key."""
        self.is_night = False
        self._asked = asyncio.Event()
        self._over = asyncio.Event()

    def begin_day(self, ts: int) -> None:
        """Note that a day begins, and how the one before closed."""
        self.day = ist_date(ts)
        self.closes = {quote.listing.key: quote.last for quote in self._sim.market.quotes}

    async def pass_one(self, next_ts: int) -> None:
        """Wait until the night before the day of a time is over; at once where nobody is there."""
        sim = self._sim
        sim.reach_close()
        sim.hours_pass()
        morning = day_start_ns(ist_date(next_ts)) + EXPIRY
        seen_s = time.monotonic() if sim.hub.connections else float("-inf")
        self.is_night = True
        self._asked.clear()
        self._over.clear()
        while not self._asked.is_set() and sim.now() < morning:
            if sim.hub.connections:
                seen_s = time.monotonic()
            elif time.monotonic() - seen_s > AWAY_S:
                break
            await asyncio.sleep(NAP_S)
            sim.hours_pass()
        self.is_night = False
        asyncio.get_running_loop().call_soon(self._over.set)  # once the next day has begun

    async def end(self) -> bool:
        """Let the next day begin; False where it is not night."""
        if not self.is_night:
            return False
        self._asked.set()
        await self._over.wait()
        return True
