"""The relay of a run: what its journal holds goes to the topics, beside the run or after it."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from alphapanda import log
from alphapanda.bus import topics
from alphapanda.bus.cursor import FileCursor
from alphapanda.bus.relay import Relay
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError, UsageError
from alphapanda.journal.journal import FILE, Journal
from alphapanda.net.tasks import see_alive, waits
from alphapanda.runtime.lifecycle import living

LOG = log.get(__name__)
CURSOR = "relay.cursor"
PATIENCE_S = 60.0
"""How long the end of a run waits for a server that takes nothing."""
LOOK_S = 0.05
"""How often one who waits for a journal looks for it."""


class RunRelay:
    """Publishes the run of a folder from the moment its journal is there; a long-lived part.

    The journal is all that it reads, so it may live in the run's process or in one of its own.
    """

    def __init__(
        self, settings: Settings, folder: Path, *, again: bool = False, prefix: str = ""
    ) -> None:
        self.settings, self.folder, self.again, self.prefix = settings, folder, again, prefix
        self.relay: Relay | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look for the journal."""
        assert self._task is None, "the relay has been started already"
        self._task = asyncio.create_task(self._follow(), name="relay of a run")
        self._task.add_done_callback(noticed)

    async def stop(self) -> None:
        """Send what is there, within the time limit, and close."""
        if self._task is None:
            return
        if self.relay is not None:
            await self.relay.stop()
        self._task.cancel()
        await asyncio.wait([self._task])
        self._task = None

    async def health(self) -> None:
        """See that it runs.

        Raises:
            OutsideError: if it does not.
        """
        see_alive(self._task, "relay")

    async def drained(self) -> Relay:
        """Wait until the run has ended and every envelope of it is acknowledged."""
        assert self._task is not None, "the relay has not been started"
        await asyncio.shield(self._task)
        assert self.relay is not None
        return self.relay

    async def finished(self) -> str:
        """Wait until a run that has ended has arrived; return what is left to do, if any."""
        assert self._task is not None, "the relay has not been started"
        while True:
            before = self._place()
            done, _ = await asyncio.wait([self._task], timeout=PATIENCE_S)
            if done or self._place() == before:
                break
        error = self._task.exception() if done else "the server takes nothing"
        return "" if error is None else self.left(error)

    def left(self, why: object) -> str:
        """Return what is to be done about a run that has not all arrived."""
        return (
            f"the run is whole, but its last events are not on the topics ({why}); "
            f"after that: alphapanda relay {self.folder}"
        )

    def _place(self) -> int:
        return -1 if self.relay is None else self.relay.relayed.position

    async def _follow(self) -> None:
        journal = await journal_in(self.folder)
        contents = journal.contents
        run_id = str(contents.manifest["run_id"])
        cursor = FileCursor(contents.path.with_name(CURSOR), run_id=run_id, outbox=journal)
        if self.again:
            cursor.forget()
        relay = Relay(self.settings, journal, cursor, run_id=run_id, prefix=self.prefix)
        for wait in waits(self.settings.bus.backoff_s, most_s=2):
            try:
                await relay.start()
            except OutsideError as error:
                LOG.warning("relay not started yet", wait_s=wait, error=error)
                await asyncio.sleep(wait)
            else:
                break
        self.relay = relay
        await relay.drained()


async def journal_in(folder: Path) -> Journal:
    """Wait for the journal of a folder, and return it."""
    while True:
        if (folder / FILE).is_file():
            journal = Journal(folder / FILE)
            await asyncio.to_thread(journal.refresh)
            if journal.contents.manifest:
                return journal
        await asyncio.sleep(LOOK_S)


def noticed(task: asyncio.Task[Any]) -> None:
    """Log why a part that follows a run has ended, if it was not stopped."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        LOG.error("what follows a run ended", part=task.get_name(), exc_info=error)


class Published(NamedTuple):
    """What was done with the envelopes of a run that has ended."""

    envelopes: int
    """Of the run; all have been acknowledged."""
    sent: int
    """By this process."""
    earlier: int
    """By processes before it: whether they are still there, nobody has looked."""
    damage: str
    """Why the cursor was none, so that all were sent again; empty if it was one."""


def publish(
    folder: Path, settings: Settings, *, again: bool = False, rehearsed: bool = False
) -> Published:
    """Publish what is not on the topics yet of a run that has ended, or all of it again.

    A rehearsed one goes to topics of its own, which are made where they are missing.

    Raises:
        UsageError: if there is no journal, or the run has not ended.
        OutsideError: if the server does not answer; what was not sent will be another time.
    """
    journal = Journal.open(folder)
    if not journal.finished():
        raise UsageError(f"{folder}: the run has not ended; its own process publishes it")
    with living(settings) as parts:
        broker = str(journal.contents.manifest["broker"])
        if rehearsed:
            parts.do(topics.made_of(settings, topics.rehearsed(broker)))
        else:
            parts.check(partial(topics.health, settings, [broker]))
        relay = RunRelay(
            settings, journal.contents.path.parent, again=again,
            prefix=topics.REHEARSED if rehearsed else "",
        )  # fmt: skip
        parts.start(relay)
        trouble = parts.do(relay.finished())
    if trouble:
        raise OutsideError(trouble)
    done = relay.relay
    assert done is not None
    earlier = min(max(done.relayed.first, 0), journal.seq)
    damage = done.cursor.damage if isinstance(done.cursor, FileCursor) else ""
    return Published(journal.seq, journal.seq - earlier, earlier, damage)
