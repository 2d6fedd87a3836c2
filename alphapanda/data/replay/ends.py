"""Where bars end: after their interval, or with the session that cuts them short.

Kite's bars of 10, 30 or 60 minutes are counted from the open, so the last of a day is shorter, as
are those that the core builds. A bar enters at its end, where all of it is known, and no later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import numpy as np

from alphapanda.data.replay.blocks import Block, joined, take
from alphapanda.model.calendar import DAY, Calendar, Phase, SessionGroup
from alphapanda.model.columns import Int64


class Ends:
    """The ends of sessions, for bars of one interval; `groups` by instrument row."""

    def __init__(
        self, calendar: Calendar, days: Iterable[date], groups: Sequence[SessionGroup],
        interval_ns: int,
    ) -> None:  # fmt: skip
        self.interval_ns = interval_ns
        self.groups = np.array(groups, np.int64)
        self.spans = spans(calendar, days, sorted(set(groups))) if interval_ns % DAY else []
        self._closes = np.array([close for close, _ in self.spans], np.int64)

    def shortened(self, pieces: Iterable[Block]) -> Iterator[Block]:
        """Yield blocks, whose times are starts plus interval and rise, by the ends that bars have.

        Bars of sessions that end at different times change places: a row is held back until no
        later one can end before it.
        """
        if not self.spans:
            yield from pieces
            return
        held: list[Block] = []
        for piece in pieces:
            safe = int(piece["ts"][-1]) - self.interval_ns
            block = joined([*held, self.cut(piece)])
            block = take(block, np.argsort(block["ts"], kind="stable"))
            known = int(np.searchsorted(block["ts"], safe, side="right"))
            if known:
                yield {name: column[:known] for name, column in block.items()}
            held = [{name: column[known:] for name, column in block.items()}]
        if held and len(held[0]["ts"]):
            yield held[0]

    def cut(self, block: Block) -> Block:
        """Return a block with the ends of the bars that a session's end cuts short."""
        ts = block["ts"]
        first = int(np.searchsorted(self._closes, ts[0] - self.interval_ns, side="left"))
        last = int(np.searchsorted(self._closes, ts[-1], side="right"))
        made: Int64 = ts
        for close, group in self.spans[first:last]:
            start = int(np.searchsorted(ts, close, side="right"))
            stop = int(np.searchsorted(ts, close + self.interval_ns, side="left"))
            if start >= stop:
                continue
            if made is ts:
                made = ts.copy()
            mine = self.groups[block["row"][start:stop]] == group
            made[start:stop][mine] = close
        return {**block, "ts": made}


def spans(
    calendar: Calendar, days: Iterable[date], groups: Sequence[SessionGroup]
) -> list[tuple[int, int]]:
    """Return (close, group) of every span of continuous trading, by close."""
    found = []
    for day in days:
        for group in groups:
            session = calendar.session(day, group)
            if session is None:
                continue
            changes = session.changes
            found += [
                (changes[place + 1].ts, int(group))
                for place, change in enumerate(changes)
                if change.phase == Phase.OPEN
            ]
    return sorted(found)
