"""The market of a sweep in memory, and the rows of some of its days as a core is fed them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from alphapanda.engine.controls import Placer, day_end, session_controls
from alphapanda.model.calendar import DAY, IST, day_start_ns, ist_date
from alphapanda.model.columns import Columns
from alphapanda.research.hours import day_number, session_days
from alphapanda.runs.plan import RunPlan, used_groups
from alphapanda.runs.warming import begin_ns
from alphapanda.sweeps.threads import Arguments, Span
from alphapanda.sweeps.warming import Warming
from alphapanda.sweeps.windows import days_of_sessions


@dataclass(frozen=True)
class Market:
    """A run's rows, checked and kept, and when its contracts settle."""

    plan: RunPlan
    batches: tuple[Columns, ...]
    settles: Mapping[int, int]
    warming: Warming | None = None
    """What its runs are fed before their days; None: nothing."""
    _present: dict[tuple[date, date], Any] = field(default_factory=dict, repr=False)

    @property
    def days(self) -> tuple[date, ...]:
        """The days on which there are rows."""
        return self.plan.feed.days

    @property
    def rows(self) -> int:
        """Number of market rows, without those before `--from`."""
        begin = self.plan.begin_ns
        return sum(batch.rows - int(np.searchsorted(batch.ts, begin)) for batch in self.batches)

    @property
    def day_numbers(self) -> tuple[int, int]:
        """The IST day numbers of the first and the last row."""
        first, last = self.batches[0].ts[0], self.batches[-1].ts[-1]
        return int(first + IST) // DAY, int(last + IST) // DAY

    def present(self, first: date, last: date) -> Any:
        """Return which instruments, in dense numbers, have rows from the first day to the last."""
        if (first, last) not in self._present:
            seen = np.zeros(len(self.plan.instruments), np.bool_)
            for batch in rows_of(self, first, last):
                seen[batch.row] = True
            self._present[first, last] = np.flatnonzero(seen)
        return self._present[first, last]

    def begin(self, days: Sequence[date], arguments: Arguments) -> date | None:
        """Return from which day on a run over some days is fed, None for the first of them."""
        if self.warming is None:
            return None
        instruments = len(self.present(days[0], days[-1]))
        return self.warming.first(days, instruments, arguments)


def counted(market: Market, first: date, last: date) -> Any:
    """Return the numbers of the trading days from first to last, as a backtest of them counts."""
    calendar, groups = market.plan.rules.calendar, used_groups(market.plan)
    if calendar.is_always:
        days = [day for day in market.days if first <= day <= last]
    else:
        days = session_days(calendar, groups, first, last)
    return np.array([day_number(day) for day in days], np.int64)


def trading_days(market: Market) -> list[date]:
    """Return the days of the data on which any of the instruments trades."""
    return days_of_sessions(market.plan.rules.calendar, used_groups(market.plan), market.days)


class Cached:
    """The spans of a sweep's windows, each made when it is first asked for."""

    def __init__(self, market: Market, many: Sequence[Sequence[date]]) -> None:
        self._market = market
        self._days = many
        self._last: tuple[int, dict[date | None, Span]] = (-1, {})

    def span(self, window: int, arguments: Arguments) -> Span:
        """Return a window's span; threads may make one twice, which does no harm."""
        last = self._last
        if last[0] != window:
            last = self._last = window, {}
        days, known = self._days[window], last[1]
        begin = self._market.begin(days, arguments)
        if begin not in known:
            known[begin] = training(self._market, days, begin)
        return known[begin]


def training(market: Market, days: Sequence[date], begin: date | None = None) -> Span:
    """Return the rows from the first to the last of the days, as a backtest of them is fed.

    Ahead of them come the rows from the day `begin` on, which warm up indicators.
    """
    first, last = days[0], days[-1]
    since = first if begin is None else min(begin, first)
    start, end = day_start_ns(first), day_start_ns(last) + DAY
    plan = market.plan
    rows = rows_of(market, since, last)
    inside = [day for day in plan.all_days if since <= day <= last]
    if since < first and len(market.present(first, last)) < len(plan.instruments):
        rows = [batch for one in rows if (batch := only(one, market.present(first, last))).rows]
        seen = {ist_date(int(ts)) for one in rows for ts in day_edges(one, bars=plan.bars)}
        inside = [day for day in inside if day >= first or day in seen]
    settles = {row: ts for row, ts in market.settles.items() if start < ts <= end}
    clocks = [ts for ts in plan.clocks if start <= ts < end]
    controls = session_controls(
        plan.rules.calendar, inside, used_groups(plan), expiries=settles, clocks=clocks
    )
    placer = Placer(controls, bars=plan.bars)
    batches = [(batch, placer.take(batch)) for batch in rows]
    last_rows, among = batches.pop()
    rest = placer.rest()
    if plan.rules.calendar.is_always:  # nothing closes the last day but the end of the data
        rest = np.concatenate([rest, day_end(int(last_rows.ts[-1]))])
    rest["at"] = last_rows.rows
    batches.append((last_rows, np.concatenate([among, rest])))
    begun = plan.options.first if first == market.days[0] else None
    own = begin_ns(begun or first, bars=plan.bars)
    return Span(batches, counted(market, first, last), first, own)


def rows_of(market: Market, first: date, last: date) -> Sequence[Columns]:
    """Return the rows from the first day to the last."""
    days = market.plan.all_days
    if first <= days[0] and last == days[-1]:
        return market.batches
    start, end = day_start_ns(first), day_start_ns(last) + DAY
    return [*cut(market.batches, start, end, bars=market.plan.bars)]


def only(batch: Columns, present: Any) -> Columns:
    """Return the rows of some instruments."""
    kept = np.isin(batch.row, present)
    return Columns._make(column[kept] if len(column) else column for column in batch)


def day_edges(batch: Columns, *, bars: bool) -> Any:
    """Return a time of each day of a batch; a bar that ends at midnight is of the day it closes."""
    ts = batch.ts - int(bars)
    days = (ts + IST) // DAY
    return ts[np.append(True, days[1:] != days[:-1])]


def cut(batches: Sequence[Columns], start: int, end: int, *, bars: bool) -> Iterator[Columns]:
    """Yield the rows from `start` to `end`; a bar that ends at midnight is of the day it closes."""
    for batch in batches:
        first, last = np.searchsorted(batch.ts, (start, end), side="right" if bars else "left")
        if first < last:
            yield batch.slice(int(first), int(last))
