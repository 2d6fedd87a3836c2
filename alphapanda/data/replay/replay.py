"""The replay source: recorded ticks, quotes or bars out of Parquet, checked and in running order.

Opening reads footers, symbols and times: it knows the instruments, the days and whether the rows
lie in order already. `Replay.batches` then streams them; rows that lie out of order are sorted by
DuckDB, some days at a time, so memory stays bounded however much data there is.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import numpy as np
import pyarrow as pa

from alphapanda.data import catalogue
from alphapanda.data.repeats import repeats_kept
from alphapanda.data.replay.blocks import Block, by_instrument, contained, regrouped, take
from alphapanda.data.replay.checks import Checks, Defect
from alphapanda.data.replay.ends import Ends
from alphapanda.data.replay.opening import EPOCH, Opened, Opening, ReplayOptions
from alphapanda.data.replay.parquet import FileInfo, find_files, identifier
from alphapanda.data.replay.scans import (
    Run,
    connect,
    in_file_order,
    place,
    refuse,
    select,
    stamp_sql,
    stream,
    unreadable,
)
from alphapanda.data.schema import FIELDS, Layout
from alphapanda.errors import UsageError
from alphapanda.model.calendar import DAY, IST, Calendar, SessionGroup
from alphapanda.model.columns import Columns

__all__ = ["FileInfo", "Replay", "ReplayOptions", "open_replay"]

CHUNK_ROWS = 4_000_000
"""Rows sorted at once, unless a single day has more."""

FAILURES = (duckdb.Error, pa.ArrowException, OSError)
"""What DuckDB and Arrow raise when data cannot be read to its end."""

MID = "CASE WHEN bid > 0 AND ask > 0 THEN (bid + ask) // 2 WHEN bid > 0 THEN bid ELSE ask END"
"""The last price of a quote."""


def open_replay(options: ReplayOptions) -> Replay:
    """Open recorded market data for a run.

    Raises: UsageError naming the file, row, column or option that is wrong.
    """
    options.check()
    for path in options.paths:
        catalogue.settle(path)
    paths, part = catalogue.selected(
        find_files(options.paths), kind=options.kind, interval=options.interval,
        first=options.first, last=options.last,
    )  # fmt: skip
    if part is not None and part.interval_ns:
        options = replace(options, interval=part.interval)
    with ExitStack() as resources:
        con = connect(
            memory_limit=options.memory_limit, threads=options.threads, resources=resources
        )
        try:
            opened = Opening(con, options, paths).open()
        except FAILURES as error:
            unreadable(con, paths, error, memory_limit=options.memory_limit)
        return Replay(con, options, opened, resources=resources.pop_all())


class Replay:
    """Opened market data: what it is, and its rows in running order; a context manager."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        options: ReplayOptions,
        opened: Opened,
        *,
        resources: ExitStack,
    ) -> None:
        self.kind = opened.runs[0].layout.kind
        self.interval_ns = opened.interval_ns
        self.names = opened.instruments.names
        self.files = opened.files
        self.notes = opened.notes
        self.rows = opened.survey.rows
        self.silent = opened.silent
        self.day_rows = {
            EPOCH + timedelta(days=day): rows for day, rows in sorted(opened.survey.days.items())
        }
        self.days = tuple(self.day_rows)
        self.idle: dict[date, int] = {}
        """Rows of day bars on days without trading, which are left out."""
        self.repairs: dict[str, int] = dict(opened.survey.dropped)
        present = {name for run in opened.runs for name in run.layout.fields}
        self.columns = frozenset({"ts", "instrument", *present})
        self._fields = tuple(name for name in FIELDS[self.kind] if name in present)
        self._con, self._options, self._opened = con, options, opened
        self._ends: Ends | None = None
        self._repeats_kept = any(
            catalogue.part_of(info.path) and repeats_kept(Path(info.path)) for info in opened.files
        )
        self._resources = resources

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

    def end_with(self, calendar: Calendar, groups: Sequence[SessionGroup]) -> None:
        """Let bars end with the sessions of a calendar; `groups` by instrument.

        Raises: UsageError if all are bars of days without trading.
        """
        if self.kind == "bar" and self.interval_ns % DAY == 0 and not calendar.is_always:
            self._leave_out(calendar, set(groups))
        if self.kind == "bar":
            self._ends = Ends(calendar, self.days, groups, self.interval_ns)

    def _leave_out(self, calendar: Calendar, groups: set[SessionGroup]) -> None:
        self.idle = {
            day: rows for day, rows in self.day_rows.items()
            if all(calendar.session(day, group) is None for group in groups)
        }  # fmt: skip
        self.day_rows = {d: rows for d, rows in self.day_rows.items() if d not in self.idle}
        self.days, self.rows = tuple(self.day_rows), sum(self.day_rows.values())
        if not self.days:
            raise UsageError(
                f"All {sum(self.idle.values()):,} day bars lie on days without trading (first "
                f"{min(self.idle)}): correct their dates; --calendar always takes every day."
            )

    # A day bar enters at its close, wherever its stamp lies; within a day there are no idle ones.
    def _trading(self, pieces: Iterable[Block]) -> Iterator[Block]:
        idle = np.array([(day - EPOCH).days for day in self.idle], np.int64)
        for piece in pieces:
            kept = ~np.isin((piece["ts"] - 1 + IST) // DAY, idle)
            if kept.any():
                yield piece if kept.all() else take(piece, kept)

    def batches(self) -> Generator[Columns, None, None]:
        """Yield the rows by (ts, instrument, file position), at most `batch_rows` at once.

        `repairs` is complete when the last batch has been taken.

        Raises: UsageError at a row that breaks a rule; what came before is then void.
        """
        checks = Checks(
            kind=self.kind,
            fields=(*self._fields, "last") if self.kind == "quote" else self._fields,
            instruments=len(self.names),
            repair=self._options.repair,
            keep_repeats=self._options.keep_repeats or self._repeats_kept,
        )
        pieces = self._trading(self._pieces()) if self.idle else self._pieces()
        ordered = pieces if self._ends is None else self._ends.shortened(pieces)
        valued = (checks.values(piece) for piece in ordered)
        try:
            for block in regrouped(valued, self._options.batch_rows):
                unique = checks.repeats(by_instrument(block))
                yield from self._deliver(checks.volumes(checks.late(unique)))
        except Defect as defect:
            refuse(self._con, self._opened.runs, defect)
        except FAILURES as error:
            paths = [info.path for info in self.files]
            unreadable(self._con, paths, error, memory_limit=self._options.memory_limit)
        self.repairs = dict(self._opened.survey.dropped + checks.dropped)

    def _deliver(self, block: Block) -> Iterator[Columns]:
        given = {name: block[name] for name in ("ts", "row", *self._fields)}
        if self.kind == "bar":
            given["last"] = given.pop("close")
        elif self.kind == "quote":
            given["last"] = block["last"]
        batch = Columns.of(**given)
        for start in range(0, batch.rows, self._options.batch_rows):
            yield batch.slice(start, start + self._options.batch_rows)

    # Rows by (ts, pos), without those the survey dropped. Rows that step back in time are marked
    # late: most often they repeat a row exactly, which only running order shows.
    def _pieces(self) -> Iterator[Block]:
        backward = self._opened.survey.backward()
        end = 0
        for query in self._queries():
            for block in stream(self._con, query, self._options.batch_rows):
                piece = place(block, self._opened.instruments)
                if piece["ts"].min() <= 0 or piece["row"].min() < 0:
                    piece = take(piece, (piece["ts"] > 0) & (piece["row"] >= 0))
                if not len(piece["ts"]):
                    continue
                if len(backward):
                    piece["late"] = contained(piece["pos"], backward)
                if piece["ts"][0] < end or (piece["ts"][1:] < piece["ts"][:-1]).any():
                    raise UsageError("The data changed while it was read: run again.")
                end = piece["ts"][-1]
                yield piece

    def _queries(self) -> Iterator[str]:
        options, runs = self._options, self._opened.runs
        if self._opened.survey.in_order:
            for run in runs:
                query = self._query([run], options.first, options.last)
                yield query + in_file_order(run, first=options.first, last=options.last)
        else:
            for first, last in self._windows():
                yield f"{self._query(runs, first, last)} ORDER BY ts, pos"

    def _query(self, runs: Sequence[Run], first: date | None, last: date | None) -> str:
        instruments = self._opened.instruments
        selects = []
        for run in runs:
            fields = [self._field_sql(run.layout, name) for name in self._fields]
            fields.append(stamp_sql(self._end_sql(run.layout)))
            selects.append(select(run, fields, instruments=instruments, first=first, last=last))
        rows = f"FROM ({' UNION ALL '.join(selects)})"
        return f"SELECT *{self._last_sql()} {rows}"

    def _field_sql(self, layout: Layout, name: str) -> str:
        made = "0::BIGINT"
        if name in layout.columns:
            options = self._options
            made = layout.field_sql(
                name, qty_scale=options.qty_scale, price_scale=options.price_scale
            )
        return f"{made} AS {identifier(name)}"

    def _last_sql(self) -> str:
        if self.kind != "quote":
            return ""
        if "ask" not in self._fields:
            return ", bid AS last"
        return f", {MID if 'bid' in self._fields else 'ask'} AS last"

    # A bar enters at its end, where all of it is known.
    def _end_sql(self, layout: Layout) -> str:
        stamp, interval_ns = layout.time_sql(), self.interval_ns
        if interval_ns % DAY or not interval_ns:
            return f"({stamp} + {interval_ns})"
        end = interval_ns - DAY - IST + self._opened.close_ns
        return f"(({stamp} + {IST}) // {DAY} * {DAY} + {end})"

    # Days that are sorted together: as many as stay within CHUNK_ROWS. They leave no gap, so that
    # days on which all rows are late are read too.
    def _windows(self) -> Iterator[tuple[date | None, date | None]]:
        first, rows = self._options.first, 0
        for day in self.days:
            count = self.day_rows[day]
            if rows and rows + count > CHUNK_ROWS:
                yield first, day - timedelta(days=1)
                first, rows = day, 0
            rows += count
        yield first, self._options.last
