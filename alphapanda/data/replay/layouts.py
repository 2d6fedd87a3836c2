"""The layouts of files: their columns recognised, and what only a look at the values tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import duckdb

from alphapanda.data.replay.parquet import Footer, identifier, scan
from alphapanda.data.schema import (
    CONTRACT_TERMS,
    INTEGERS,
    LADDER_SIDES,
    PRICES,
    Kind,
    Layout,
    epoch_unit_ns,
    normal,
    recognise,
)
from alphapanda.errors import UsageError
from alphapanda.model.money import SCALE

SAMPLE = 2_000
"""Rows looked at."""

TERMS = frozenset(each for term in ("expiry", "strike", "right") for each in CONTRACT_TERMS[term])


def read_layouts(
    con: duckdb.DuckDBPyConnection,
    footers: Sequence[Footer],
    *,
    kind: Kind | None,
    mapping: Mapping[str, str],
) -> dict[str, Layout]:
    """Return the layout of each file by path; files of one schema share one.

    Raises: UsageError for a file that cannot be run, or of another kind than the first.
    """
    by_schema: dict[tuple[tuple[str, ...], ...], Layout] = {}
    for footer in footers:
        if footer.schema not in by_schema:
            by_schema[footer.schema] = read_layout(con, footer.path, kind=kind, mapping=mapping)
    layouts = {footer.path: by_schema[footer.schema] for footer in footers}
    for footer in footers:
        if TERMS & {normal(column[0]) for column in footer.schema}:
            _refuse_contract_rows(con, footer.path, layouts[footer.path])
    first = footers[0].path
    for path, layout in layouts.items():
        if layout.kind != layouts[first].kind:
            raise UsageError(
                f"{first} holds {layouts[first].kind}s, {path} {layout.kind}s: "
                "run them apart, or say --kind."
            )
    return layouts


def describe(con: duckdb.DuckDBPyConnection, file: str) -> dict[str, str]:
    """Return the columns of a file with their DuckDB types."""
    described = con.sql(f"DESCRIBE SELECT * FROM {scan([file])}").fetchall()
    return {name: dtype for name, dtype, *_ in described}


def read_layout(
    con: duckdb.DuckDBPyConnection, file: str, *, kind: Kind | None, mapping: Mapping[str, str]
) -> Layout:
    """Return the layout of one file.

    Raises: UsageError for a file that cannot be run.
    """
    described = describe(con, file)
    _refuse_ladder(con, described, file)
    layout = recognise(described, file, kind=kind, mapping=mapping)
    return replace(layout, unit_ns=_unit_ns(con, layout, file), float32=_float32(con, layout, file))


def _refuse_ladder(con: duckdb.DuckDBPyConnection, described: Mapping[str, str], file: str) -> None:
    side = next((name for name in described if normal(name) == "side"), None)
    if side is None:
        return
    sample = f"SELECT {identifier(side)} AS side FROM {scan([file])} LIMIT {SAMPLE}"
    query = f"SELECT DISTINCT lower(side::VARCHAR) FROM ({sample})"
    if LADDER_SIDES & {value for (value,) in con.sql(query).fetchall()}:
        raise UsageError(
            f"{file} is a depth ladder (one row a level of one side); it cannot be run. "
            "Give trades, quotes or bars instead."
        )


# Rows of several contracts under one name would run as one instrument.
def _refuse_contract_rows(con: duckdb.DuckDBPyConnection, file: str, layout: Layout) -> None:
    names = {normal(name): name for name in describe(con, file)}
    terms = {
        term: next((names[each] for each in CONTRACT_TERMS[term] if each in names), None)
        for term in ("expiry", "strike", "right")
    }
    columns = [identifier(column) for column in terms.values() if column is not None]
    if not columns:
        return
    grouped = f" GROUP BY {layout.column('instrument')}" if "instrument" in layout.columns else ""
    number = f"count(DISTINCT ({', '.join(columns)}, 0))"
    of_name = f"SELECT {number} AS n FROM {scan([file])}{grouped}"
    if con.sql(f"SELECT 1 FROM ({of_name}) WHERE n > 1 LIMIT 1").fetchall():
        raise UsageError(
            f"{file}: its rows are of several contracts ({', '.join(columns)}), but have one name. "
            f"Import it, which names them: alphapanda data import {file}"
        )


def _unit_ns(con: duckdb.DuckDBPyConnection, layout: Layout, file: str) -> int:
    if layout.types["ts"] not in INTEGERS:
        return 1
    column = layout.column("ts")
    sample = f"SELECT {column} AS ts FROM {scan([file])} WHERE {column} > 0 LIMIT {SAMPLE}"
    ((number,),) = con.sql(f"SELECT max(ts) FROM ({sample})").fetchall()
    return 1 if number is None else epoch_unit_ns(int(number))


# A column went through a float32 if every value fits one and some are off the scale.
def _float32(con: duckdb.DuckDBPyConnection, layout: Layout, file: str) -> frozenset[str]:
    names = [
        name
        for name in layout.fields
        if name in PRICES and layout.types[name] in ("DOUBLE", "FLOAT")
    ]
    if not names:
        return frozenset()
    values = ", ".join(f"{layout.column(name)}::DOUBLE AS {identifier(name)}" for name in names)
    tests = ", ".join(map(_went_through_float32, map(identifier, names)))
    sample = f"SELECT {values} FROM {scan([file])} LIMIT {SAMPLE}"
    (answers,) = con.sql(f"SELECT {tests} FROM ({sample})").fetchall()
    return frozenset(name for name, yes in zip(names, answers, strict=True) if yes)


def _went_through_float32(price: str) -> str:
    fits = f"bool_and({price}::FLOAT::DOUBLE = {price})"
    off_scale = f"abs({price} * {SCALE} - round({price} * {SCALE})) > 0.001"
    return f"coalesce({fits} AND bool_or(isfinite({price}) AND {off_scale}), false)"
