"""Measure everything that design.md promises a figure for, and print a table."""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alphapanda.model.columns import Columns
from tests.bench import latency, workloads

PAIRS = 5
CLI = [sys.executable, "-c", "from alphapanda.cli import main; main()"]


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def ratio(name: str, target: float, pairs: int) -> None:
    """Time a workload and its floor in turn; print both medians and the median of the ratios."""
    work = workloads.load(name)
    made = workloads.program(work)
    workloads.run(work, made)
    work.floor()
    ours, floors = [], []
    for _ in range(pairs):
        seconds, fills, pnl = workloads.run(work, made)
        started = perf_counter()
        work.floor()
        floors.append(perf_counter() - started)
        ours.append(seconds)
    expected_fills, expected_pnl = work.expected or (0, 0.0)
    exact = fills == expected_fills and abs(pnl - expected_pnl) < 0.005
    rows = work.columns.rows
    shares = [f / o for f, o in zip(floors, ours, strict=True)]
    say(
        f"{name}: {rows / statistics.median(ours) / 1e6:7.1f} M rows/s  floor "
        f"{rows / statistics.median(floors) / 1e6:7.1f} M  ratio {statistics.median(shares):.3f} "
        f"({min(shares):.3f}..{max(shares):.3f}, target {target:.2f})  fills {fills:,} "
        f"pnl {pnl:,.4f} {'equals the oracle' if exact else 'DIFFERS FROM THE ORACLE'}"
    )


def write_ticks(path: Path, columns: Columns) -> None:
    """Write a workload's ticks as Parquet."""
    table = pa.table({
        "ts": pa.array(columns.ts).cast(pa.timestamp("ns", tz="UTC")),
        "price": columns.last / 10_000.0,
        "qty": columns.qty,
    })  # fmt: skip
    pq.write_table(table, path, compression="zstd")


def command(path: Path, cache: Path, *more: str) -> tuple[float, dict[str, Any]]:
    """Run `alphapanda backtest` as a process; return its wall seconds and its JSON."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [*CLI, "backtest", more[0], "--data", str(path), "--calendar", "always",
                     "--limits", "wide", "--costs", "0.03%", "--cash", "10000000", "--json",
                     "--out", f"{folder}/run"]  # fmt: skip
        env = {**os.environ, "ALPHAPANDA_CACHE_DIR": str(cache)}
        started = perf_counter()
        done = subprocess.run(arguments, capture_output=True, check=True, env=env)
        return perf_counter() - started, json.loads(done.stdout)


def processes(folder: Path) -> None:
    """First and second start of the whole command on 1 M ticks of Parquet."""
    path = folder / "ticks.parquet"
    write_ticks(path, workloads.load("A").columns)
    cold, first = command(path, folder / "cache", "ema_cross")
    say(f"first start, 1 M ticks: {cold:.2f} s wall, of which compiling {first['build_s']:.1f} s "
        "(target 15)")  # fmt: skip
    runs = [command(path, folder / "cache", "ema_cross") for _ in range(PAIRS)]
    wall = statistics.median(wall for wall, _ in runs)
    engine = statistics.median(summary["engine_s"] for _, summary in runs)
    say(f"second start, 1 M ticks: {wall:.2f} s wall (target 2), engine {engine * 1000:.1f} ms "
        "(target 100)")  # fmt: skip
    plain, _ = folder / "plain_ema.py", (folder / "plain_ema.py").write_text(PLAIN)
    _, summary = command(path, folder / "cache", str(plain))
    say(f"plain-Python strategy: {summary['ticks_per_s']:,} ticks/s (target 150,000)")


PLAIN = '''
from alphapanda import ema, strategy, target

@strategy(compiled=False)
class PlainEma:
    """The averages cross, in ordinary Python."""
    fast_ema = ema(20)
    slow_ema = ema(100)

    def on_tick(self, ctx):
        if self.fast_ema.value > self.slow_ema.value:
            target(ctx, 1)
        elif self.fast_ema.value < self.slow_ema.value:
            target(ctx, 0)
'''


def memory() -> None:
    """Resident memory over 100 backtests in one process."""
    work = workloads.load("A")
    made = workloads.program(work)
    part = workloads.Work("A", work.columns.slice(0, 100_000), 1, work.spec, 0)
    sizes = []
    for _ in range(100):
        workloads.run(part, made)
        sizes.append(resident())
    drift = (statistics.median(sizes[-10:]) - statistics.median(sizes[10:20])) / sizes[10]
    say(f"memory over 100 backtests: {sizes[10]:.1f} MB to {sizes[-1]:.1f} MB, drift {drift:+.2%} "
        "(target below 2 %)")  # fmt: skip


def resident() -> float:
    """Return resident memory in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> None:
    """Measure and print."""
    names = sys.argv[1:] or ["A", "B", "C", "latency", "memory", "processes"]
    say(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, numpy {np.__version__}, "
        f"load {os.getloadavg()[0]:.2f}; medians of {PAIRS} runs, ours and the floor in turn")  # fmt: skip
    if not workloads.PEERS.exists():
        sys.exit("../shared/bench is not there: the floor and the oracle come from it")
    for name, target in (("A", 1 / 5), ("B", 1 / 3), ("C", 1 / 2)):
        if name in names:
            ratio(name, target, PAIRS)
    if "latency" in names:
        latency.measure(say)
    if "memory" in names:
        memory()
    if "processes" in names:
        with tempfile.TemporaryDirectory() as folder:
            processes(Path(folder))


if __name__ == "__main__":
    main()
