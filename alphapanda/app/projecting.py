"""The projector of a run's journal, beside the run or after it; trading never waits for it."""

from __future__ import annotations

from pathlib import Path

from alphapanda import config, log
from alphapanda.app.beside import Beside
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.journal.journal import Journal

LOG = log.get(__name__)
PATIENCE_S = 10.0
"""How long the end of a run waits for tables that do not move."""


def wanted(settings: Settings) -> bool:
    """Say if there are tables to project into: PostgreSQL, or SQLite's file, made before."""
    database = settings.database
    return database.enabled or (settings.base_dir / database.file.expanduser()).exists()


class Projecting(Beside):
    """Projects a journal as it grows, and after a run that has ended all the rest of it.

    A database that is down is waited for beside the run, never by the run. What was not taken in
    at the end is no failure of the run: `told` raises it when the result has been printed.
    """

    def __init__(self, settings: Settings, journal: Journal) -> None:
        super().__init__("projector")
        self.settings, self.journal = settings, journal
        self._trouble = ""

    def told(self) -> None:
        """Say what is left to do.

        Raises:
            OutsideError: if the tables lack something; the message says which command brings it.
        """
        if self._trouble:
            raise OutsideError(self._trouble)

    async def live(self) -> None:
        """Project until the run is over."""
        self.ready()
        try:
            await self._follow()
        except Exception as error:  # a mistake of ours: the run goes on without its tables
            LOG.exception("projector failed")
            self._trouble = f"the run is not in the tables: {type(error).__name__}: {error}"

    async def _follow(self) -> None:
        from alphapanda.project.follower import Follower, source_in  # noqa: PLC0415 (SQLAlchemy)
        from alphapanda.project.projector import Projector  # noqa: PLC0415

        projector = Projector(self.settings)
        follower = Follower(projector, source_in(self.journal))
        run_id = follower.source.run_id
        with log.bound(run_id=run_id):
            await follower.start()
        try:
            whole = not await self.left() or await follower.drained(PATIENCE_S)
        finally:
            await follower.stop()
            await projector.stop()
        if not whole:
            folder, why = self.journal.contents.path.parent, follower.trouble or "no progress"
            self._trouble = (
                "the run is whole, but its last events are not in the tables "
                f"({why}); after that: alphapanda project {folder}"
            )


def project(folder: Path) -> None:
    """Project a run that has ended, where there are tables.

    Raises:
        OutsideError: if the database does not answer; the message says what to do.
    """
    settings = config.load()
    if not wanted(settings):
        return
    log.start(settings)
    try:
        with Projecting(settings, Journal.open(folder)) as part:
            pass
        part.told()
    finally:
        log.stop()
