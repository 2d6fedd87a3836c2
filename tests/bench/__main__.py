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
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alphapanda.model.columns import Columns
from tests.bench import feed, indicators, latency, streaming, trading, viewing, workloads

PAIRS = 5
CLI = [sys.executable, "-c", "from alphapanda.cli import main; main()"]


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def ratio(name: str, target: float, pairs: int) -> None:
    """Time a workload and its floor in turn; print medians and ratios, cold and warm.

    In turn is the promise's own measure: each finds the caches as the other left them. Warm, each
    runs twice and the second run counts, which favours the floor, whose data then lie in the cache.
    """
    work = workloads.load(name)
    made = workloads.program(work)
    core = lambda: workloads.run(work, made)  # noqa: E731
    fills, pnl = core()[1:]
    work.floor()
    turns = [(core()[0], seconds(work.floor)) for _ in range(pairs)]
    warm = [(second(lambda: core()[0]), second(lambda: seconds(work.floor))) for _ in range(pairs)]
    expected_fills, expected_pnl = work.expected or (0, 0.0)
    exact = fills == expected_fills and abs(pnl - expected_pnl) < 0.005
    say(f"{name}: {work.columns.rows:,} rows, fills {fills:,}, pnl {pnl:,.4f}: "
        f"{'equals the oracle' if exact else 'DIFFERS FROM THE ORACLE'}")  # fmt: skip
    for label, pairs_ in (("in turn", turns), ("each warm", warm)):
        ours, floor = (work.columns.rows / statistics.median(side) / 1e6
                       for side in zip(*pairs_, strict=True))  # fmt: skip
        shares = [f / o for o, f in pairs_]
        say(f"   {label:9s}: {ours:6.1f} M rows/s, floor {floor:6.1f} M, ratio "
            f"{statistics.median(shares):.3f} ({min(shares):.3f}..{max(shares):.3f}), "
            f"target {target:.3f}")  # fmt: skip


def seconds(function: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    started = perf_counter()
    function()
    return perf_counter() - started


def second(function: Callable[[], float]) -> float:
    """Return the second of two measurements."""
    function()
    return function()


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


def sweep(folder: Path) -> None:
    """D: 400 combinations over 100,000 bars, everything on, beside the floor on two threads."""
    import alphapanda  # noqa: PLC0415

    work = workloads.load("D")
    path = folder / "D.parquet"
    write_bars(path, work.columns)
    rates, floors, wrong = [], [], 0
    for _ in range(PAIRS):
        result = alphapanda.sweep(
            "sma_cross", path, grid={"fast": "5:25", "slow": "30:130:5"}, calendar="always",
            limits="wide", costs="0.03%", cash="10000000", interval="1m",
        )  # fmt: skip
        rates.append(result.summary["combos_per_s"])
        floors.append(400 / seconds(work.floor))
        told = zip(result.table["fills"].to_pylist(), result.table["pnl"].to_pylist(), strict=True)
        wrong += sum(
            fills != expected or abs(float(pnl) - rupees) > 0.005
            for (fills, pnl), (expected, rupees) in zip(told, work.each, strict=True)
        )
    rate, floor = statistics.median(rates), statistics.median(floors)
    summary = result.summary
    verdict = f"{wrong} DIFFER FROM THE ORACLE" if wrong else "each equals the oracle"
    say(f"D: {summary['combos']} combinations of {work.columns.rows:,} bars, fills "
        f"{summary['fills']:,}, pnl {summary['pnl']}: {verdict}")  # fmt: skip
    say(f"   {rate:,.0f} combinations/s ({min(rates):,.0f}..{max(rates):,.0f}) on "
        f"{summary['threads']} threads, floor {floor:,.0f}, ratio {floor / rate:.2f}; target 20 x "
        f"vectorbt, 43 in its recorded results, = 860")  # fmt: skip


def write_bars(path: Path, columns: Columns) -> None:
    """Write a workload's bars as Parquet, stamped at their start."""
    stamps = pa.array(columns.ts - workloads.MINUTE).cast(pa.timestamp("ns", tz="UTC"))
    prices = {name: getattr(columns, name) / 10_000.0 for name in ("open", "high", "low")}
    made = {"ts": stamps, **prices, "close": columns.last / 10_000.0, "volume": columns.volume}
    pq.write_table(pa.table(made), path, compression="zstd")


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
    known = ["A", "B", "C", "D", "latency", "feed", "indicators", "memory", "processes", "trading",
             "streaming", "viewing"]  # fmt: skip
    names = sys.argv[1:] or known
    say(f"{platform.machine()}, {os.cpu_count()} cores, numpy {np.__version__}, load "
        f"{os.getloadavg()[0]:.2f}; medians of {PAIRS} runs")  # fmt: skip
    if not workloads.PEERS.exists():
        sys.exit("../shared/bench is not there: the floor and the oracle come from it")
    for name, target in (("A", 1 / 5), ("B", 1 / 3), ("C", 1 / 2)):
        if name in names:
            ratio(name, target, PAIRS)
    if "D" in names:
        with tempfile.TemporaryDirectory() as folder:
            sweep(Path(folder))
    for name, part in (("latency", latency), ("feed", feed), ("indicators", indicators)):
        if name in names:
            part.measure(say)
    if "memory" in names:
        memory()
    if "processes" in names:
        with tempfile.TemporaryDirectory() as folder:
            processes(Path(folder))
    for name in ("trading", "streaming", "viewing"):
        if name in names:
            with tempfile.TemporaryDirectory() as folder:
                beside(name, Path(folder))


def beside(name: str, folder: Path) -> None:
    """Measure what trades, and what stands beside it."""
    if name == "viewing":
        viewing.measure(say, folder)
        return
    data = folder / "ticks.parquet"
    write_ticks(data, workloads.load("A").columns)
    if name == "trading":
        trading.measure(say, folder, data)
    else:
        streaming.measure(say, folder, data, resident)


if __name__ == "__main__":
    main()
