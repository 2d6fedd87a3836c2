"""A sweep that was killed goes on where it was, and ends with the same file, byte for byte."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import alphapanda
from alphapanda.errors import UsageError
from alphapanda.faults import SWEPT, VARIABLE
from alphapanda.research.sweep_result import SweepResult
from alphapanda.research.sweep_store import ROW, Store, partial_of
from tests.support.running import PROGRAM, Told, left, process
from tests.sweeps.markets import GRID, SMA_CROSS, WAYS, bars

MANY = ["--grid", "fast=2:82", "--grid", "slow=60:210", "--limits", "wide", "--metric", "pnl"]


def words(out: Path) -> list[str]:
    """Return the command of a sweep of many combinations."""
    return ["sweep", SMA_CROSS, "--data", bars(), *MANY, "--json", "--out", str(out)]


def swept(out: Path, fault: str = "") -> Told:
    """Run a sweep in a process that dies at a point, if one is given."""
    return process(*words(out), cwd=out.parent, **{VARIABLE: fault})


def over(running: Any) -> None:
    """Wait for a sweep to end, and leave none behind if the test ends before."""
    try:
        running.communicate()
    finally:
        running.kill()
        running.communicate()


def ended(out: Path) -> dict[str, Any]:
    """Run a sweep to its end and return what it said."""
    done = swept(out)
    assert done.status == 0, done.err
    summary: dict[str, Any] = json.loads(done.out)
    return summary


@pytest.mark.core
def test_killed_at_any_moment_it_ends_the_same(tmp_path: Path) -> None:
    """Killed at each of its points and somewhere between: the file of an undisturbed run."""
    whole = ended(tmp_path / "whole")
    for point in SWEPT:
        assert swept(tmp_path / "cut", f"{point}:1").status == -signal.SIGKILL
        if point == "part kept":
            killed_somewhere(tmp_path / "cut")
    last = ended(tmp_path / "cut")
    assert last["resumed"] == last["combos"] == whole["combos"]
    names = ["heatmap.html", "manifest.json", "results.parquet", "summary.json", "sweep.json"]
    assert left(tmp_path / "cut") == left(tmp_path / "whole") == names
    assert not list(tmp_path.glob(".*")), "nothing is left beside it"
    for name in ("fills", "pnl", "best", "combos", "deflated_sharpe"):
        assert last[name] == whole[name]
    results = [(tmp_path / name / "results.parquet").read_bytes() for name in ("cut", "whole")]
    assert results[0] == results[1]


def killed_somewhere(out: Path) -> None:
    """Kill a sweep at a moment of chance after its first part, at the latest before its end."""
    running = subprocess.Popen(
        [PROGRAM, *words(out)], env={**os.environ, VARIABLE: "sweep finished:1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    while running.poll() is None and not list(partial_of(out).glob("part-000001*")):
        waited(running, 0.02)
    waited(running, random.uniform(0, 0.6))
    running.kill()
    over(running)
    assert running.returncode == -signal.SIGKILL


def waited(running: Any, seconds: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        running.wait(timeout=seconds)


@pytest.mark.core
def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    """Killed behind its first part, a sweep takes that up and runs the rest."""
    assert swept(tmp_path / "cut", "part kept:1").status == -signal.SIGKILL
    done = pq.read_metadata(partial_of(tmp_path / "cut") / "part-000000.parquet").num_rows
    last = ended(tmp_path / "cut")
    assert 0 < done == last["resumed"] < last["combos"]


def test_two_at_once_do_not_mix(tmp_path: Path) -> None:
    """While one sweep writes to a folder a second is refused, and the first goes on."""
    with Store(tmp_path / "same", 5) as first:
        first.open({"grid": 1})
        second = swept(tmp_path / "same")
        assert second.status == 2
        assert "another sweep is writing there" in second.err
        first.add(rows(3, 0))
        first.flush()
    with Store(tmp_path / "same", 5) as again:
        again.open({"grid": 1})
        assert again.done.sum() == 2


def rows(*jobs: int) -> Any:
    made = np.zeros(len(jobs), ROW)
    made["job"] = jobs
    made["pnl"] = np.array(jobs) * 11
    return made


def test_parts_are_taken_up(tmp_path: Path) -> None:
    """What was flushed is there again; what was being written when the process died is not."""
    with Store(tmp_path / "out", 5) as first:
        assert not first.open({"grid": 1})
        first.add(rows(3, 0))
        first.flush()
        first.add(rows(1))
        (first.partial / ".part-000001.parquet.1.partial").write_bytes(b"PAR1 half of")
    with Store(tmp_path / "out", 5) as again:
        assert not again.open({"grid": 1})
        assert again.done.tolist() == [True, False, False, True, False]
        assert again.rows["pnl"].tolist() == [0, 0, 0, 33, 0]
        again.add(rows(4))
        again.flush()
    with Store(tmp_path / "out", 5) as third:
        third.open({"grid": 1})
        assert third.done.sum() == 3


@pytest.mark.core
def test_a_folder_belongs_to_one_sweep(tmp_path: Path) -> None:
    """Finished, it is read again; with another grid, data or rule it is refused by name."""
    out = tmp_path / "mine"
    options: dict[str, Any] = {"data": bars(), "metric": "pnl", "out": out, **WAYS}
    first = alphapanda.sweep(SMA_CROSS, grid=GRID, **options)
    stamp = (out / "results.parquet").stat().st_mtime_ns
    again = alphapanda.sweep(SMA_CROSS, grid=GRID, **options)
    assert again.table.equals(first.table)
    assert (out / "results.parquet").stat().st_mtime_ns == stamp
    assert SweepResult.load(out).best == first.best
    with pytest.raises(UsageError, match=r"belongs to another sweep \(other grid\)"):
        alphapanda.sweep(SMA_CROSS, grid={**GRID, "fast": [3]}, **options)
    other = {**options, "data": bars(2), "costs": "none", "metric": "return"}
    with pytest.raises(UsageError, match=r"\(other metric, options, data\)"):
        alphapanda.sweep(SMA_CROSS, grid=GRID, **other)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "notes.txt").write_text("do not touch")
    with pytest.raises(UsageError, match="there is something else; choose another"):
        alphapanda.sweep(SMA_CROSS, grid=GRID, **{**options, "out": tmp_path / "theirs"})
