"""What the tests of the replay source share: small Parquet files, and all rows of a replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alphapanda.data.replay.replay import ReplayOptions, open_replay
from alphapanda.model.columns import Columns

IST = timezone(timedelta(hours=5, minutes=30))
DAY_NS = 86_400 * 10**9
MORNING = datetime(2025, 1, 1, 9, 15, tzinfo=IST)
MORNING_NS = int(MORNING.timestamp()) * 10**9
ZONED = pa.timestamp("ns", tz="Asia/Kolkata")


def ns(day: date, clock: str) -> int:
    """Return an IST wall time as ns UTC."""
    wall = datetime.fromisoformat(f"{day}T{clock}+05:30")
    return int(wall.timestamp()) * 10**9


def write(path: Path, columns: Mapping[str, Any], **types: pa.DataType) -> Path:
    """Write columns to a Parquet file; `ts` is zoned unless another type is given."""
    types = {"ts": ZONED, **types}
    made = {
        name: values if isinstance(values, pa.Array) else pa.array(values, types.get(name))
        for name, values in columns.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(made), path)
    return path


def seconds(*offsets: int) -> list[int]:
    """Return times so many seconds after the opening of 2025-01-01."""
    return [MORNING_NS + offset * 10**9 for offset in offsets]


def whole(batches: Sequence[Columns]) -> Columns:
    """Return batches as one."""
    return Columns(*(np.concatenate(columns) for columns in zip(*batches, strict=True)))


def run(path: Path | Sequence[Path], **options: Any) -> tuple[Any, Columns]:
    """Open, stream and close; return the (closed) replay and all of its rows."""
    paths = [path] if isinstance(path, Path) else path
    with open_replay(ReplayOptions(paths=paths, **options)) as replay:
        batches = list(replay.batches())
    return replay, whole(batches)
