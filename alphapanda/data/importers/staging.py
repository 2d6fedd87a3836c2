"""Sources as one table of scaled rows, every row that breaks a rule marked with why."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from alphapanda.data.importers.source import Source, Wanted, unreadable_file
from alphapanda.data.schema import (
    FIELDS,
    FRACTION,
    NEEDED,
    NULL,
    PRICES,
    QUANTITIES,
    Kind,
)
from alphapanda.errors import UsageError
from alphapanda.model.calendar import IST
from alphapanda.model.money import BOUND

DATE_SQL = f"strftime(make_timestamp((ts + {IST}) // 1000), '%Y-%m-%d')"
"""The IST date of a row."""


def columns_sql(kind: Kind) -> str:
    """Return the columns of a table of staged rows."""
    fields = ", ".join(f"{name} BIGINT" for name in FIELDS[kind])
    return (
        "file INTEGER, pos BIGINT, reject VARCHAR, instrument VARCHAR, ts BIGINT, "
        f"{fields}, flaw VARCHAR, date VARCHAR"
    )


def add(
    con: duckdb.DuckDBPyConnection, table: str, source: Source, wanted: Wanted, *, file: int
) -> None:
    """Add a source's rows to its kind's table, stamped as they are.

    Raises: UsageError for a file that cannot be read or needs --qty-scale.
    """
    kind = source.layout.kind
    con.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns_sql(kind)})").fetchall()
    names = ", ".join(("file", "pos", "reject", "instrument", "ts", *FIELDS[kind]))
    try:
        con.execute(
            f"INSERT INTO {table} SELECT *, {flaw_sql(kind)}, {DATE_SQL} "
            f"FROM ({source.select(con, wanted, file=file)}) AS made({names})"
        ).fetchall()
    except duckdb.Error as error:
        raise unreadable_file(source.path, error) from error
    _refuse_fractions(con, table, source, file=file)


def move(con: duckdb.DuckDBPyConnection, table: str, into: str, *, kind: Kind, shift: int) -> None:
    """Move staged rows into another table of their kind, `shift` ns earlier."""
    con.execute(f"CREATE TABLE IF NOT EXISTS {into} ({columns_sql(kind)})").fetchall()
    moved = f"SELECT * REPLACE (ts - {shift} AS ts) FROM {table}" if shift else f"FROM {table}"
    con.execute(
        f"INSERT INTO {into} SELECT * REPLACE ({DATE_SQL} AS date) FROM ({moved})"
        if shift else f"INSERT INTO {into} {moved}"
    ).fetchall()  # fmt: skip
    con.execute(f"DROP TABLE {table}").fetchall()


def flaw_sql(kind: Kind) -> str:
    """Return the SQL that tells which rule a row breaks; null: none."""
    cases = [
        "reject IS NOT NULL THEN reject",
        "ts IS NULL THEN 'no time that can be read'",
        "ts <= 0 THEN 'time before 1970'",
        "coalesce(instrument, '') IN ('', 'NSE:') THEN 'no instrument'",
    ]
    for name in FIELDS[kind]:
        if name in NEEDED[kind]:
            cases.append(f"{name} = {NULL} THEN 'no {name} that can be read'")
        least = 1 if name in NEEDED[kind] else 0
        what = "price" if name in PRICES else "quantity"
        if name in QUANTITIES:
            cases.append(f"{name} = {FRACTION} THEN 'fraction'")
        cases.append(f"{name} NOT BETWEEN {least} AND {BOUND} THEN 'invalid {what}'")
    if kind == "quote":
        cases.append("coalesce(bid, 0) = 0 AND coalesce(ask, 0) = 0 THEN 'no quote'")
    if kind == "bar":
        outside = "high < greatest(open, close) OR low > least(open, close)"
        cases.append(f"{outside} THEN 'inconsistent bar'")
    return f"CASE {' '.join(f'WHEN {case}' for case in cases)} END"


def dropped(con: duckdb.DuckDBPyConnection, table: str) -> list[tuple[str, int, int, int]]:
    """Return of every flaw how many rows have it, and file and position of the first."""
    first = "arg_min(file, (file, pos)), arg_min(pos, (file, pos))"
    query = (
        f"SELECT flaw, count(*), {first} FROM {table} WHERE flaw IS NOT NULL GROUP BY 1 ORDER BY 1"
    )
    return con.sql(query).fetchall()


def dates(con: duckdb.DuckDBPyConnection, table: str, *, length: int) -> Sequence[tuple[str, int]]:
    """Return the spans (starts of ISO dates) of the sound rows, and how many each has."""
    query = (
        f"SELECT left(date, {length}) AS span, count(*) FROM {table} WHERE flaw IS NULL "
        "GROUP BY 1 ORDER BY 1"
    )
    return con.sql(query).fetchall()


def _refuse_fractions(
    con: duckdb.DuckDBPyConnection, table: str, source: Source, *, file: int
) -> None:
    query = f"SELECT min(pos) FROM {table} WHERE file = {file} AND flaw = 'fraction'"
    ((pos,),) = con.sql(query).fetchall()
    if pos is not None:
        raise UsageError(
            f"{source.path}, row {pos + 1}: a quantity is not whole: say with --qty-scale how many "
            "units make 1 (for instance --qty-scale 10000)."
        )
