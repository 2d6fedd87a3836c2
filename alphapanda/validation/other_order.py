"""What must not matter: how rows are cut into batches, the order within a moment, and `hash()`."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphapanda.model.columns import Columns
from alphapanda.model.rows import Out
from alphapanda.research.decisions import Difference, decisions
from alphapanda.validation.hearing import Passes, is_user
from alphapanda.validation.readers import replaced

Table = NDArray[Any]
ODD = 331
"""Rows in a batch of the other cut: it shares no end with the usual one but by chance."""

SEEN = ["ts", "strategy", "row", "type", "qty", "price", "b"]
"""Fields by which decisions are the same whatever the order of the rows that caused them."""

REAL_HASH = builtins.hash


@contextmanager
def other_hash(passes: Passes) -> Iterator[None]:
    """Let the user's code hear other hashes of texts, as another process would."""

    def salted(value: Any) -> int:
        texts = isinstance(value, (str, bytes, tuple, frozenset))
        if texts and is_user(sys._getframe(1).f_code.co_filename, passes):
            return REAL_HASH(("another process", value))
        return REAL_HASH(value)

    with replaced(builtins, "hash", salted):
        yield


def reordered(columns: Columns) -> Columns | None:
    """Return rows with the instruments of each moment in reverse order, None if none share one."""
    order = np.lexsort((np.arange(columns.rows), -columns.row.astype(np.int64), columns.ts))
    if (columns.row[order] == columns.row).all():
        return None
    return Columns._make(each[order] if len(each) else each for each in columns)


def first_parting(one: Table, other: Table) -> tuple[Difference, bool] | None:
    """Return the first decision of two orders that differ, and if refusals had differed before."""
    apart = unlike(decisions(one), decisions(other))
    if apart is None:
        return None
    refused = unlike(one[one["type"] == Out.REJECTED], other[other["type"] == Out.REJECTED])
    return apart, refused is not None and refused.ts <= apart.ts


def unlike(one: Table, other: Table) -> Difference | None:
    """Return the first row that only one of two tables has, whatever the order within a moment."""
    mine, theirs = (np.sort(table[SEEN].copy(), order=SEEN) for table in (one, other))
    both = min(len(mine), len(theirs))
    parts = np.nonzero(mine[:both] != theirs[:both])[0]
    if not len(parts) and len(mine) == len(theirs):
        return None
    at = int(parts[0]) if len(parts) else both
    found = [table[at : at + 1] for table in (mine, theirs)]
    key = min((row[0] for row in found if len(row)), key=lambda row: tuple(row.tolist()))
    rows = [table[(table[SEEN] == key)] for table in (one, other)]
    shown = [row[0].copy() if len(row) else None for row in rows]
    first = next(row for row in shown if row is not None)
    return Difference(
        int(first["cause"]), int(key["ts"]), max(int(key["strategy"]), 0),
        max(int(key["row"]), 0), shown[0], shown[1],
    )  # fmt: skip
