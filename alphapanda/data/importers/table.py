"""Generic CSV and Parquet: columns by their names or by the user's mapping.

Text is read as text and converted column by column, so that a value that is none of its kind is
found with its row instead of stopping the import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import duckdb

from alphapanda.data.importers.source import Source, Wanted, ignored_columns, unreadable_file
from alphapanda.data.replay.layouts import describe, read_layout
from alphapanda.data.replay.parquet import identifier, literal, scan
from alphapanda.data.schema import PRICES, QUANTITIES, Layout, epoch_unit_ns, normal, recognise
from alphapanda.errors import UsageError

SAMPLE = 5_000
"""Rows by which the type of a text column is told."""

MOSTLY = 0.5
"""The share of values that must fit a type."""

ZONED = "TIMESTAMP WITH TIME ZONE"
JOINED = "date and time"
CLOCK = r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?"
DATES = ("%d-%m-%Y", "%d/%m/%Y", "%d-%b-%Y", "%d %b %Y", "%Y%m%d", "%Y/%m/%d", "%d.%m.%Y")
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M:%S %p")
FORMATS = ", ".join(literal(day + clock) for day in DATES for clock in CLOCKS)
"""Stamps beside ISO: the day comes before the month, as India writes it."""


def parquet_source(con: duckdb.DuckDBPyConnection, path: str, wanted: Wanted) -> Source:
    """Return a Parquet file as a source.

    Raises: UsageError for a file that cannot be read or whose columns cannot be told.
    """
    try:
        described = describe(con, path)
        layout = read_layout(con, path, kind=wanted.kind, mapping=wanted.mapping)
    except duckdb.Error as error:
        raise unreadable_file(path, error) from error
    rows = f"(SELECT *, file_row_number FROM {scan([path])})"
    return Source(path, rows, layout, ignored=ignored_columns(described, layout))


def csv_source(con: duckdb.DuckDBPyConnection, path: str, wanted: Wanted) -> Source:
    """Return a CSV file, plain or gzipped, as a source.

    Raises: UsageError for a file that cannot be read or whose columns cannot be told.
    """
    table = text_table(con, path)
    types = _types(con, table)
    if JOINED in table.columns and "ts" not in wanted.mapping:
        wanted = replace(wanted, mapping={**wanted.mapping, "ts": JOINED})
    layout = recognise(types, path, kind=wanted.kind, mapping=wanted.mapping)
    if layout.types["ts"] == "BIGINT":
        layout = replace(layout, unit_ns=_unit_ns(con, table, layout))
    rows = typed_rows(table, layout)
    return Source(path, rows, layout, ignored=ignored_columns(types, layout))


class TextTable:
    """A CSV file whose columns are all text."""

    def __init__(self, con: duckdb.DuckDBPyConnection, path: str) -> None:
        read = f"read_csv({literal(path)}, all_varchar = true, header = true)"
        try:
            described = con.sql(f"DESCRIBE SELECT * FROM {read}").fetchall()
        except duckdb.Error as error:
            raise unreadable_file(path, error) from error
        self.path = path
        self.columns: Mapping[str, str] = {
            name: f"trim({identifier(name)})" for name, *_ in described
        }
        self.read = read
        joined = _date_and_time(con, self)
        if joined is not None:
            self.columns = {**self.columns, JOINED: joined}

    @property
    def rows(self) -> str:
        """The relation: every column trimmed, empty text null."""
        columns = ", ".join(
            f"nullif({sql}, '') AS {identifier(n)}" for n, sql in self.columns.items()
        )
        return f"(SELECT {columns}, row_number() OVER () - 1 AS file_row_number FROM {self.read})"


def text_table(con: duckdb.DuckDBPyConnection, path: str) -> TextTable:
    """Return a CSV file as text.

    Raises: UsageError for a file that is empty or no CSV.
    """
    file = Path(path)
    if file.stat().st_size == 0:
        raise UsageError(f"{path} is empty (0 bytes): write it again or leave it out.")
    return TextTable(con, path)


def typed_rows(table: TextTable, layout: Layout) -> str:
    """Return the relation with the layout's columns in their types, null where none fits."""
    columns = []
    for name, column in layout.columns.items():
        text, dtype = identifier(column), layout.types[name]
        if name in PRICES | QUANTITIES:
            columns.append(f"{number_sql(text)} AS {text}")
        elif dtype == ZONED:
            columns.append(f"{time_sql(text)} AS {text}")
        else:
            columns.append(f"TRY_CAST({text} AS {dtype}) AS {text}")
    return f"(SELECT {', '.join(dict.fromkeys(columns))}, file_row_number FROM {table.rows})"


def number_sql(text: str) -> str:
    """Return a text such as 1,23,456.50 as a number, null where it is none."""
    return f"TRY_CAST(replace({text}, ',', '') AS DOUBLE)"


def time_sql(text: str) -> str:
    """Return an ISO text or one of India's spellings as a time; without a zone it is IST."""
    spelt = f"try_strptime({text}, [{FORMATS}])"
    return f"coalesce(TRY_CAST({text} AS TIMESTAMPTZ), {spelt}::TIMESTAMPTZ)"


def _types(con: duckdb.DuckDBPyConnection, table: TextTable) -> dict[str, str]:
    tests = []
    for column in map(identifier, table.columns):
        whole = f"regexp_full_match({column}, '\\d{{9,19}}')"
        number, time = f"{number_sql(column)} IS NOT NULL", f"{time_sql(column)} IS NOT NULL"
        tests += [
            f"avg(({test})::INT) FILTER ({column} IS NOT NULL)" for test in (whole, time, number)
        ]
    tests.append("count(*)")
    query = f"SELECT {', '.join(tests)} FROM (SELECT * FROM {table.rows} LIMIT {SAMPLE})"
    try:
        ((*shares, rows),) = con.sql(query).fetchall()
    except duckdb.Error as error:
        raise unreadable_file(table.path, error) from error
    if not rows:
        raise UsageError(f"{table.path} holds no rows: leave it out.")
    types = {}
    for at, name in enumerate(table.columns):
        fitting = (share or 0 for share in shares[3 * at : 3 * at + 3])
        fits = (dtype for dtype, share in zip(TYPES, fitting, strict=True) if share > MOSTLY)
        types[name] = next(fits, "VARCHAR")
    # A symbol of digits is a symbol.
    return {n: "VARCHAR" if normal(n) in SYMBOLS else dtype for n, dtype in types.items()}


TYPES = ("BIGINT", ZONED, "DOUBLE")
SYMBOLS = frozenset({"instrument", "symbol", "tradingsymbol", "trading_symbol", "ticker", "scrip"})


def _unit_ns(con: duckdb.DuckDBPyConnection, table: TextTable, layout: Layout) -> int:
    column = f"TRY_CAST({layout.column('ts')} AS BIGINT)"
    (found,) = con.sql(
        f"SELECT max({column}) FROM (SELECT * FROM {table.rows} LIMIT {SAMPLE})"
    ).fetchall()
    return epoch_unit_ns(int(found[0]))


def _date_and_time(con: duckdb.DuckDBPyConnection, table: TextTable) -> str | None:
    names = {normal(name).strip("<>"): sql for name, sql in table.columns.items()}
    if not {"date", "time"} <= names.keys():
        return None
    date, time = names["date"], names["time"]
    clock = f"avg(regexp_full_match({time}, {literal(CLOCK)})::INT)"
    (found,) = con.sql(f"SELECT {clock} FROM (SELECT * FROM {table.read} LIMIT 100)").fetchall()
    return f"{date} || ' ' || {time}" if (found[0] or 0) > MOSTLY else None
