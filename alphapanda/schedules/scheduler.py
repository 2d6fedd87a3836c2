"""The scheduler: looks what is due, runs it, and after an absence makes up for what was missed.

`runs/schedule/NAME/timer.json` says up to when every run that was due has a record. A schedule that
is new, or whose `when` was changed, counts from then on.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

from alphapanda import files, log
from alphapanda.errors import AlphaPandaError, OutsideError, UsageError
from alphapanda.journal.records import locked
from alphapanda.research.rundir import make_folder
from alphapanda.runs import run_files
from alphapanda.schedules import planner, running
from alphapanda.schedules.planner import Decision
from alphapanda.schedules.records import Record, all_records, one_at_a_time, settle
from alphapanda.schedules.running import Places, Tell
from alphapanda.schedules.schedule import Schedule, read

LOG = log.get(__name__)
TIMER, LOCK = "timer.json", "scheduler.lock"
LONGEST_NAP_S = 20.0
NAP_S = 0.5
ABSENT_NS = 60_000_000_000
"""A nap that lasts so much longer than meant was a machine asleep: what was due was missed."""

Run = Callable[..., tuple[Path, Record]]


class Task(NamedTuple):
    """A schedule with one of its runs that are due."""

    schedule: Schedule
    decision: Decision


class Scheduler:
    """Looks at the clock and runs what is due, one at a time, by the time it was due."""

    def __init__(
        self, folder: Path, places: Places, *, tell: Tell, clock: Callable[[], int] = time.time_ns,
        run: Run = running.run,
    ) -> None:  # fmt: skip
        self._folder, self._places = folder, places
        self._tell, self._clock, self._run = tell, clock, run
        self._awake_ns = 0
        self._told: dict[str, str] = {}

    def begin(self, stopping: Callable[[], bool] = running.never) -> None:
        """Settle what an earlier process left; what was due before now was missed."""
        make_folder(self._places.root)
        with one_at_a_time(self._places.root, wait=True, stopping=stopping):
            left = settle(self._places.root)
        schedules = {schedule.name: schedule for schedule in self._schedules()}
        for folder, record in left:
            if record.name in schedules:
                running.alert(schedules[record.name], folder, record, self._tell)
        self._awake_ns = self._clock()

    def keep(self, stopping: Callable[[], bool]) -> None:
        """Run what is due until somebody asks to stop."""
        self.begin(stopping)
        while not stopping():
            self.step(stopping)
            meant = min(self.until_next_s(), LONGEST_NAP_S)
            before = self._clock()
            running.waited(meant, stopping)
            if self._clock() - before > meant * 1e9 + ABSENT_NS:
                self._awake_ns = self._clock()

    def step(self, stopping: Callable[[], bool] = running.never) -> int:
        """Run all that is due now and return how many runs that were."""
        done = 0
        for task in self.tasks():
            if stopping():
                break
            try:
                self._carry_out(task, stopping)
            except OutsideError as error:  # it stays due: a disk that is full now may not be soon
                if self._told.get("") != str(error):
                    LOG.error("a scheduled run could not begin or end", error=str(error))  # noqa: TRY400
                self._told[""] = str(error)
                break
            self._told.pop("", None)
            done += task.decision.runs
        return done

    def tasks(self) -> list[Task]:
        """Return what is due now and has no record, by time."""
        now = self._clock()
        found: list[Task] = []
        recorded = {(r.name, r.due_ns) for _, r in all_records(self._places.root)}
        for schedule in self._schedules():
            dues = [
                each for each in planner.due(schedule, self._since(schedule, now), now)
                if (schedule.name, each.at_ns) not in recorded
            ]  # fmt: skip
            found += map(Task, repeat(schedule),
                         planner.decided(dues, schedule.missed, self._awake_ns))  # fmt: skip
        return sorted(found, key=lambda task: task.decision.due.at_ns)

    def until_next_s(self) -> float:
        """Return how long nothing is due."""
        now = self._clock()
        dues = (planner.next_due(schedule, now) for schedule in self._schedules())
        return min(((each.at_ns - now) / 1e9 for each in dues if each), default=LONGEST_NAP_S)

    def _carry_out(self, task: Task, stopping: Callable[[], bool]) -> None:
        schedule, (due, runs, why) = task.schedule, task.decision
        if runs:
            self._run(
                schedule, due.day, self._places, due_ns=due.at_ns, late=why, wait=True,
                stopping=stopping, tell=self._tell,
            )  # fmt: skip
        else:
            LOG.warning("scheduled run skipped", schedule=schedule.name, day=str(due.day), why=why)
            running.skipped(schedule, due.day, self._places, due_ns=due.at_ns, why=why)
        self._note(schedule, due.at_ns)

    def _schedules(self) -> Iterator[Schedule]:
        # A file that is wrong must not stop the others: it is told once, and again when it changes.
        for name, file in run_files.files_by_name(self._folder).items():
            try:
                yield read(file)
                self._told.pop(name, None)
            except UsageError as error:
                if self._told.get(name) != str(error):
                    LOG.error("a schedule can't be read", error=str(error))  # noqa: TRY400
                self._told[name] = str(error)

    def _since(self, schedule: Schedule, now: int) -> int:
        try:
            timer = json.loads((self._places.root / schedule.name / TIMER).read_text())
            if timer["when"] == identity(schedule):
                return int(timer["until_ns"])
        except (OSError, ValueError, LookupError, TypeError):
            pass
        self._note(schedule, now)
        return now

    def _note(self, schedule: Schedule, until_ns: int) -> None:
        folder = self._places.root / schedule.name
        make_folder(folder)
        document = {"when": identity(schedule), "until_ns": until_ns}
        try:
            files.write_text(folder / TIMER, json.dumps(document))
        except OSError as error:
            raise OutsideError(f"can't write {folder / TIMER}: {error.strerror}") from error


def identity(schedule: Schedule) -> str:
    """Return what says when a schedule is due."""
    return f"{schedule.said} | {schedule.calendar.name} | {schedule.market.name}"


@contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Hold the lock of schedulers.

    Raises:
        UsageError: if another one is running.
        OutsideError: if the lock can't be made.
    """
    make_folder(root)
    try:
        file = os.open(root / LOCK, os.O_RDWR | os.O_CREAT, 0o640)
    except OSError as error:
        raise OutsideError(f"{root / LOCK}: {error.strerror}") from error
    try:
        if not locked(file):
            raise UsageError(f"another scheduler is running for {root}: one is enough")
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
        os.close(file)


def problems(folder: Path) -> dict[str, str]:
    """Return what is wrong with schedules of a folder, by name."""
    found = {}
    for name, file in run_files.files_by_name(folder).items():
        try:
            read(file)
        except AlphaPandaError as error:
            found[name] = str(error)
    return found
