"""The interval of bars: told by their steps, or said, and then no step may speak against it."""

from __future__ import annotations

import duckdb

from alphapanda.data.importers.source import Source
from alphapanda.data.intervals import refuse_other_steps, refuse_weeks
from alphapanda.data.schema import SECOND_NS
from alphapanda.errors import UsageError
from alphapanda.model.calendar import DAY, IST
from alphapanda.model.interval import interval_text


def interval_of(
    con: duckdb.DuckDBPyConnection, table: str, source: Source, *, said: int | None
) -> int:
    """Return the interval of a source's bars, staged alone: what is said, or their usual step.

    Raises: UsageError when there are no rows, one bar does not tell it, or the bars do not fit it.
    """
    counted = _steps(con, table)
    told = source.interval_ns
    if told is not None:
        refuse_other_steps(
            counted, told, path=source.path, clocks=_clocks(con, table),
            says="--interval" if said == told else "its name" if said is None else "its form",
        )  # fmt: skip
        if told == DAY and said is None:
            refuse_weeks(counted, path=source.path)
        return told
    if not con.sql(f"SELECT 1 FROM {table} LIMIT 1").fetchall():
        raise UsageError(f"{source.path} holds no rows: leave it out.")
    if not con.sql(f"SELECT 1 FROM {table} WHERE flaw IS NULL LIMIT 1").fetchall():
        return DAY  # the account of its rows says why there are none
    refuse_weeks(counted, path=source.path)
    if _clocks(con, table) == 0:
        return DAY
    if not counted:
        raise UsageError(
            f"{source.path}: one bar does not tell its interval: say --interval 1m, or name the "
            "file after it (RELIANCE_minute)."
        )
    step = min(counted, key=lambda each: (-counted[each], each))
    if step % SECOND_NS or (step > DAY and step % DAY):
        raise UsageError(f"{source.path}: bars are {interval_text(step)} apart: say --interval.")
    return step


def _steps(con: duckdb.DuckDBPyConnection, table: str) -> dict[int, int]:
    steps = (
        f"SELECT ts - lag(ts) OVER (PARTITION BY instrument ORDER BY ts) AS step FROM {table} "
        "WHERE flaw IS NULL"
    )
    query = f"SELECT step, count(*) FROM ({steps}) WHERE step > 0 GROUP BY step"
    return {int(step): int(count) for step, count in con.sql(query).fetchall()}


def _clocks(con: duckdb.DuckDBPyConnection, table: str) -> int | None:
    query = f"SELECT max((ts + {IST}) % {DAY}) FROM {table} WHERE flaw IS NULL"
    ((clock,),) = con.sql(query).fetchall()
    return None if clock is None else int(clock)
