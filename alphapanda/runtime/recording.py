"""A live feed written down without trading: ticks in the order of their arrival, as Parquet.

Beside them lie the control rows: each second of the clock, and the gaps. `brokers/recorded.py`
reads both back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alphapanda import files
from alphapanda.brokers.ports import MarketSource
from alphapanda.brokers.recorded import BESIDE, FACTS, FORMAT, GAP, TIME
from alphapanda.data.importers.writing import STAMP
from alphapanda.data.schema import PRICES
from alphapanda.errors import OutsideError, UsageError
from alphapanda.events.feeds import Feed, LiveGap, Portion, facts_of
from alphapanda.model.columns import Columns
from alphapanda.model.money import SCALE

PART_S = 30.0
"""The longest that rows wait for the disk."""
PART_ROWS = 100_000


@dataclass(slots=True)
class Recorded:
    """What was written."""

    folder: Path
    rows: int = 0
    parts: int = 0
    clocks: int = 0
    """Rows of the clock beside them."""


class Parquet:
    """Writes rows of a feed as files of a folder, each whole or not at all."""

    def __init__(self, folder: Path, feed: Feed) -> None:
        self.recorded = Recorded(folder)
        self._names = pa.array(feed.names, pa.string())
        self._columns = [name for name in Columns._fields if name in feed.columns]
        self._waiting: list[Columns] = []
        self._beside: list[tuple[int, str, int, str]] = []
        self._rows = self._number = 0
        self._reached = 0
        self._written = monotonic()
        try:
            (folder / BESIDE).mkdir(exist_ok=True)
            facts = {"format": FORMAT, **facts_of(feed)}
            files.write_text(folder / FACTS, json.dumps(facts, indent=2) + "\n")
        except OSError as error:
            raise OutsideError(f"can't write {folder}: {error.strerror or error}") from error

    def take(self, portion: Portion) -> None:
        """Keep rows, or the time that was reached without one; write a part when it is time."""
        rows = portion.columns
        if rows.rows:
            self._waiting.append(rows)
            self._rows += rows.rows
            self._reached = int(rows.ts[-1])
        elif portion.clock_ns > self._reached:  # else a core is there already
            self._reached = portion.clock_ns
            self._beside.append((portion.clock_ns, TIME, 0, ""))
        if self._rows >= PART_ROWS or monotonic() - self._written >= PART_S:
            self.flush()

    def take_gap(self, gap: LiveGap) -> None:
        """Keep a gap of the feed."""
        self._beside.append((gap.after_ns, GAP, gap.before_ns, gap.why))

    def flush(self) -> None:
        """Write what waits.

        Raises:
            OutsideError: if the disk does not take it.
        """
        self._written = monotonic()
        if not self._waiting and not self._beside:
            return
        self._number += 1
        folder = self.recorded.folder
        if self._waiting:
            rows = Columns._make(
                np.concatenate(column) for column in zip(*self._waiting, strict=True)
            )
            write(self._table(rows), folder / f"ticks-{self._number:06}.parquet")
            self.recorded.parts += 1
            self.recorded.rows += self._rows
        # Behind its ticks: ticks without it tell that the recording was cut short.
        write(self._controls(), folder / BESIDE / f"controls-{self._number:06}.parquet")
        self.recorded.clocks += sum(kind == TIME for _, kind, _, _ in self._beside)
        self._waiting, self._rows, self._beside = [], 0, []

    def _controls(self) -> pa.Table:
        ts, kind, until, why = zip(*self._beside, strict=True) if self._beside else ((),) * 4
        return pa.table({
            "ts": moments(ts), "kind": pa.array(kind, pa.string()),
            "until": moments([end or None for end in until]), "why": pa.array(why, pa.string()),
        })  # fmt: skip

    def _table(self, rows: Columns) -> pa.Table:
        made = {"ts": moments(rows.ts), "instrument": self._names.take(pa.array(rows.row))}
        for name in self._columns:
            values = getattr(rows, name)
            made[name] = pa.array(values / SCALE if name in PRICES else values)
        return pa.table(made)


def moments(ts: Any) -> pa.Array:
    """Return times in ns UTC as a column of times in India."""
    return pa.array(ts, pa.int64()).cast(pa.timestamp("ns", "UTC")).cast(STAMP)


def write(table: pa.Table, path: Path) -> None:
    """Write a file whole.

    Raises:
        OutsideError: if the disk does not take it.
    """
    try:
        with files.replacing(path) as partial:
            pq.write_table(table, partial, compression="zstd")
    except OSError as error:
        raise OutsideError(f"can't write {path}: {error.strerror or error}") from error


def new_folder(folder: Path) -> Path:
    """Return a folder for a recording, made.

    Raises:
        UsageError: if there is something in it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"--out {folder}: there is something else; choose another")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutsideError(f"can't make {folder}: {error.strerror or error}") from error
    return folder


def record(
    source: MarketSource, folder: Path, stopping: Callable[[], bool],
    gaps: Callable[[], Sequence[LiveGap]] = tuple,
) -> Recorded:  # fmt: skip
    """Write the rows of a source until it ends, or is stopped; `gaps` are those since the last."""
    writer = Parquet(folder, source.feed)
    try:
        for portion in source.rows(0, stopping):
            writer.take(portion)
            for gap in gaps():
                writer.take_gap(gap)
    finally:
        writer.flush()
    return writer.recorded
