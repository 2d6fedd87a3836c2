"""What every source and every sink must keep to, as checks that each implementation is given to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alphapanda.brokers.ports import MarketSource
from alphapanda.model.columns import Columns
from alphapanda.model.rows import OUT, Out
from alphapanda.runs.session import Sink


def on() -> bool:
    """Never ask to stop."""
    return False


def joined(source: MarketSource, taken: int = 0) -> Columns:
    """Return all rows behind the first `taken` as one batch."""
    parts = [portion.columns for portion in source.rows(taken, on) if portion.columns.rows]
    if not parts:
        return Columns.of()
    return Columns._make(np.concatenate(column) for column in zip(*parts, strict=True))


def check_source(make: Callable[[int], MarketSource], *, places: tuple[int, ...]) -> None:
    """Hold a source to the port: `make(taken)` returns one that is started, fresh each time."""
    first = make(0)
    feed = first.feed
    rows = joined(first)
    assert feed.kind in ("tick", "quote", "bar")
    assert len(feed.names) == len(feed.instruments)
    assert feed.rows in (None, rows.rows)
    assert first.origin.data, "a run says where its rows came from"
    assert (np.diff(rows.ts) >= 0).all(), "time never goes back"
    assert set(np.unique(rows.row)) <= set(range(len(feed.instruments)))
    for taken in places:
        rest = joined(make(taken), taken)
        assert rest.rows == max(rows.rows - taken, 0)
        if rest.rows:
            for one, other in zip(rest, rows.slice(taken, rows.rows), strict=True):
                np.testing.assert_array_equal(one, other)
    stopped = [portion.columns.rows for portion in make(0).rows(0, lambda: True)]
    assert sum(stopped) == 0, "asked to stop, it gives nothing more"


def check_sink(sink: Sink, kept: Callable[[], object], *, batch: Columns, controls: object) -> None:
    """Hold a sink to the port: what it was given may be overwritten as soon as it returns."""
    buffer = np.zeros(4, OUT)
    buffer["ts"] = batch.ts[:1][0]
    buffer["type"], buffer["strategy"] = Out.PNL, 0
    sink.take(buffer)
    buffer.view(np.int64)[:] = -7
    sink.close_batch(batch, controls)  # type: ignore[arg-type]
    assert kept() == [Out.PNL] * 4
