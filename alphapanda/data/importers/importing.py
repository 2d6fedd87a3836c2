"""The import: files in, one change of the catalogue out, and an account of every row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from alphapanda.data import catalogue
from alphapanda.data.actions import Action, idle
from alphapanda.data.catalogue import Part
from alphapanda.data.fineness import too_fine
from alphapanda.data.importers import merging, staging, steps
from alphapanda.data.importers.adjusting import adjust
from alphapanda.data.importers.choosing import files_of, is_master, open_source
from alphapanda.data.importers.contracts import instruments_csv
from alphapanda.data.importers.naming import Naming
from alphapanda.data.importers.source import Contract, Source, Wanted, no_room
from alphapanda.data.importers.writing import write_rows
from alphapanda.data.repeats import repeats_kept
from alphapanda.data.replay.blocks import time_text
from alphapanda.data.replay.scans import connect, is_outside
from alphapanda.data.schema import Kind
from alphapanda.errors import UsageError
from alphapanda.model.interval import interval_text

Progress = Callable[[str, int, int], None]
"""Called with (what is done, rows done, rows in all)."""


@dataclass(frozen=True, slots=True)
class Became:
    """What one file became."""

    file: str
    kind: Kind
    interval: str
    zone: str
    """Of its times, in words."""
    instruments: tuple[str, ...]
    read: int
    kept: int
    """Rows that broke no rule; those that are there already among them."""
    first: str
    """In India's time, as is `last`."""
    last: str
    dropped: Mapping[str, int]
    sorted: int
    """Rows that lay behind a later one."""

    def facts(self) -> dict[str, Any]:
        """Return it as one JSON object."""
        return {
            "file": self.file, "kind": self.kind, "interval": self.interval or None,
            "zone": self.zone, "instruments": list(self.instruments), "read": self.read,
            "kept": self.kept, "from": self.first, "to": self.last,
            "dropped": dict(self.dropped), "sorted": self.sorted,
        }  # fmt: skip


