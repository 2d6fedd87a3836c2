"""From paths and options to data that is ready to be streamed: all that opening finds out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import duckdb

from alphapanda.data import catalogue
from alphapanda.data.filenames import apart, replayed
from alphapanda.data.fineness import too_fine
from alphapanda.data.intervals import refuse_other_steps, refuse_weeks
from alphapanda.data.names import FileSymbols, Instruments, choose
from alphapanda.data.replay.blocks import POSITION_BITS
from alphapanda.data.replay.checks import Defect
from alphapanda.data.replay.layouts import describe, read_layouts
from alphapanda.data.replay.name_notes import name_notes
from alphapanda.data.replay.parquet import FileInfo, file_info, read_footers, scan
from alphapanda.data.replay.scans import (
    Run,
    declare_symbols,
    in_file_order,
    place,
    refuse,
    runs_of,
    select,
    stamp_sql,
    stream,
    symbol_sql,
    where,
)
from alphapanda.data.replay.survey import Survey
from alphapanda.data.schema import (
    FIELDS,
    NAIVE,
    SECOND_NS,
    Kind,
    Layout,
    normal,
)
from alphapanda.errors import UsageError
from alphapanda.model.calendar import DAY, IST
from alphapanda.model.interval import interval_text, parse_bars, parse_interval

STEP_ROWS = 200_000
"""Rows looked at to tell an interval that the days asked for do not tell."""

MINUTE_NS = 60 * SECOND_NS
CLOSE_NS = (15 * 60 + 30) * MINUTE_NS
"""A day bar enters at 15:30 IST."""

LATE_CLOSE_NS = {
    "MCX": (23 * 60 + 55) * MINUTE_NS,
    "NCO": (23 * 60 + 55) * MINUTE_NS,
    "CDS": 17 * 60 * MINUTE_NS,
    "BCD": 17 * 60 * MINUTE_NS,
}
"""Exchanges whose day ends later: their day bars would be look-ahead at 15:30."""


EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What to replay, and how to read it."""

    paths: Sequence[str | Path]
    """Files, folders or globs; equal times of an instrument run in this order of files."""
    kind: Kind | None = None
    interval: str | None = None
    """Of bars, such as 1m or 1d; None: told from the data."""
    mapping: Mapping[str, str] = field(default_factory=dict)
    """Canonical column: column of the file."""
    repair: bool = False
    first: date | None = None
    """IST date, inclusive, as is `last`."""
    last: date | None = None
    instruments: Sequence[str] | None = None
    """Names, symbols or globs (NSE:INFY, INFY, NIFTY*)."""
    qty_scale: int = 1
    price_scale: int = 1
    """Prices are taken so many times, where they are finer than Rs 0.0001."""
    keep_repeats: bool = False
    """Whether ticks and quotes that repeat another exactly are rows of their own."""
    exchange: str | None = None
    bars: str | None = None
    """Rows are made into bars of so long, such as 15m or 1d; None: they stay as they are."""
    batch_rows: int = 262_144
    memory_limit: str = "1GB"
    """Of DuckDB; the process takes some hundred MB more."""
    threads: int = 2

    def check(self) -> None:
        """Raise a UsageError for an option that no data could satisfy."""
        if self.batch_rows < 1:
            raise UsageError(f"batch_rows is {self.batch_rows}: it must be at least 1.")
        if self.qty_scale < 1:
            raise UsageError(f"--qty-scale {self.qty_scale}: it must be a whole number from 1.")
        if self.price_scale < 1:
            raise UsageError(f"--price-scale {self.price_scale}: it must be a whole number from 1.")
        if self.interval is not None:
            parse_interval(self.interval)
        if self.bars is not None:
            parse_bars(self.bars)
        if self.first is not None and self.last is not None and self.first > self.last:
            raise UsageError(f"--from {self.first} is later than --to {self.last}.")


@dataclass(frozen=True, slots=True)
class Opened:
    """All that is known before the first row is delivered."""

    runs: tuple[Run, ...]
    instruments: Instruments
    survey: Survey
    interval_ns: int
    close_ns: int
    """When day bars enter, after midnight IST."""
    files: tuple[FileInfo, ...]
    notes: tuple[str, ...]
    silent: frozenset[int]
    """Rows of instruments whose volume is 0 throughout, in data that have a volume."""


