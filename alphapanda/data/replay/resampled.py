"""A recording whose rows are bars that are made of its own: what `--bars` asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from types import TracebackType
from typing import Protocol, Self

import numpy as np

from alphapanda.data.replay.bars import LeftOut, Maker, Terms
from alphapanda.data.replay.opening import EPOCH, ReplayOptions, close_of
from alphapanda.data.replay.parquet import FileInfo
from alphapanda.data.replay.replay import Replay, open_replay
from alphapanda.data.replay.timeline import Timeline
from alphapanda.errors import UsageError
from alphapanda.model.calendar import DAY, IST, Calendar, SessionGroup
from alphapanda.model.columns import Columns
from alphapanda.model.interval import interval_text, parse_bars

KEPT_ROWS = 1_000_000
"""Bars that are kept from the counting of them; of more, they are made again."""

OF_BARS = ("volume", "oi")


class Recording(Protocol):
    """Rows that are checked and in running order, and what is known of them."""

    interval_ns: int
    names: tuple[str, ...]
    files: tuple[FileInfo, ...]
    notes: tuple[str, ...]
    days: tuple[date, ...]
    repairs: dict[str, int]
    columns: frozenset[str]

    @property
    def kind(self) -> str:
        """Whether they are ticks, quotes or bars."""
        ...

    def end_with(self, calendar: Calendar, groups: Sequence[SessionGroup]) -> None:
        """Let bars end with the sessions of a calendar; `groups` by instrument."""

    def batches(self) -> Iterator[Columns]:
        """Yield the rows by (ts, instrument)."""
        ...

    def close(self) -> None:
        """Give back what it holds."""


class Resampled:
    """Bars of a recording's rows; `rows`, `days` and `silent` are known once `end_with` is called.

    Every row is read twice, to count the bars and to make them, unless they are few.
    """

    kind = "bar"

    def __init__(self, recording: Recording, interval_ns: int, *, batch_rows: int) -> None:
        self.interval_ns = interval_ns
        source_ns = recording.interval_ns if recording.kind == "bar" else 0
        refuse_other_bars(source_ns, self.interval_ns)
        self.names, self.files = recording.names, recording.files
        self.days = recording.days
        self.day_rows: Mapping[date, int] = {}
        self.rows = 0
        self.silent: frozenset[int] = frozenset()
        self.left_out = LeftOut()
        self.columns = bar_columns(recording.columns)
        self.notes = (*recording.notes, *made_notes(recording, self.interval_ns))
        self._recording, self._batch_rows = recording, batch_rows
        close_ns = max(map(close_of, self.names))
        self._terms = Terms(interval_ns, source_ns, self.names, close_ns)
        self._kept: list[Columns] | None = None
        self._timeline: Timeline | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def repairs(self) -> dict[str, int]:
        """Rows of the recording that were dropped, by reason."""
        return self._recording.repairs

    def close(self) -> None:
        """Close the recording."""
        self._recording.close()

    def end_with(self, calendar: Calendar, groups: Sequence[SessionGroup]) -> None:
        """Count bars by the sessions of a calendar; `groups` by instrument.

        Raises: UsageError for rows that break a rule or lie across two bars.
        """
        self._recording.end_with(calendar, groups)
        self._timeline = Timeline(calendar, self._recording.days, groups)
        self._count()

    def batches(self) -> Iterator[Columns]:
        """Yield the bars by (end, instrument), at most `batch_rows` at once.

        Raises: UsageError at a row of the recording that breaks a rule.
        """
        for columns in self._made() if self._kept is None else self._kept:
            for start in range(0, columns.rows, self._batch_rows):
                yield columns.slice(start, start + self._batch_rows)

    def _made(self) -> Iterator[Columns]:
        assert self._timeline is not None, "sessions are known before rows are asked for"
        maker = Maker(self._terms, self._timeline)
        self.left_out = maker.left_out
        yield from maker.bars(self._recording.batches())

    def _count(self) -> None:
        found: Counter[int] = Counter()
        kept: list[Columns] = []
        loud = np.zeros(len(self.names), np.bool_)
        for columns in self._made():
            days, counts = np.unique((columns.ts - 1 + IST) // DAY, return_counts=True)
            found.update(dict(zip(days.tolist(), counts.tolist(), strict=True)))
            if len(columns.volume):
                loud[columns.row[columns.volume > 0]] = True
            if found.total() <= KEPT_ROWS:
                kept.append(columns)
        self.rows = found.total()
        self._kept = kept if self.rows <= KEPT_ROWS else None
        self.day_rows = {EPOCH + timedelta(day): found[day] for day in sorted(found)}
        self.days = tuple(self.day_rows)
        if "volume" in self.columns:
            self.silent = frozenset(np.flatnonzero(~loud).tolist())


Rows = Replay | Resampled
"""Recorded rows that are open: as they are, or made into bars."""


def open_rows(options: ReplayOptions) -> Rows:
    """Open recorded market data for a run, made into bars if options ask for them.

    Raises: UsageError naming the file, row, column or option that is wrong.
    """
    replay = open_replay(options)
    if options.bars is None or are_days(replay, options.bars):
        return replay
    try:
        return Resampled(replay, parse_bars(options.bars), batch_rows=options.batch_rows)
    except UsageError:
        replay.close()
        raise


def are_days(replay: Replay, bars: str) -> bool:
    """Say if bars of a day are asked for, and are what there is."""
    return replay.interval_ns == parse_bars(bars) == DAY


def refuse_other_bars(source_ns: int, interval_ns: int) -> None:
    """Raise a UsageError where bars of one interval can't be made of those of another."""
    asked = f"--bars {interval_text(interval_ns)}: the data have bars of {interval_text(source_ns)}"
    if source_ns > interval_ns:
        raise UsageError(
            f"{asked}, and of larger bars no smaller ones can be made: write a multiple of "
            f"{interval_text(source_ns)}, or take finer data"
        )
    if source_ns and interval_ns % source_ns and interval_ns != DAY:
        below, above = (interval_ns // source_ns + place for place in (0, 1))
        raise UsageError(
            f"{asked}, of which it is no multiple: write --bars "
            f"{interval_text(below * source_ns)}, {interval_text(above * source_ns)} or 1d"
        )


def bar_columns(columns: frozenset[str]) -> frozenset[str]:
    """Return the columns of bars that are made of rows with these."""
    sized = {"volume"} if columns & {"volume", "qty"} else set()
    return frozenset({"ts", "instrument", "open", "high", "low", "close", *sized,
                      *({"oi"} & columns)})  # fmt: skip


def made_notes(recording: Recording, interval_ns: int) -> Iterator[str]:
    """Yield what bars are made of, and what of it is not in them."""
    what = {"tick": "ticks", "quote": "quotes, of the middle of bid and ask"}.get(
        recording.kind, f"bars of {interval_text(recording.interval_ns)}"
    )
    counted = "of each day's session" if interval_ns == DAY else "counted from the session's open"
    yield f"bars of {interval_text(interval_ns)}, {counted}, are made of {what}"
    if recording.columns & {"bid", "ask"}:
        yield "made bars have no bid and ask: orders fill at a bar's open"
