"""Data that no run could mean: one line that names file, row and field, exit 2, nothing left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.running import command, left, with_strategies

OPEN = int(datetime(2025, 8, 4, 4, 0, tzinfo=UTC).timestamp()) * 10**9
ZONED = pa.timestamp("ns", tz="UTC")
ROWS = 6


def columns(**others: Any) -> dict[str, Any]:
    """Return a small good session, some of its columns replaced."""
    return {
        "ts": pa.array([OPEN + second * 10**9 for second in range(ROWS)], ZONED),
        "instrument": ["NSE:PANDA"] * ROWS,
        "last": [100.0, 100.05, 100.1, 100.15, 100.2, 100.25],
        **others,
    }


def prices(*first: float | None) -> list[float | None]:
    """Return prices that begin with these."""
    return [*first, *columns()["last"][len(first) :]]


def times(*seconds: int) -> pa.Array:
    """Return times so many seconds after the first."""
    return pa.array([OPEN + second * 10**9 for second in seconds], ZONED)


def table(**others: Any) -> Callable[[Path], None]:
    """Return what writes a session with these columns."""
    return lambda path: pq.write_table(pa.table(columns(**others)), path)


def without(name: str) -> Callable[[Path], None]:
    """Return what writes a session without a column."""
    return lambda path: pq.write_table(pa.table(columns()).drop_columns([name]), path)


def cut(path: Path) -> None:
    """Write the first half of a good file."""
    table()(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


CASES: dict[str, tuple[Callable[[Path], Any], tuple[str, ...]]] = {
    "cut off": (cut, ()),
    "no Parquet": (lambda path: path.write_text("ts,last\n1,2\n"), ()),
    "of no bytes": (lambda path: path.write_bytes(b""), ()),
    "a folder": (lambda path: path.mkdir(), ()),
    "without rows": (lambda path: pq.write_table(pa.table(columns()).slice(0, 0), path), ()),
    "without times": (without("ts"), ("ts",)),
    "without prices": (without("last"), ("last",)),
    "prices as text": (table(last=["a"] * ROWS), ("last",)),
    "times as text": (table(ts=["soon"] * ROWS), ("ts",)),
    "a missing price": (table(last=prices(100.0, None)), ("row 2", "last")),
    "a NaN price": (table(last=prices(100.0, float("nan"))), ("row 2", "last")),
    "an infinite price": (table(last=prices(100.0, float("inf"))), ("row 2", "last")),
    "a price of zero": (table(last=prices(100.0, 0.0)), ("row 2", "last")),
    "a negative price": (table(last=prices(100.0, -1.0)), ("row 2", "last")),
    "a step back": (table(ts=times(0, 1, 3, 2, 4, 5)), ("row 4", "ts")),
    "a repeated row": (
        table(ts=times(0, 1, 1, 2, 3, 4), last=prices(100.0, 100.05, 100.05)),
        ("row 3", "repeats"),
    ),
    "negative volume": (table(volume=[1, -2, 3, 4, 5, 6]), ("row 2", "volume")),
}


@pytest.mark.parametrize(("write", "said"), CASES.values(), ids=CASES)
def test_bad_file_is_refused(
    write: Callable[[Path], Any], said: tuple[str, ...],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The message names the file and, where there are some, row and field."""
    monkeypatch.chdir(with_strategies(tmp_path))
    write(tmp_path / "day.parquet")
    before = left(tmp_path)
    words = ("backtest", "ema_cross", "--no-jit", "--data", "day.parquet", "--out", "run")
    told = command(*words, capsys=capsys)
    assert told.status == 2
    assert "day.parquet" in told.line
    for word in said:
        assert word in told.line
    assert left(tmp_path) == before


def test_the_good_file_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the bad files were made from is good."""
    monkeypatch.chdir(with_strategies(tmp_path))
    table()(tmp_path / "day.parquet")
    words = ("backtest", "ema_cross", "--no-jit", "--data", "day.parquet", "--out", "run")
    assert command(*words, capsys=capsys).status == 0
    assert "run/summary.json" in left(tmp_path)
