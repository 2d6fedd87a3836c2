"""The data behind the simulator: opened once, its rows one by one, its first prices ahead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import numpy as np

from alphapanda.data.replay.replay import Replay, ReplayOptions, open_replay
from alphapanda.errors import UsageError
from alphapanda.kitesim.market import Row
from alphapanda.model.columns import Columns


class Numbered(NamedTuple):
    """A row of data and its instrument's number."""

    ts: int
    number: int
    row: Row


def rows_of(batch: Columns) -> Iterator[Numbered]:
    """Yield a batch's rows."""
    names = [name for name in Columns._fields if len(getattr(batch, name))]
    columns = [getattr(batch, name).tolist() for name in names]
    at = names.index("row")
    for values in zip(*columns, strict=True):
        yield Numbered(values[0], values[at], dict(zip(names, values, strict=True)))


def first_rows(replay: Replay) -> dict[int, Row]:
    """Return each instrument's first row.

    Raises:
        UsageError: the data are none, or not fit to run.
    """
    found: dict[int, Row] = {}
    with closing(replay.batches()) as batches:
        for batch in batches:
            numbers, places = np.unique(batch.row, return_index=True)
            for number, place in zip(numbers.tolist(), places.tolist(), strict=True):
                if number not in found:
                    (entry,) = rows_of(batch.slice(place, place + 1))
                    found[number] = entry.row
            if len(found) == len(replay.names):
                break
    if not found:
        raise UsageError("--data: there is no row in them.")
    return found


class Recording:
    """Rows in order, taken in portions."""

    def __init__(self, options: ReplayOptions) -> None:
        self.replay: Replay = open_replay(options)
        self.firsts = first_rows(self.replay)
        """Each instrument's first row."""
        self._batches = self.replay.batches()

    def take(self) -> list[Numbered] | None:
        """Return the next rows, None at the end; it reads files, so call it off the event loop.

        Raises:
            UsageError: a row that breaks a rule.
        """
        for batch in self._batches:
            return list(rows_of(batch))
        return None

    def close(self) -> None:
        """Let the files go."""
        self._batches.close()
        self.replay.close()