class Opening:
    """The steps from options to an opened replay."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, options: ReplayOptions, paths: Sequence[str]
    ) -> None:
        self._con, self._options, self._paths = con, options, paths

    def open(self) -> Opened:
        """Return what the files hold.

        Raises: UsageError for what cannot be run.
        """
        footers = {footer.path: footer for footer in read_footers(self._con, self._paths)}
        layouts = read_layouts(
            self._con,
            list(footers.values()),
            kind=self._options.kind,
            mapping=self._options.mapping,
        )
        symbols = self._named_apart(self._symbols(runs_of(layouts, tuple(footers))))
        instruments = choose([file for file in symbols if file.rows], self._options.instruments)
        runs = runs_of(layouts, instruments.files)
        declare_symbols(self._con, instruments.symbols)
        hashing = ThreadPoolExecutor(max_workers=1)
        try:
            infos = hashing.map(file_info, [footers[path] for path in instruments.files])
            survey = self.survey(runs, instruments)
            interval_ns = self._interval_ns(runs, survey)
            files = tuple(infos)
        finally:
            hashing.shutdown(wait=False, cancel_futures=True)
        close_ns = max(close_of(name) for name in instruments.names)
        notes = (
            *self._fineness(runs),
            *self._layout_notes(runs),
            *name_notes(symbols, instruments),
            *self._interval_notes(survey, interval_ns, close_ns),
        )
        silent = self._silent(runs, instruments)
        return Opened(runs, instruments, survey, interval_ns, close_ns, files, notes, silent)

    # What our own importer wrote is exact already.
    def _fineness(self, runs: Sequence[Run]) -> list[str]:
        scale = self._options.price_scale
        notes = []
        for run in runs:
            for path in run.paths:
                if catalogue.part_of(path) is None:
                    rows = scan([path])
                    notes.append(too_fine(self._con, rows, run.layout, path=path, scale=scale))
        if scale > 1:
            notes.append(f"prices are taken {scale} times (--price-scale), and P&L with them")
        return [note for note in notes if note is not None]

    def survey(self, runs: Sequence[Run], instruments: Instruments) -> Survey:
        """Return what the first pass over the chosen rows finds."""
        options = self._options
        survey = Survey(
            instruments=len(instruments.names),
            repair=options.repair,
            bars=runs[0].layout.kind == "bar",
        )
        for run in runs:
            stamp = stamp_sql(run.layout.time_sql())
            query = select(
                run, [stamp], instruments=instruments, first=options.first, last=options.last
            )
            try:
                query += in_file_order(run, first=options.first, last=options.last)
                for block in stream(self._con, query, options.batch_rows):
                    survey.add(place(block, instruments))
            except Defect as defect:
                refuse(self._con, runs, defect)
        if not survey.days:
            raise UsageError(f"{runs[0].paths[0]}: no row is left after --repair.")
        return survey

    def _silent(self, runs: Sequence[Run], instruments: Instruments) -> frozenset[int]:
        if not any(sizes_of(run.layout) for run in runs):
            return frozenset()
        loud: set[int] = set()
        for run in runs:
            if not (sizes := sizes_of(run.layout)):
                continue
            traded = " OR ".join(f"TRY_CAST({size} AS DOUBLE) > 0" for size in sizes)
            rows = select(
                run, [f"({traded}) AS traded"], instruments=instruments,
                first=self._options.first, last=self._options.last,
            )  # fmt: skip
            groups = f"SELECT code, max(pos) AS pos FROM ({rows}) WHERE traded GROUP BY "
            per_file = f"code, pos >> {POSITION_BITS}"
            for block in stream(self._con, groups + per_file, self._options.batch_rows):
                loud.update(place(block, instruments)["row"].tolist())
        return frozenset(range(len(instruments.names))) - loud

    def _symbols(self, runs: Sequence[Run]) -> list[FileSymbols]:
        first, last = self._options.first, self._options.last
        found: list[FileSymbols] = []
        for run in runs:
            files = self._run_symbols(run, first, last)
            found += [self._known_elsewhere(file, run) for file in files]
        if not any(file.rows for file in found):
            raise UsageError(self._range_text(runs))
        return found

    # Files whose names differ in more than a date never share one guess.
    def _named_apart(self, files: list[FileSymbols]) -> list[FileSymbols]:
        unnamed = [file.path for file in files if file.rows and file.unnamed]
        guesses = apart(unnamed, of=replayed)
        for path, told in guesses.items():
            if told.contracts == "OPT":
                raise UsageError(
                    f"{path}: its name says contracts, but neither it nor its rows say which: name "
                    f"them, as with alphapanda data import {path} --instrument "
                    "NFO:NIFTY25JUL25000CE"
                )
        return [
            replace(file, symbol=guesses[file.path].symbol) if file.path in guesses else file
            for file in files
        ]

    def _run_symbols(self, run: Run, first: date | None, last: date | None) -> list[FileSymbols]:
        counted = self._con.sql(
            f"SELECT file_index, {symbol_sql(run.layout)} AS symbol, count(*) "
            f"FROM {scan(run.paths)}{where(run.layout.day_filter(first, last))} "
            "GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        rows: list[dict[str | None, int]] = [{} for _ in run.paths]
        for file, symbol, count in counted:
            rows[file][symbol] = count
        exchange = self._options.exchange
        return [FileSymbols(path, rows[at], exchange) for at, path in enumerate(run.paths)]

    # Within the days asked for a file may have no symbol, and yet name it on others.
    def _known_elsewhere(self, file: FileSymbols, run: Run) -> FileSymbols:
        bounded = self._options.first is not None or self._options.last is not None
        if not (bounded and file.rows and file.unnamed and "instrument" in run.layout.columns):
            return file
        (whole,) = self._run_symbols(replace(run, paths=(file.path,)), None, None)
        elsewhere: dict[str | None, int] = {each: 0 for each in whole.rows if each is not None}
        return replace(file, rows={**elsewhere, **file.rows})

    def _range_text(self, runs: Sequence[Run]) -> str:
        edges: list[int] = []
        for run in runs:
            day = f"({run.layout.time_sql()} + {IST}) // {DAY}"
            query = f"SELECT min({day}), max({day}) FROM {scan(run.paths)}"
            edges += [day for day in self._con.sql(query).fetchall()[0] if day is not None]
        if not edges:
            return f"{runs[0].paths[0]}: no row has a time that can be read."
        first, last = (EPOCH + timedelta(days=day) for day in (min(edges), max(edges)))
        return f"No rows between --from and --to: the data covers {first} to {last}."

    def _interval_ns(self, runs: Sequence[Run], survey: Survey) -> int:
        if runs[0].layout.kind != "bar":
            return 0
        if self._options.interval is not None:
            interval_ns = _whole_days(parse_interval(self._options.interval))
            paths = [path for run in runs for path in run.paths]
            for file, counted in survey.steps.items():
                says = "its folder" if catalogue.part_of(paths[file]) else "--interval"
                refuse_other_steps(counted, interval_ns, path=paths[file], says=says)
            return interval_ns
        paths = [path for run in runs for path in run.paths]
        for file, counted in survey.steps.items():
            refuse_weeks(counted, path=paths[file])
        if any(run.layout.types["ts"] == "DATE" for run in runs):
            return DAY
        told = {file: usual_step(steps) for file, steps in survey.steps.items() if steps}
        if not told:
            return _whole_days(self._usual_step(runs[0]))
        file, interval_ns = next(iter(told.items()))
        for other, step in told.items():
            if step != interval_ns:
                raise UsageError(
                    f"{paths[file]} holds bars of {interval_text(interval_ns)}, "
                    f"{paths[other]} of {interval_text(step)}: run them apart, or say --interval."
                )
        return _whole_days(interval_ns)

    # The days asked for may hold one bar each: the rest of the file tells the interval.
    def _usual_step(self, run: Run) -> int:
        rows = (
            f"SELECT {run.layout.time_sql()} AS ts, {symbol_sql(run.layout)} AS symbol, "
            f"file_row_number AS pos FROM {scan(run.paths[:1])} LIMIT {STEP_ROWS}"
        )
        steps = f"SELECT ts - lag(ts) OVER (PARTITION BY symbol ORDER BY pos) AS step FROM ({rows})"
        query = f"SELECT step, count(*) FROM ({steps}) WHERE step > 0 GROUP BY step"
        counted = Counter[int](dict(self._con.sql(query).fetchall()))
        if not counted:
            raise UsageError(
                f"{run.paths[0]}: one bar does not tell its interval: give it with --interval."
            )
        return usual_step(counted)

    def _layout_notes(self, runs: Sequence[Run]) -> list[str]:
        present = {name for run in runs for name in run.layout.fields}
        notes = []
        for run in runs:
            file, layout = run.paths[0], run.layout
            column, dtype = layout.columns["ts"], layout.types["ts"]
            if dtype in NAIVE and dtype != "DATE":
                notes.append(f"{file}: times in {column} have no zone: taken as IST")
            if layout.float32:
                columns = ", ".join(layout.columns[name] for name in sorted(layout.float32))
                notes.append(f"{file}: {columns} went through float32: rounded to paise")
            if "volume_delta" in map(normal, describe(self._con, file)):
                notes.append(f"{file}: volume_delta is ignored: such deltas do not add up")
            absent = [name for name in FIELDS[layout.kind] if name in present - {*layout.fields}]
            notes += [f"{file}: no column for {name}: 0 there" for name in absent]
        return notes

    def _interval_notes(self, survey: Survey, interval_ns: int, close_ns: int) -> list[str]:
        if not interval_ns:
            return []
        notes: list[str] = []
        if self._options.interval is not None:
            told = {usual_step(steps) for steps in survey.steps.values() if steps}
            notes = [
                f"--interval {interval_text(interval_ns)}, though bars are "
                f"{interval_text(step)} apart"
                for step in sorted(told - {interval_ns})
            ]
        if interval_ns % DAY:
            return [*notes, f"stamps are bar starts: shifted by {interval_text(interval_ns)}"]
        hour, minute = divmod(close_ns // MINUTE_NS, 60)
        return [*notes, f"day bars enter at {hour}:{minute:02} IST of their day"]


def sizes_of(layout: Layout) -> list[str]:
    """Return the columns, as SQL, that say how much was traded."""
    return [layout.column(name) for name in ("qty", "volume") if name in layout.columns]


def usual_step(steps: Counter[int]) -> int:
    """Return the most common step; of several, the least."""
    return min(steps, key=lambda step: (-steps[step], step))


def close_of(name: str) -> int:
    """Return when the day of an instrument's exchange ends, in ns after midnight IST."""
    return LATE_CLOSE_NS.get(name.partition(":")[0], CLOSE_NS)


def _whole_days(interval_ns: int) -> int:
    if interval_ns > DAY and interval_ns % DAY:
        raise UsageError(
            f"Bars of {interval_text(interval_ns)} are neither within a day nor whole days: "
            "give the interval with --interval."
        )
    return interval_ns
