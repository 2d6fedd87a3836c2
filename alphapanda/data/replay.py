"""The replay source: recorded ticks, quotes or bars out of Parquet, checked and in running order.

Opening reads footers, symbols and times: it knows the instruments, the days and whether the rows
lie in order already. `Replay.batches` then streams them; rows that lie out of order are sorted by
DuckDB a few days at a time, so memory stays bounded however much data there is.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import duckdb
import numpy as np
import pyarrow as pa

from alphapanda.data import names as naming
from alphapanda.data.checks import (
    NOT_SELECTED,
    POSITION_BITS,
    Block,
    Checks,
    Defect,
    Survey,
    grouping,
    heads,
    take,
)
from alphapanda.data.names import FileSymbols
from alphapanda.data.parquet import (
    FileInfo,
    Footer,
    file_info,
    find_files,
    identifier,
    literal,
    read_footers,
    scan,
)
from alphapanda.data.schema import (
    DAY_NS,
    FIELDS,
    IST_NS,
    LADDER_SIDES,
    NAIVE,
    NULL,
    PRICES,
    SECOND_NS,
    Kind,
    Layout,
    epoch_unit_ns,
    interval_text,
    normal,
    parse_interval,
    recognise,
)
from alphapanda.errors import OutsideError, UsageError
from alphapanda.model.columns import Columns, Int32, Int64
from alphapanda.model.money import SCALE

SAMPLE = 2_000
"""Rows looked at to tell an epoch's unit or a price's making."""

CHUNK_ROWS = 4_000_000
"""Rows sorted at once, unless a single day has more."""

CLOSE_NS = (15 * 60 + 30) * 60 * SECOND_NS
"""A day bar enters at 15:30 IST."""

LATE_CLOSE_NS = {
    "MCX": (23 * 60 + 55) * 60 * SECOND_NS,
    "NCO": (23 * 60 + 55) * 60 * SECOND_NS,
    "CDS": 17 * 3600 * SECOND_NS,
    "BCD": 17 * 3600 * SECOND_NS,
}
"""Exchanges whose day ends later: their bars would be look-ahead at 15:30."""

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What to replay, and how to read it."""

    paths: Sequence[str | Path]
    kind: Kind | None = None
    interval: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    repair: bool = False
    first: date | None = None
    last: date | None = None
    instruments: Sequence[str] | None = None
    qty_scale: int = 1
    exchange: str = "NSE"
    batch_rows: int = 262_144
    memory_limit: str = "1GB"
    threads: int = 2


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring files of one layout, read by one scan; `first` is the number of its first."""

    paths: tuple[str, ...]
    layout: Layout
    first: int = 0


@dataclass(frozen=True, slots=True)
class Instruments:
    """The names, and the row in them of each symbol code and of each file's unnamed rows."""

    names: tuple[str, ...]
    codes: Int32
    fallback: Int32
    symbols: tuple[str, ...] | None
    """The symbols to keep; None: all."""
    keep_unnamed: bool


def open_replay(options: ReplayOptions) -> Replay:
    """Open recorded market data for a run.

    Raises: UsageError naming the file, row, column or option that is wrong.
    """
    _check_options(options)
    with ExitStack() as resources:
        con = _connect(options, resources)
        opening = _Opening(con, options)
        try:
            opened = opening.open()
        except duckdb.OutOfMemoryException as error:
            raise OutsideError(f"DuckDB needs more than {options.memory_limit}: {error}") from error
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise UsageError(_unreadable(error)) from error
        opened._resources = resources.pop_all()
        return opened


