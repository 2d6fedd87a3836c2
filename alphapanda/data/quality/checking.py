"""The check: files or catalogues in, findings out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from alphapanda.data import catalogue
from alphapanda.data.actions import Action, idle
from alphapanda.data.importers import staging, steps
from alphapanda.data.importers.choosing import files_of, is_master, open_source
from alphapanda.data.importers.importing import Progress
from alphapanda.data.importers.naming import Naming
from alphapanda.data.importers.source import Source, Wanted
from alphapanda.data.instruments import read_masters
from alphapanda.data.names import chosen
from alphapanda.data.quality import agreement, jumps, times, values
from alphapanda.data.quality.finding import DAY_SQL, Finding, Rows, day, group_of
from alphapanda.data.replay.scans import connect
from alphapanda.data.schema import FIELDS, Kind
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.calendar import EPOCH, Calendar, SessionGroup, session_group
from alphapanda.model.interval import interval_text, parse_interval


@dataclass(frozen=True, slots=True)
class Asked:
    """What to check, and against what."""

    wanted: Wanted
    calendar: Calendar
    interval: str | None = None
    first: date | None = None
    last: date | None = None
    instruments: tuple[str, ...] = ()
    masters: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    """Corporate actions: jumps that they explain are no findings."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked and found."""

    findings: tuple[Finding, ...]
    rows: int
    instruments: int
    first: date
    last: date
    notes: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """Return it as one JSON object."""
        return {
            "rows": self.rows, "instruments": self.instruments, "from": str(self.first),
            "to": str(self.last), "findings": [each.facts() for each in self.findings],
            "notes": list(self.notes),
        }  # fmt: skip


def check_paths(
    paths: Sequence[str | Path], asked: Asked, *, progress: Progress | None = None
) -> Report:
    """Check files, folders and catalogues.

    Raises: UsageError for what cannot be read, or when nothing is left to check.
    """
    for path in paths:
        catalogue.settle(path)
    with ExitStack() as resources:
        con = connect(memory_limit="1GB", threads=2, resources=resources)
        check = _Check(con, asked)
        return check.run(_files(paths, asked), progress or _silent)


def _silent(what: str, done: int, total: int) -> None:
    """Show nothing."""


def _files(paths: Sequence[str | Path], asked: Asked) -> list[str]:
    kept = []
    interval_ns = None if asked.interval is None else parse_interval(asked.interval)
    for file in files_of(paths):
        part = catalogue.part_of(file)
        if part is not None and not (
            asked.wanted.kind in (None, part.kind) and interval_ns in (None, part.interval_ns)
            and part.within(asked.first, asked.last)
        ):  # fmt: skip
            continue
        kept.append(file)
    if not kept:
        raise UsageError("No file is left to check: see --kind, --interval, --from and --to.")
    return kept


