"""Parquet files as a user names them: which they are, what their footers say, their hashes."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from alphapanda.errors import UsageError

SUFFIXES = frozenset({".parquet", ".parq", ".pq"})
"""Endings by which a Parquet file is known inside a folder."""


TEXT = (".csv", ".txt", ".tsv", ".json", ".csv.gz", ".txt.gz", ".zip")
"""Endings of files that have to be imported first."""


@dataclass(frozen=True, slots=True)
class FileInfo:
    """One data file as a manifest names it."""

    path: str
    sha256: str
    rows: int
    size: int


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file says of itself: its rows, and a signature equal in files of one schema."""

    path: str
    rows: int
    schema: tuple[tuple[str, ...], ...]


def find_files(paths: Iterable[str | Path]) -> tuple[str, ...]:
    """Return the files behind files, folders and globs, in the order given, each once.

    Within a folder or a glob they are sorted by path.

    Raises: UsageError for a path behind which there is no Parquet file.
    """
    found: dict[Path, str] = {}
    for path in paths:
        for file in _files_of(Path(path)):
            found.setdefault(file.resolve(), str(file))
    if not found:
        raise UsageError("No data: give at least one Parquet file or folder.")
    return tuple(found.values())


def read_footers(con: duckdb.DuckDBPyConnection, files: Sequence[str]) -> list[Footer]:
    """Return the footer of each file.

    Raises: UsageError naming the file that is not Parquet, damaged, or without rows.
    """
    try:
        rows, schemas = _footers(con, files)
    except duckdb.Error as error:
        raise UsageError(_why_unreadable(con, files, error)) from error
    for file in files:
        if rows[file] == 0:
            raise UsageError(f"{file} holds no rows: leave it out.")
    return [Footer(file, rows[file], schemas[file]) for file in files]


def file_info(footer: Footer) -> FileInfo:
    """Return the manifest entry of a file; reads all of its bytes."""
    with Path(footer.path).open("rb") as data:
        sha256 = hashlib.file_digest(data, "sha256").hexdigest()
        return FileInfo(footer.path, sha256, footer.rows, data.tell())


def literal(text: str) -> str:
    """Return text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a column's name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def scan(files: Sequence[str]) -> str:
    """Return the SQL table function that reads these files, in this order."""
    return f"read_parquet([{', '.join(map(literal, files))}], hive_partitioning = false)"


def _files_of(path: Path) -> list[Path]:
    if path.is_dir():
        inside = sorted(file for file in path.rglob("*") if _is_data(file.relative_to(path), file))
        if not inside:
            raise UsageError(f"The folder {path} holds no Parquet file (*.parquet).")
        return inside
    if path.is_file():
        return [path]
    if not glob.has_magic(str(path)):
        raise UsageError(f"{path} does not exist: give a Parquet file, a folder or a glob.")
    matches = sorted(map(Path, glob.glob(str(path), recursive=True)))  # noqa: PTH207 - may be absolute
    files = [file for file in matches if file.is_file()]
    if not files:
        raise UsageError(f"No file matches {path}.")
    return files


def _is_data(inside: Path, file: Path) -> bool:
    hidden = any(part.startswith((".", "_")) for part in inside.parts)
    return not hidden and file.suffix.lower() in SUFFIXES and file.is_file()


def _footers(
    con: duckdb.DuckDBPyConnection, files: Sequence[str]
) -> tuple[dict[str, int], dict[str, tuple[tuple[str, ...], ...]]]:
    listed = f"[{', '.join(map(literal, files))}]"
    rows = con.sql(f"SELECT file_name, num_rows FROM parquet_file_metadata({listed})").fetchall()
    columns = con.sql(
        "SELECT file_name, name, type, logical_type, converted_type, duckdb_type, num_children "
        f"FROM parquet_schema({listed}) ORDER BY file_name, column_id"
    ).fetchall()
    schemas: dict[str, list[tuple[str, ...]]] = {}
    for file, *column in columns:
        schemas.setdefault(file, []).append(tuple(map(str, column)))
    return dict(rows), {file: tuple(schema) for file, schema in schemas.items()}


def _why_unreadable(
    con: duckdb.DuckDBPyConnection, files: Sequence[str], error: duckdb.Error
) -> str:
    for file in files:
        if Path(file).stat().st_size == 0:
            return f"{file} is empty (0 bytes): write it again or leave it out."
        if file.lower().endswith(TEXT):
            return f"{file} is text, not Parquet: import it: alphapanda data import {file}"
        try:
            _footers(con, [file])
        except duckdb.Error as reason:
            said = str(reason).splitlines()[0]
            return (
                f"{file} is not a whole Parquet file ({said}): "
                "convert it to Parquet or write it again."
            )
    return f"The files cannot be read: {error}"