class Replay:
    """Opened market data: what it is, and its rows in running order; a context manager."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        options: ReplayOptions,
        *,
        runs: Sequence[Run],
        instruments: Instruments,
        survey: Survey,
        interval_ns: int,
        files: tuple[FileInfo, ...],
        notes: tuple[str, ...],
    ) -> None:
        layout = runs[0].layout
        present = {name for run in runs for name in run.layout.fields}
        self.kind = layout.kind
        self.interval_ns = interval_ns
        self.names = instruments.names
        self.columns = frozenset({"ts", "instrument", *present})
        self.days = tuple(EPOCH + timedelta(days=day) for day in sorted(survey.days))
        self.rows = survey.rows
        self.files = files
        self.notes = notes
        self.repairs: dict[str, int] = dict(survey.dropped)
        self._con, self._options, self._runs = con, options, runs
        self._instruments, self._survey = instruments, survey
        self._fields = tuple(name for name in FIELDS[self.kind] if name in present)
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and remove its temporary files."""
        self._resources.close()

    def batches(self) -> Iterator[Columns]:
        """Yield the rows by (ts, instrument, file position), at most `batch_rows` at once.

        `repairs` is complete when the last batch has been taken.

        Raises: UsageError at a row that breaks a rule; what came before is then void.
        """
        checks = Checks(
            kind=self.kind,
            fields=self._checked_fields(),
            instruments=len(self.names),
            repair=self._options.repair,
        )
        try:
            for block in self._blocks(checks):
                yield from self._deliver(block)
        except Defect as defect:
            _fail(self._con, self._runs, defect)
        except duckdb.OutOfMemoryException as error:
            limit = self._options.memory_limit
            raise OutsideError(f"DuckDB needs more than {limit}: {error}") from error
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise UsageError(_unreadable(error)) from error
        self.repairs = dict(self._survey.dropped + checks.dropped)

    def _checked_fields(self) -> tuple[str, ...]:
        return (*self._fields, "last") if self.kind == "quote" else self._fields

    def _blocks(self, checks: Checks) -> Iterator[Block]:
        pieces = (checks.values(piece) for piece in self._pieces())
        for block in regrouped(pieces, self._options.batch_rows):
            yield checks.volumes(checks.late(checks.repeats(by_instrument(block))))

    def _deliver(self, block: Block) -> Iterator[Columns]:
        given = {name: block[name] for name in ("ts", "row", *self._fields)}
        if self.kind == "bar":
            given["last"] = given.pop("close")
        elif self.kind == "quote":
            given["last"] = block["last"]
        batch = Columns.of(**given)
        for start in range(0, batch.rows, self._options.batch_rows):
            yield batch.slice(start, start + self._options.batch_rows)

    # Rows in order of (ts, pos), without those the survey dropped. Rows that stepped back in time
    # are marked late: most often they repeat a row exactly, which is seen only in running order.
    def _pieces(self) -> Iterator[Block]:
        backward = self._survey.backward()
        for query in self._queries():
            for block in stream(self._con, query, self._options.batch_rows):
                placed = place(block, self._instruments)
                if self._survey.dropped or placed["row"].min(initial=0) < 0:
                    placed = take(placed, (placed["ts"] > 0) & (placed["row"] >= 0))
                if len(backward):
                    placed["late"] = _contained(placed["pos"], backward)
                if len(placed["ts"]):
                    yield placed

    def _queries(self) -> Iterator[str]:
        options = self._options
        if self._survey.in_order:
            yield from (self._query([run], options.first, options.last) for run in self._runs)
            return
        for first, last in self._windows():
            yield f"{self._query(self._runs, first, last)} ORDER BY ts, pos"

    def _query(self, runs: Sequence[Run], first: date | None, last: date | None) -> str:
        selects = []
        for run in runs:
            columns = [
                f"coalesce({self._stamp_sql(run.layout)}, {NULL})::BIGINT AS ts",
                *_place_columns(run),
                *(self._field_sql(run.layout, name) for name in self._fields),
            ]
            where = _where(run.layout, self._instruments, first, last)
            selects.append(f"SELECT {', '.join(columns)} FROM {scan(run.paths)}{where}")
        rows = " UNION ALL ".join(selects)
        if self.kind != "quote":
            return f"SELECT * FROM ({rows})"
        return f"SELECT *, {self._mid_sql()} AS last FROM ({rows})"

    def _field_sql(self, layout: Layout, name: str) -> str:
        if name not in layout.columns:
            return f"0::BIGINT AS {name_sql(name)}"
        scale = self._options.qty_scale
        return f"{layout.field_sql(name, qty_scale=scale)} AS {name_sql(name)}"

    def _mid_sql(self) -> str:
        sides = [side for side in ("bid", "ask") if side in self._fields]
        if len(sides) == 1:
            return sides[0]
        return (
            "CASE WHEN bid > 0 AND ask > 0 THEN (bid + ask) // 2 "
            "WHEN bid > 0 THEN bid ELSE ask END"
        )

    def _stamp_sql(self, layout: Layout) -> str:
        stamp = layout.time_sql()
        if self.kind != "bar":
            return stamp
        if self.interval_ns % DAY_NS:
            return f"({stamp} + {self.interval_ns})"
        close = max(_close_ns(name) for name in self.names)
        end = self.interval_ns - DAY_NS - IST_NS + close
        return f"(({stamp} + {IST_NS}) // {DAY_NS} * {DAY_NS} + {end})"

    # Days that are sorted together: as many as stay within CHUNK_ROWS.
    def _windows(self) -> Iterator[tuple[date, date]]:
        window: list[date] = []
        rows = 0
        for day in self.days:
            count = self._survey.days[(day - EPOCH).days]
            if window and rows + count > CHUNK_ROWS:
                yield window[0], window[-1]
                window, rows = [], 0
            window.append(day)
            rows += count
        yield window[0], window[-1]


