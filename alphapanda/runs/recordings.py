"""What options may ask of a recording, whose rows are taken as they came."""

from __future__ import annotations

from pathlib import Path

from alphapanda.brokers.recorded import RecordedSource, open_kept
from alphapanda.errors import UsageError
from alphapanda.model.interval import parse_interval
from alphapanda.runs.options import Options


def as_it_came(options: Options, *, speed: float, slice_rows: int | None) -> RecordedSource:
    """Return a recording, whose rows are taken as they are.

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
    return RecordedSource(
        recording, data=options.data, first=options.first, last=options.last, speed=speed,
        slice_rows=slice_rows,
    )  # fmt: skip
