"""Trading on paper: rows a second with the journal, and from a row's arrival to the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, perf_counter_ns
from typing import Any

import numpy as np

from alphapanda.config import sections
from alphapanda.config.settings import Settings
from alphapanda.data.replay.replay import open_replay
from alphapanda.journal.journal import Journal
from alphapanda.model.columns import Columns
from alphapanda.runs import options, paper, plan
from alphapanda.runtime.feed import recorded
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
        made, replay = ready(data)
        with replay:
            begun = perf_counter()
            paper.run(made, folder / name, None, recorded(replay, float("inf")))
            spent = perf_counter() - begun
        journal = Journal.open(folder / name)
        rows, syncs = replay.rows, len(journal.contents.batches)
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
    made, replay = ready(data)
    times: list[int] = []
    with replay:
        paper.run(made, folder, None, timed(replay, times))
    p50, p99, worst = (np.percentile(times, q) / 1000 for q in (50, 99, 100))
    say(f"paper, a row a write ({len(times):,} rows){beside}, from its arrival until what it "
        f"caused is on the disk: p50 {p50:.0f} us, p99 {p99:.0f} us, worst {worst:.0f} us"
    )  # fmt: skip


def ready(data: Path) -> tuple[plan.Run, Any]:
    """Return a run on a file, and the replay of its rows."""
    chosen = options.make({**RULES, "strategies": "ema_cross", "data": [str(data)]})
    specs, arguments = plan.found(chosen)
    replay = open_replay(plan.replay_options(chosen, specs))
    return plan.prepare(chosen, plan.rules_of(chosen), replay, specs, arguments), replay


def timed(replay: Any, times: list[int]) -> paper.Rows:
    """Return the first rows of a replay one at a time, noting how long each takes."""

    def rows(_: int, __: Callable[[], bool]) -> Iterator[tuple[int, Columns]]:
        for batch in replay.batches():
            for at in range(min(batch.rows, ONE_BY_ONE)):
                begun = perf_counter_ns()
                yield 0, batch.slice(at, at + 1)
                times.append(perf_counter_ns() - begun)
            return

    return rows
