"""Schedules in a process: the scheduler until it is stopped, and whom a failed run alerts."""

from __future__ import annotations

from typing import NoReturn

from alphapanda import log
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.runs.stopping import orderly
from alphapanda.runtime.failing import failure, tried
from alphapanda.runtime.lifecycle import Parts
from alphapanda.schedules import running
from alphapanda.schedules.records import FOLDER, Record
from alphapanda.schedules.running import Places, Tell
from alphapanda.schedules.schedule import Schedule
from alphapanda.schedules.scheduler import Scheduler, only_one

LOG = log.get(__name__)
AGAIN = "started again, it makes up for what was missed as each schedule says"


def places_of(settings: Settings) -> Places:
    """Return where scheduled runs are kept and what they read."""
    return Places(settings.base_dir, settings.runs_dir / FOLDER, settings.strategies_dir)


def teller(settings: Settings, parts: Parts) -> Tell:
    """Return what tells the topics of a run that failed, where a server is used."""
    if not settings.bus.enabled:
        return running.silent

    def tell(schedule: Schedule, record: Record) -> None:
        said = f"{record.name} {record.date} {record.status}: {record.reason}"
        parts.do(tried(settings, failure("schedule", schedule.name, OutsideError(said))))

    return tell


def keep_schedules(settings: Settings, parts: Parts) -> NoReturn:
    """Run what is due, until Ctrl-C or SIGTERM; a run that goes on then is stopped, and says so.

    Raises:
        KeyboardInterrupt: after an orderly stop.
        UsageError: if another scheduler runs for this base folder, or papermill is missing.
    """
    running.require_libraries()
    places = places_of(settings)
    scheduler = Scheduler(settings.schedules_dir, places, tell=teller(settings, parts))
    with only_one(places.root), orderly() as asked:
        LOG.info("scheduler begins", folder=str(settings.schedules_dir))
        scheduler.keep(asked)
    raise KeyboardInterrupt(AGAIN)
