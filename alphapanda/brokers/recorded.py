"""A recording as a source: its rows in the order in which they came, and the clock beside them.

A recording is what `alphapanda record` wrote, or the journal of any run. Nothing in it is sorted,
dropped or mended: a backtest on it is fed what the live run was fed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alphapanda.brokers.pacing import SLICE_ROWS, Pace, slices
from alphapanda.brokers.ports import Origin
from alphapanda.brokers.replay import FULL_SPEED
from alphapanda.data.replay.replay import FileInfo
from alphapanda.data.schema import PRICES
from alphapanda.errors import OutsideError, UsageError
from alphapanda.events.feeds import Feed, Portion, kept_in
from alphapanda.journal.days import days_of
from alphapanda.journal.journal import FILE, Journal
from alphapanda.model.calendar import DAY, day_start_ns
from alphapanda.model.columns import Columns
from alphapanda.model.money import SCALE
from alphapanda.model.rows import CONTROL, Control

FACTS = "recording.json"
"""In the folder of a recording: what its rows are."""
BESIDE = "_controls"
"""The folder beside its ticks, for control rows; no pattern for data finds it."""
FORMAT = 1
TIME, GAP = "time", "gap"
"""Kinds of rows in `BESIDE`: the clock alone moved on; from here `until` nothing could come."""
BATCH_ROWS = 65_536
OF_CALENDAR = (Control.PHASE, Control.SQUARE_OFF, Control.EXPIRY, Control.DAY_END)


class Part(NamedTuple):
    """Rows that follow each other, and the control rows among them."""

    columns: Columns
    controls: Any


class Recording:
    """One recording, open: what its rows are, and the rows."""

    def __init__(
        self, feed: Feed, parts: Callable[[], Iterator[Part]], files: tuple[FileInfo, ...],
        notes: Sequence[str],
    ) -> None:  # fmt: skip
        self.feed, self.files, self.notes = feed, files, list(notes)
        self._parts = parts

    def parts(self) -> Iterator[Part]:
        """Yield all of it.

        Raises:
            UsageError: if it holds what can't be.
        """
        last = 0
        for part in self._parts():
            ts = part.columns.ts
            if len(ts) and (int(ts[0]) < last or (ts[1:] < ts[:-1]).any()):
                raise UsageError(f"{self.files[0].path}: its rows are not in order of time")
            last = int(ts[-1]) if len(ts) else last
            yield part


class RecordedSource:
    """The rows of a recording, from some days on, at a speed; `slice_rows` bounds a portion."""

    part = None

    def __init__(
        self, recording: Recording, *, data: tuple[str, ...], first: date | None = None,
        last: date | None = None, speed: float = FULL_SPEED, slice_rows: int | None = SLICE_ROWS,
    ) -> None:  # fmt: skip
        self._begin = 0 if first is None else day_start_ns(first)
        self._end = np.iinfo(np.int64).max if last is None else day_start_ns(last) + DAY
        self._recording = recording
        self._speed, self._slice_rows = speed, slice_rows or BATCH_ROWS
        rows, clocks, others = self._looked_through()
        self.feed = chosen(recording.feed, rows, first, last)
        notes = [*recording.notes, f"rows as they came, {len(clocks):,} rows of the clock beside"]
        if others:
            notes.append(
                f"{others:,} control rows of an operator or a broker are left out: a backtest "
                "runs without them"
            )
        self.origin = Origin(data, recording.files, tuple(notes), {}, clocks)

    def _looked_through(self) -> tuple[int, tuple[int, ...], int]:
        rows = others = 0
        clocks: list[int] = []
        for part in self._recording.parts():
            rows += self._days(part.columns).rows
            ts, kind = part.controls["ts"], part.controls["kind"]
            inside = (ts >= self._begin) & (ts < self._end)
            clocks += ts[inside & (kind == Control.TIME)].tolist()
            others += int((inside & ~np.isin(kind, (*OF_CALENDAR, Control.TIME))).sum())
        return rows, tuple(clocks), others

    def _days(self, columns: Columns) -> Columns:
        first, last = np.searchsorted(columns.ts, (self._begin, self._end))
        return columns if last - first == columns.rows else columns.slice(int(first), int(last))

    def rows(self, taken: int, stopping: Callable[[], bool]) -> Iterator[Portion]:
        """Yield the rows behind the first `taken`, at the source's speed."""
        pace = Pace(self._speed)
        inside = (self._days(part.columns) for part in self._recording.parts())
        grouped = together(inside, self._slice_rows)
        for batch in slices(grouped, taken, self._slice_rows):
            for part in pace.parts(batch, stopping):
                yield Portion(0, part)
            if stopping():
                return


