"""Staged rows laid over one file of a catalogue: what is new, there already, or differs."""

from __future__ import annotations

from pathlib import Path

import duckdb

from alphapanda.data.catalogue import Part
from alphapanda.data.replay.layouts import describe
from alphapanda.data.replay.parquet import literal, scan
from alphapanda.data.schema import FIELDS, PRICES, Kind
from alphapanda.model.money import SCALE

ALREADY, REPEAT, OTHER, UNFINISHED, FALLS = (
    "already there",
    "duplicate",
    "differs from what is there",
    "a later bar has its time",
    "volume falls",
)


def merge(
    con: duckdb.DuckDBPyConnection, table: str, part: Part, existing: Path,
    *, replace: bool, repeats: bool = False,
) -> int:  # fmt: skip
    """Make the table `merged` of one part's rows and return how many are new.

    Rows of the staged table that are not taken get their flaw. Of several new bars of one time the
    last counts; `replace` lets it take the place of the one there. `repeats` keeps rows that
    repeat another exactly, each once for each time that it comes.
    """
    con.execute("DROP TABLE IF EXISTS merged").fetchall()
    con.execute(
        f"CREATE TABLE merged AS "
        f"{_judged(con, table, part, existing, replace=replace, repeats=repeats)}"
    ).fetchall()
    if part.kind == "tick":
        _mark_falls(con)
    con.execute(
        f"UPDATE {table} AS s SET flaw = m.verdict FROM merged m WHERE m.origin = 1 AND "
        "m.verdict IS NOT NULL AND s.file = m.file AND s.pos = m.pos AND s.instrument = "
        "m.instrument"
    ).fetchall()
    con.execute("DELETE FROM merged WHERE verdict IS NOT NULL").fetchall()
    ((new,),) = con.sql("SELECT count(*) FROM merged WHERE origin = 1").fetchall()
    return int(new)


def _judged(
    con: duckdb.DuckDBPyConnection, table: str, part: Part, existing: Path,
    *, replace: bool, repeats: bool,
) -> str:  # fmt: skip
    fields = FIELDS[part.kind]
    names = ", ".join(fields)
    staged = (
        f"SELECT 1 AS origin, file, pos, instrument, ts, {names} FROM {table} "
        f"WHERE flaw IS NULL AND left(date, {len(part.span)}) = {literal(part.span)}"
    )
    rows = [staged]
    if existing.exists():
        rows.append(_existing(con, existing, part.kind))
    values = ", ".join(f"coalesce({name}, 0)" for name in fields)
    bars = part.kind == "bar"
    key = "instrument, ts" if bars else f"instrument, ts, {values}"
    # Candles are written again as they go on: of bars the last in the order of files is whole.
    later = "DESC" if bars else ""
    order = f"{'origin DESC' if replace else 'origin'}, file {later}, pos {later}"
    of = f"({' UNION ALL '.join(rows)})"
    if repeats and not bars:
        each = f"row_number() OVER (PARTITION BY origin, {key} ORDER BY file, pos) AS occurrence"
        of, key = f"(SELECT *, {each} FROM {of})", f"{key}, occurrence"
    return (
        f"SELECT origin, file, pos, instrument, ts, {names}, CASE WHEN place = 1 THEN NULL "
        f"WHEN same AND first = 1 THEN '{REPEAT}' WHEN same THEN '{ALREADY}' "
        f"WHEN first = 1 AND origin = 1 THEN '{UNFINISHED}' "
        f"ELSE '{OTHER}' END AS verdict FROM (SELECT *, row_number() OVER w AS place, "
        f"first_value(origin) OVER w AS first, first_value(hash({values})) OVER w = hash({values}) "
        f"AS same FROM {of} WINDOW w AS (PARTITION BY {key} ORDER BY {order}))"
    )


def _existing(con: duckdb.DuckDBPyConnection, path: Path, kind: Kind) -> str:
    present = describe(con, str(path))
    fields = ", ".join(
        f"NULL::BIGINT AS {name}" if name not in present
        else f"round({name} * {SCALE})::BIGINT AS {name}" if name in PRICES
        else f"{name}::BIGINT AS {name}"
        for name in FIELDS[kind]
    )  # fmt: skip
    return (
        "SELECT 0 AS origin, 0 AS file, file_row_number AS pos, instrument, "
        f"epoch_ns(ts) AS ts, {fields} FROM {scan([str(path)])}"
    )


# The day's cumulative volume must not fall: a new row gives way to what was known before it, and to
# what the catalogue knows after it.
def _mark_falls(con: duckdb.DuckDBPyConnection) -> None:
    of_day = "PARTITION BY instrument ORDER BY ts, origin, file, pos ROWS BETWEEN"
    before = f"max(volume) OVER ({of_day} UNBOUNDED PRECEDING AND 1 PRECEDING)"
    after = (
        f"min(CASE WHEN origin = 0 THEN volume END) OVER ({of_day} 1 FOLLOWING AND UNBOUNDED "
        "FOLLOWING)"
    )
    con.execute(
        f"UPDATE merged AS m SET verdict = '{FALLS}' FROM (SELECT origin, file, pos, instrument, "
        f"coalesce(volume, 0) AS v, {before} AS low, {after} AS high FROM merged WHERE verdict "
        "IS NULL) f "
        "WHERE m.origin = 1 AND f.origin = 1 AND m.file = f.file AND m.pos = f.pos "
        "AND m.instrument = f.instrument AND (f.v < f.low OR f.v > f.high)"
    ).fetchall()
