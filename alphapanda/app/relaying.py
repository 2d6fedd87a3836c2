"""The relay of a run's journal, beside the run or after it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alphapanda import config, log
from alphapanda.app.beside import Beside
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError, UsageError
from alphapanda.journal.journal import Journal

CURSOR = "relay.cursor"
DRAIN_S = 600.0
"""How long the end of a run waits for its last events to arrive."""


class Relaying(Beside):
    """Publishes a journal as it grows, and after a run that has ended all the rest of it."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        super().__init__("relay")
        self.settings, self.journal = settings, journal

    async def live(self) -> None:
        """Relay until the run is over; the run does not begin without a server.

        Raises:
            OutsideError: if it does not answer, or the last events did not arrive.
        """
        from alphapanda.bus.cursor import FileCursor  # noqa: PLC0415 (an extra)
        from alphapanda.bus.relay import Relay  # noqa: PLC0415

        contents = self.journal.contents
        cursor = FileCursor(contents.path.with_name(CURSOR))
        run_id = str(contents.manifest["run_id"])
        with log.bound(run_id=run_id):
            relay = Relay(self.settings, self.journal, cursor, run_id=run_id)
            await relay.start()
        try:
            self.ready()
            if await self.left():
                await asyncio.wait_for(relay.drained(), DRAIN_S)
        except TimeoutError:
            raise OutsideError(
                f"the run has ended, but its last events have not arrived within {DRAIN_S:.0f} s; "
                "they are in its journal: see that the server answers, then alphapanda relay RUN"
            ) from None
        finally:
            await relay.stop()


def publish(folder: Path) -> int:
    """Publish what is not on the topics yet of a run that has ended; return its envelopes.

    Raises:
        UsageError: if there is no journal, or the run has not ended.
        OutsideError: if the server does not answer; what was not sent will be another time.
    """
    journal = Journal.open(folder)
    if not journal.finished():
        raise UsageError(f"{folder}: the run has not ended; its own process publishes it")
    settings = config.load()
    log.start(settings)
    try:
        with Relaying(settings, journal):
            pass
    finally:
        log.stop()
    return journal.seq
