"""The phases of sessions as arrays: which span of continuous trading a moment lies in, if any."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alphapanda.model.calendar import DAY, Calendar, Phase, SessionGroup, day_start_ns
from alphapanda.model.columns import Int64


class Placed(NamedTuple):
    """Where moments lie, one entry each."""

    phase: NDArray[np.int64]
    opened: Int64
    """Start of the phase, ns UTC; only of use where the phase is OPEN."""
    closed: Int64
    """Its end."""


class Timeline:
    """The phases of some days, by session group; `groups` by instrument row."""

    def __init__(
        self, calendar: Calendar, days: Iterable[date], groups: Sequence[SessionGroup]
    ) -> None:
        self._groups = np.array(groups, np.int64)
        listed = sorted(set(days))
        self._of_group = {
            int(group): phases_of(calendar, listed, group) for group in sorted(set(groups))
        }

    def place(self, moments: Int64, rows: NDArray[np.int32]) -> Placed:
        """Return the phase of each moment, for the instrument that stands beside it."""
        found = Placed(*(np.zeros(len(moments), np.int64) for _ in Placed._fields))
        mine = self._groups[rows]
        for group, (starts, stops, phases) in self._of_group.items():
            chosen = np.flatnonzero(mine == group)
            if not len(chosen) or not len(starts):
                continue
            at = np.searchsorted(starts, moments[chosen], side="right") - 1
            known = (at >= 0) & (moments[chosen] < stops[at])
            chosen, at = chosen[known], at[known]
            found.phase[chosen] = phases[at]
            found.opened[chosen], found.closed[chosen] = starts[at], stops[at]
        return found


def phases_of(
    calendar: Calendar, days: Sequence[date], group: SessionGroup
) -> tuple[Int64, Int64, Int64]:
    """Return starts, ends and phases of a group's days; of a calendar without phases, days."""
    found: list[tuple[int, int, int]] = []
    for day in days:
        end = day_start_ns(day) + DAY
        if calendar.is_always:
            found.append((end - DAY, end, Phase.OPEN))
        elif (session := calendar.session(day, group)) is not None:
            ends = [*(change.ts for change in session.changes[1:]), end]
            found += [
                (change.ts, stop, change.phase)
                for change, stop in zip(session.changes, ends, strict=True)
            ]
    starts, stops, phases = np.array(found, np.int64).reshape(-1, 3).T
    return starts, stops, phases