class _Check:
    def __init__(self, con: duckdb.DuckDBPyConnection, asked: Asked) -> None:
        self._con, self._asked = con, asked
        self._tables: dict[str, tuple[Kind, int]] = {}
        self._notes: list[str] = []
        self._files: list[str] = []

    def run(self, files: list[str], progress: Progress) -> Report:
        files = self._without_masters(files)
        self._files = files
        self._naming = Naming.of(files, self._asked.wanted)
        for number, path in enumerate(files):
            self._stage(number, path)
            progress("read", number + 1, len(files))
        self._keepchosen()
        views = self._views()
        findings: list[Finding] = []
        for at, rows in enumerate(views):
            findings += [replace(each, data=_data(rows)) for each in self._of(rows)]
            progress("check", at + 1, len(views))
        for ticks, bars in self._pairs(views):
            times.declare(ticks)
            findings += [
                replace(each, data=_data(bars)) for each in agreement.find_differences(ticks, bars)
            ]
        findings.sort(key=lambda each: (each.kind, each.instrument, each.data))
        return self._report(views, findings)

    # The instruments files that an import put into the catalogue are no market data.
    def _without_masters(self, files: list[str]) -> list[str]:
        kept = [
            file for file in files
            if Path(file).parent.name != catalogue.INSTRUMENTS and not is_master(self._con, file)
        ]  # fmt: skip
        if not kept:
            raise UsageError(f"{files[0]} is a list of instruments: say it as --instruments.")
        return kept

    def _pairs(self, views: Sequence[Rows]) -> list[tuple[Rows, Rows]]:
        ticks = [each for each in views if each.kind == "tick"]
        bars = [each for each in views if each.kind == "bar" and not each.whole_days]
        return [(one, other) for one in ticks for other in bars]

    def _of(self, rows: Rows) -> Iterator[Finding]:
        days = times.declare(rows)
        yield from self._unknown(rows)
        yield from values.check_values(rows)
        yield from times.check_times(rows, days)
        yield from jumps.find_jumps(rows, self._asked.actions)

    def _stage(self, number: int, path: str) -> None:
        part = catalogue.part_of(path)
        wanted = self._naming.wanted(path)
        wanted = replace(wanted, kind=part.kind) if part else wanted
        source = open_source(self._con, path, wanted)
        interval_ns = part.interval_ns if part else self._interval(source)
        self._notes += source.notes
        kind = source.layout.kind
        staging.add(self._con, "staged", source, wanted, file=number)
        if kind == "bar" and not interval_ns:
            interval_ns = steps.interval_of(self._con, "staged", source, said=None)
        table = f"rows_{kind}_{interval_ns}"
        self._tables[table] = (kind, interval_ns)
        staging.move(self._con, "staged", table, kind=kind, shift=0)

    def _interval(self, source: Source) -> int:
        if source.layout.kind != "bar":
            return 0
        if self._asked.interval is not None:
            return parse_interval(self._asked.interval)
        return source.interval_ns or 0

    def _keepchosen(self) -> None:
        first, last = self._asked.first, self._asked.last
        known: set[str] = set()
        for table in self._tables:
            query = f"SELECT DISTINCT instrument FROM {table} WHERE instrument IS NOT NULL"
            names = {name for (name,) in self._con.sql(query).fetchall()}
            known |= names
            drop = [f"{DAY_SQL} < {first.toordinal() - EPOCH}"] if first else []
            drop += [f"{DAY_SQL} > {last.toordinal() - EPOCH}"] if last else []
            if drop:
                self._con.execute(f"DELETE FROM {table} WHERE {' OR '.join(drop)}").fetchall()
            if self._asked.instruments:
                others = [(name,) for name in names if not chosen(name, self._asked.instruments)]
                if others:
                    self._con.executemany(f"DELETE FROM {table} WHERE instrument = ?", others)
        for pattern in self._asked.instruments:
            if not any(chosen(name, (pattern,)) for name in known):
                bare = known if ":" in pattern else {name.partition(":")[2] for name in known}
                raise UsageError(f"No rows of {pattern} in the data.{did_you_mean(pattern, bare)}")

    def _views(self) -> list[Rows]:
        made = []
        groups = self._groups()
        for table, (kind, interval_ns) in sorted(self._tables.items()):
            counts = ", ".join(f"count({name})" for name in FIELDS[kind])
            ((rows, *found),) = self._con.sql(f"SELECT count(*), {counts} FROM {table}").fetchall()
            present = frozenset(n for n, c in zip(FIELDS[kind], found, strict=True) if c)
            if rows:
                made.append(Rows(
                    self._con, table, kind, interval_ns, present, self._files,
                    self._asked.calendar, groups,
                ))  # fmt: skip
        if not made:
            raise UsageError("No row is left to check: see --instrument, --from and --to.")
        return made

    def _groups(self) -> dict[str, SessionGroup]:
        found: dict[str, SessionGroup] = {}
        for table in self._tables:
            query = (
                f"SELECT instrument, max({DAY_SQL}) FROM {table} WHERE instrument IS NOT NULL "
                "GROUP BY 1"
            )
            for name, number in self._con.sql(query).fetchall():
                found[name] = group_of(name)
                if self._asked.masters and number is not None:
                    master = self._masters().at(day(number))
                    if name in master:
                        found[name] = session_group(master.get(name))
        return found

    def _masters(self) -> Any:
        if not hasattr(self, "_read"):
            self._read = read_masters([Path(path) for path in self._asked.masters])
        return self._read

    def _unknown(self, rows: Rows) -> Iterator[Finding]:
        if not self._asked.masters:
            return
        query = (
            f"SELECT instrument, max({DAY_SQL}), count(*), min((file, pos, ts)) "
            f"FROM {rows.table} WHERE instrument IS NOT NULL GROUP BY 1 ORDER BY 1"
        )
        for name, number, count, place in self._con.sql(query).fetchall():
            if name not in self._masters().at(day(number)):
                yield Finding(
                    "unknown instrument", name, count, rows.where(*place),
                    "the instruments file does not have it",
                )  # fmt: skip

    def _report(self, views: Sequence[Rows], findings: Sequence[Finding]) -> Report:
        names: set[str] = set()
        total, edges = 0, []
        for rows in views:
            query = (
                f"SELECT count(*), min({DAY_SQL}), max({DAY_SQL}), list(DISTINCT instrument) "
                f"FROM {rows.table}"
            )
            ((count, low, high, of),) = self._con.sql(query).fetchall()
            total += count
            edges += [each for each in (low, high) if each is not None]
            names |= set(of or ())
        unknown = [each for each in self._asked.actions if each.instrument not in names]
        notes = (*self._notes, *idle(unknown, "no row of it was checked"))
        return Report(tuple(findings), total, len(names), day(min(edges)), day(max(edges)), notes)


def _data(rows: Rows) -> str:
    return f"{rows.kind} {interval_text(rows.interval_ns)}" if rows.interval_ns else rows.kind
