"""Row in to decision out, one row a call, 3,000 instruments: what live trading will feel."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns

import numpy as np

from alphapanda import config
from alphapanda.model.columns import Columns
from alphapanda.runs import discovery
from tests.bench import workloads

INSTRUMENTS = 3_000
ROWS = 400_000


def measure(say: Callable[[str], None]) -> None:
    """Feed rows one by one; print the times of rows on which a decision was made, and of all."""
    rng = np.random.default_rng(7)
    row = rng.integers(0, INSTRUMENTS, ROWS).astype(np.int32)
    walk = 25_000_000 + 500 * rng.integers(-40, 41, ROWS).cumsum() % 5_000_000
    ts = 1_704_067_200_000_000_000 + 300_000 * np.arange(ROWS)
    columns = Columns.of(ts=ts, row=row, last=walk, qty=np.full(ROWS, 50))
    spec = discovery.find("ema_cross", config.load().strategies_dir)
    work = workloads.Work("latency", columns, INSTRUMENTS, spec, 0)
    core = workloads.engine(work, workloads.program(work), fast=3, slow=8)
    times = np.empty(ROWS, np.int64)
    decided = np.zeros(ROWS, np.bool_)
    for at in range(ROWS):
        one = columns.slice(at, at + 1)
        started = perf_counter_ns()
        for rows in core.feed(one):
            decided[at] |= len(rows) > 0
        times[at] = perf_counter_ns() - started
    for name, part in (("all rows", times), ("rows with a decision", times[decided])):
        p50, p99, worst = (np.percentile(part, q) / 1000 for q in (50, 99, 100))
        say(f"row to decision, {INSTRUMENTS:,} instruments, {name} ({len(part):,}): "
            f"p50 {p50:.1f} us, p99 {p99:.1f} us (target 100), worst {worst:.0f} us")  # fmt: skip
