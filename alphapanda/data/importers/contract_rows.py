"""Sources whose rows are of several contracts, told by expiry, strike and right."""

from __future__ import annotations

from dataclasses import replace

import duckdb

from alphapanda.data.importers.numbers import number_sql
from alphapanda.data.importers.source import Source, Wanted, unreadable_file
from alphapanda.data.importers.stamps import read_stamps
from alphapanda.data.importers.table import (
    Typed,
    column_types,
    csv_source,
    with_date_and_time,
)
from alphapanda.data.importers.terms import Terms, named_rows
from alphapanda.data.importers.text import TextTable
from alphapanda.data.instruments import UNDERLYING
from alphapanda.data.replay.layouts import describe
from alphapanda.data.replay.parquet import identifier, literal
from alphapanda.data.schema import SPELLINGS, Layout, normal, recognise, refuse_other_files
from alphapanda.errors import UsageError
from alphapanda.model.calendar import IST

SYMBOLS = tuple(name for name in SPELLINGS["instrument"] if name != "underlying")


def text_contracts_source(
    con: duckdb.DuckDBPyConnection, table: TextTable, terms: Terms, wanted: Wanted
) -> Source:
    """Return a text file whose rows have terms of contracts as a source.

    Raises: UsageError where a term is missing, or a row's terms make no contract.
    """
    path = table.path
    refuse_other_files(table.columns, path)
    try:
        own = _own_symbol(con, table.rows, tuple(table.columns), terms)
        blank = _is_blank(con, table.rows, terms)
    except duckdb.Error as error:
        raise unreadable_file(path, error) from error
    if own is not None and "instrument" not in wanted.mapping:
        wanted = replace(wanted, mapping={**wanted.mapping, "instrument": own})
    if own is not None or blank or "instrument" in wanted.mapping:
        return csv_source(con, table, wanted)
    _need(path, terms)
    table = with_date_and_time(con, table)
    plain = csv_source(con, table, wanted)  # for what it says of columns, and its refusals
    types = column_types(con, table)
    ts = plain.layout.columns["ts"]
    layout = recognise(types, path, kind=wanted.kind, mapping={**wanted.mapping, "ts": ts})
    typed = Typed.of(con, table, layout, wanted, extra=tuple(terms.columns.values()))
    expiry = read_stamps(con, table.rows, terms.columns["expiry"], path=path, dates=wanted.dates)
    strike = number_sql(identifier(terms.columns["strike"])) if "strike" in terms.columns else "0.0"
    rows = named_rows(
        con, path, typed.rows, terms, symbol=_underlying(terms, wanted),
        day=_day(typed.layout.time_sql()), strike=strike,
        expiry=_day(expiry.ns(identifier(terms.columns["expiry"]))),
    )  # fmt: skip
    used = set(terms.columns.values())
    return replace(
        plain, rows=rows, layout=_named(typed.layout), unnamed="underlying" not in terms.columns,
        ignored=tuple(name for name in plain.ignored if name not in used),
    )  # fmt: skip


def contracts_source(
    con: duckdb.DuckDBPyConnection, source: Source, terms: Terms, wanted: Wanted
) -> Source:
    """Return a Parquet file whose rows have terms of contracts as a source.

    Raises: UsageError where a term is missing, or a row's terms make no contract.
    """
    path = source.path
    described = describe(con, path)
    if "instrument" in wanted.mapping or _is_blank(con, source.rows, terms):
        return source
    own = _own_symbol(con, source.rows, tuple(described), terms)
    if own is not None:
        columns = {**source.layout.columns, "instrument": own}
        types = {**source.layout.types, "instrument": described[own]}
        return replace(source, layout=replace(source.layout, columns=columns, types=types))
    _need(path, terms)
    column = terms.columns["expiry"]
    if described[column] == "VARCHAR":
        stamps = read_stamps(con, source.rows, column, path=path, dates=wanted.dates)
        expiry = _day(stamps.ns(identifier(column)))
    else:
        expiry = f"TRY_CAST({identifier(column)} AS DATE)"
    strike = "0.0"
    if "strike" in terms.columns:
        strike = f"TRY_CAST({identifier(terms.columns['strike'])} AS DOUBLE)"
    rows = named_rows(
        con, path, source.rows, terms, symbol=_underlying(terms, wanted),
        day=_day(source.layout.time_sql()), strike=strike, expiry=expiry,
    )  # fmt: skip
    used = set(terms.columns.values())
    return replace(
        source, rows=rows, layout=_named(source.layout), unnamed="underlying" not in terms.columns,
        ignored=tuple(name for name in source.ignored if name not in used),
    )  # fmt: skip


# A column whose values are contracts' symbols, each of one contract.
def _own_symbol(
    con: duckdb.DuckDBPyConnection, rows: str, columns: tuple[str, ...], terms: Terms
) -> str | None:
    names = {normal(name): name for name in columns}
    for name in (names[each] for each in SYMBOLS if each in names):
        text = f"{identifier(name)}::VARCHAR"
        each = f"SELECT {text} AS s, count(DISTINCT {terms.of_row()}) AS n FROM {rows} GROUP BY 1"
        test = f"regexp_full_match(s, {literal(UNDERLYING.pattern)})"
        ((sound,),) = con.sql(
            f"SELECT bool_and({test} AND n = 1) FROM ({each}) WHERE s IS NOT NULL"
        ).fetchall()
        if sound:
            return name
    return None


def _is_blank(con: duckdb.DuckDBPyConnection, rows: str, terms: Terms) -> bool:
    tests = [
        f"lower(coalesce({identifier(terms.columns[term])}::VARCHAR, '')) NOT IN "
        "('', '0', '0.0', '0.00', '-', 'nan', 'none', 'null', 'nat', 'xx', 'others', 'eq')"
        for term in ("expiry", "strike", "right") if term in terms.columns
    ]  # fmt: skip
    return not con.sql(f"SELECT 1 FROM {rows} WHERE {' OR '.join(tests)} LIMIT 1").fetchall()


def _need(path: str, terms: Terms) -> None:
    if terms.missing:
        there = ", ".join(
            terms.columns[t] for t in ("expiry", "strike", "right") if t in terms.columns
        )
        raise UsageError(
            f"{path}: its rows are of contracts (column {there}), but no column tells their "
            f"{' and '.join(terms.missing)}: add it, or name the rows in a column tradingsymbol."
        )


def _underlying(terms: Terms, wanted: Wanted) -> str:
    column = terms.columns.get("underlying")
    told = wanted.instrument or wanted.guessed or ""
    name = literal(told.rpartition(":")[2])
    return name if column is None else f"upper(coalesce({identifier(column)}::VARCHAR, {name}))"


def _day(ns: str) -> str:
    return f"make_timestamp(({ns} + {IST}) // 1000)::DATE"


def _named(layout: Layout) -> Layout:
    return replace(
        layout, columns={**layout.columns, "instrument": "contract"},
        types={**layout.types, "instrument": "VARCHAR"},
    )  # fmt: skip
