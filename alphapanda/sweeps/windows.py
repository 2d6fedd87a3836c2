"""Walk-forward windows: train on some trading days, test on the next ones, move on by those."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from alphapanda.errors import UsageError
from alphapanda.model.calendar import Calendar, SessionGroup


@dataclass(frozen=True, slots=True)
class Window:
    """Days to train on, and the days right behind them to test on."""

    train: tuple[date, ...]
    test: tuple[date, ...] = ()


def days_of_sessions(
    calendar: Calendar, groups: Sequence[SessionGroup], days: Sequence[date]
) -> list[date]:
    """Return the days on which any of some groups trades; of a calendar without sessions all."""
    if calendar.is_always:
        return list(days)
    return [day for day in days if any(calendar.session(day, group) for group in groups)]


def parse(text: str) -> tuple[int, int]:
    """Return the lengths in `60d/20d`, in trading days.

    Raises:
        UsageError: if it reads otherwise.
    """
    found = re.fullmatch(r"\s*(\d{1,6})d\s*/\s*(\d{1,6})d\s*", text)
    if found is None or int(found[1]) < 1 or int(found[2]) < 1:
        raise UsageError(f"--walk-forward {text}: write 60d/20d, trading days to train / to test")
    return int(found[1]), int(found[2])


def windows(days: Sequence[date], text: str | None) -> list[Window]:
    """Return the windows over the trading days; without a text one, which trains on all.

    The last test window may be shorter than the others.

    Raises:
        UsageError: if the days don't suffice for one window.
    """
    if text is None:
        return [Window(tuple(days))]
    train, test = parse(text)
    starts = range(0, len(days) - train, test)
    if not starts:
        raise UsageError(
            f"--walk-forward {text}: {train + 1} trading days are needed, the data have {len(days)}"
        )
    return [
        Window(tuple(days[at : at + train]), tuple(days[at + train : at + train + test]))
        for at in starts
    ]
