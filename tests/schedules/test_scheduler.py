"""Two weeks of the scheduler, by a clock that a test moves: what runs, what is made up for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alphapanda.errors import OutsideError, UsageError
from alphapanda.model.calendar import INDIA
from alphapanda.schedules import planner, records
from alphapanda.schedules.records import Record, Status, now_text
from alphapanda.schedules.running import silent
from alphapanda.schedules.schedule import Schedule
from alphapanda.schedules.scheduler import Scheduler, only_one
from tests.schedules.made import file_of, notebook, places, schedule

FIRST = datetime(2026, 11, 2, 9, 0, tzinfo=INDIA)
"""A Monday; Sunday 8 has a Muhurat evening, Tuesday 10 is a holiday."""


def ns(at: datetime) -> int:
    """Return a time in ns UTC."""
    return int(at.timestamp()) * 10**9


class World:
    """A base folder, a clock, and a run that takes no time and keeps a record."""

    def __init__(self, base: Path) -> None:
        self.base, self.now = base, FIRST
        self.runs: list[tuple[str, str, str]] = []
        self.fails: dict[str, Exception] = {}
        self.begun()

    def begun(self) -> Scheduler:
        """Return a scheduler that begins now, as after a crash."""
        self.scheduler = Scheduler(
            self.base / "schedules", places(self.base), tell=silent, clock=lambda: ns(self.now),
            run=self.run,
        )  # fmt: skip
        self.scheduler.begin()
        return self.scheduler

    def run(self, what: Schedule, day: date, _: Any, *, due_ns: int, late: str, **__: Any) -> Any:
        """Note a run, with a record as a real one keeps."""
        if what.name in self.fails:
            raise self.fails[what.name]
        self.runs.append((what.name, str(day), now_text(due_ns)[5:16]))
        folder = self.root / what.name / f"{day}-{len(self.runs)}"
        folder.mkdir(parents=True)
        at = now_text(ns(self.now))
        record = Record(name=what.name, date=str(day), status=Status.DONE, started=at, ended=at,
                        due_ns=due_ns, notes=[late] if late else [])  # fmt: skip
        records.write(folder, record)
        return folder, record

    @property
    def root(self) -> Path:
        """Where runs are kept."""
        return places(self.base).root

    def until(self, at: datetime, step: timedelta = timedelta(hours=2)) -> None:
        """Let the scheduler look as time goes by."""
        while self.now <= at:
            self.scheduler.step()
            self.now += step

    def skipped(self) -> list[tuple[str, str]]:
        """Return the runs that were noted as skipped, with the reason."""
        found = records.history(self.root)
        return [(each["date"], each["reason"]) for each in found if each["status"] == "skipped"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Return what makes a world of one schedule."""

    def make(*lines: str, when: str = "after close + 20m") -> World:
        file_of(tmp_path, *lines, when=when)
        return World(tmp_path)

    return make  # type: ignore[return-value]


def test_two_weeks(world: Callable[..., World]) -> None:
    """Each trading day once after its own close: the Muhurat evening too, the holiday not."""
    here = world()
    file_of(here.base, name="weekly", when="fri 17:00")
    here.until(FIRST + timedelta(days=13, hours=14))
    nightly = [(day[8:], at[6:]) for name, day, at in here.runs if name == "nightly"]
    # From 2026-08-03 on shares without derivatives still close at 15:30.
    assert nightly == [
        *((f"0{n}", "15:50") for n in range(2, 7)), ("08", "19:35"), ("09", "15:50"),
        ("11", "15:50"), ("12", "15:50"), ("13", "15:50"),
    ]  # fmt: skip
    assert [day for name, day, _ in here.runs if name == "weekly"] == ["2026-11-06", "2026-11-13"]


@pytest.mark.parametrize(("missed", "ran", "skipped"), [
    ("last", ["11"], ["06", "08", "09"]),
    ("each", ["06", "08", "09", "11"], []),
    ("skip", [], ["06", "08", "09", "11"]),
])  # fmt: skip
def test_after_a_crash(
    missed: str, ran: list[str], skipped: list[str], world: Callable[..., World]
) -> None:
    """What was due while nobody looked is made up for, or noted as skipped, once."""
    here = world(f'missed = "{missed}"')
    here.until(FIRST + timedelta(days=3, hours=12))
    before = len(here.runs)
    here.now = datetime(2026, 11, 11, 20, 0, tzinfo=INDIA)
    here.begun()
    here.until(here.now + timedelta(hours=3))
    assert [day[8:] for _, day, _ in here.runs[before:]] == ran
    assert [day[8:] for day, _ in here.skipped()] == skipped
    assert all("no scheduler was running" in why for _, why in here.skipped())
    here.begun()
    here.until(here.now + timedelta(hours=3))
    assert len(here.runs) == before + len(ran)