@dataclass(slots=True)
class Account:
    """What an import did with every row."""

    files: list[str] = field(default_factory=list)
    read: int = 0
    new: int = 0
    already: int = 0
    dropped: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Why, how many, and the first as `file, row N`."""
    parts: list[Part] = field(default_factory=list)
    """What was written."""
    instruments: list[str] = field(default_factory=list)
    """Kite-style instruments files that were written."""
    notes: list[str] = field(default_factory=list)
    became: list[Became] = field(default_factory=list)
    """Of each file, in order."""


def import_files(
    root: Path, paths: Sequence[str | Path], wanted: Wanted,
    *, replacing: bool = False, progress: Progress | None = None,
) -> Account:  # fmt: skip
    """Bring files into a catalogue; what is there already is not taken twice.

    Raises:
        UsageError: for a file, row or option that does not fit.
        OutsideError: when disk or memory is full. Either way nothing has changed.
    """
    files = files_of(paths)
    said = {str(Path(path)) for path in paths}
    with catalogue.locked(root), ExitStack() as resources:
        con = connect(memory_limit="1GB", threads=2, resources=resources)
        try:
            importing = _Import(root, con, wanted, progress or _silent, said=said)
            return importing.run(files, replacing=replacing)
        except duckdb.Error as error:
            if is_outside(error):
                raise no_room(str(root), error) from error
            raise


def _silent(what: str, done: int, total: int) -> None:
    """Show nothing."""


class _Import:
    def __init__(
        self, root: Path, con: duckdb.DuckDBPyConnection, wanted: Wanted, progress: Progress,
        *, said: set[str],
    ) -> None:  # fmt: skip
        self._root, self._con, self._wanted, self._progress = root, con, wanted, progress
        self._said = said
        self._account = Account()
        self._tables: dict[str, tuple[Kind, int]] = {}
        self._adjusted: set[Action] = set()

    def run(self, files: list[str], *, replacing: bool) -> Account:
        files = self._without_masters(files)
        self._account.files = files
        staged = catalogue.stage(self._root)
        naming = Naming.of(files, self._wanted)
        sources = [self._open(path, naming) for path in files]
        naming.refuse(self._con, sources)
        self._con.execute(f"ATTACH '{_quoted(staged / 'rows.duckdb')}' AS staging").fetchall()
        self._con.execute("USE staging").fetchall()
        for number, source in enumerate(sources):
            table = self._stage(number, source, naming.wanted(source.path))
            self._account.became.append(became(self._con, table, source, number=number))
            self._progress("read", number + 1, len(sources))
        unmet = [each for each in self._wanted.actions if each not in self._adjusted]
        self._account.notes += idle(unmet, "no row of these files lies before it")
        places = self._merge(staged, replacing=replacing)
        places += self._write_instruments(staged, sources)
        self._count()
        self._con.execute("USE memory; DETACH staging").fetchall()
        for rubbish in staged.glob("rows.duckdb*"):
            rubbish.unlink()
        if places:
            catalogue.commit(self._root, staged, places)
        else:
            staged.rmdir()
        return self._account

    # A broker's list of instruments that lies in a folder is no market data, and no error.
    def _without_masters(self, files: list[str]) -> list[str]:
        kept = [file for file in files if file in self._said or not is_master(self._con, file)]
        self._account.notes += [
            f"{file}: a list of instruments, left out: say it as --instruments"
            for file in files if file not in kept
        ]  # fmt: skip
        if not kept:
            raise UsageError(f"{files[0]} is a list of instruments: say it as --instruments.")
        return kept

    def _open(self, path: str, naming: Naming) -> Source:
        source = open_source(self._con, path, naming.wanted(path))
        self._account.notes += source.notes
        if source.ignored:
            self._account.notes.append(f"{path}: not kept: {', '.join(source.ignored)}")
        return source

    # Each file is staged apart first: the steps of bars tell the interval, or must fit one said.
    def _stage(self, number: int, source: Source, wanted: Wanted) -> str:
        kind, interval_ns, into = source.layout.kind, 0, "staged"
        note = too_fine(
            self._con, source.rows, source.layout, path=source.path, scale=wanted.price_scale
        )
        self._account.notes += [note] if note is not None else []
        staging.add(self._con, into, source, wanted, file=number)
        if wanted.actions:
            done = adjust(self._con, into, kind=kind, actions=wanted.actions, path=source.path)
            self._account.notes += done.values()
            self._adjusted |= done.keys()
        if kind == "bar":
            interval_ns = steps.interval_of(self._con, into, source, said=wanted.interval_ns)
        table = f"rows_{kind}_{interval_ns}"
        self._tables[table] = (kind, interval_ns)
        shift = interval_ns if wanted.stamped_at_end else 0
        staging.move(self._con, into, table, kind=kind, shift=shift)
        return table

    def _merge(self, staged: Path, *, replacing: bool) -> list[Path]:
        spans = [
            (table, Part(kind, interval_ns, span), count)
            for table, (kind, interval_ns) in self._tables.items()
            for span, count in staging.dates(
                self._con, table, length=catalogue.span_length(kind, interval_ns)
            )
        ]
        total, done, places = sum(count for *_, count in spans), 0, []
        for table, part, count in spans:
            existing = self._root / part.place
            kept = self._wanted.keep_repeats or repeats_kept(existing)
            new = merging.merge(
                self._con, table, part, existing, replace=replacing,
                repeats=self._wanted.keep_repeats,
            )  # fmt: skip
            if new:
                write_rows(self._con, "merged", staged / part.place, kind=part.kind, repeats=kept)
                places.append(part.place)
                self._account.parts.append(part)
            self._account.new += new
            done += count
            self._progress("write", done, total)
        return places

    def _count(self) -> None:
        for table in self._tables:
            ((rows,),) = self._con.sql(f"SELECT count(*) FROM {table}").fetchall()
            self._account.read += rows
            for flaw, count, file, pos in staging.dropped(self._con, table):
                before, first = self._account.dropped.get(flaw, (0, ""))
                where = first or f"{self._account.files[file]}, row {pos + 1}"
                self._account.dropped[flaw] = (before + count, where)
        self._account.already = self._account.dropped.pop(merging.ALREADY, (0, ""))[0]
        if not self._account.read:
            raise UsageError(f"{self._account.files[0]} holds no rows: leave it out.")
        drops = self._account.dropped.get(merging.REPEAT)
        if drops is not None:
            self._account.notes.append(
                f"{drops[0]} rows repeat another exactly and were dropped: of trades that may be "
                "real ones --keep-repeats keeps them"
            )

    def _write_instruments(self, staged: Path, sources: Sequence[Source]) -> list[Path]:
        by_file: dict[tuple[str, str], dict[str, Contract]] = defaultdict(dict)
        for source in sources:
            underlyings = {contract.underlying for contract in source.contracts}
            if underlyings:
                of = underlyings.pop() if len(underlyings) == 1 else source.exchange
                file = f"{of}_{source.day:%Y%m%d}.csv"
                by_file[source.exchange, file].update(
                    {contract.symbol: contract for contract in source.contracts}
                )
        places = []
        for (exchange, name), contracts in by_file.items():
            place = Path(catalogue.INSTRUMENTS, name)
            final = self._root / place
            text = instruments_csv(contracts.values(), final, exchange)
            self._account.instruments.append(str(final))
            if final.is_file() and final.read_text(encoding="utf-8") == text:
                continue
            (staged / place).parent.mkdir(exist_ok=True)
            (staged / place).write_text(text, encoding="utf-8")
            places.append(place)
        return places


def became(con: duckdb.DuckDBPyConnection, table: str, source: Source, *, number: int) -> Became:
    """Return what a staged file became.

    Raises: UsageError when none of its rows can be read.
    """
    of = f"FROM {table} WHERE file = {number}"
    ((read, kept, first, last, names),) = con.sql(
        f"SELECT count(*), count(*) FILTER (flaw IS NULL), min(ts) FILTER (flaw IS NULL), "
        f"max(ts) FILTER (flaw IS NULL), list(DISTINCT instrument) FILTER (flaw IS NULL) {of}"
    ).fetchall()
    dropped = dict(
        con.sql(f"SELECT flaw, count(*) {of} AND flaw IS NOT NULL GROUP BY 1 ORDER BY 1").fetchall()
    )
    if read and not kept:
        ((pos, why),) = con.sql(f"SELECT pos, flaw {of} ORDER BY pos LIMIT 1").fetchall()
        reasons = ", ".join(f"{count} {why}" for why, count in dropped.items())
        raise UsageError(
            f"{source.path}: no row can be read ({reasons}; the first is row {pos + 1}: {why}). "
            "Say with --map which column is what, with --dates how its days are written, or leave "
            "it out."
        )
    steps_back = (
        f"SELECT ts < max(ts) OVER (PARTITION BY instrument ORDER BY pos ROWS BETWEEN UNBOUNDED "
        f"PRECEDING AND 1 PRECEDING) AS back {of} AND flaw IS NULL"
    )
    ((back,),) = con.sql(f"SELECT count(*) FILTER (back) FROM ({steps_back})").fetchall()
    interval_ns = int(table.rpartition("_")[2])
    return Became(
        source.path, source.layout.kind, interval_text(interval_ns) if interval_ns else "",
        source.zone, tuple(sorted(names or ())), read, kept,
        time_text(first)[:19] if kept else "", time_text(last)[:19] if kept else "", dropped, back,
    )  # fmt: skip


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
