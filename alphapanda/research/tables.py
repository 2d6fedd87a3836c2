"""Tables of a run as columns of numbers and back: scaled money, ns, names, and frames of others."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alphapanda.errors import UsageError
from alphapanda.model.money import SCALE

Int64 = NDArray[np.int64]
LIBRARIES = ("arrow", "pandas", "polars")


def join_chunks(given: Any) -> pa.Array:
    """Return a column in one piece."""
    return given.combine_chunks() if isinstance(given, pa.ChunkedArray) else given


def arrow(values: NDArray[Any], missing: NDArray[np.bool_] | None = None) -> pa.Array:
    """Return numbers as an Arrow column, null where they are missing.

    pyarrow's own way from numpy and back loads pandas: half a second of each command.
    """
    held = np.ascontiguousarray(values)
    buffers = [_validity(missing), pa.py_buffer(held.tobytes())]
    return pa.Array.from_buffers(pa.from_numpy_dtype(held.dtype), len(held), buffers)


def texts(values: Iterable[str | None]) -> pa.Array:
    """Return texts as an Arrow column, null for None."""
    found = list(values)
    encoded = [b"" if text is None else text.encode() for text in found]
    ends = np.zeros(len(found) + 1, np.int64)
    np.cumsum([len(text) for text in encoded], out=ends[1:])
    assert ends[-1] < 1 << 31, "a text column ends at 2 GiB"
    valid = _validity(np.array([text is None for text in found], bool))
    return pa.StringArray.from_buffers(
        len(found), pa.py_buffer(ends.astype(np.int32).tobytes()),
        pa.py_buffer(b"".join(encoded)), valid,
    )  # fmt: skip


def _validity(missing: NDArray[np.bool_] | None) -> pa.Buffer | None:
    if missing is None or not missing.any():
        return None
    return pa.py_buffer(np.packbits(~missing, bitorder="little").tobytes())


def absent(array: pa.Array) -> NDArray[np.bool_]:
    """Say of each value whether it is null."""
    bits = array.buffers()[0]
    if bits is None:
        return np.zeros(len(array), bool)
    valid = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")
    return np.equal(valid[array.offset : array.offset + len(array)], 0)


def integers(given: Any) -> Int64:
    """Return an Arrow column of whole numbers; what a null stands for is not said."""
    held = join_chunks(given).cast(pa.int64())
    if not len(held):
        return np.zeros(0, np.int64)
    return np.frombuffer(held.buffers()[1], np.int64)[held.offset : held.offset + len(held)]


def floats(given: Any) -> NDArray[np.float64]:
    """Return an Arrow column of floats; what a null stands for is not said."""
    held = join_chunks(given).cast(pa.float64())
    if not len(held):
        return np.zeros(0)
    return np.frombuffer(held.buffers()[1], np.float64)[held.offset : held.offset + len(held)]


def scaled(given: Any) -> Int64:
    """Return exact decimals as scaled ints: the low half of their 128 bits."""
    array = join_chunks(given)
    wide = np.frombuffer(array.buffers()[1], np.int64) if len(array) else np.zeros(0, np.int64)
    low = wide[2 * array.offset : 2 * (array.offset + len(array)) : 2]
    return np.ascontiguousarray(low)


def nanoseconds(given: Any) -> Int64:
    """Return times as ns UTC."""
    return integers(given)


def numbers(given: Any, names: Sequence[str]) -> Int64:
    """Return a column of names as their numbers, -1 where there is none."""
    array = join_chunks(given)
    if not len(array):
        return np.zeros(0, np.int64)
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    place = {name: number for number, name in enumerate(names)}
    known = [place.get(name, -1) for name in array.dictionary.to_pylist()]
    index = np.where(absent(array), -1, integers(array.indices))
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
    for name, given in zip(table.column_names, table.columns, strict=True):
        exact = pa.types.is_decimal(given.type)
        columns[name] = _rupees(given) if exact else given
    return pa.table(columns)


def _rupees(given: Any) -> pa.Array:
    return arrow(scaled(given) / SCALE, absent(join_chunks(given)))
