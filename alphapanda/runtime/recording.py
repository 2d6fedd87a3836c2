"""A live feed written down without trading: ticks in the order of their arrival, as Parquet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alphapanda import files
from alphapanda.brokers.ports import MarketSource
from alphapanda.data.importers.writing import STAMP
from alphapanda.data.schema import PRICES
from alphapanda.errors import OutsideError, UsageError
from alphapanda.events.feeds import Feed
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


class Parquet:
    """Writes rows of a feed as files of a folder, each whole or not at all."""

    def __init__(self, folder: Path, feed: Feed) -> None:
        self.recorded = Recorded(folder)
        self._names = pa.array(feed.names, pa.string())
        self._columns = [name for name in Columns._fields if name in feed.columns]
        self._waiting: list[Columns] = []
        self._rows = 0
        self._written = monotonic()

    def take(self, rows: Columns) -> None:
        """Keep rows, and write a part when it is time."""
        if rows.rows:
            self._waiting.append(rows)
            self._rows += rows.rows
        if self._rows >= PART_ROWS or monotonic() - self._written >= PART_S:
            self.flush()

    def flush(self) -> None:
        """Write what waits.

        Raises:
            OutsideError: if the disk does not take it.
        """
        self._written = monotonic()
        if not self._waiting:
            return
        rows = Columns._make(np.concatenate(column) for column in zip(*self._waiting, strict=True))
        path = self.recorded.folder / f"ticks-{self.recorded.parts + 1:06}.parquet"
        try:
            with files.replacing(path) as partial:
                pq.write_table(self._table(rows), partial, compression="zstd")
        except OSError as error:
            raise OutsideError(f"can't write {path}: {error.strerror or error}") from error
        self.recorded.parts += 1
        self.recorded.rows += self._rows
        self._waiting, self._rows = [], 0

    def _table(self, rows: Columns) -> pa.Table:
        ts = pa.array(rows.ts, pa.int64()).cast(pa.timestamp("ns", "UTC")).cast(STAMP)
        made = {"ts": ts, "instrument": self._names.take(pa.array(rows.row))}
        for name in self._columns:
            values = getattr(rows, name)
            made[name] = pa.array(values / SCALE if name in PRICES else values)
        return pa.table(made)


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


def record(source: MarketSource, folder: Path, stopping: Callable[[], bool]) -> Recorded:
    """Write the rows of a source until it ends, or is stopped."""
    writer = Parquet(folder, source.feed)
    try:
        for portion in source.rows(0, stopping):
            writer.take(portion.columns)
    finally:
        writer.flush()
    return writer.recorded
