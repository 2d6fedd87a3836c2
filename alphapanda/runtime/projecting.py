"""The projector of a run: what its journal holds goes to the tables, beside the run or after it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from alphapanda import log
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.net.tasks import see_alive
from alphapanda.runtime.lifecycle import living
from alphapanda.runtime.relaying import journal_in, noticed
from alphapanda.runtime.servers import stored

if TYPE_CHECKING:
    from alphapanda.projection.follower import Follower

LOG = log.get(__name__)
PATIENCE_S = 10.0
"""How long the end of a run waits for tables that do not move."""


class RunProjector:
    """Projects the run of a folder from the moment its journal is there; a long-lived part.

    A database that is down is waited for beside the run, never by the run.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        from alphapanda.projection.projector import Projector  # noqa: PLC0415 (SQLAlchemy)

        self.folder = folder
        self._shows_prices = settings.redis.enabled
        """A board within the process that trades is seen by nobody, and prices cost the most."""
        self.projector = Projector(settings)
        self.follower: Follower | None = None
        self._task: asyncio.Task[Follower] | None = None

    async def start(self) -> None:
        """Begin to look for the journal."""
        assert self._task is None, "the projector has been started already"
        self._task = asyncio.create_task(self._follow(), name="projector of a run")
        self._task.add_done_callback(noticed)

    async def stop(self) -> None:
        """Finish the page in hand, and close; what is left comes another time."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        self._task = None
        if self.follower is not None:
            await self.follower.stop()
        await self.projector.stop()

    async def health(self) -> None:
        """See that events are taken in, once there are any.

        Raises:
            OutsideError: if they are not; the message says what to do.
        """
        see_alive(self._task, "projector")
        if self.follower is not None:
            await self.follower.health()

    async def finished(self) -> str:
        """Wait until the run has ended and all of it is in; return what is left to do, if any."""
        assert self._task is not None, "the projector has not been started"
        try:
            follower = await asyncio.shield(self._task)
            if await follower.drained(PATIENCE_S):
                return ""
            why = follower.trouble or "no progress"
        except Exception as error:  # a mistake of ours: the run is whole without its tables
            LOG.exception("projector failed")
            why = f"{type(error).__name__}: {error}"
        return self.left(why)

    def left(self, why: object) -> str:
        """Return what is to be done about a run that is not all in the tables."""
        return (
            f"the run is whole, but its last events are not in the tables ({why}); "
            f"after that: alphapanda project {self.folder}"
        )

    async def _follow(self) -> Follower:
        from alphapanda.projection.follower import Follower, source_in  # noqa: PLC0415

        source = source_in(await journal_in(self.folder))
        if not self._shows_prices:
            source = source._replace(market=None)
        self.follower = Follower(self.projector, source)
        with log.bound(run_id=source.run_id):
            await self.follower.start()
        return self.follower


def project(folder: Path, settings: Settings) -> None:
    """Project a run that has ended, where there are tables.

    Raises:
        OutsideError: if the database does not answer; the message says what to do.
    """
    if not settings.has_database:
        return
    part = RunProjector(settings, folder)
    with living(settings) as parts:
        try:
            stored(parts, settings)
        except OutsideError as error:
            raise OutsideError(part.left(error)) from error
        parts.start(part)
        trouble = parts.do(part.finished())
    if trouble:
        raise OutsideError(trouble)
