"""The import: files in, one change of the catalogue out, and an account of every row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from alphapanda.data import catalogue
from alphapanda.data.catalogue import Part
from alphapanda.data.importers import merging, staging
from alphapanda.data.importers.choosing import files_of, open_source
from alphapanda.data.importers.contracts import instruments_csv
from alphapanda.data.importers.source import Contract, Source, Wanted, no_room
from alphapanda.data.importers.writing import write_rows
from alphapanda.data.replay.scans import connect, is_outside
from alphapanda.data.schema import Kind
from alphapanda.errors import UsageError

Progress = Callable[[str, int, int], None]
"""Called with (what is done, rows done, rows in all)."""


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
    with catalogue.locked(root), ExitStack() as resources:
        con = connect(memory_limit="1GB", threads=2, resources=resources)
        try:
            return _Import(root, con, wanted, progress or _silent).run(files, replacing=replacing)
        except duckdb.Error as error:
            if is_outside(error):
                raise no_room(str(root), error) from error
            raise


def _silent(what: str, done: int, total: int) -> None:
    """Show nothing."""


class _Import:
    def __init__(
        self, root: Path, con: duckdb.DuckDBPyConnection, wanted: Wanted, progress: Progress
    ) -> None:
        self._root, self._con, self._wanted, self._progress = root, con, wanted, progress
        self._account = Account()
        self._tables: dict[str, tuple[Kind, int]] = {}

    def run(self, files: list[str], *, replacing: bool) -> Account:
        self._account.files = files
        staged = catalogue.stage(self._root)
        sources = [self._open(path) for path in files]
        self._con.execute(f"ATTACH '{_quoted(staged / 'rows.duckdb')}' AS staging").fetchall()
        self._con.execute("USE staging").fetchall()
        for number, source in enumerate(sources):
            self._stage(number, source)
            self._progress("read", number + 1, len(sources))
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

    def _open(self, path: str) -> Source:
        source = open_source(self._con, path, self._wanted)
        self._account.notes += source.notes
        if source.ignored:
            self._account.notes.append(f"{path}: not kept: {', '.join(source.ignored)}")
        return source

    # Bars of a file whose interval nothing says are staged apart until their steps have told it.
    def _stage(self, number: int, source: Source) -> None:
        kind = source.layout.kind
        if kind == "bar" and source.interval_ns is None:
            self._con.execute(f"CREATE TABLE untold ({staging.columns_sql(kind)})").fetchall()
            plain = replace(self._wanted, stamped_at_end=False)
            staging.add(self._con, "untold", source, plain, file=number)
            step = staging.told_interval(self._con, "untold", source, file=number)
            self._con.execute("DROP TABLE untold").fetchall()
            source = replace(source, interval_ns=step)
        interval_ns = source.interval_ns or 0
        table = f"rows_{kind}_{interval_ns}"
        self._tables[table] = (kind, interval_ns)
        staging.add(self._con, table, source, self._wanted, file=number)

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
            new = merging.merge(self._con, table, part, existing, replace=replacing)
            if new:
                write_rows(self._con, "merged", staged / part.place, kind=part.kind)
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

    def _write_instruments(self, staged: Path, sources: Sequence[Source]) -> list[Path]:
        by_file: dict[str, dict[str, Contract]] = defaultdict(dict)
        for source in sources:
            underlyings = {contract.underlying for contract in source.contracts}
            if underlyings:
                of = underlyings.pop() if len(underlyings) == 1 else "NFO"
                file = f"{of}_{source.day:%Y%m%d}.csv"
                by_file[file].update({contract.symbol: contract for contract in source.contracts})
        places = []
        for name, contracts in by_file.items():
            place = Path(catalogue.INSTRUMENTS, name)
            final = self._root / place
            text = instruments_csv(contracts.values(), final)
            self._account.instruments.append(str(final))
            if final.is_file() and final.read_text(encoding="utf-8") == text:
                continue
            (staged / place).parent.mkdir(exist_ok=True)
            (staged / place).write_text(text, encoding="utf-8")
            places.append(place)
        return places


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