def together(batches: Iterator[Columns], least: int) -> Iterator[Columns]:
    """Yield batches joined to at least so many rows: a live run has thousands of small ones."""
    waiting: list[Columns] = []
    for batch in batches:
        if batch.rows:
            waiting.append(batch)
        if sum(each.rows for each in waiting) >= least:
            yield joined(waiting)
            waiting = []
    if waiting:
        yield joined(waiting)


def joined(batches: Sequence[Columns]) -> Columns:
    """Return batches of the same columns as one."""
    return Columns._make(np.concatenate(column) for column in zip(*batches, strict=True))


def chosen(feed: Feed, rows: int, first: date | None, last: date | None) -> Feed:
    """Return the feed of some days of a recording.

    Raises:
        UsageError: if there are no rows in them.
    """
    days = tuple(
        day for day in feed.days
        if (first is None or first <= day) and (last is None or day <= last)
    )  # fmt: skip
    if not rows or not days:
        of = f": it has {feed.days[0]} to {feed.days[-1]}" if feed.days else ""
        raise UsageError(f"the recording has no rows of the days that are asked for{of}")
    named = feed.id if (first, last) == (None, None) else f"{feed.id} {days[0]} {days[-1]}"
    own = hashlib.sha256(named.encode()).hexdigest()[:16]
    return feed._replace(id=f"recorded:{own}", days=days, rows=rows)


def recording_at(path: Path) -> bool:
    """Say if a path is a recording, whose rows are taken as they came."""
    if path.is_dir():
        return (path / FACTS).is_file() or (path / FILE).is_file()
    return path.name in (FACTS, FILE) and path.is_file()


def open_kept(path: Path) -> Recording:
    """Return the recording at a path.

    Raises:
        UsageError: if it is none that this release can read.
        OutsideError: if it can't be read.
    """
    folder = path if path.is_dir() else path.parent
    return of_record(folder) if (folder / FACTS).is_file() else of_journal(folder / FILE)


def of_journal(path: Path) -> Recording:
    """Return the rows and control rows of a run, out of its journal."""
    journal = Journal.open(path)
    contents = journal.contents
    notes = []
    if not contents.ended:
        notes.append(f"{path}: the run has not ended; these are its rows so far")
    if missed := sum(place.missed for place in contents.batches):
        notes.append(f"{path}: {missed:,} rows of the run's feed never came")

    def parts() -> Iterator[Part]:
        for batch in journal.batches():
            yield Part(batch.columns, batch.controls)

    rows = sum(place.rows for place in contents.batches)
    try:
        feed = kept_in(contents.manifest)
        later = tuple(day for day in days_of(journal) if day > feed.days[-1])
        feed = feed._replace(days=(*feed.days, *later))  # a live run may go on for days
    except (KeyError, ValueError, TypeError, ArithmeticError) as error:
        raise UsageError(f"{path}: its manifest names no rows ({error!r:.200})") from error
    return Recording(feed, parts, (information(path, rows),), notes)


