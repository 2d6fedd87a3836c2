"""One run of a schedule: its record, its attempts, its artifacts, and whom a failure alerts."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from alphapanda import files, log
from alphapanda.errors import OutsideError, UsageError
from alphapanda.research.rundir import claimed, make_folder, remove_empty
from alphapanda.schedules import kept, page, parameters, worker
from alphapanda.schedules.attempt import LOG as WORKER_LOG
from alphapanda.schedules.attempt import Outcome, attempt
from alphapanda.schedules.records import (
    Attempt,
    Record,
    Status,
    last_done,
    now_text,
    one_at_a_time,
    settle,
    write,
)
from alphapanda.schedules.schedule import Alert, Schedule

LOG = log.get(__name__)
RESULTS, MANIFEST = "results", "manifest.json"
COMMAND_TIMEOUT_S = 30.0
LIBRARIES = ("papermill", "nbconvert", "ipykernel")


class Places(NamedTuple):
    """Where runs are kept and what they read."""

    base: Path
    root: Path
    """`runs/schedule`."""
    strategies: Path


Tell = Callable[[Schedule, Record], None]
"""Tells the topics of a run that failed."""


def never() -> bool:
    """Say that nobody asks to stop."""
    return False


def silent(schedule: Schedule, record: Record) -> None:
    """Tell nobody, where no server is used."""
    LOG.warning("no server is set, so the topics do not hear of it", schedule=schedule.name)


def run(
    schedule: Schedule, day: date, places: Places, *, due_ns: int | None = None,
    late: str = "", wait: bool = False, stopping: Callable[[], bool] = never,
    tell: Tell = silent,
) -> tuple[Path, Record]:  # fmt: skip
    """Run a schedule for a day and return its folder and record, whatever came of it.

    Raises:
        UsageError: if another run goes on, or papermill is not installed.
        OutsideError: if the record can't be written: at the start nothing has run then.
    """
    require_libraries()
    with one_at_a_time(places.root, wait=wait, stopping=stopping) as hold:
        for left, _ in settle(places.root):
            LOG.error("a scheduled run was left in the middle", folder=str(left))
        last = last_done(places.root, schedule.name)
        make_folder(places.root / schedule.name)
        folder = claimed(places.root / schedule.name / day.isoformat())
        hold(folder)
        record = Record(
            name=schedule.name, date=day.isoformat(), status=Status.RUNNING, started=now_text(),
            due_ns=due_ns, pid=os.getpid(), notes=[late] if late else [],
        )  # fmt: skip
        try:
            write(folder, record)
        except OutsideError:
            remove_empty(folder)
            raise
        LOG.info("scheduled run begins", schedule=schedule.name, day=record.date)
        known = parameters.facts(
            day, schedule.calendar, folder / RESULTS, last and last / RESULTS
        )  # fmt: skip
        given = parameters.filled(dict(schedule.parameters), known)
        outcome = carried_out(schedule, folder, record, given, places, stopping)
        record.status, record.reason, record.ended = outcome.status, outcome.reason, now_text()
        try:
            finish(folder, record)
        except OutsideError as error:
            record.status, record.reason = Status.FAILED, f"{error}"
            alert(schedule, folder, record, tell)
            raise
    if record.status == Status.FAILED:
        alert(schedule, folder, record, tell)
    return folder, record


def require_libraries() -> None:
    """Refuse to begin without the libraries that run notebooks."""
    from importlib.util import find_spec  # noqa: PLC0415 (kept beside its use)

    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise UsageError(f'{missing[0]} is not installed: pip install "alphapanda[research]"')


def carried_out(
    schedule: Schedule, folder: Path, record: Record, given: dict[str, Any], places: Places,
    stopping: Callable[[], bool],
) -> Outcome:  # fmt: skip
    """Try until an attempt goes well or there is none left; a full disk is an outcome too."""
    try:
        (folder / RESULTS).mkdir()
        document = kept.manifest(
            schedule, given, day=record.date, base=places.base, folder=folder,
            strategies=places.strategies,
        )  # fmt: skip
        files.write_text(folder / MANIFEST, json.dumps(document, indent=2, ensure_ascii=False))
        return tried(schedule, folder, record, given, places, stopping)
    except OSError as error:
        where = error.filename or folder
        return Outcome(Status.FAILED, f"{where}: {error.strerror or error}")
    except KeyboardInterrupt:
        return Outcome(Status.INTERRUPTED, "stopped by a signal")


def tried(
    schedule: Schedule, folder: Path, record: Record, given: dict[str, Any], places: Places,
    stopping: Callable[[], bool],
) -> Outcome:  # fmt: skip
    """Return how the last attempt went; what an earlier one left lies in `attempt-1` and so on."""
    for number in range(1, schedule.retries + 2):
        started = now_text()
        outcome = attempt(
            folder, schedule.notebook, given, base=places.base,
            time_limit_s=schedule.time_limit_s, stopping=stopping,
        )  # fmt: skip
        done = Attempt(str(outcome.status), started, now_text(), outcome.reason)
        record.attempts = [*record.attempts, done]
        if outcome.status != Status.FAILED or number > schedule.retries:
            break
        put_aside(folder, number)
        record.reason = f"attempt {number} failed: {outcome.reason}"
        write(folder, record)
        if not waited(schedule.retry_wait_s, stopping):
            return Outcome(Status.INTERRUPTED, "stopped by a signal")
    return outcome


def put_aside(folder: Path, number: int) -> None:
    """Move what a failed attempt has left, so that the next one begins with nothing."""
    aside = folder / f"attempt-{number}"
    aside.mkdir()
    names = (RESULTS, worker.EXECUTED, worker.PAGE, worker.OUTCOME, worker.KERNEL, WORKER_LOG)
    for name in names:
        if (folder / name).exists():
            (folder / name).rename(aside / name)
    (folder / RESULTS).mkdir()


def waited(seconds: float, stopping: Callable[[], bool]) -> bool:
    """Wait; say if nobody asked to stop meanwhile."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if stopping():
            return False
        time.sleep(min(left, 0.1))
    return True


