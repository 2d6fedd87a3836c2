"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from alphapanda.data.repeats import MARK
from alphapanda.data.schema import FIELDS, PRICES, Kind
from alphapanda.errors import OutsideError
from alphapanda.model.money import SCALE

ROW_GROUP = 122_880
STAMP = pa.timestamp("ns", "Asia/Kolkata")


def replace_text(path: Path, text: str) -> None:
    """Write a file beside its place and move it there whole.

    Raises: OutsideError when it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise OutsideError(f"can't write {path}: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            partial.unlink()


def write_rows(
    con: duckdb.DuckDBPyConnection, table: str, path: Path, *, kind: Kind, repeats: bool = False
) -> int:
    """Write a table of scaled rows as canonical Parquet, by time and name; return the rows.

    A column in which no row has a value is left out. `repeats` marks that exact repeats are meant.
    """
    counts = ", ".join(f"count({name})" for name in FIELDS[kind])
    (found,) = con.sql(f"SELECT {counts} FROM {table}").fetchall()
    present = [name for name, count in zip(FIELDS[kind], found, strict=True) if count]
    columns = ", ".join(
        f"coalesce({name}, 0) / {SCALE}.0 AS {name}" if name in PRICES
        else f"coalesce({name}, 0) AS {name}"
        for name in present
    )  # fmt: skip
    reader = con.sql(
        f"SELECT ts, instrument, {columns} FROM {table} ORDER BY ts, instrument, origin, file, pos"
    ).to_arrow_reader(ROW_GROUP)
    schema = pa.schema([
        ("ts", STAMP), ("instrument", pa.string()),
        *((name, pa.float64() if name in PRICES else pa.int64()) for name in present),
    ], metadata=MARK if repeats else None)  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as out:
        for batch in reader:
            rows += batch.num_rows
            out.write_table(pa.Table.from_batches([batch]).cast(schema), row_group_size=ROW_GROUP)
    return rows
