"""Frames of pandas, polars and Arrow as the Parquet files that a replay reads.

A frame is kept by its content: the same rows are the same file, so that what a run says of its
data holds afterwards. None of the libraries is imported here: whoever has a frame has loaded its
own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alphapanda import files
from alphapanda.errors import OutsideError, UsageError

UNNAMED = "DATA"
"""The symbol of a frame without one."""

NO_SERIES = (
    "a Series is one column, and a run needs rows with times and prices: give "
    "{'NSE:INFY': frame} with columns open, high, low and close, or last for ticks."
)
LEVELS = 2
PRICE_WORDS = frozenset({"open", "high", "low", "close", "volume", "adj close"})


def is_frame(data: Any) -> bool:
    """Tell whether data are a frame of rows, and not the name of a file."""
    library = type(data).__module__.partition(".")[0]
    if library in ("pandas", "polars"):
        return hasattr(type(data), "columns") or hasattr(type(data), "collect")
    return isinstance(data, (pa.Table, pa.RecordBatch))


def is_series(data: Any) -> bool:
    """Tell whether data are a column of pandas or polars, which is no frame of rows."""
    kind = type(data)
    return kind.__name__ == "Series" and kind.__module__.partition(".")[0] in ("pandas", "polars")


def with_files(data: Any, folder: Path, *, instruments: Sequence[str] = ()) -> Any:
    """Return data with a file in place of each frame, kept in a folder by its content.

    Frames may stand alone, in a list beside paths, or in a dict by their instrument. A frame
    without a column of symbols is of the only instrument named, if one is.

    Raises: UsageError for a frame that has no rows or no names of columns.
    """
    if isinstance(data, Mapping):
        return [_kept(frame, folder, str(name)) for name, frame in data.items()]
    if is_series(data):
        raise UsageError(f"data: {NO_SERIES}")
    only = instruments[0] if len(instruments) == 1 else UNNAMED
    if is_frame(data):
        return [_kept(data, folder, only)]
    if isinstance(data, (list, tuple)) and any(map(is_frame, data)):
        return [_kept(each, folder, only) if is_frame(each) else each for each in data]
    return data


def _kept(frame: Any, folder: Path, name: str) -> str:
    if is_series(frame):
        raise UsageError(f"data of {name}: {NO_SERIES}")
    if not is_frame(frame):
        raise UsageError(
            f"data of {name}: {type(frame).__name__} is no frame of pandas, polars or Arrow."
        )
    if not name or "/" in name or any(mark in name for mark in "*?["):
        raise UsageError(f"data of {name!r}: name the instrument, such as NSE:INFY.")
    table = _table(frame)
    if not table.num_rows:
        raise UsageError(f"the frame of {name} holds no rows: leave it out.")
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content = sink.getvalue()
    digest = hashlib.sha256(content).hexdigest()[:16]
    path = folder / digest / f"symbol={name}" / "rows.parquet"
    if path.is_file():
        return str(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise OutsideError(f"can't keep the frame in {path}: {error.strerror or error}.") from error
    return str(path)


def _table(frame: Any) -> pa.Table:
    if isinstance(frame, pa.RecordBatch):
        return pa.Table.from_batches([frame])
    if isinstance(frame, pa.Table):
        return frame
    if hasattr(type(frame), "collect"):
        raise UsageError("a lazy frame has no rows yet: collect() it first")
    if type(frame).__module__.partition(".")[0] == "polars":
        return frame.to_arrow()
    try:
        return pa.Table.from_pandas(_flat(frame), preserve_index=False).replace_schema_metadata(
            None
        )
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise UsageError(f"the frame cannot be read: {error}") from error


# The index is a column where it is one of times or names; of columns in two levels, as yfinance
# makes them, one is the symbol.
def _flat(frame: Any) -> Any:
    if frame.columns.nlevels == LEVELS:
        words = [{str(each).lower() for each in frame.columns.get_level_values(n)} for n in (0, 1)]
        symbols = 1 if words[0] & PRICE_WORDS else 0
        index = frame.index.name or "date"
        frame = frame.rename_axis(index=index).stack(level=symbols, future_stack=True).reset_index()
        frame.columns = ["symbol" if n == 1 else str(name) for n, name in enumerate(frame.columns)]
        return frame.dropna(how="all", subset=list(frame.columns[2:]))
    if frame.columns.nlevels > 1:
        raise UsageError("the frame's columns have several levels: give it one.")
    counted = type(frame.index).__name__ == "RangeIndex"
    if counted and frame.index.name is None:
        return frame
    names = [name if name is not None else "date" for name in frame.index.names]
    return frame.rename_axis(index=names).reset_index()
