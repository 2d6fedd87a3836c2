"""Which runs are due between two times, and what becomes of those that were missed; no clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from alphapanda.model.calendar import Calendar
from alphapanda.schedules.records import now_text
from alphapanda.schedules.schedule import Missed, Schedule

FURTHEST_DAYS = 3_000
"""How far ahead the next run is looked for: a 29 February that is a trading day may be rare."""
MOST_SKIPPED = 50
"""More runs that are skipped at once share a record, which counts them."""


class Due(NamedTuple):
    """A run that is due: for which day, and when, in ns UTC."""

    day: date
    at_ns: int


class Decision(NamedTuple):
    """What becomes of a run that is due."""

    due: Due
    runs: bool
    why: str = ""
    """Of one that was due while no scheduler was running: when that was."""


def due(schedule: Schedule, after_ns: int, until_ns: int) -> list[Due]:
    """Return the runs that are due behind a time, up to another, by time.

    Days that are no trading days of the schedule's calendar have none.
    """
    if until_ns <= after_ns:
        return []
    # A time may lie up to a day before or behind the day that it belongs to.
    first = Calendar.ist_date(after_ns) - timedelta(1)
    last = Calendar.ist_date(until_ns) + timedelta(1)
    found = [each for each in on_days(schedule, first, last) if after_ns < each.at_ns <= until_ns]
    return sorted(found, key=lambda each: each.at_ns)


def on_days(schedule: Schedule, first: date, last: date) -> Iterator[Due]:
    """Yield the runs that belong to some days, both included."""
    for day in schedule.calendar.days(first, last):
        for at in schedule.when.times(day, schedule.calendar, schedule.market):
            yield Due(day, at)


def next_due(schedule: Schedule, after_ns: int) -> Due | None:
    """Return the first run behind a time; None if none is in sight."""
    first = Calendar.ist_date(after_ns) - timedelta(1)
    best: Due | None = None
    for offset in range(FURTHEST_DAYS):
        day = first + timedelta(offset)
        if best is not None and day > best.day + timedelta(2):
            break
        for each in on_days(schedule, day, day):
            if each.at_ns > after_ns and (best is None or each.at_ns < best.at_ns):
                best = each
    return best


def decided(dues: Sequence[Due], missed: Missed, awake_ns: int) -> list[Decision]:
    """Return what becomes of runs by time; those due before `awake_ns` were missed."""
    late = [each for each in dues if each.at_ns < awake_ns]
    made_up = {Missed.EACH: late, Missed.LAST: late[-1:], Missed.SKIP: []}[missed]
    skipped = late[: len(late) - len(made_up)]
    noted = [Decision(each, False, missed_at([each])) for each in skipped]
    if len(skipped) > MOST_SKIPPED:
        noted = [Decision(skipped[-1], False, missed_at(skipped))]
    runs = [Decision(each, True, missed_at([each])) for each in made_up]
    return [*noted, *runs, *(Decision(each, True) for each in dues[len(late) :])]


def missed_at(dues: Sequence[Due]) -> str:
    """Return when runs were missed."""
    first, last = (now_text(each.at_ns) for each in (dues[0], dues[-1]))
    times = f"due at {last}" if len(dues) == 1 else f"due {len(dues):,} times, {first} to {last}"
    return f"{times}, when no scheduler was running"
