"""The workloads of ../shared/bench give the fills and the P&L of their array-algebra oracle."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import alphapanda
from tests.support.shared import shared

ROOT = Path(__file__).resolve().parents[2]
HALF_PAISA = Decimal("0.005")


@contextmanager
def peers() -> Iterator[tuple[ModuleType, ModuleType]]:
    """Give the benchmark's data and oracle modules, loaded from where they lie."""
    folder = shared("bench", "peers")
    had = sys.modules.get("common")
    try:
        data = load(folder / "common.py", "common")
        yield data, load(folder / "oracle.py", "bench_oracle")
    finally:
        sys.modules.pop("bench_oracle", None)
        sys.modules.pop("common", None)
        if had is not None:
            sys.modules["common"] = had


def load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def write(path: Path, ts: Any, **columns: Any) -> Path:
    made = {"ts": pa.array(ts).cast(pa.timestamp("ns", tz="UTC")), **columns}
    pq.write_table(pa.table(made), path)
    return path


def run(strategy: str, path: Path, data: ModuleType, **options: Any) -> Any:
    return alphapanda.backtest(
        str(ROOT / "strategies" / f"{strategy}.py"), path, calendar="always", limits="wide",
        costs="0.03%", cash=str(data.CASH), **options,
    )  # fmt: skip


def check(result: Any, expected: tuple[int, float]) -> None:
    fills, pnl = expected
    assert result.summary["rejected"] == 0
    assert result.summary["fills"] == fills > 500
    assert abs(Decimal(result.summary["pnl"]) - Decimal(repr(pnl))) <= HALF_PAISA


def test_workload_a(tmp_path: Path) -> None:
    """The first 100,000 ticks of one instrument, in plain Python."""
    with peers() as (data, oracle):
        ts, price, size = data.ticks(100_000)
        path = write(tmp_path / "A.parquet", ts, price=price, size=size)
        check(run("ema_cross", path, data, jit=False), oracle.ticks_case(price, "next"))


def test_workload_b(tmp_path: Path) -> None:
    """300,000 minute bars stamped at their open, exact ties between the averages included.

    Compiled, as many rows are, by the core of all bars with a volume.
    """
    with peers() as (data, oracle):
        ts, o, h, l, c, v = data.bars(300_000, total=300_000)  # noqa: E741
        path = write(tmp_path / "B.parquet", ts, open=o, high=h, low=l, close=c, volume=v)
        result = run("sma_cross", path, data, interval="1m")
        assert any("bar starts" in note for note in result.summary["notes"])
        assert result.summary["tier"] == "quick"
        windows = [(data.SMA_FAST, data.SMA_SLOW)]
        check(result, oracle.bars_case(o, c, "next", windows))


def test_workload_c(tmp_path: Path) -> None:
    """100,000 ticks of 200 instruments on one account, in plain Python."""
    with peers() as (data, oracle):
        ts, price, size = data.multi(n=500)
        instruments = ts.shape[1]
        names = pa.array([f"S{k:03}" for k in range(instruments)])
        index = pa.array(np.tile(np.arange(instruments, dtype=np.int32), len(ts)))
        symbol = pa.DictionaryArray.from_arrays(index, names).cast(pa.string())
        path = write(
            tmp_path / "C.parquet", ts.ravel(), symbol=symbol, price=price.ravel(),
            size=size.ravel(),
        )  # fmt: skip
        check(run("ema_cross", path, data, jit=False), oracle.ticks_case(price, "next"))
