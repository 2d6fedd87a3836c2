"""The workloads of ../shared/bench as batches for a core: same data, same rules, same oracle."""

from __future__ import annotations

import contextlib
import io
import runpy
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alphapanda import config
from alphapanda.engine.compiler.declared import Spec
from alphapanda.engine.compiler.generate import Shape
from alphapanda.engine.compiler.program import Program, build
from alphapanda.engine.engine import Engine
from alphapanda.engine.setup import Enrolment, Setup
from alphapanda.engine.tier import Tier
from alphapanda.model.charges import Schedule
from alphapanda.model.columns import Columns
from alphapanda.model.instruments import Instrument, Product
from alphapanda.model.limits import load_limits
from alphapanda.model.rows import Out
from alphapanda.runs import discovery

PEERS = Path(__file__).resolve().parents[2].parent / "shared" / "bench" / "peers"
MINUTE = 60_000_000_000
CASH = 10_000_000 * 10_000


@dataclass
class Work:
    """One workload: rows, instruments, strategy, and the floor's own loop over the same data."""

    name: str
    columns: Columns
    instruments: int
    spec: Spec
    interval: int
    floor: Any = None
    expected: tuple[int, float] | None = None
    each: Any = None
    """Of a grid: fills and P&L of every combination, by the oracle."""


def scaled(prices: Any) -> Any:
    """Return prices in rupees as scaled ints."""
    return np.rint(prices * 10_000).astype(np.int64)


def load(name: str) -> Work:
    """Return a workload with its floor; the peers' folder must be there."""
    sys.path.insert(0, str(PEERS))
    import common  # noqa: PLC0415

    makers = {"A": ticks, "B": bars, "C": multi, "D": grid}
    work = makers[name](common)
    import oracle  # noqa: PLC0415

    work.expected = oracle.expected(name, "next")
    if name == "D":
        _, opens, _, _, closes, _ = common.bars(100_000)
        work.each = [oracle.bars_case(opens, closes, "next", [pair]) for pair in common.GRID]
    return work


def floor_functions(name: str) -> dict[str, Any]:
    """Return the floor's compiled functions (running the file also runs its workload once)."""
    argv, sys.argv = sys.argv, ["floor.py", name]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return runpy.run_path(str(PEERS / "floor.py"))
    finally:
        sys.argv = argv


def ticks(common: Any) -> Work:
    """A: one instrument, 1 M ticks."""
    ts, p, q = common.ticks()
    columns = Columns.of(ts=ts, row=np.zeros(len(ts)), last=scaled(p), qty=q)
    run = floor_functions("A")["run_ticks"]
    work = Work("A", columns, 1, discovery.find("ema_cross", config.load().strategies_dir), 0)
    work.floor = lambda: run(p, common.FAST, common.SLOW, common.FEE)
    return work


def bars(common: Any) -> Work:
    """B: one instrument, 1 M minute bars."""
    ts, o, h, low, c, v = common.bars()
    columns = Columns.of(
        ts=ts + MINUTE, row=np.zeros(len(ts)), last=scaled(c), open=scaled(o), high=scaled(h),
        low=scaled(low), volume=v,
    )  # fmt: skip
    run = floor_functions("B")["run_bars"]
    work = Work("B", columns, 1, discovery.find("sma_cross", config.load().strategies_dir), MINUTE)
    work.floor = lambda: run(o, c, common.SMA_FAST, common.SMA_SLOW, common.FEE, common.EPS)
    return work


def grid(common: Any) -> Work:
    """D: a grid of windows over 100,000 minute bars."""
    ts, o, h, low, c, v = common.bars(100_000)
    columns = Columns.of(
        ts=ts + MINUTE, row=np.zeros(len(ts)), last=scaled(c), open=scaled(o), high=scaled(h),
        low=scaled(low), volume=v,
    )  # fmt: skip
    run = floor_functions("D")["sweep"]
    fast, slow = (np.array(side) for side in zip(*common.GRID, strict=True))
    fills, pnl = np.zeros(len(fast), np.int64), np.zeros(len(fast))
    work = Work("D", columns, 1, discovery.find("sma_cross", config.load().strategies_dir), MINUTE)
    work.floor = lambda: run(o, c, fast, slow, common.FEE, common.EPS, fills, pnl)
    return work


def multi(common: Any) -> Work:
    """C: 200 instruments, 4 M interleaved ticks, one account."""
    ts, p, q = common.multi()
    many = p.shape[1]
    row = np.tile(np.arange(many, dtype=np.int32), len(p))
    flat = np.ascontiguousarray(p).ravel()
    columns = Columns.of(ts=ts.ravel(), row=row, last=scaled(flat), qty=q.ravel())
    run = floor_functions("C")["run_multi"]
    work = Work("C", columns, many, discovery.find("ema_cross", config.load().strategies_dir), 0)
    work.floor = lambda: run(row, flat, many, common.FAST, common.SLOW, common.FEE)
    return work


def program(work: Work, *, jit: bool = True) -> Program:
    """Return the compiled loop of a workload."""
    fields = zip(Columns._fields, work.columns, strict=True)
    present = frozenset(name for name, column in fields if len(column))
    shape = Shape((work.spec,), work.interval, present, (True,))
    return build(shape, jit=jit, cache_dir=config.load().cache_dir, tier=Tier.FULL)


def engine(work: Work, made: Program, **arguments: Any) -> Engine:
    """Return a fresh core for a workload."""
    rows = tuple(range(work.instruments))
    instruments = [Instrument.assumed(f"NSE:X{row}") for row in rows]
    enrolment = Enrolment(
        work.spec, work.spec.arguments(arguments), rows, (Product.CNC,) * len(rows)
    )
    return Engine(made, Setup(
        instruments, [enrolment], Schedule.flat("0.03%"), load_limits("wide"), date(2024, 1, 1),
        CASH, always=True,
    ))  # fmt: skip


def run(work: Work, made: Program) -> tuple[float, int, float]:
    """Run a workload once; return the core's seconds, fills and P&L in rupees."""
    core = engine(work, made)
    chunks = core.feed(work.columns)
    seconds, fills = 0.0, 0
    while True:
        started = perf_counter()
        rows = next(chunks, None)
        seconds += perf_counter() - started
        if rows is None:
            break
        fills += int((rows["type"] == Out.FILL).sum())
    ledger = core.tables["ledgers"][0]
    return seconds, fills, int(ledger["cash"] + ledger["mark"]) / 10_000


def tick_table(columns: Columns) -> pa.Table:
    """Return a workload's ticks as people have them."""
    return pa.table({
        "ts": pa.array(columns.ts).cast(pa.timestamp("ns", tz="UTC")),
        "price": columns.last / 10_000.0,
        "qty": columns.qty,
    })  # fmt: skip


def write_ticks(path: Path, columns: Columns) -> None:
    """Write a workload's ticks as Parquet."""
    pq.write_table(tick_table(columns), path, compression="zstd")


def write_bars(path: Path, columns: Columns) -> None:
    """Write a workload's bars as Parquet, stamped at their start."""
    stamps = pa.array(columns.ts - MINUTE).cast(pa.timestamp("ns", tz="UTC"))
    prices = {name: getattr(columns, name) / 10_000.0 for name in ("open", "high", "low")}
    made = {"ts": stamps, **prices, "close": columns.last / 10_000.0, "volume": columns.volume}
    pq.write_table(pa.table(made), path, compression="zstd")
