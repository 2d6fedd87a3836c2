"""The relay of a run's journal, beside the run or after it, on a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Self

from alphapanda import config, log
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError, UsageError
from alphapanda.journal.journal import Journal

CURSOR = "relay.cursor"
DRAIN_S = 600.0
"""How long the end of a run waits for its last events to arrive."""


class Relaying:
    """A context in which a journal is published as it grows; the relay reads it, nothing else.

    Left after a run that has ended, it waits for the last event; left by an exception it stops.
    """

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self.settings, self.journal = settings, journal
        self._loop: asyncio.AbstractEventLoop | None = None
        self._left = asyncio.Event()
        self._ready = threading.Event()
        self._drain = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="relay")

    def __enter__(self) -> Self:
        """Start.

        Raises:
            OutsideError: if the server does not answer.
        """
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stop.

        Raises:
            OutsideError: if the last events did not arrive; they will when it is started again.
        """
        self._drain = kind is None
        if self._loop is not None and self._error is None:
            self._loop.call_soon_threadsafe(self._left.set)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            asyncio.run(self._live())
        except BaseException as error:  # noqa: BLE001 (told by the thread that started this one)
            self._error = error
        finally:
            self._ready.set()

    async def _live(self) -> None:
        from alphapanda.bus.cursor import FileCursor  # noqa: PLC0415 (an extra)
        from alphapanda.bus.relay import Relay  # noqa: PLC0415

        self._loop = asyncio.get_running_loop()
        contents = self.journal.contents
        cursor = FileCursor(contents.path.with_name(CURSOR))
        run_id = str(contents.manifest["run_id"])
        with log.bound(run_id=run_id):
            relay = Relay(self.settings, self.journal, cursor, run_id=run_id)
            await relay.start()
        try:
            self._ready.set()
            await self._left.wait()
            if self._drain:
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