def test_killed_between_record_and_timer(world: Callable[..., World]) -> None:
    """A run whose record is there is not made twice, though the timer does not know of it."""
    here = world()
    here.until(FIRST + timedelta(hours=1))
    timer = here.root / "nightly" / "timer.json"
    before = timer.read_text()
    here.until(FIRST + timedelta(hours=8))
    timer.write_text(before)
    here.begun()
    here.until(FIRST + timedelta(hours=10))
    assert len(here.runs) == 1
    assert here.skipped() == []


def test_a_new_schedule_counts_from_now_on(world: Callable[..., World]) -> None:
    """Neither a new file nor a changed `when` makes up for times before it."""
    here = world('missed = "each"')
    here.until(FIRST + timedelta(days=2))
    file_of(here.base, 'missed = "each"', when="0 8 * * *")
    file_of(here.base, 'missed = "each"', name="late", when="0 8 * * *")
    before = len(here.runs)
    here.until(FIRST + timedelta(days=2, hours=20))
    assert here.runs[before:] == []
    here.until(FIRST + timedelta(days=3))
    assert sorted(here.runs[before:]) == [
        ("late", "2026-11-05", "11-05T08:00"), ("nightly", "2026-11-05", "11-05T08:00"),
    ]  # fmt: skip


def test_thousands_that_were_missed_share_a_record(world: Callable[..., World]) -> None:
    """A schedule of every five minutes leaves one record of a long absence, which counts."""
    here = world(when="*/5 9-15 * * *")
    here.until(FIRST + timedelta(minutes=1))
    here.now += timedelta(days=60)
    here.begun()
    here.scheduler.step()
    (only,) = here.skipped()
    assert "times" in only[1]
    assert len(here.runs) == 2  # that of 9:00 on the first day, and the last one missed


def test_a_wrong_file_does_not_stop_the_others(world: Callable[..., World]) -> None:
    """It is passed over, and runs once it is mended."""
    here = world()
    bad = file_of(here.base, "nonsense = 1", name="bad")
    here.until(FIRST + timedelta(hours=8))
    assert [name for name, _, _ in here.runs] == ["nightly"]
    bad.unlink()


def test_a_full_disk_is_waited_for(world: Callable[..., World]) -> None:
    """A run that could not begin stays due, and runs when there is room."""
    here = world()
    here.fails["nightly"] = OutsideError("no space left on device")
    here.until(FIRST + timedelta(hours=9))
    assert here.runs == []
    here.fails.clear()
    here.until(FIRST + timedelta(hours=10))
    assert here.runs == [("nightly", "2026-11-02", "11-02T15:50")]
    assert here.skipped() == []


def test_a_machine_asleep_has_missed(world: Callable[..., World], tmp_path: Path) -> None:
    """A nap that lasts longer than was meant counts as an absence."""
    here = world('missed = "skip"')
    naps = iter([timedelta(seconds=0), timedelta(hours=9)])

    def stopping() -> bool:
        # Asked before each look, and while it naps: a nap ends at once, and time has gone by.
        here.now += next(naps, timedelta(days=1))
        return here.now > FIRST + timedelta(hours=12)

    here.scheduler.keep(stopping)
    assert here.runs == []


def test_only_one_scheduler(tmp_path: Path) -> None:
    """A second one for the same base folder is refused."""
    root = places(tmp_path).root
    with only_one(root), pytest.raises(UsageError, match="another scheduler"), only_one(root):
        pass
    with only_one(root):
        pass


def test_the_next_run(tmp_path: Path) -> None:
    """The planner sees over a weekend, and years ahead to a rare day."""
    nightly = schedule(tmp_path, when="before open - 30m")
    friday = datetime(2026, 1, 23, 10, 0, tzinfo=INDIA)
    found = planner.next_due(nightly, ns(friday))
    assert found is not None
    assert str(found.day) == "2026-01-27"  # Monday 26 is a holiday
    leap = planner.next_due(schedule(tmp_path, when="0 9 29 2 *"), ns(friday))
    assert leap is not None
    assert str(leap.day) == "2028-02-29"


def test_two_weeks_at_once_equal_two_weeks_by_steps(tmp_path: Path) -> None:
    """However time is cut, the same runs are due, each once: also those across midnight."""
    notebook(tmp_path)
    forms = ("after close + 9h", "before open - 12h", "0 0 * * *", "59 23 * * mon-fri", "fri 17:00")
    for when in forms:
        made = schedule(tmp_path, when=when)
        start, day = ns(FIRST), 86_400 * 10**9
        whole = planner.due(made, start, start + 14 * day)
        steps = [
            each for n in range(14 * 24)
            for each in planner.due(made, start + n * day // 24, start + (n + 1) * day // 24)
        ]  # fmt: skip
        assert steps == whole
        assert len(whole) >= 2
