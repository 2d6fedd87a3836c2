"""The market of a sweep in memory, and the rows of some of its days as a core is fed them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from alphapanda.engine.controls import Placer, day_end, session_controls
from alphapanda.model.calendar import DAY, IST, day_start_ns
from alphapanda.model.columns import Columns
from alphapanda.model.rows import CONTROL, Control, Scope
from alphapanda.research.hours import day_number, session_days
from alphapanda.runs.plan import RunPlan, used_groups
from alphapanda.sweeps.threads import Span
from alphapanda.sweeps.windows import Window


@dataclass(frozen=True)
class Market:
    """A run's rows, checked and kept, and when its contracts settle."""

    plan: RunPlan
    batches: tuple[Columns, ...]
    settles: Mapping[int, int]

    @property
    def days(self) -> tuple[date, ...]:
        """The days on which there are rows."""
        return self.plan.feed.days

    @property
    def rows(self) -> int:
        """Number of market rows."""
        return sum(batch.rows for batch in self.batches)

    @property
    def day_numbers(self) -> tuple[int, int]:
        """The IST day numbers of the first and the last row."""
        first, last = self.batches[0].ts[0], self.batches[-1].ts[-1]
        return int(first + IST) // DAY, int(last + IST) // DAY


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
    calendar, groups = market.plan.rules.calendar, used_groups(market.plan)
    if calendar.is_always:
        return list(market.days)
    return [day for day in market.days if any(calendar.session(day, group) for group in groups)]


class Cached:
    """The spans of a sweep's windows, each made when it is first asked for."""

    def __init__(self, market: Market, many: Sequence[Sequence[date]]) -> None:
        self._market = market
        self._days = many
        self._last: tuple[int, Span] | None = None

    def span(self, window: int) -> Span:
        """Return a window's span; threads may make one twice, which does no harm."""
        last = self._last
        if last is None or last[0] != window:
            last = self._last = window, training(self._market, self._days[window])
        return last[1]


def training(market: Market, days: Sequence[date]) -> Span:
    """Return the rows from the first to the last of the days, as a backtest of them is fed."""
    return placed(market, days, np.empty(0, CONTROL), counted(market, days[0], days[-1]))


def testing(market: Market, window: Window, until: date) -> Span:
    """Return the rows of test days behind those that warm up the indicators.

    Until the first test day the strategy is stopped by the core's own switch, so that every order
    is refused; then it is armed, flat. Its returns count to the day `until`, which is the last
    before the next window's: so each trading day counts once, those without rows too.
    """
    before, days = window.train, window.test
    stop = np.zeros(2, CONTROL)
    stop["kind"] = Control.KILL, Control.REARM
    stop["ts"] = day_start_ns(before[0]), day_start_ns(days[0])
    stop["a"] = Scope.STRATEGY
    return placed(market, [*before, *days], stop, counted(market, days[0], until))


def placed(market: Market, days: Sequence[date], more: Any, numbers: Any) -> Span:
    """Return rows with the control rows of their days, and with `more` of them."""
    first, last = days[0], days[-1]
    start, end = day_start_ns(first), day_start_ns(last) + DAY
    plan, bars = market.plan, market.plan.bars
    settles = {row: ts for row, ts in market.settles.items() if start < ts <= end}
    inside = [day for day in market.days if first <= day <= last]
    clocks = [ts for ts in plan.clocks if start <= ts < end]
    controls = session_controls(
        plan.rules.calendar, inside, used_groups(plan), expiries=settles, clocks=clocks
    )
    both = np.concatenate([more, controls])
    placer = Placer(both[np.argsort(both["ts"], kind="stable")], bars=bars)
    everything = (first, last) == (market.days[0], market.days[-1])
    rows = market.batches if everything else cut(market.batches, start, end, bars=bars)
    batches = [(batch, placer.take(batch)) for batch in rows]
    rest = placer.rest()
    if plan.rules.calendar.is_always:  # nothing closes the last day but the end of the data
        rest = np.concatenate([rest, day_end(int(batches[-1][0].ts[-1]))])
    return Span(batches, rest, numbers)


def cut(batches: Sequence[Columns], start: int, end: int, *, bars: bool) -> Iterator[Columns]:
    """Yield the rows from `start` to `end`; a bar that ends at midnight is of the day it closes."""
    for batch in batches:
        first, last = np.searchsorted(batch.ts, (start, end), side="right" if bars else "left")
        if first < last:
            yield batch.slice(int(first), int(last))