def finish(folder: Path, record: Record) -> None:
    """Write the index page and the record's last form.

    Raises:
        OutsideError: if the record can't be written; it still says `running`, and so `left`.
    """
    try:
        for name in (worker.JOB, worker.OUTCOME, worker.KERNEL):
            (folder / name).unlink(missing_ok=True)
        text = (folder / MANIFEST).read_text() if (folder / MANIFEST).exists() else "{}"
        page.write(folder, record, json.loads(text))
    except (OSError, ValueError) as error:
        record.status = Status.FAILED
        record.reason = record.reason or f"no {page.INDEX}: {error}"
    write(folder, record)


def skipped(schedule: Schedule, day: date, places: Places, *, due_ns: int, why: str) -> None:
    """Note a run that was due and is not made up for."""
    make_folder(places.root / schedule.name)
    folder = claimed(places.root / schedule.name / day.isoformat())
    at = now_text()
    write(folder, Record(name=schedule.name, date=day.isoformat(), status=Status.SKIPPED,
                         started=at, ended=at, reason=why, due_ns=due_ns))  # fmt: skip


def alert(schedule: Schedule, folder: Path, record: Record, tell: Tell) -> None:
    """Tell whoever is to hear that a run did not go well; an alert that fails is logged."""
    LOG.error("scheduled run did not go well", schedule=record.name, day=record.date,
              status=record.status, reason=record.reason, folder=str(folder))  # fmt: skip
    if Alert.BUS in schedule.alert:
        try:
            tell(schedule, record)
        except OutsideError as error:
            LOG.warning("the topics did not hear of it", error=error)
    if Alert.COMMAND in schedule.alert:
        document = {**msgspec.to_builtins(record), "folder": str(folder)}
        try:
            subprocess.run(  # noqa: S603 (what the schedule says)
                schedule.alert_command, input=json.dumps(document).encode(), check=True,
                capture_output=True, timeout=COMMAND_TIMEOUT_S,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            LOG.error("the alert's command failed", error=error)  # noqa: TRY400 (no traceback)
