"""The DuckDB side of a replay: connection, queries, and their rows as NumPy blocks."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, NoReturn

import duckdb
import numpy as np
from numpy.typing import NDArray

from alphapanda.data.names import Instruments
from alphapanda.data.replay.blocks import POSITION_BITS, Block
from alphapanda.data.replay.checks import Defect
from alphapanda.data.replay.parquet import literal, scan
from alphapanda.data.schema import BAR_PRICES, NULL, Layout
from alphapanda.errors import OutsideError, UsageError

SETTINGS = "SET TimeZone = 'Asia/Kolkata'"
OUTSIDE = (
    "out of memory",
    "no space left",
    "could not write",
    "max_temp_directory_size",
    "offload",
)
"""What DuckDB says when the machine is too small, not the data wrong."""

SCANNED = 4
"""Names that DuckDB's scan looks for itself; of more it makes a join, which loses their order."""

DTYPES: dict[int, np.dtype[Any]] = {32: np.dtype(np.int32), 64: np.dtype(np.int64)}


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring files of one layout, read by one scan; `first` is the number of its first."""

    paths: tuple[str, ...]
    layout: Layout
    first: int = 0


def runs_of(layouts: Mapping[str, Layout], paths: Sequence[str]) -> tuple[Run, ...]:
    """Return the files as runs: as few as keep their order."""
    runs: list[Run] = []
    first = 0
    for _, group in groupby(paths, key=lambda path: repr(layouts[path])):
        members = tuple(group)
        runs.append(Run(members, layouts[members[0]], first))
        first += len(members)
    return tuple(runs)


def connect(*, memory_limit: str, threads: int, resources: ExitStack) -> duckdb.DuckDBPyConnection:
    """Return a connection with bounded memory, IST and a spill folder, which `resources` closes."""
    folder = tempfile.mkdtemp(prefix="alphapanda-")
    resources.callback(shutil.rmtree, folder, ignore_errors=True)
    con = duckdb.connect(
        ":memory:",
        config={"memory_limit": memory_limit, "threads": threads, "temp_directory": folder},
    )
    resources.callback(con.close)
    con.execute(f"{SETTINGS}; SET parquet_metadata_cache = true").fetchall()
    return con


def declare_symbols(con: duckdb.DuckDBPyConnection, symbols: Sequence[str]) -> None:
    """Make the type by which DuckDB turns symbols into their codes."""
    listed = ", ".join(map(literal, symbols or [""]))
    con.execute(f"CREATE TYPE replay_symbol AS ENUM ({listed})").fetchall()


def stream(con: duckdb.DuckDBPyConnection, query: str, batch_rows: int) -> Iterator[Block]:
    """Yield the rows of a query without nulls as blocks, read-only views of DuckDB's memory."""
    with con.cursor() as cursor:
        cursor.execute(SETTINGS).fetchall()
        reader = cursor.sql(query).to_arrow_reader(batch_rows)
        try:
            for batch in reader:
                if batch.num_rows:
                    yield {
                        name: _view(batch.column(at)) for at, name in enumerate(batch.schema.names)
                    }
        finally:
            reader.close()


def select(
    run: Run,
    fields: Sequence[str],
    *,
    instruments: Instruments,
    first: date | None,
    last: date | None,
) -> str:
    """Return the SQL for position, symbol code and these fields of a run's rows on these days."""
    pos = f"((file_index + {run.first})::BIGINT << {POSITION_BITS}) | file_row_number"
    columns = [*fields, f"({pos})::BIGINT AS pos", f"{_code_sql(run.layout)} AS code"]
    conditions = run.layout.day_filter(first, last)
    if instruments.pruned and "instrument" in run.layout.columns:
        conditions += _chosen_sql(run.layout, instruments)
    return f"SELECT {', '.join(columns)} FROM {scan(run.paths)}{where(conditions)}"


def in_file_order(run: Run, *, first: date | None, last: date | None) -> str:
    """Return the SQL that a run's `select` needs behind it for its rows to come in file order.

    DuckDB keeps the order of a scan, also where the scan itself compares a column with values. What
    it has to filter afterwards it may hand on late: times that are texts, and lists of names.
    """
    text = run.layout.types["ts"] == "VARCHAR"
    return " ORDER BY pos" if text and (first, last) != (None, None) else ""


def stamp_sql(stamp: str) -> str:
    """Return a stamp as the column ts, marked where null."""
    return f"coalesce({stamp}, {NULL})::BIGINT AS ts"


def symbol_sql(layout: Layout) -> str:
    """Return the symbol as text, null where there is none."""
    if "instrument" not in layout.columns:
        return "NULL::VARCHAR"
    return f"nullif({layout.column('instrument')}::VARCHAR, '')"


