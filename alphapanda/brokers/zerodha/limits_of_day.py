"""Circuit limits during the day: exchanges widen them, and only quotes say so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from alphapanda import log
from alphapanda.brokers.ports import Report, ReportKind
from alphapanda.brokers.zerodha.clocks import Clock
from alphapanda.brokers.zerodha.quotes import Circuits
from alphapanda.errors import AlphaPandaError
from alphapanda.model.instruments import Instrument

LOG = log.get("zerodha.feed")
EVERY_S = 1_800.0
"""Of the market's time."""

Read = Callable[[Sequence[Instrument]], Circuits]
"""Asks Kite for the limits of instruments; it waits, so it is called off the loop."""


class LimitsOfDay:
    """Reads the limits again and again, and reports those that have changed."""

    def __init__(
        self, instruments: Sequence[Instrument], read: Read, clock: Clock,
        hear: Callable[[Report], None], *, every_s: float = EVERY_S,
    ) -> None:  # fmt: skip
        self.failed = 0
        """Times that Kite did not say them: those before stay in force."""
        self._known = [(each.lower_circuit, each.upper_circuit) for each in instruments]
        self._instruments, self._read, self._clock = instruments, read, clock
        self._hear, self._every_s = hear, every_s

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            await self.read()

    async def read(self) -> None:
        """Read once, and report what has changed."""
        try:
            found = await asyncio.to_thread(self._read, self._instruments)
            now_ns = await asyncio.to_thread(self._clock)
        except AlphaPandaError as error:
            self.failed += 1
            LOG.warning("circuit limits were not read", why=str(error))
            return
        for row, each in enumerate(found.instruments):
            limits = (each.lower_circuit, each.upper_circuit)
            if each.upper_circuit and limits != self._known[row]:
                self._known[row] = limits
                self._hear(Report(
                    ReportKind.CIRCUIT, row=row, price=limits[0], trigger=limits[1],
                    exchange_ns=now_ns,
                ))  # fmt: skip