def of_record(folder: Path) -> Recording:
    """Return the rows of `alphapanda record`, and its clock."""
    path = folder / FACTS
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts["format"] != FORMAT:
            raise UsageError(f"{path}: of another release, format {facts['format']!r:.20}")
        feed = kept_in(facts)
    except OSError as error:
        raise OutsideError(f"{path}: {error.strerror or error}") from error
    except (KeyError, ValueError, TypeError, ArithmeticError) as error:
        raise UsageError(f"{path}: it describes no recording ({error!r:.200})") from error
    ticks = sorted(folder.glob("*.parquet"))
    beside = sorted((folder / BESIDE).glob("*.parquet"))
    if not ticks:
        raise UsageError(f"{folder}: there are no ticks in this recording")
    notes = []
    if {number(file) for file in ticks} - {number(file) for file in beside}:
        notes.append(f"{folder}: the recording was cut short: its last rows have no clock beside")
    files = tuple(information(file, row_count(file)) for file in ticks)

    def parts() -> Iterator[Part]:
        for file in ticks:
            yield Part(read_rows(file, feed), np.empty(0, CONTROL))
        for file in beside:
            yield Part(Columns.of(), read_clock(file))

    return Recording(feed, parts, files, [*notes, *gaps_noted(beside)])


def row_count(file: Path) -> int:
    """Return how many rows a part has.

    Raises:
        UsageError: the file is none.
    """
    try:
        return int(pq.read_metadata(file).num_rows)
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"{file}: it is no part of a recording ({error})") from error


def number(file: Path) -> str:
    """Return the number of a part of a recording."""
    return file.stem.rpartition("-")[2]


def read_rows(file: Path, feed: Feed) -> Columns:
    """Return the rows of a part, exactly as they were when they were written.

    Raises:
        UsageError: a column is missing, or an instrument is none of the recording's.
    """
    try:
        table = pq.read_table(file)
        place = pc.index_in(table["instrument"], pa.array(feed.names, pa.string()))
        if place.null_count:
            raise UsageError(f"{file}: an instrument that {FACTS} does not have")
        values = {"ts": ints(table["ts"]), "row": place.to_numpy()}
        for name in Columns._fields:
            if name in feed.columns and name not in values:
                column = table[name]
                values[name] = scaled(column) if name in PRICES else column.to_numpy()
    except (OSError, pa.ArrowException, KeyError) as error:
        raise UsageError(f"{file}: it is no part of a recording ({error})") from error
    return Columns.of(**values)


def scaled(column: Any) -> Any:
    """Return prices in rupees as they were before they were divided."""
    return np.rint(column.to_numpy() * SCALE).astype(np.int64)


def ints(column: Any) -> Any:
    """Return times in ns UTC."""
    return column.cast(pa.timestamp("ns", "UTC")).cast(pa.int64()).to_numpy()


def read_clock(file: Path) -> Any:
    """Return the clock rows of a part as control rows."""
    table = read_beside(file)
    ts = ints(table.filter(pc.equal(table["kind"], TIME))["ts"])
    made = np.zeros(len(ts), CONTROL)
    made["ts"], made["kind"] = ts, Control.TIME
    return made


def gaps_noted(beside: Sequence[Path]) -> list[str]:
    """Return a note of the gaps in a recording; none if there are none."""
    tables = [read_beside(file) for file in beside]
    count = sum(int(pc.sum(pc.equal(table["kind"], GAP)).as_py() or 0) for table in tables)
    return [f"the feed had {count:,} gaps, in which nothing could come"] if count else []


def read_beside(file: Path) -> Any:
    """Return a table of control rows.

    Raises:
        UsageError: the file is none.
    """
    try:
        return pq.read_table(file, columns=["ts", "kind"])
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"{file}: it is no part of a recording ({error})") from error


def information(path: Path, rows: int) -> FileInfo:
    """Return the manifest entry of a file.

    Raises:
        OutsideError: if it can't be read.
    """
    try:
        with path.open("rb") as data:
            return FileInfo(str(path), hashlib.file_digest(data, "sha256").hexdigest(), rows,
                            data.tell())  # fmt: skip
    except OSError as error:
        raise OutsideError(f"{path}: {error.strerror or error}") from error
