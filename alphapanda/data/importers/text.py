"""Text files as people have them, as columns of text: encodings, separators, heads and no heads."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import duckdb

from alphapanda.data.importers.heads import DOWNLOADED, find_head
from alphapanda.data.replay.parquet import identifier, literal
from alphapanda.errors import UsageError

TEXT = (".csv", ".csv.gz", ".txt", ".txt.gz", ".tsv", ".csv.zip", ".txt.zip", ".zip")
"""Endings of text files."""

SAMPLE_BYTES = 1 << 16
SAMPLE_LINES = 60
SEPARATORS = (",", ";", "\t", "|", " ")
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class TextTable:
    """A text file whose columns are all text."""

    path: str
    """As the user names it."""
    read: str
    """The SQL that reads it."""
    columns: Mapping[str, str]
    """SQL of each column by its name, trimmed."""
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> str:
        """The relation: every column trimmed, empty text null."""
        columns = ", ".join(
            f"nullif({sql}, '') AS {identifier(n)}" for n, sql in self.columns.items()
        )
        return f"(SELECT {columns}, row_number() OVER () - 1 AS file_row_number FROM {self.read})"


def text_table(con: duckdb.DuckDBPyConnection, path: str) -> TextTable:
    """Return a text file as columns of text, by its first line or, without a head, by its values.

    Raises: UsageError for a file that is empty, no text in columns, or without a head that any
    values could tell.
    """
    if Path(path).stat().st_size == 0:
        raise UsageError(f"{path} is empty (0 bytes): write it again or leave it out.")
    sample, encoding = _sample(path)
    lines = sample.splitlines()[:SAMPLE_LINES]
    separator = separator_of(lines)
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    downloaded = next((f for f in DOWNLOADED if f.fits(rows)), None)
    if downloaded is not None:
        made = downloaded.read(path, _all_rows(path, encoding, separator))
        return table_of(con, path, made.head, made.rows, notes=made.notes)
    head = find_head(path, rows)
    plain = encoding == "utf-8" and not path.lower().endswith(".zip")
    file = path if plain and not head.skipped else _copy(con, path, encoding, skip=head.skipped)
    return _table(path, file, head.names, separator, header=head.there)


def table_of(
    con: duckdb.DuckDBPyConnection, path: str, head: Sequence[str],
    rows: Iterator[Sequence[str]], *, notes: tuple[str, ...] = (),
) -> TextTable:  # fmt: skip
    """Return rows that were made from a file as its columns of text."""
    copy = Path(tempfile.mkdtemp(dir=_room(con))) / "rows.csv"
    with copy.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(head)
        writer.writerows(rows)
    made = _table(path, str(copy), head, ",", header=True)
    return TextTable(path, made.read, made.columns, notes)


def separator_of(lines: Sequence[str]) -> str:
    """Return what stands between the columns of most lines, the first line's counted once more."""
    best, most = ",", (0.0, 0)
    for separator in SEPARATORS:
        widths = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
        if not widths:
            continue
        width, count = Counter(widths).most_common(1)[0]
        score = (count + (widths[0] == width) / 2, width)
        if width > 1 and score > most:
            best, most = separator, score
    return best


def _table(
    path: str, file: str, names: Sequence[str], separator: str, *, header: bool
) -> TextTable:
    unique = list(_unique(names))
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in unique)
    read = (
        f"read_csv({literal(file)}, auto_detect = false, header = {header}, "
        f"delim = {literal(separator)}, quote = '\"', escape = '\"', null_padding = true, "
        f"strict_mode = false, columns = {{{columns}}})"
    )
    return TextTable(path, read, {name: f"trim({identifier(name)})" for name in unique})


def _unique(names: Sequence[str]) -> Iterator[str]:
    taken: set[str] = set()
    for number, name in enumerate(names):
        told = name or f"column{number}"
        while told.lower() in taken:
            told += "_1"
        taken.add(told.lower())
        yield told


@contextmanager
def _bytes(path: str) -> Iterator[BinaryIO]:
    name = path.lower()
    if name.endswith(".gz"):
        with gzip.open(path) as file:
            yield cast("BinaryIO", file)
    elif name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            inside = [each for each in archive.namelist() if not each.endswith("/")]
            if len(inside) != 1:
                raise UsageError(f"{path} holds {len(inside)} files: unpack it first.")
            with archive.open(inside[0]) as file:
                yield cast("BinaryIO", file)
    else:
        with Path(path).open("rb") as file:
            yield file


def _sample(path: str) -> tuple[str, str]:
    try:
        with _bytes(path) as file:
            data = file.read(SAMPLE_BYTES)
    except (gzip.BadGzipFile, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"{path} cannot be read ({error}): write it again or leave it out."
        ) from error
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise UsageError(f"{path} is a spreadsheet, not text: save it as CSV.")
    encoding = next((name for bom, name in BOMS if data.startswith(bom)), "")
    if not encoding and data[1:2] == b"\0":
        encoding = "utf-16-le"
    if not encoding and data[:1] == b"\0":
        encoding = "utf-16-be"
    if not encoding:
        encoding = "utf-8" if _is_utf8(data) else "cp1252"
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    try:
        text = decoder.decode(data)
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is no text that can be read ({error}): save it as UTF-8."
        ) from error
    if "\0" in text:
        raise UsageError(f"{path} is no text (it holds zero bytes): save it as CSV.")
    whole = len(data) < SAMPLE_BYTES
    return (text if whole else text[: text.rfind("\n") + 1] or text), encoding


def _is_utf8(data: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def _all_rows(path: str, encoding: str, separator: str) -> Iterator[list[str]]:
    with _bytes(path) as file, io.TextIOWrapper(file, encoding=encoding, newline="") as text:
        yield from csv.reader(text, delimiter=separator)


def _copy(con: duckdb.DuckDBPyConnection, path: str, encoding: str, *, skip: int) -> str:
    copy = Path(tempfile.mkdtemp(dir=_room(con))) / "copy.csv"
    try:
        with (
            _bytes(path) as file,
            io.TextIOWrapper(file, encoding=encoding) as text,
            copy.open("w", encoding="utf-8") as out,
        ):
            for _ in range(skip):
                next(text, "")
            shutil.copyfileobj(text, out)
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is no text that can be read ({error}): save it as UTF-8."
        ) from error
    return str(copy)


# The folder that the connection spills into, which goes with it.
def _room(con: duckdb.DuckDBPyConnection) -> str:
    ((folder,),) = con.sql("SELECT current_setting('temp_directory')").fetchall()
    Path(folder).mkdir(parents=True, exist_ok=True)
    return str(folder)
