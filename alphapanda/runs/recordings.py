"""What options may ask of a recording, whose rows are taken as they came."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from alphapanda.brokers.recorded import BATCH_ROWS, RecordedSource, open_kept
from alphapanda.brokers.replay import ReplaySource
from alphapanda.data.replay.resampled import Resampled
from alphapanda.errors import UsageError
from alphapanda.model.calendar import Calendar, SessionGroup, session_group
from alphapanda.model.columns import Columns
from alphapanda.model.interval import parse_bars, parse_interval
from alphapanda.runs.left_out import left_out_notes
from alphapanda.runs.options import Options


def as_it_came(
    options: Options, calendar: Calendar, *, speed: float, slice_rows: int | None
) -> RecordedSource | ReplaySource:
    """Return a recording, whose rows are taken as they are, or made into bars.

    Raises:
        UsageError: if it is not alone, or options ask for other rows.
    """
    if len(options.data) > 1:
        raise UsageError(
            f"--data {', '.join(options.data)}: a recording is taken as it came, and alone"
        )
    recording = open_kept(Path(options.data[0]))
    feed = recording.feed
    changing = {
        "map": options.map, "qty-scale": options.qty_scale > 1,
        "price-scale": options.price_scale > 1,
        "kind": options.kind not in (None, feed.kind),
        "interval": options.interval is not None
        and parse_interval(options.interval) != feed.interval_ns,
    }  # fmt: skip
    for name, given in changing.items():
        if given:
            raise UsageError(
                f"--{name}: the rows of a recording are taken as they came ({feed.kind}s); leave "
                "it out"
            )
    if options.instruments:
        recording.notes.append("the recording has its own instruments: --instruments is not read")
    if options.repair:
        recording.notes.append("rows of a recording are taken as they came: --repair drops none")
    chosen: dict[str, Any] = {"data": options.data, "first": options.first, "last": options.last}
    if options.bars is None:
        return RecordedSource(recording, **chosen, speed=speed, slice_rows=slice_rows)
    source = RecordedSource(recording, **chosen, slice_rows=None)
    return made_into_bars(source, options.bars, calendar, speed=speed, slice_rows=slice_rows)


def made_into_bars(
    source: RecordedSource, bars: str, calendar: Calendar, *, speed: float, slice_rows: int | None
) -> ReplaySource:
    """Return a recording's rows as bars.

    Raises:
        UsageError: if its rows make none.
    """
    feed, origin = source.feed, source.origin
    rows = Resampled(Taken(source), parse_bars(bars), batch_rows=BATCH_ROWS)
    groups = [session_group(instrument) for instrument in feed.instruments]
    rows.end_with(calendar, groups)
    notes = [*left_out_notes(rows, calendar, groups), *rows.notes]
    if origin.clocks:
        notes.append(f"{len(origin.clocks):,} rows of the clock are left out: bars have their own")
    instruments = tuple(
        replace(instrument, has_volume=row not in rows.silent)
        for row, instrument in enumerate(feed.instruments)
    )
    own = hashlib.sha256(f"{feed.id} {rows.interval_ns}".encode()).hexdigest()[:16]
    made = feed._replace(
        id=f"recorded:{own}", kind=rows.kind, interval_ns=rows.interval_ns, columns=rows.columns,
        instruments=instruments, days=rows.days, rows=rows.rows, before=(),
    )  # fmt: skip
    return ReplaySource(
        rows, made, data=origin.data, notes=tuple(notes), speed=speed, slice_rows=slice_rows
    )


class Taken:
    """A recording that is open, as bars are made of one."""

    def __init__(self, source: RecordedSource) -> None:
        feed, origin = source.feed, source.origin
        self.kind, self.interval_ns, self.names = feed.kind, feed.interval_ns, feed.names
        self.days, self.columns = feed.days, feed.columns
        self.files, self.notes = origin.files, origin.notes
        self.repairs: dict[str, int] = {}
        self._source = source

    def end_with(self, calendar: Calendar, groups: Sequence[SessionGroup]) -> None:
        """Leave bars as they came: they have their ends."""

    def batches(self) -> Iterator[Columns]:
        """Yield the rows as they came."""
        return (portion.columns for portion in self._source.rows(0, lambda: False))

    def close(self) -> None:
        """Hold nothing."""
