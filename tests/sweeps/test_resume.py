"""A sweep that was killed goes on where it was, and ends with the same file, byte for byte."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alphapanda
from alphapanda.errors import UsageError
from alphapanda.research.sweep_result import SweepResult
from alphapanda.research.sweep_store import ROW, Store
from tests.support.running import PROGRAM, left
from tests.sweeps.markets import GRID, SMA_CROSS, WAYS, bars

MANY = ["--grid", "fast=2:82", "--grid", "slow=60:210", "--limits", "wide", "--metric", "pnl"]


def start(out: Path) -> Any:
    words = ["sweep", SMA_CROSS, "--data", bars(), *MANY, "--json", "--out", str(out)]
    return subprocess.Popen([PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def waited(process: Any, seconds: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=seconds)


def ended(process: Any) -> dict[str, Any]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    told: dict[str, Any] = json.loads(out)
    return told


@pytest.mark.core
def test_killed_at_any_moment_it_ends_the_same(tmp_path: Path) -> None:
    """SIGKILL at random moments, then again: the same results.parquet as of an undisturbed run."""
    whole = ended(start(tmp_path / "whole"))
    draw = random.Random()
    for place in range(2):
        process = start(tmp_path / "cut")
        while not (tmp_path / ".cut.sweep" / f"part-{place:06d}.parquet").exists():
            waited(process, 0.02)
        waited(process, draw.uniform(0, 0.6))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it was over before it could be killed"
    last = ended(start(tmp_path / "cut"))
    assert 0 < last["resumed"] < last["combos"] == whole["combos"]
    names = ["heatmap.html", "manifest.json", "results.parquet", "summary.json", "sweep.json"]
    assert left(tmp_path / "cut") == left(tmp_path / "whole") == names
    assert not list(tmp_path.glob(".*")), "nothing is left beside it"
    for name in ("fills", "pnl", "best", "combos", "deflated_sharpe"):
        assert last[name] == whole[name]
    results = [(tmp_path / name / "results.parquet").read_bytes() for name in ("cut", "whole")]
    assert results[0] == results[1]


@pytest.mark.core
def test_two_at_once_do_not_mix(tmp_path: Path) -> None:
    """While one sweep writes to a folder a second is refused, and the first ends as if alone."""
    first = start(tmp_path / "same")
    while not (tmp_path / ".same.sweep" / "part-000000.parquet").exists():
        waited(first, 0.02)
    second = start(tmp_path / "same")
    _, said = second.communicate(timeout=120)
    assert first.poll() is None, "it was over before the second began"
    assert second.returncode == 2
    assert b"another sweep is writing there" in said
    assert ended(first)["resumed"] == 0


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
        (first.partial / "part-000001.new").write_bytes(b"PAR1 half of")
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
