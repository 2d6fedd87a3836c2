"""Rows before `--from`: as many days of them as the slowest indicator needs, and nothing else.

They feed indicators and bars; no hook is called on them, and no figure counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, NamedTuple

from alphapanda.data.replay.replay import ReplayOptions
from alphapanda.data.replay.resampled import Rows, open_rows
from alphapanda.engine.compiler.declared import Spec
from alphapanda.engine.filling import prepared
from alphapanda.errors import UsageError
from alphapanda.model.calendar import DAY, Calendar, SessionGroup, day_start_ns
from alphapanda.model.notes import Note, Rank
from alphapanda.runs.options import Options

SESSION_NS = 375 * 60 * 1_000_000_000
"""A trading day of shares and their derivatives; sessions of others are longer."""

HOLIDAYS = 30
"""Days that are looked through for one trading day before it counts as found."""


Begin = Callable[[Rows, Calendar, Sequence[SessionGroup]], date | None]
"""Tells from which day on rows are read, once those of the run are known; None: no earlier ones."""


class Needs(NamedTuple):
    """What an indicator has to see until it is warm: bars of so many ns (0: rows), how many."""

    interval_ns: int
    updates: int


def begin_ns(first: date | None, *, bars: bool) -> int:
    """Return when the rows of a run begin: a bar that ends at midnight is of the day before."""
    return 0 if first is None else day_start_ns(first) + int(bars)


def begin_of(options: Options, specs: Sequence[Spec]) -> Begin:
    """Return what tells from which day on rows make every indicator of some strategies warm."""

    def begin(rows: Rows, calendar: Calendar, _groups: Sequence[SessionGroup]) -> date | None:
        if options.first is None or options.no_warm:
            return None
        needs = {
            need
            for entry, spec in zip(options.strategies, specs, strict=False)
            for need in needs_of(spec, spec.arguments(entry.params), rows.interval_ns)
        }
        days = days_needed(needs, rows_a_day(rows), always=calendar.is_always)
        return trading_day_before(calendar, options.first, days) if days else None

    return begin


def warmed(
    reading: ReplayOptions, rows: Rows, begin: date,
    sessions: tuple[Calendar, Sequence[SessionGroup]],
) -> Rows:  # fmt: skip
    """Return the rows of a run, from an earlier day on; `rows` are closed.

    Raises:
        UsageError: for anything wrong in the data before `--from`.
    """
    earlier = replace(reading, first=begin, instruments=tuple(rows.names))
    rows.close()
    with ExitStack() as stack:
        try:
            opened = open_rows(earlier)
            stack.callback(opened.close)
            opened.end_with(*sessions)
        except UsageError as error:
            raise UsageError(
                f"{error} (in the rows before --from, which warm up indicators; --no-warm leaves "
                "them out)"
            ) from None
        stack.pop_all()
    return opened


def rows_a_day(rows: Rows) -> int:
    """Return how many rows an instrument has on a day, as a mean, at least 1."""
    return max(sum(rows.day_rows.values()) // (len(rows.days) * len(rows.names)), 1)


def days_needed(needs: Iterable[Needs], rows: int, *, always: bool) -> int:
    """Return how many days make all of them warm, 0 for none; `rows`: of an instrument on a day."""
    day_ns = DAY if always else SESSION_NS
    needed = 0
    for interval_ns, updates in needs:
        if interval_ns >= DAY:
            needed = max(needed, updates * (interval_ns // DAY))
            continue
        bars = -(-day_ns // interval_ns) if interval_ns else rows
        needed = max(needed, -(-updates // min(bars, rows)))
    return needed


def needs_of(spec: Spec, arguments: Mapping[str, Any], data_interval: int) -> Iterator[Needs]:
    """Yield what each indicator of a strategy needs, but for those that are warm from the start."""
    for name, indicator in spec.indicators.items():
        updates = int(prepared(spec, arguments, name)["warmup"])
        if updates:
            yield Needs(spec.interval_of(indicator, data_interval), updates)


def trading_day_before(calendar: Calendar, day: date, count: int) -> date:
    """Return the trading day that lies `count` trading days before a day."""
    for _ in range(count):
        day -= timedelta(days=1)
        for _ in range(HOLIDAYS):
            if calendar.is_always or calendar.is_trading_day(day):
                break
            day -= timedelta(days=1)
    return day


def warm_days(options: Options, days: Sequence[date]) -> tuple[date, ...]:
    """Return the days of a recording that lie before `--from`."""
    return tuple(day for day in days if options.first is not None and day < options.first)


def warming_notes(options: Options, days: Sequence[date]) -> Iterator[Note]:
    """Yield which days before `--from` feed indicators."""
    before = warm_days(options, days)
    if before:
        yield Note(
            f"rows of {len(before)} days before --from (from {before[0]}) feed indicators and "
            "bars only: no hook is called on them, no figure counts them; --no-warm leaves them "
            "out", Rank.ASSUMED,
        )  # fmt: skip