def where(conditions: Sequence[str]) -> str:
    """Return conditions as a WHERE clause."""
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def place(block: Block, instruments: Instruments) -> Block:
    """Return a block with each row's instrument row in place of its symbol's code."""
    code = block.pop("code")
    if code.min() >= 0:
        return {**block, "row": instruments.rows[code]}
    row = instruments.fallback[block["pos"] >> POSITION_BITS]
    if code.max() >= 0:
        row = np.where(code >= 0, instruments.rows[code], row)
    return {**block, "row": row}


def refuse(con: duckdb.DuckDBPyConnection, runs: Sequence[Run], defect: Defect) -> NoReturn:
    """Raise the UsageError of a defect, with the file, the row's number from 1, and the values."""
    bars = defect.kind == "inconsistent bar" or (
        defect.other is not None and "open" in runs[0].layout.columns
    )
    fields = BAR_PRICES if bars else (defect.field,)
    place, said = _row_text(con, runs, defect.pos, fields)
    remedy = "Correct the file, or drop and count such rows with --repair."
    if defect.kind == "fraction":
        remedy = "Say with --qty-scale how many units make 1 (for instance --qty-scale 10000)."
    detail = defect.detail
    if defect.other is not None:
        other, values = _row_text(con, runs, defect.other, fields)
        detail += f" ({other}: {values})"
        remedy = "Correct the file, or let the later in file order count with --repair."
    raise UsageError(f"{place}: {said}: {detail}. {remedy}") from defect


def _row_text(
    con: duckdb.DuckDBPyConnection, runs: Sequence[Run], pos: int, fields: Sequence[str]
) -> tuple[str, str]:
    path, number, layout = _where_is(runs, pos)
    shown = [name for name in fields if name in layout.columns] or ["ts"]
    values = ", ".join(f"{layout.column(name)}::VARCHAR" for name in shown)
    query = f"SELECT {values} FROM {scan([path])} WHERE file_row_number = {number}"
    (row,) = con.sql(query).fetchall()
    said = ", ".join(
        f"{layout.columns[name]} is {'null' if value is None else value}"
        for name, value in zip(shown, row, strict=True)
    )
    return f"{path}, row {number + 1}", said


def is_outside(error: Exception) -> bool:
    """Tell whether DuckDB or Arrow failed because disk or memory is full."""
    return any(word in str(error).lower() for word in OUTSIDE)


def unreadable(
    con: duckdb.DuckDBPyConnection,
    paths: Sequence[str],
    error: Exception,
    *,
    memory_limit: str,
) -> NoReturn:
    """Raise what a failure inside DuckDB or Arrow means to the user."""
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    if is_outside(error):
        raise OutsideError(
            f"Sorting the data needs more than {memory_limit} of memory, or more room in the "
            f"temporary folder {tempfile.gettempdir()} ({said})."
        ) from error
    damaged = next((path for path in paths if not _reads(con, path)), None)
    what = "The data" if damaged is None else damaged
    raise UsageError(f"{what} cannot be read ({said}): write it again or leave it out.") from error


# Arrow's own to_numpy imports pandas, which takes longer than a million ticks.
def _view(column: Any) -> NDArray[Any]:
    assert column.null_count == 0, "a query of ours yields null"
    dtype = DTYPES[column.type.bit_width]
    start = column.offset * dtype.itemsize
    return np.frombuffer(column.buffers()[1], dtype=dtype, count=len(column), offset=start)


def _code_sql(layout: Layout) -> str:
    if "instrument" not in layout.columns:
        return "-1::INTEGER"
    code = f"enum_code(TRY_CAST({symbol_sql(layout)} AS replay_symbol))"
    return f"coalesce({code}::INTEGER, -1)::INTEGER"


# What the scan itself can tell (see in_file_order): the rest of the rows are dropped by their code.
def _chosen_sql(layout: Layout, instruments: Instruments) -> list[str]:
    symbol, symbols = layout.column("instrument"), instruments.chosen_symbols()
    if instruments.keep_unnamed:
        return []
    if not symbols or layout.types["instrument"] != "VARCHAR":
        return [f"{symbol} IS NOT NULL"]
    if len(symbols) <= SCANNED:
        return [f"{symbol} IN ({', '.join(map(literal, symbols))})"]
    return [f"{symbol} >= {literal(min(symbols))}", f"{symbol} <= {literal(max(symbols))}"]


# The file of a position, the row's number in it from 0, and the layout.
def _where_is(runs: Sequence[Run], pos: int) -> tuple[str, int, Layout]:
    file, number = pos >> POSITION_BITS, pos & ((1 << POSITION_BITS) - 1)
    run = next(run for run in reversed(runs) if run.first <= file)
    return run.paths[file - run.first], number, run.layout


def _reads(con: duckdb.DuckDBPyConnection, path: str) -> bool:
    try:
        con.sql(f"SELECT bit_xor(hash(rows)) FROM {scan([path])} AS rows").fetchall()
    except (duckdb.Error, OSError):
        return False
    return True
