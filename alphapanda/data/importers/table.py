"""Generic text and Parquet: columns by their names or by the user's mapping.

Text is read as text and converted column by column, so that a value that is none of its kind is
found with its row instead of stopping the import.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import duckdb

from alphapanda.data.importers import numbers
from alphapanda.data.importers.indices import INDEX_NAMES, index_sql
from alphapanda.data.importers.source import Source, Wanted, ignored_columns, unreadable_file
from alphapanda.data.importers.stamps import CLOCK_SHAPE, TIME_SHAPE, read_stamps
from alphapanda.data.importers.text import TextTable
from alphapanda.data.replay.layouts import describe, read_layout
from alphapanda.data.replay.parquet import identifier, literal, scan
from alphapanda.data.schema import (
    NEEDED,
    PRICES,
    QUANTITIES,
    SPELLINGS,
    ZONED,
    Layout,
    normal,
    recognise,
)
from alphapanda.errors import UsageError

SAMPLE = 5_000
"""Rows by which the type of a text column is told."""

MOSTLY = 0.5
"""The share of values that must fit a type."""

TIME, DAY_ONLY, NUMBER, TEXT = "TIMESTAMP WITH TIME ZONE", "DATE", "DOUBLE", "VARCHAR"
JOINED = "date and time"
CLOCK = r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?( *[AaPp]\.?[Mm]\.?)?|\d{3,6}|0+"
SYMBOLS = frozenset(SPELLINGS["instrument"]) | {"scrip_code", "sc_code", "scripcode", "token"}
"""Columns in which digits are a name."""

__all__ = ["JOINED", "TIME", "Typed", "csv_source", "parquet_source"]


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
    zone = "as written" if layout.types["ts"] in ZONED else "IST"
    return Source(path, rows, layout, ignored=ignored_columns(described, layout), zone=zone)


def csv_source(con: duckdb.DuckDBPyConnection, table: TextTable, wanted: Wanted) -> Source:
    """Return a text file as a source.

    Raises: UsageError for a file that cannot be read or whose columns cannot be told.
    """
    table = with_date_and_time(con, table)
    types = column_types(con, table)
    if JOINED in table.columns and "ts" not in wanted.mapping:
        wanted = replace(wanted, mapping={**wanted.mapping, "ts": JOINED})
    layout = recognise(types, table.path, kind=wanted.kind, mapping=wanted.mapping)
    typed = Typed.of(con, table, layout, wanted)
    ignored = [n for n in ignored_columns(types, layout) if not _joins(n, layout)]
    return Source(
        table.path, typed.rows, typed.layout, ignored=tuple(ignored), zone=typed.zone,
        notes=(*table.notes, *typed.notes),
    )  # fmt: skip


def _joins(name: str, layout: Layout) -> bool:
    return layout.columns["ts"] == JOINED and normal(name) in (*DATE_NAMES, "time")


@dataclass(frozen=True, slots=True)
class Typed:
    """Text whose columns were converted: times are ns, numbers numbers."""

    rows: str
    layout: Layout
    zone: str
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls, con: duckdb.DuckDBPyConnection, table: TextTable, layout: Layout, wanted: Wanted,
        *, extra: tuple[str, ...] = (),
    ) -> Typed:  # fmt: skip
        """Convert the columns of a layout; `extra` are kept as they are.

        Raises: UsageError where order of day and month, or the decimal point, can't be told.
        """
        path = table.path
        notes: list[str] = []
        names = [n for n in layout.columns if n in PRICES | QUANTITIES]
        columns = [layout.columns[n] for n in names]
        try:
            stamps = read_stamps(
                con, table.rows, layout.columns["ts"], path=path, dates=wanted.dates
            )
            comma = numbers.decimal_comma(con, table.rows, columns, path=path)
            empty = _without_values(con, table, layout, names)
        except duckdb.Error as error:
            raise unreadable_file(path, error) from error
        notes += stamps.notes
        if comma:
            notes.append(f"{path}: numbers have a decimal comma")
        short = [n for n in names if n in QUANTITIES and _is_short(con, table, layout.columns[n])]
        notes += [f"{path}: {layout.columns[n]} is rounded in the file (as 1.2M)" for n in short]
        notes += [f"{path}: {layout.columns[n]} has no value: left out" for n in empty]
        if "volume" in set(names) - set(empty):
            blank = _blanks(con, table, layout.columns["volume"])
            if blank:
                notes.append(
                    f"{path}: {layout.columns['volume']} is blank in {blank:,} rows: 0 there"
                )
        layout = replace(
            layout, columns={n: c for n, c in layout.columns.items() if n not in empty},
            types={n: t for n, t in layout.types.items() if n not in empty} | {"ts": "BIGINT"},
        )  # fmt: skip
        made = []
        for name, column in layout.columns.items():
            text = identifier(column)
            if name == "ts":
                made.append(f"{stamps.ns(text)} AS {text}")
            elif name in PRICES | QUANTITIES:
                number = _number(text, name, layout, comma=comma)
                if name == "volume":
                    number = f"coalesce({number}, 0)"
                made.append(f"{number} AS {text}")
            elif normal(column) in INDEX_NAMES:
                made.append(f"{index_sql(text)} AS {text}")
            else:
                made.append(text)
        made += [identifier(each) for each in extra if each not in layout.columns.values()]
        rows = f"(SELECT {', '.join(dict.fromkeys(made))}, file_row_number FROM {table.rows})"
        return cls(rows, layout, stamps.zone, tuple(notes))


# What can't be read is NaN, which breaks a rule; where a value is needed, and for blanks, null.
def _number(text: str, name: str, layout: Layout, *, comma: bool) -> str:
    read = numbers.quantity_sql if name in QUANTITIES else numbers.number_sql
    number = read(text, comma=comma)
    if name in NEEDED[layout.kind]:
        return number
    return (
        f"CASE WHEN {text} IS NULL OR {numbers.blank_sql(text)} THEN NULL "
        f"ELSE coalesce({number}, 'NaN'::DOUBLE) END"
    )


def _without_values(
    con: duckdb.DuckDBPyConnection, table: TextTable, layout: Layout, names: list[str]
) -> list[str]:
    spare = [n for n in names if n not in NEEDED[layout.kind]]
    if not spare:
        return []
    texts = [layout.column(n) for n in spare]
    tests = ", ".join(f"bool_or({t} IS NOT NULL AND NOT {numbers.blank_sql(t)})" for t in texts)
    (found,) = con.sql(f"SELECT {tests} FROM {table.rows}").fetchall()
    return [n for n, there in zip(spare, found, strict=True) if not there]


def _blanks(con: duckdb.DuckDBPyConnection, table: TextTable, column: str) -> int:
    text = identifier(column)
    blank = f"{text} IS NULL OR {numbers.blank_sql(text)}"
    ((count,),) = con.sql(f"SELECT count(*) FROM {table.rows} WHERE {blank}").fetchall()
    return int(count)


def _is_short(con: duckdb.DuckDBPyConnection, table: TextTable, column: str) -> bool:
    test = numbers.is_short_sql(identifier(column))
    sample = f"SELECT * FROM {table.rows} LIMIT {SAMPLE}"
    return bool(con.sql(f"SELECT 1 FROM ({sample}) WHERE {test} LIMIT 1").fetchall())


def column_types(con: duckdb.DuckDBPyConnection, table: TextTable) -> dict[str, str]:
    """Return the type of each column by its first values.

    Raises: UsageError for a file without rows, or that cannot be read.
    """
    tests = []
    for column in map(identifier, table.columns):
        known = f"FILTER ({column} IS NOT NULL)"
        time = f"regexp_matches({column}, {literal(TIME_SHAPE)})"
        clock = f"regexp_matches({column}, {literal(CLOCK_SHAPE)})"
        either = (numbers.quantity_sql(column), numbers.number_sql(column, comma=True))
        number = f"(coalesce({', '.join(either)}) IS NOT NULL)"
        blank = f"{known[:-1]} AND NOT {numbers.blank_sql(column)})"
        tests += [f"avg(({time})::INT) {known}", f"avg(({clock})::INT) {known}",
                  f"avg({number}::INT) {blank}"]  # fmt: skip
    query = f"SELECT {', '.join(tests)}, count(*) FROM (SELECT * FROM {table.rows} LIMIT {SAMPLE})"
    try:
        ((*shares, rows),) = con.sql(query).fetchall()
    except duckdb.Error as error:
        raise unreadable_file(table.path, error) from error
    if not rows:
        raise UsageError(f"{table.path} holds no rows: leave it out.")
    return {
        name: _type(name, *(share or 0 for share in shares[3 * at : 3 * at + 3]),
                    empty=shares[3 * at + 2] is None)
        for at, name in enumerate(table.columns)
    }  # fmt: skip


def _type(name: str, time: float, clock: float, number: float, *, empty: bool) -> str:
    spelt = normal(name)
    if spelt in SYMBOLS:
        return TEXT
    if time > MOSTLY and (number <= MOSTLY or spelt in SPELLINGS["ts"] or name == JOINED):
        return TIME if clock > 0 else DAY_ONLY
    numeric = any(spelt in SPELLINGS[each] for each in PRICES | QUANTITIES)
    return NUMBER if number > MOSTLY or (empty and numeric) else TEXT


DATE_NAMES = ("date", "dtyyyymmdd", "day", "trade_date", "trading_date")


def with_date_and_time(con: duckdb.DuckDBPyConnection, table: TextTable) -> TextTable:
    """Return a table whose `date` and `time`, where there are both, are one column more."""
    names = {normal(name): sql for name, sql in table.columns.items()}
    date = next((names[each] for each in DATE_NAMES if each in names), None)
    if date is None or "time" not in names:
        return table
    time = names["time"]
    clock = f"avg(regexp_full_match({time}, {literal(CLOCK)})::INT)"
    try:
        (found,) = con.sql(f"SELECT {clock} FROM (SELECT * FROM {table.read} LIMIT 100)").fetchall()
    except duckdb.Error as error:
        raise unreadable_file(table.path, error) from error
    if (found[0] or 0) <= MOSTLY:
        return table
    return replace(table, columns={**table.columns, JOINED: f"{date} || ' ' || {time}"})
