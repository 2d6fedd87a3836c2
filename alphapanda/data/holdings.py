"""What a catalogue holds: instruments, days, rows and sizes, and one instrument in detail."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from alphapanda.data import catalogue
from alphapanda.data.catalogue import Part
from alphapanda.data.replay.parquet import literal, scan
from alphapanda.data.replay.scans import connect
from alphapanda.data.schema import FIELDS, Kind
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.calendar import IST

TIME_SQL = f"make_timestamp((epoch_ns(ts) + {IST}) // 1000)"
"""A row's time in India, cut to the microsecond: a cast would round it."""

DAY_SQL = f"{TIME_SQL}::DATE"
PRICE: dict[str, str] = {"bar": "close", "tick": "last", "quote": "bid"}


@dataclass(frozen=True, slots=True)
class Holding:
    """The rows of one instrument, kind and interval."""

    name: str
    kind: Kind
    interval: str
    days: int
    first: date
    last: date
    rows: int
    size: int
    """Bytes on the disk: its share, by rows, of the files it lies in."""

    def facts(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "instrument": self.name, "kind": self.kind, "interval": self.interval or None,
            "days": self.days, "from": str(self.first), "to": str(self.last), "rows": self.rows,
            "bytes": self.size,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Day:
    """One day of an instrument."""

    day: date
    rows: int
    open: float
    high: float
    low: float
    close: float
    volume: int | None


@dataclass(frozen=True, slots=True)
class View:
    """One instrument, kind and interval in detail."""

    name: str
    kind: Kind
    interval: str
    days: tuple[Day, ...]
    columns: tuple[str, ...]
    head: tuple[tuple[Any, ...], ...]
    tail: tuple[tuple[Any, ...], ...]

    def facts(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        shown = {
            key: [dict(zip(self.columns, row, strict=True)) for row in rows]
            for key, rows in (("head", self.head), ("tail", self.tail))
        }
        names = ("rows", "open", "high", "low", "close", "volume")
        return {
            "kind": self.kind, "interval": self.interval or None,
            "rows": sum(day.rows for day in self.days),
            "low": min(day.low for day in self.days), "high": max(day.high for day in self.days),
            "days": [
                {"day": str(day.day), **{name: getattr(day, name) for name in names}}
                for day in self.days
            ],
            **shown,
        }  # fmt: skip


def held(root: Path) -> list[Holding]:
    """Return what a catalogue holds, by kind, interval and name."""
    with ExitStack() as resources:
        con = connect(memory_limit="1GB", threads=2, resources=resources)
        return [
            holding
            for (kind, interval_ns), files in _groups(catalogue.parts(root)).items()
            for holding in _held(con, Part(kind, interval_ns, ""), files)
        ]


def views(
    root: Path, name: str, *, kind: str | None, interval: str | None,
    first: date | None, last: date | None, rows: int,
) -> list[View]:  # fmt: skip
    """Return an instrument in detail, once for each kind and interval it is there in.

    Raises: UsageError when it is not there.
    """
    wanted = [
        each for each in held(root)
        if name in (each.name, each.name.partition(":")[2]) and kind in (None, each.kind)
        and interval in (None, each.interval)
    ]  # fmt: skip
    if not wanted:
        known = sorted({each.name for each in held(root)})
        bare = [each.partition(":")[2] for each in known]
        hint = did_you_mean(name, known if ":" in name else bare)
        raise UsageError(
            f"{root} has no {name}{f' of kind {kind}' if kind else ''}"
            f"{f' at {interval}' if interval else ''}.{hint} alphapanda data list tells what it "
            "has."
        )
    with ExitStack() as resources:
        con = connect(memory_limit="1GB", threads=2, resources=resources)
        found = [_view(con, root, each, first, last, rows=rows) for each in wanted]
    if not any(found):
        raise UsageError(
            f"No rows of {name} between --from and --to: there is {wanted[0].first} to "
            f"{wanted[0].last}."
        )
    return [view for view in found if view is not None]


def _groups(parts: dict[Part, Path]) -> dict[tuple[Kind, int], list[str]]:
    groups: dict[tuple[Kind, int], list[str]] = {}
    for part, path in parts.items():
        groups.setdefault((part.kind, part.interval_ns), []).append(str(path))
    return groups


def _held(con: duckdb.DuckDBPyConnection, part: Part, files: Sequence[str]) -> list[Holding]:
    sizes = ", ".join(str(Path(file).stat().st_size) for file in files)
    query = (
        f"WITH by_day AS (SELECT instrument, file_index AS file, {DAY_SQL} AS day, count(*) AS n "
        f"FROM {scan(files)} GROUP BY ALL), in_file AS (SELECT file, sum(n) AS n FROM by_day "
        "GROUP BY 1) "
        "SELECT instrument, count(DISTINCT day), min(day), max(day), sum(by_day.n)::BIGINT, "
        f"sum(([{sizes}])[(file + 1)::BIGINT] * by_day.n / in_file.n)::BIGINT "
        "FROM by_day JOIN in_file USING (file) GROUP BY 1 ORDER BY 1"
    )
    return [
        Holding(name, part.kind, part.interval, *rest) for name, *rest in con.sql(query).fetchall()
    ]


def _view(
    con: duckdb.DuckDBPyConnection, root: Path, held: Holding, first: date | None,
    last: date | None, *, rows: int,
) -> View | None:  # fmt: skip
    files = [
        str(path) for part, path in catalogue.parts(root).items()
        if (part.kind, part.interval) == (held.kind, held.interval) and part.within(first, last)
    ]  # fmt: skip
    if not files:
        return None
    where = f"instrument = {literal(held.name)}"
    where += f" AND {DAY_SQL} >= DATE '{first}'" if first else ""
    where += f" AND {DAY_SQL} <= DATE '{last}'" if last else ""
    scanned = scan(files).replace("hive_partitioning", "union_by_name = true, hive_partitioning")
    place = "(epoch_ns(ts), file_index, file_row_number)"
    found = f"(SELECT *, {place} AS stamp FROM {scanned} WHERE {where})"
    described = [name for name, *_ in con.sql(f"DESCRIBE SELECT * FROM {found}").fetchall()]
    columns = tuple(name for name in FIELDS[held.kind] if name in described)
    days = tuple(Day(*row) for row in con.sql(_days_sql(found, held.kind, columns)).fetchall())
    if not days:
        return None
    time = f"strftime({TIME_SQL}, '%Y-%m-%d %H:%M:%S')"
    shown = f"SELECT {time} AS ts, {', '.join(columns)} FROM {found}"
    head = con.sql(f"{shown} ORDER BY stamp LIMIT {rows}").fetchall()
    tail = con.sql(f"{shown} ORDER BY stamp DESC LIMIT {rows}").fetchall()
    left = max(0, sum(day.rows for day in days) - len(head))
    return View(
        held.name, held.kind, held.interval, days, ("ts", *columns), tuple(head),
        tuple(reversed(tail[:left])),
    )  # fmt: skip


def _days_sql(rows: str, kind: Kind, columns: Sequence[str]) -> str:
    price = PRICE[kind] if PRICE[kind] in columns else columns[0]
    high, low, first = ("high", "low", "open") if kind == "bar" else (price, price, price)
    volume = "NULL"
    if "volume" in columns:
        volume = f"{'sum' if kind == 'bar' else 'max'}(volume)::BIGINT"
    return (
        f"SELECT {DAY_SQL} AS day, count(*), arg_min({first}, stamp), max({high}), min({low}), "
        f"arg_max({price}, stamp), {volume} FROM {rows} GROUP BY 1 ORDER BY 1"
    )
