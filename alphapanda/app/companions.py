"""What follows a run beside it: the relay of its journal to the topics.

It reads the journal, so it is never in the way of a decision. It lives on a thread with a loop of
its own, is started once and stopped once.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from alphapanda import config, log
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.journal.journal import FILE, Journal

LOG = log.get(__name__)
CURSOR = "relay.cursor"
DRAIN_S = 600.0
"""How long the end of a run waits for its last events to arrive everywhere."""

Finished = Callable[[], Awaitable[Any]]


class Companions:
    """The relay of one run, if it is wanted."""

    def __init__(self, settings: Settings, folder: Path, *, relay: bool) -> None:
        self.settings, self.folder = settings, folder
        self.wanted = relay
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked = asyncio.Event()
        self._ready = threading.Event()
        self._drain = False
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start them; the journal must have begun.

        Raises:
            OutsideError: if one cannot start; those before it have been stopped again.
        """
        if not self.wanted:
            return
        self._thread = threading.Thread(target=self._run, name="companions")
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error

    def stop(self, *, drain: bool) -> None:
        """Stop them: at once, or after the last event of a run that has ended.

        Raises:
            OutsideError: if the last events did not arrive; they will when it is started again.
        """
        if self._thread is None or self._loop is None:
            return
        self._drain = drain
        self._loop.call_soon_threadsafe(self._asked.set)
        self._thread.join()
        self._thread = None
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
        self._loop = asyncio.get_running_loop()
        journal = await asyncio.to_thread(Journal.open, self.folder)
        run_id = str(journal.contents.manifest["run_id"])
        async with AsyncExitStack() as stack:
            with log.bound(run_id=run_id):
                ends = [await self._relay(stack, run_id)]
            self._ready.set()
            await self._asked.wait()
            if self._drain:
                await drained(ends)

    async def _relay(self, stack: AsyncExitStack, run_id: str) -> Finished:
        from alphapanda.bus.cursor import FileCursor  # noqa: PLC0415 (an extra)
        from alphapanda.bus.relay import Relay  # noqa: PLC0415

        cursor = FileCursor(self.folder / CURSOR)
        relay = Relay(self.settings, Journal(self.folder / FILE), cursor, run_id=run_id)
        await relay.start()
        stack.push_async_callback(relay.stop)
        return relay.drained


def publish(folder: Path) -> None:
    """Publish a run that has ended: what is not on the topics yet.

    Raises:
        OutsideError: if the server does not answer; what was not sent will be another time.
    """
    settings = config.load()
    log.start(settings)
    try:
        companions = Companions(settings, folder, relay=True)
        companions.start()
        companions.stop(drain=True)
    finally:
        log.stop()


async def drained(ends: list[Finished]) -> None:
    """Wait until each has seen the end of the run.

    Raises:
        OutsideError: if that takes too long.
    """
    try:
        async with asyncio.timeout(DRAIN_S):
            for finished in ends:
                await finished()
    except TimeoutError:
        raise OutsideError(
            f"the run has ended, but its last events have not arrived within {DRAIN_S:.0f} s; "
            "they are in its journal: see that the servers answer, then alphapanda relay RUN"
        ) from None
