"""Rows before `--from`: as many days of them as the slowest indicator needs, and nothing else.

They feed indicators and bars; no hook is called on them, and no figure counts them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from alphapanda.data.replay.replay import Replay, ReplayOptions, open_replay
from alphapanda.engine.compiler.declared import Spec
from alphapanda.engine.filling import prepared
from alphapanda.errors import UsageError
from alphapanda.model.calendar import DAY, Calendar
from alphapanda.model.notes import Note, Rank
from alphapanda.runs.options import Options

SESSION_NS = 375 * 60 * 1_000_000_000
"""A trading day of shares and their derivatives; sessions of others are longer."""

HOLIDAYS = 30
"""Days that are looked through for one trading day before it counts as found."""


def open_warm(
    options: Options, reading: ReplayOptions, specs: Sequence[Spec], calendar: Calendar
) -> Replay:
    """Open a recording from as many days before `--from` as its strategies' indicators need.

    Without `--from`, with `--no-warm`, or where nothing has to warm up, from `--from` itself.

    Raises:
        UsageError: for anything wrong in the data or the options.
    """
    replay = open_replay(reading)
    first = options.first
    if first is None or options.no_warm or not specs:
        return replay
    needed = days_needed(options, replay, specs, always=calendar.is_always)
    if not needed:
        return replay
    begin = trading_day_before(calendar, first, needed)
    earlier = replace(reading, first=begin, instruments=tuple(replay.names))
    replay.close()
    try:
        return open_replay(earlier)
    except UsageError as error:
        raise UsageError(
            f"{error} (in the rows before --from, which warm up indicators; --no-warm leaves "
            "them out)"
        ) from None


def days_needed(
    options: Options, replay: Replay, specs: Sequence[Spec], *, always: bool
) -> int:  # fmt: skip
    """Return how many days of rows make every indicator of the strategies warm, 0 for none."""
    day_ns = DAY if always else SESSION_NS
    rows = max(replay.rows // (len(replay.days) * len(replay.names)), 1)
    needed = 0
    for entry, spec in zip(options.strategies, specs, strict=True):
        arguments = spec.arguments(entry.params)
        for interval_ns, updates in updates_needed(spec, arguments, replay.interval_ns):
            if interval_ns >= DAY:
                needed = max(needed, updates * (interval_ns // DAY))
                continue
            bars = -(-day_ns // interval_ns) if interval_ns else rows
            needed = max(needed, -(-updates // min(bars, rows)))
    return needed


def updates_needed(
    spec: Spec, arguments: Mapping[str, Any], data_interval: int
) -> Iterator[tuple[int, int]]:
    """Yield each indicator's bars, in ns (0: rows of ticks), and its updates until it is warm."""
    for name, indicator in spec.indicators.items():
        updates = int(prepared(spec, arguments, name)["warmup"])
        if updates:
            yield spec.interval_of(indicator, data_interval), updates


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
