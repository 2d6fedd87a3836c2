"""Random small recordings give what a naive reading in plain Python gives."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from alphapanda.data.replay import replay as replay_module
from alphapanda.data.replay.replay import ReplayOptions, open_replay
from alphapanda.errors import UsageError
from tests.data.replaying import DAY_NS, MORNING_NS, whole, write

SYMBOLS = ("A", "B", "NSE:C", "D")
NAMES = ("NSE:A", "NSE:B", "NSE:C", "NSE:D")
IST_NS = 19_800 * 10**9


class Row(NamedTuple):
    """One row of a file as it is written."""

    ts: int | None
    symbol: str
    price: float | None
    qty: int | None
    volume: int


Step = tuple[int, int, int, int, str]
STEPS = st.lists(
    st.tuples(
        st.integers(0, 3),  # the instrument
        st.sampled_from([0, 0, 1, 7, DAY_NS]),  # its time moves on by
        st.integers(1, 3),  # the price
        st.integers(0, 2),  # the quantity, and what it adds to the day's volume
        st.sampled_from([*[""] * 12, "late", "null", "zero", "negative", "repeat", "timeless"]),
    ),
    min_size=1,
    max_size=30,
)


def rows_of(steps: list[Step]) -> list[Row]:
    """Return the rows of a file: instruments interleaved at will, each forward but for defects."""
    rows: list[Row] = []
    clock = dict.fromkeys(range(4), MORNING_NS)
    volume = Counter[tuple[int, int]]()
    for instrument, forward, price, qty, defect in steps:
        clock[instrument] += forward
        day = (instrument, (clock[instrument] + IST_NS) // DAY_NS)
        volume[day] += qty
        row = Row(
            clock[instrument], SYMBOLS[instrument], 100 + price / 20, qty, 1_000 + volume[day]
        )
        match defect:
            case "late":
                row = row._replace(ts=clock[instrument] - 3)
            case "null":
                row = row._replace(price=None)
            case "zero":
                row = row._replace(price=0.0)
            case "negative":
                row = row._replace(qty=-1)
            case "timeless":
                row = row._replace(ts=None)
            case "repeat" if rows:
                row = rows[-1]
        rows.append(row)
    return rows


def naive(files: list[list[Row]]) -> tuple[list[tuple[Any, ...]], Counter[str]]:
    """Return the rows in running order and the dropped by kind, by the rules word for word."""
    dropped: Counter[str] = Counter()
    placed = []
    for at, rows in enumerate(files):
        latest: dict[str, int] = {}
        for number, row in enumerate(rows):
            if row.ts is None:
                dropped["null"] += 1
                continue
            late = row.ts < latest.get(row.symbol, 0)
            latest[row.symbol] = max(row.ts, latest.get(row.symbol, 0))
            if row.price is None:
                dropped["null"] += 1
            elif row.price == 0:
                dropped["invalid price"] += 1
            elif row.qty is not None and row.qty < 0:
                dropped["invalid quantity"] += 1
            else:
                name = row.symbol if ":" in row.symbol else f"NSE:{row.symbol}"
                price = int(Decimal(str(row.price)) * 10_000)
                values = (price, row.qty or 0, row.volume)
                placed.append(((row.ts, name, late, at, number), values))
    seen: set[tuple[Any, ...]] = set()
    peak: dict[tuple[str, int], int] = {}
    kept = []
    for (ts, name, late, _, _), values in sorted(placed):
        day = (name, (ts + IST_NS) // DAY_NS)
        if (ts, name, values) in seen:
            dropped["duplicate"] += 1
        elif late:
            seen.add((ts, name, values))
            dropped["backward"] += 1
        elif values[2] < peak.get(day, 0):
            seen.add((ts, name, values))
            dropped["backward volume"] += 1
        else:
            seen.add((ts, name, values))
            peak[day] = values[2]
            kept.append((ts, name, *values))
    return kept, dropped


@settings(max_examples=35, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files=st.lists(STEPS, min_size=1, max_size=3), chunk=st.sampled_from([1, 8, 1_000]))
def test_batches_equal_a_naive_reading(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[Step]], chunk: int
) -> None:
    """Rows, order, repairs and the decision to stop agree for every size of batch and chunk."""
    folder = tmp_path_factory.mktemp("recording")
    made = [rows_of(steps) for steps in files]
    paths = [write_rows(folder / f"{at}.parquet", rows) for at, rows in enumerate(made)]
    expected, dropped = naive(made)
    if not any(row.ts is not None for rows in made for row in rows):
        return
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(replay_module, "CHUNK_ROWS", chunk)
        for batch_rows in (1, 3, 1_000):
            options = ReplayOptions(paths=paths, repair=True, batch_rows=batch_rows)
            with open_replay(options) as replay:
                batches = list(replay.batches())
                names = replay.names
            got = []
            if batches:
                rows = whole(batches)
                columns = (rows.ts, rows.row, rows.last, rows.qty, rows.volume)
                got = [
                    (ts, names[row], *values)
                    for ts, row, *values in zip(*(c.tolist() for c in columns), strict=True)
                ]
            assert got == expected
            assert replay.repairs == dict(dropped)
            assert replay.rows == sum(map(len, made))
    if dropped:
        with pytest.raises(UsageError, match=r"row \d+"):
            stream(paths)
    else:
        assert stream(paths) == len(expected)


def write_rows(path: Path, rows: list[Row]) -> Path:
    """Write one file's rows."""
    columns = {name: [getattr(row, name) for row in rows] for name in Row._fields}
    types = {"price": pa.float64(), "qty": pa.int64(), "volume": pa.int64()}
    return write(path, columns, **types)


def stream(paths: list[Path]) -> int:
    """Return the number of rows delivered without repair."""
    with open_replay(ReplayOptions(paths=paths)) as replay:
        return sum(batch.rows for batch in replay.batches())