class _Opening:
    """The steps from options to an open replay."""

    def __init__(self, con: duckdb.DuckDBPyConnection, options: ReplayOptions) -> None:
        self.con, self.options = con, options
        self.notes: list[str] = []

    def open(self) -> Replay:
        footers = read_footers(self.con, find_files(self.options.paths))
        layouts = self._layouts(footers)
        symbols = self._symbols(_runs([(f.path, layouts[f.path]) for f in footers]))
        instruments, used = self._instruments(symbols)
        runs = _runs([(path, layouts[path]) for path in used])
        rows = {footer.path: footer for footer in footers}
        with ThreadPoolExecutor(max_workers=1) as hashing:
            infos = hashing.map(lambda path: file_info(rows[path]), used)
            survey = self._survey(runs, instruments)
            interval_ns = self._interval_ns(runs, survey)
            self._describe(runs, symbols, interval_ns=interval_ns)
            files = tuple(infos)
        return Replay(
            self.con,
            self.options,
            runs=runs,
            instruments=instruments,
            survey=survey,
            interval_ns=interval_ns,
            files=files,
            notes=tuple(self.notes),
        )

    def _layouts(self, footers: Sequence[Footer]) -> dict[str, Layout]:
        by_schema: dict[tuple[tuple[str, ...], ...], Layout] = {}
        for footer in footers:
            if footer.schema not in by_schema:
                by_schema[footer.schema] = self._layout(footer.path)
        layouts = {footer.path: by_schema[footer.schema] for footer in footers}
        first, *others = layouts
        for path in others:
            if layouts[path].kind != layouts[first].kind:
                raise UsageError(
                    f"{first} holds {layouts[first].kind}s, {path} {layouts[path].kind}s: "
                    "run them apart, or say --kind."
                )
        return layouts

    def _layout(self, file: str) -> Layout:
        source, options = scan([file]), self.options
        described = {
            name: dtype
            for name, dtype, *_ in self.con.sql(f"DESCRIBE SELECT * FROM {source}").fetchall()
        }
        self._refuse_ladder(described, file)
        layout = recognise(described, file, kind=options.kind, mapping=options.mapping)
        if unit := self._epoch_unit(layout, source):
            layout = replace(layout, unit_ns=unit)
        return replace(layout, float32=self._float32(layout, source))

    def _refuse_ladder(self, described: Mapping[str, str], file: str) -> None:
        side = next((name for name in described if normal(name) == "side"), None)
        if side is None:
            return
        sample = f"SELECT {identifier(side)} AS side FROM {scan([file])} LIMIT {SAMPLE}"
        query = f"SELECT DISTINCT lower(side::VARCHAR) FROM ({sample})"
        if LADDER_SIDES & {value for (value,) in self.con.sql(query).fetchall()}:
            raise UsageError(
                f"{file} is a depth ladder (one row a level of one side); it cannot be run. "
                "Give trades, quotes or bars instead."
            )

    def _epoch_unit(self, layout: Layout, source: str) -> int | None:
        if layout.types["ts"] in NAIVE | {"VARCHAR"} or "TIMESTAMP" in layout.types["ts"]:
            return None
        column = layout.column("ts")
        sample = f"SELECT {column} AS ts FROM {source} WHERE {column} IS NOT NULL LIMIT {SAMPLE}"
        ((number,),) = self.con.sql(f"SELECT median(ts)::BIGINT FROM ({sample})").fetchall()
        return None if number is None else epoch_unit_ns(number)

    # A column went through a float32 if every value fits one and some are off the scale.
    def _float32(self, layout: Layout, source: str) -> frozenset[str]:
        names = [name for name in layout.fields if name in PRICES]
        names = [name for name in names if layout.types[name] in ("DOUBLE", "FLOAT")]
        if not names:
            return frozenset()
        tests = [
            f"coalesce(bool_and({name_sql(name)}::FLOAT::DOUBLE = {name_sql(name)}) AND bool_or(abs("
            f"{name_sql(name)} * {SCALE} - round({name_sql(name)} * {SCALE})) > 0.001), false)"
            for name in names
        ]
        values = ", ".join(f"{layout.column(name)}::DOUBLE AS {name_sql(name)}" for name in names)
        sample = f"SELECT {values} FROM {source} LIMIT {SAMPLE}"
        (answers,) = self.con.sql(f"SELECT {', '.join(tests)} FROM ({sample})").fetchall()
        return frozenset(name for name, yes in zip(names, answers, strict=True) if yes)

    def _symbols(self, runs: Sequence[Run]) -> list[FileSymbols]:
        options = self.options
        found = [
            file for run in runs for file in self._run_symbols(run, options.first, options.last)
        ]
        found = [self._wider(file, runs) for file in found]
        if not any(file.rows for file in found):
            raise UsageError(self._nothing_there(runs))
        return found

    def _run_symbols(
        self, run: Run, first: date | None, last: date | None
    ) -> list[FileSymbols]:
        symbol = "NULL"
        if "instrument" in run.layout.columns:
            symbol = f"nullif({run.layout.column('instrument')}::VARCHAR, '')"
        where = _and(run.layout.day_filter(first, last))
        counted = self.con.sql(
            f"SELECT file_index, {symbol} AS symbol, count(*) FROM {scan(run.paths)}{where} "
            "GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        rows: list[dict[str | None, int]] = [{} for _ in run.paths]
        for file, name, count in counted:
            rows[file][name] = count
        return [FileSymbols(path, rows[at]) for at, path in enumerate(run.paths)]

    # Within the days asked for a file may have no symbol, and yet name it on others.
    def _wider(self, file: FileSymbols, runs: Sequence[Run]) -> FileSymbols:
        bounded = self.options.first is not None or self.options.last is not None
        run = next(run for run in runs if file.path in run.paths)
        if not (bounded and file.rows and file.unnamed and "instrument" in run.layout.columns):
            return file
        (whole,) = self._run_symbols(replace(run, paths=(file.path,)), None, None)
        absent = {symbol: 0 for symbol in whole.rows if symbol is not None}
        return replace(file, rows={**file.rows, **absent})

    def _nothing_there(self, runs: Sequence[Run]) -> str:
        edges = []
        for run in runs:
            stamp = f"({run.layout.time_sql()} + {IST_NS}) // {DAY_NS}"
            query = f"SELECT min({stamp}), max({stamp}) FROM {scan(run.paths)}"
            edges += [day for day in self.con.sql(query).fetchall()[0] if day is not None]
        if not edges:
            return f"{runs[0].paths[0]}: no row has a time that can be read."
        first, last = (EPOCH + timedelta(days=day) for day in (min(edges), max(edges)))
        return f"No rows between --from and --to: the data covers {first} to {last}."

    def _instruments(self, symbols: Sequence[FileSymbols]) -> tuple[Instruments, list[str]]:
        options = self.options
        symbols = [file for file in symbols if file.rows]
        chosen = naming.select(symbols, options.instruments, options.exchange)

        def name(symbol: str | None) -> str | None:
            return None if symbol is None else naming.full_name(symbol, options.exchange)

        # A file takes part for rows with a chosen name, or with none that can be told.
        used = []
        for file in symbols:
            rows = Counter[str | None]()
            for symbol, count in file.rows.items():
                rows[name(file.fallback() if symbol is None else symbol)] += count
            if any(
                count and (each in chosen or (each is None and options.instruments is None))
                for each, count in rows.items()
            ):
                used.append(file)
        held = {
            name(file.fallback() if symbol is None else symbol)
            for file in used
            for symbol, count in file.rows.items()
            if count
        }
        names = tuple(sorted(each for each in chosen if each in held))
        row = {each: at for at, each in enumerate(names)}
        known = sorted({symbol for file in used for symbol in file.rows if symbol is not None})
        listed = ", ".join(map(literal, known or [""]))
        self.con.execute(f"CREATE TYPE replay_symbol AS ENUM ({listed})").fetchall()
        codes = np.array([row.get(str(name(symbol)), NOT_SELECTED) for symbol in known], np.int32)
        fallback = [
            -1 if (each := name(file.fallback())) is None else row.get(each, NOT_SELECTED)
            for file in used
        ]
        all_kept = options.instruments is None
        kept = None if all_kept else tuple(s for s in known if str(name(s)) in row)
        made = Instruments(
            names=names,
            codes=codes,
            fallback=np.array(fallback, np.int32),
            symbols=kept,
            keep_unnamed=all_kept or any(None in f.rows and name(f.fallback()) in row for f in used),
        )
        return made, [file.path for file in used]

    def _survey(self, runs: Sequence[Run], instruments: Instruments) -> Survey:
        options = self.options
        survey = Survey(
            instruments=len(instruments.names),
            repair=options.repair,
            bars=runs[0].layout.kind == "bar",
        )
        for run in runs:
            stamp = f"coalesce({run.layout.time_sql()}, {NULL})::BIGINT AS ts"
            where = _where(run.layout, instruments, options.first, options.last)
            columns = ", ".join([stamp, *_place_columns(run)])
            query = f"SELECT {columns} FROM {scan(run.paths)}{where}"
            try:
                for block in stream(self.con, query, options.batch_rows):
                    survey.add(place(block, instruments))
            except Defect as defect:
                _fail(self.con, runs, defect)
        if not survey.days:
            raise UsageError(f"{runs[0].paths[0]}: no row is left after repair.")
        return survey

    def _interval_ns(self, runs: Sequence[Run], survey: Survey) -> int:
        if runs[0].layout.kind != "bar":
            return 0
        if self.options.interval is not None:
            return self._whole_days(parse_interval(self.options.interval))
        if any(run.layout.types["ts"] == "DATE" for run in runs):
            return DAY_NS
        told = {file: usual_step(steps) for file, steps in survey.steps.items() if steps}
        if not told:
            return self._whole_days(self._usual_step(runs[0]))
        file, interval_ns = next(iter(told.items()))
        for other, step in told.items():
            if step != interval_ns:
                raise UsageError(
                    f"{_path(runs, file)} holds bars of {interval_text(interval_ns)}, "
                    f"{_path(runs, other)} of {interval_text(step)}: run them apart."
                )
        return self._whole_days(interval_ns)

    # The days asked for may hold one bar each: the rest of the file tells the interval.
    def _usual_step(self, run: Run) -> int:
        symbol = run.layout.column("instrument") if "instrument" in run.layout.columns else "1"
        rows = (
            f"SELECT {run.layout.time_sql()} AS ts, {symbol} AS symbol, file_row_number AS pos "
            f"FROM {scan(run.paths[:1])} LIMIT {100 * SAMPLE}"
        )
        steps = f"SELECT ts - lag(ts) OVER (PARTITION BY symbol ORDER BY pos) AS step FROM ({rows})"
        query = f"SELECT step, count(*) FROM ({steps}) WHERE step > 0 GROUP BY step"
        counted = Counter[int](dict(self.con.sql(query).fetchall()))
        if not counted:
            raise UsageError(
                f"{run.paths[0]}: one bar does not tell its interval: give it with --interval."
            )
        return usual_step(counted)

    def _whole_days(self, interval_ns: int) -> int:
        if interval_ns > DAY_NS and interval_ns % DAY_NS:
            raise UsageError(
                f"Bars of {interval_text(interval_ns)} are neither within a day nor whole days: "
                "give the interval with --interval."
            )
        return interval_ns

    def _describe(
        self, runs: Sequence[Run], symbols: Sequence[FileSymbols], *, interval_ns: int
    ) -> None:
        paths = {path for run in runs for path in run.paths}
        symbols = [file for file in symbols if file.path in paths]
        for run in runs:
            self._describe_run(run, runs)
        for file in symbols:
            unnamed = file.rows.get(None, 0)
            fallback = file.fallback()
            if file.unnamed:
                named = naming.full_name(str(fallback), self.options.exchange)
                self.notes.append(f"{file.path}: no symbols, instrument named {named} by the file")
            elif unnamed and fallback is not None:
                self.notes.append(
                    f"{file.path}: {unnamed} rows without a symbol are taken as {fallback}"
                )
        if interval_ns and interval_ns % DAY_NS == 0:
            close = max(_close_ns(name) for name in self._names_of(symbols)) // (60 * SECOND_NS)
            self.notes.append(
                f"day bars enter at {close // 60:02}:{close % 60:02} IST of their last day"
            )
        elif interval_ns:
            self.notes.append(f"stamps are bar starts: shifted by {interval_text(interval_ns)}")

    def _names_of(self, symbols: Sequence[FileSymbols]) -> set[str]:
        exchange = self.options.exchange
        return set(naming.select(symbols, self.options.instruments, exchange))

    def _describe_run(self, run: Run, runs: Sequence[Run]) -> None:
        layout, file = run.layout, run.paths[0]
        if layout.types["ts"] in NAIVE and layout.types["ts"] != "DATE":
            self.notes.append(f"{file}: times in {layout.columns['ts']} have no zone: taken as IST")
        if layout.float32:
            listed = ", ".join(layout.columns[name] for name in sorted(layout.float32))
            self.notes.append(f"{file}: {listed} went through float32: rounded to paise")
        if layout.kind == "tick" and "volume" not in layout.columns:
            described = self.con.sql(f"DESCRIBE SELECT * FROM {scan([file])}").fetchall()
            if any(normal(name) == "volume_delta" for name, *_ in described):
                self.notes.append(f"{file}: volume_delta is ignored: deltas do not add up")
        present = {name for each in runs for name in each.layout.fields}
        for name in FIELDS[layout.kind]:
            if name in present and name not in layout.columns:
                self.notes.append(f"{file}: no column for {name}: 0 there")


def stream(con: duckdb.DuckDBPyConnection, query: str, batch_rows: int) -> Iterator[Block]:
    """Yield a query's rows as blocks of NumPy arrays, some of them views of DuckDB's memory."""
    with con.cursor() as cursor:
        cursor.execute(_SETTINGS)
        reader = cursor.sql(query).to_arrow_reader(batch_rows)
        try:
            for batch in reader:
                if batch.num_rows:
                    yield {
                        name: batch.column(at).to_numpy()
                        for at, name in enumerate(batch.schema.names)
                    }
        finally:
            reader.close()


def place(block: Block, instruments: Instruments) -> Block:
    """Return a block with the instrument row of each row in place of its symbol's code."""
    code = block.pop("code")
    if code.min() >= 0:
        return {**block, "row": instruments.codes[code]}
    row = instruments.fallback[block["pos"] >> POSITION_BITS]
    if code.max() >= 0:
        row = np.where(code >= 0, instruments.codes[code], row)
    return {**block, "row": row}


def regrouped(pieces: Iterator[Block], size: int) -> Iterator[Block]:
    """Yield blocks of at most `size` rows, cut between times; one time is never cut.

    Where it cuts depends on the rows alone, not on how the pieces came.
    """
    held: list[Block] = []
    count = 0
    for piece in pieces:
        held.append(piece)
        count += len(piece["ts"])
        if count <= size:
            continue
        block = joined(held)
        start = 0
        while (stop := _cut(block["ts"], start, size)) is not None:
            yield _part(block, start, stop)
            start = stop
        held = [{name: column[start:] for name, column in block.items()}]
        count -= start
    if count:
        yield _part(joined(held), 0, count)


def joined(blocks: Sequence[Block]) -> Block:
    """Return blocks as one."""
    if len(blocks) == 1:
        return blocks[0]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def by_instrument(block: Block) -> Block:
    """Return a block with the rows of each time by instrument, late ones last.

    Raises: UsageError where times fall.
    """
    ts, row = block["ts"], block["row"]
    if not (ts[1:] >= ts[:-1]).all():
        raise UsageError("The data changed while it was read: run again.")
    tie = ts[1:] == ts[:-1]
    late = block.get("late")
    if late is None and not (tie & (row[1:] < row[:-1])).any():
        return block
    key = np.cumsum(np.append(False, ~tie)) * (int(row.max()) + 1) + row
    if late is not None:
        key = 2 * key + late
    return take(block, np.argsort(key, kind="stable"))


def usual_step(steps: Counter[int]) -> int:
    """Return the most common step; of several, the least."""
    return min(steps, key=lambda step: (-steps[step], step))


def name_sql(name: str) -> str:
    """Return a canonical column's name in our queries."""
    return identifier(name)


_SETTINGS = "SET TimeZone = 'Asia/Kolkata'"


# The place in ts of the last change of time within `size` rows; beyond them if there is none;
# None if the rows do not reach that far.
def _cut(ts: Int64, start: int, size: int) -> int | None:
    if start + size >= len(ts):
        return None
    after = ts[start + size]
    stop = start + int(np.searchsorted(ts[start : start + size], after, side="left"))
    if stop > start:
        return stop
    stop = start + int(np.searchsorted(ts[start:], after, side="right"))
    return None if stop == len(ts) else stop


# Batches leave as arrays of their own that can be written to: a kernel compiled for writable
# arrays would be compiled again for others.
def _part(block: Block, start: int, stop: int) -> Block:
    part = {name: column[start:stop] for name, column in block.items()}
    return {
        name: column if column.flags.writeable else column.copy() for name, column in part.items()
    }


def _contained(pos: Int64, among: Int64) -> Any:
    at = np.minimum(np.searchsorted(among, pos), len(among) - 1)
    return among[at] == pos


def _runs(files: Sequence[tuple[str, Layout]]) -> list[Run]:
    runs: list[Run] = []
    first = 0
    for _, group in groupby(files, key=lambda file: repr(file[1])):
        members = list(group)
        runs.append(Run(tuple(path for path, _ in members), members[0][1], first))
        first += len(members)
    return runs


def _place_columns(run: Run) -> list[str]:
    pos = f"((file_index + {run.first})::BIGINT << {POSITION_BITS}) | file_row_number"
    columns = [f"({pos})::BIGINT AS pos"]
    symbol = "-1::INTEGER"
    if "instrument" in run.layout.columns:
        text = f"nullif({run.layout.column('instrument')}::VARCHAR, '')"
        symbol = f"coalesce(enum_code(TRY_CAST({text} AS replay_symbol))::INTEGER, -1)::INTEGER"
    return [*columns, f"{symbol} AS code"]


def _where(
    layout: Layout, instruments: Instruments, first: date | None, last: date | None
) -> str:
    conditions = layout.day_filter(first, last)
    if instruments.symbols is not None and "instrument" in layout.columns:
        text = f"{layout.column('instrument')}::VARCHAR"
        kept = [f"{text} IN ({', '.join(map(literal, instruments.symbols))})"]
        if not instruments.symbols:
            kept = ["false"]
        if instruments.keep_unnamed:
            kept.append(f"nullif({text}, '') IS NULL")
        conditions.append(f"({' OR '.join(kept)})")
    return _and(conditions)


def _and(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _close_ns(name: str) -> int:
    return LATE_CLOSE_NS.get(name.partition(":")[0], CLOSE_NS)


def _path(runs: Sequence[Run], file: int) -> str:
    run = next(run for run in reversed(runs) if run.first <= file)
    return run.paths[file - run.first]


def _fail(con: duckdb.DuckDBPyConnection, runs: Sequence[Run], defect: Defect) -> NoReturn:
    file, number = defect.pos >> POSITION_BITS, defect.pos & ((1 << POSITION_BITS) - 1)
    path = _path(runs, file)
    layout = next(run for run in reversed(runs) if run.first <= file).layout
    shown = defect.field if defect.field in layout.columns else "ts"
    column = layout.columns.get(shown, shown)
    source = f"{scan([path])} WHERE file_row_number = {number}"
    value = con.sql(f"SELECT {layout.column(shown)}::VARCHAR FROM {source}").fetchall()[0][0]
    place = f"{path}, row {number + 1}: {column} is {'null' if value is None else value}"
    if defect.kind == "fraction":
        raise UsageError(
            f"{place}: {defect.detail}. Give --qty-scale, the number of units that make 1 "
            "(for instance --qty-scale 10000)."
        ) from defect
    raise UsageError(
        f"{place}: {defect.kind}: {defect.detail}. Correct the file, or drop and count such rows "
        "with --repair."
    ) from defect


def _check_options(options: ReplayOptions) -> None:
    if options.batch_rows < 1:
        raise UsageError(f"batch_rows is {options.batch_rows}: it must be at least 1.")
    if options.qty_scale < 1:
        raise UsageError(f"--qty-scale {options.qty_scale}: it must be a whole number from 1.")
    if options.first and options.last and options.first > options.last:
        raise UsageError(f"--from {options.first} lies behind --to {options.last}.")


def _connect(options: ReplayOptions, resources: ExitStack) -> duckdb.DuckDBPyConnection:
    folder = tempfile.mkdtemp(prefix="alphapanda-")
    resources.callback(shutil.rmtree, folder, ignore_errors=True)
    con = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": options.memory_limit,
            "threads": options.threads,
            "temp_directory": folder,
        },
    )
    resources.callback(con.close)
    con.execute(f"{_SETTINGS}; SET parquet_metadata_cache = true").fetchall()
    return con


def _unreadable(error: Exception) -> str:
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"The data cannot be read to its end ({said}): write the file again or leave it out."
