"""From which day on each run of a sweep is fed: its indicators warm up as in a backtest of its own.

Combinations need different numbers of earlier days. Rows are read from the earliest on, and every
run is fed from its own first day, since an indicator may remember where it began.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from alphapanda.data.replay.resampled import Rows
from alphapanda.engine.compiler.declared import named_values
from alphapanda.model.calendar import Calendar, SessionGroup
from alphapanda.runs.options import Options
from alphapanda.runs.warming import Needs, days_needed, needs_of, trading_day_before
from alphapanda.sweeps.grid import Grid
from alphapanda.sweeps.windows import days_of_sessions, windows

Arguments = Mapping[str, int | float]


class Warming:
    """What the combinations of one strategy need before a span of days."""

    def __init__(
        self, options: Options, grid: Grid, numbers: Any, walk_forward: str | None
    ) -> None:  # fmt: skip
        spec = grid.spec
        self._options, self._spec, self._walk_forward = options, spec, walk_forward
        self._grid, self._numbers = grid, numbers
        self._firsts: dict[Any, date | None] = {}
        self._known: dict[tuple[int | float, ...], frozenset[Needs]] = {}
        named = (v for each in spec.indicators.values() for v in named_values(each).values())
        self._params = sorted({value for value in named if value in spec.params})
        self._rows: Rows | None = None
        self._calendar: Calendar | None = None

    def begin(
        self, rows: Rows, calendar: Calendar, groups: Sequence[SessionGroup]
    ) -> date | None:  # fmt: skip
        """Return from which day on rows have to be read; `rows` are those from `--from` on."""
        if self._options.no_warm:
            return None
        self._rows, self._calendar = rows, calendar
        if self._options.first is None:
            return None
        many = (self._grid.arguments(int(number)) for number in self._numbers)
        needs = {self._needs(arguments) for arguments in many}
        firsts = [
            first
            for days in self._spans(rows, calendar, groups)
            for need in needs
            if (first := self._first(need, days, len(rows.names))) is not None
        ]
        return min((first for first in firsts if first < self._options.first), default=None)

    def first(self, days: Sequence[date], instruments: int, arguments: Arguments) -> date | None:
        """Return from which day on a run over some days is fed, None for the first of them.

        `instruments` is how many have rows on these days.
        """
        if self._rows is None or (self._options.first is None and self._walk_forward is None):
            return None
        if self._walk_forward is None:
            instruments = len(self._rows.names)
        needs = self._needs(arguments)
        key = (needs, days[0], days[-1])
        if key not in self._firsts:
            self._firsts[key] = self._first(needs, days, instruments)
        return self._firsts[key]

    def _first(
        self, needs: frozenset[Needs], days: Sequence[date], instruments: int
    ) -> date | None:
        assert self._rows is not None
        assert self._calendar is not None
        counted = [n for day, n in self._rows.day_rows.items() if days[0] <= day <= days[-1]]
        rows = max(sum(counted) // (max(len(counted), 1) * max(instruments, 1)), 1)
        count = days_needed(needs, rows, always=self._calendar.is_always)
        if not count:
            return None
        start = days[0] if self._walk_forward else self._options.first
        assert start is not None
        return trading_day_before(self._calendar, start, count)

    def _spans(
        self, rows: Rows, calendar: Calendar, groups: Sequence[SessionGroup]
    ) -> list[Sequence[date]]:
        if self._walk_forward is None:
            return [rows.days]
        planned = windows(days_of_sessions(calendar, groups, rows.days), self._walk_forward)
        return [days for window in planned for days in (window.train, window.test)]

    def _needs(self, arguments: Mapping[str, Any]) -> frozenset[Needs]:
        key = tuple(arguments[name] for name in self._params)
        if key not in self._known:
            assert self._rows is not None
            self._known[key] = frozenset(needs_of(self._spec, arguments, self._rows.interval_ns))
        return self._known[key]
