"""Tables of a run as columns of numbers and back: scaled money, ns, names, and frames of others."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from alphapanda.errors import UsageError
from alphapanda.model.money import SCALE

Int64 = NDArray[np.int64]
LIBRARIES = ("arrow", "pandas", "polars")


def whole(column: Any) -> pa.Array:
    """Return a column in one piece."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def scaled(column: Any) -> Int64:
    """Return exact decimals as scaled ints: the low half of their 128 bits."""
    array = whole(column)
    wide = np.frombuffer(array.buffers()[1], np.int64) if len(array) else np.zeros(0, np.int64)
    low = wide[2 * array.offset : 2 * (array.offset + len(array)) : 2]
    return np.ascontiguousarray(low)


def nanoseconds(column: Any) -> Int64:
    """Return times as ns UTC."""
    return np.asarray(whole(column).cast(pa.int64()), np.int64)


def numbers(column: Any, names: Sequence[str]) -> Int64:
    """Return a column of names as their numbers, -1 where there is none."""
    array = whole(column)
    if not len(array):
        return np.zeros(0, np.int64)
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    place = {name: number for number, name in enumerate(names)}
    known = [place.get(name, -1) for name in array.dictionary.to_pylist()]
    index = np.asarray(pc.fill_null(array.indices, -1), np.int64)
    return np.where(index < 0, -1, np.asarray([*known, -1], np.int64)[index])


def framed(table: pa.Table, library: str) -> Any:
    """Return an Arrow table as `arrow`, or as a frame of `pandas` or `polars`, money as floats.

    Raises:
        UsageError: the library is unknown or not installed.
    """
    if library not in LIBRARIES:
        raise UsageError(f"no tables of '{library}': write {', '.join(LIBRARIES)}")
    if library == "arrow":
        return table
    try:
        module = importlib.import_module(library)
    except ImportError:
        hint = 'pip install "alphapanda[research]", or ask for table(NAME, "arrow")'
        raise UsageError(f"{library} is not installed: {hint}") from None
    plain = in_floats(table)
    if library == "polars":
        return module.from_arrow(plain)
    return plain.to_pandas()


def in_floats(table: pa.Table) -> pa.Table:
    """Return a table with rupees as floats: the nearest to the exact decimal."""
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        exact = pa.types.is_decimal(column.type)
        columns[name] = _rupees(column) if exact else column
    return pa.table(columns)


def _rupees(column: Any) -> pa.Array:
    missing = np.asarray(whole(column).is_null()) if column.null_count else None
    return pa.array(scaled(column) / SCALE, mask=missing)
