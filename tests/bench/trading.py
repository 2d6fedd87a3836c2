"""Trading on paper: rows a second with the journal, and from a row's arrival to the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, perf_counter_ns
from typing import Any

import numpy as np

from alphapanda import config
from alphapanda.brokers.pacing import SLICE_ROWS
from alphapanda.brokers.replay import ReplaySource
from alphapanda.config import sections
from alphapanda.config.settings import Settings
from alphapanda.events.feeds import Portion
from alphapanda.journal.journal import Journal
from alphapanda.runs import options
from alphapanda.runs.paper import run_paper
from alphapanda.runs.plan import RunPlan, bind, load_strategies, open_recording, rules_of
from alphapanda.runtime.lifecycle import Parts
from alphapanda.runtime.projecting import RunProjector
from alphapanda.store import migrating

RULES = {
    "calendar": "always",
    "limits": "wide",
    "costs": "0.03%",
    "params": ["fast=20", "slow=100"],
}
ONE_BY_ONE = 20_000
"""Rows that come and are written one by one."""


def measure(say: Callable[[str], None], folder: Path, data: Path) -> None:
    """Trade on the rows as fast as they come, then the first of them one at a time."""
    spent, told = 0.0, ""
    for name in ("first", "again"):  # the second finds the loop compiled and the file in memory
        with ready(data) as (run_plan, source):
            begun = perf_counter()
            run_paper(run_plan, source, folder / name, config.load())
            spent = perf_counter() - begun
        journal = Journal.open(folder / name)
        rows, syncs = source.feed.rows or 0, len(journal.contents.batches)
        told = (
            f"paper, as fast as it comes: {rows / spent:,.0f} ticks/s, {journal.seq / spent:,.0f} "
            f"envelopes/s ({rows:,} ticks, {journal.seq:,} envelopes, {syncs:,} writes synced)"
        )
    say(told)
    one_by_one(say, folder / "single", data)
    settings = Settings(base_dir=folder, database=sections.Database(enabled=False),
                        logs=sections.Logs(console="off"))  # fmt: skip
    migrating.upgrade(settings)
    with Parts(stop_timeout_s=10) as parts:
        projector = RunProjector(settings, folder / "projected")
        parts.start(projector)
        one_by_one(say, folder / "projected", data, ", beside a projector into SQLite")
        assert not parts.do(projector.finished())


def one_by_one(say: Callable[[str], None], folder: Path, data: Path, beside: str = "") -> None:
    """Trade on a row a write, and tell how long each took."""
    times: list[int] = []
    with ready(data) as (run_plan, source):
        run_paper(run_plan, Timed(source, times), folder, config.load())
    p50, p99, worst = (np.percentile(times, q) / 1000 for q in (50, 99, 100))
    say(f"paper, a row a write ({len(times):,} rows){beside}, from its arrival until what it "
        f"caused is on the disk: p50 {p50:.0f} us, p99 {p99:.0f} us, worst {worst:.0f} us"
    )  # fmt: skip


@contextmanager
def ready(data: Path, **more: Any) -> Iterator[tuple[RunPlan, ReplaySource]]:
    """Yield a plan on a file, and the source of its rows."""
    chosen = options.make({**RULES, "strategies": "ema_cross", "data": [str(data)], **more})
    specs, arguments = load_strategies(chosen, config.load().strategies_dir)
    with open_recording(chosen, specs, slice_rows=SLICE_ROWS) as source:
        yield bind(chosen, rules_of(chosen), source, specs, arguments), source


class Timed:
    """A source that gives the first rows of another one at a time, noting how long each takes."""

    part = None

    def __init__(self, source: ReplaySource, times: list[int]) -> None:
        self.feed, self.origin = source.feed, source.origin
        self._source, self._times = source, times

    def rows(self, taken: int, stopping: Callable[[], bool]) -> Iterator[Portion]:
        """Yield the rows."""
        left = ONE_BY_ONE
        for _, batch, _clock in self._source.rows(taken, stopping):
            for at in range(min(batch.rows, left)):
                begun = perf_counter_ns()
                yield Portion(0, batch.slice(at, at + 1))
                self._times.append(perf_counter_ns() - begun)
            left -= min(batch.rows, left)
            if not left:
                return
