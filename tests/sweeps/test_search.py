"""A search by optuna: the same trials by seed, none of them twice, resumed where it was."""

from __future__ import annotations

import json
import signal
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import alphapanda
from alphapanda.errors import OutsideError, UsageError
from alphapanda.faults import VARIABLE
from alphapanda.research.sweep_store import partial_of
from alphapanda.runs import discovery
from alphapanda.sweeps import search
from alphapanda.sweeps.grid import make_grid
from alphapanda.sweeps.search import Proposals, batch_of, covering
from tests.support.running import process
from tests.sweeps.markets import SMA_CROSS, WAYS, bars

GRID = {"fast": range(2, 22), "slow": range(10, 40)}
OPTIONS: dict[str, Any] = {"grid": GRID, "metric": "pnl", "search": "optuna", **WAYS}


def searched(**more: Any) -> Any:
    """Return a search of 40 trials."""
    return alphapanda.sweep(SMA_CROSS, bars(), **{**OPTIONS, "trials": 40, **more})


@pytest.mark.core
def test_the_seed_alone_says_which_trials_are_made() -> None:
    """One thread or three, the same trials in the same order; another seed makes others."""
    one, three = (searched(workers=workers) for workers in (1, 3))
    assert one.table.equals(three.table)
    combos = one.table["combo"].to_pylist()
    assert len(set(combos)) == len(combos) == one.summary["combos"] == 40
    assert combos != searched(seed=8).table["combo"].to_pylist()
    whole = alphapanda.sweep(SMA_CROSS, bars(), grid=GRID, metric="pnl", **WAYS)
    by_combo = {row["combo"]: row for row in whole.table.to_pylist()}
    assert one.table.to_pylist() == [by_combo[combo] for combo in combos]
    assert one.summary["chance"]["trials"] == 40


@pytest.mark.core
def test_no_combination_is_run_twice_and_a_small_grid_ends() -> None:
    """More trials than there are combinations: each is run once, as by the grid."""
    grid = {"fast": [9, 2, 5], "slow": [30, 12]}
    few = searched(grid=grid, trials=60, where="fast + slow != 39")
    whole = alphapanda.sweep(
        SMA_CROSS, bars(), grid=grid, metric="pnl", where="fast + slow != 39", **WAYS
    )
    rows = sorted(few.table.to_pylist(), key=lambda row: row["combo"])
    assert rows == whole.table.to_pylist()
    assert few.summary["combos"] == few.summary["chance"]["trials"] == 5
    assert few.best == whole.best


@pytest.mark.core
def test_killed_it_makes_the_same_trials(tmp_path: Path) -> None:
    """Killed behind a part and gone on with other threads: the file of an undisturbed search."""
    words = ["sweep", SMA_CROSS, "--data", bars(), "--grid", "fast=2:22", "--grid", "slow=10:40",
             "--limits", "wide", "--costs", "0.03%", "--metric", "pnl", "--search", "optuna",
             "--trials", "40", "--json", "--out"]  # fmt: skip
    cut = process(*words, "cut", cwd=tmp_path, **{VARIABLE: "sweep finished:1"})
    assert cut.status == -signal.SIGKILL
    parts = sorted(partial_of(tmp_path / "cut").glob("part-*"))
    rows = pa.concat_tables([pq.read_table(part) for part in parts])
    for part in parts[1:]:
        part.unlink()
    pq.write_table(rows.slice(0, 13), parts[0])
    last = alphapanda.sweep(
        SMA_CROSS, bars(), **OPTIONS, trials=40, out=tmp_path / "cut", workers=2
    )
    assert last.summary["resumed"] == 13
    assert last.summary["chance"]["trials"] == 40
    whole = searched(out=tmp_path / "whole")
    results = [(tmp_path / name / "results.parquet").read_bytes() for name in ("cut", "whole")]
    assert results[0] == results[1]
    assert whole.best == last.best


@pytest.mark.core
def test_other_trials_than_before_are_not_mixed(tmp_path: Path) -> None:
    """Where optuna proposes what it did not propose before, the search ends and says so."""
    out = tmp_path / "out"

    class Cut(Exception):  # noqa: N818 (no error: it stands for a power cut)
        """Ends a sweep."""

    def cut(done: int, total: int) -> None:
        if done >= 5:
            raise Cut

    with pytest.raises(Cut):
        searched(out=out, progress=cut)
    note = partial_of(out) / search.TRIALS
    told = json.loads(note.read_text())
    note.write_text(json.dumps([told[1], told[0], *told[2:]]))
    with pytest.raises(OutsideError, match="is not the one that ran before"):
        searched(out=out)


@pytest.mark.core
def test_each_window_of_a_walk_forward_has_its_own_search() -> None:
    """Each window learns from its own days; what was best there is tested on the next ones."""
    result = searched(trials=20, walk_forward="3d/2d")
    rows = result.table.to_pylist()
    assert [row["window"] for row in rows] == [0] * 20 + [1] * 20
    for place, window in enumerate(result.summary["windows_table"]):
        best = max(rows[20 * place : 20 * place + 20], key=lambda row: row["pnl"])
        assert {name: window["params"][name] for name in GRID} == {n: best[n] for n in GRID}


def test_it_learns_and_passes_over_what_may_not_run() -> None:
    """Told figures of a hill, later trials lie nearer its top; refused ones are never run."""
    grid = make_grid(
        discovery.in_file(SMA_CROSS),
        {"fast": range(1, 41), "slow": range(2, 82)},
        {},
        "slow % 2 == 0",
    )
    made = Proposals(grid, 7, "pnl")
    far: list[float] = []
    seen: list[int] = []
    for _ in range(20):
        for trial in made.ask(8):
            point = grid.arguments(trial.number)
            assert point["fast"] < point["slow"]
            assert point["slow"] % 2 == 0
            distance = abs(point["fast"] - 10) + abs(point["slow"] - 60)
            far.append(distance)
            seen.append(trial.number)
            made.tell(trial, {"pnl": -distance, "fills": 1})
    assert len(set(seen)) == 160
    assert sum(far[-40:]) < sum(far[:40]) * 2 / 3
    assert made.counts.left_out > 0
    assert made.counts.skipped > 0


def test_undefined_figures_are_bad_ones() -> None:
    """A combination that never traded, or whose metric is undefined, does not stop the search."""
    grid = make_grid(discovery.in_file(SMA_CROSS), {"fast": range(1, 5), "slow": range(6, 10)}, {})
    made = Proposals(grid, 7, "sharpe")
    worths = ({"sharpe": float("nan"), "fills": 3}, {"sharpe": float("inf"), "fills": 3},
              {"sharpe": 9.0, "fills": 0}, {"sharpe": 1.0, "fills": 2})  # fmt: skip
    numbers = []
    for _ in range(2):
        for place, trial in enumerate(made.ask(8)):
            made.tell(trial, worths[place % 4])
            numbers.append(trial.number)
    assert sorted(numbers) == list(range(16))


def test_a_batch_depends_on_the_trials_alone() -> None:
    """Larger searches ask for more at once, within bounds."""
    sizes = [batch_of(trials) for trials in (1, 100, 200, 1_000, 100_000)]
    assert sizes == [8, 8, 10, 50, 64]
    assert all(a <= b for a, b in pairwise(sizes))


def test_every_window_that_may_be_met_is_known() -> None:
    """What data and tables are made for covers any combination, without counting all of them."""
    grid = make_grid(
        discovery.in_file(SMA_CROSS), {"fast": range(1, 3001), "slow": range(2, 3001)}, {}
    )
    met = [grid.arguments(number) for number in covering(grid)]
    assert {each["fast"] for each in met} == {*range(1, 3001)}
    assert {each["slow"] for each in met} == {*range(2, 3001)}
    assert len(met) < 6_001


MISTAKES: dict[str, dict[str, Any]] = {
    "--search optna: write optuna. Did you mean optuna?": {"search": "optna", "trials": 5},
    "say how many combinations it may try": {"search": "optuna"},
    "--trials 0: must be at least 1": {"search": "optuna", "trials": 0},
    "add --search optuna": {"trials": 5},
    "leave one out": {"search": "optuna", "trials": 5, "random": 5},
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_says_what_to_write(message: str) -> None:
    """What makes no search is refused before data are read."""
    with pytest.raises(UsageError) as told:
        alphapanda.sweep(SMA_CROSS, "absent.parquet", grid=GRID, **MISTAKES[message])
    assert message in str(told.value)


def test_without_optuna_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is asked for only by a search, and named where it is missing."""
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match=r'pip install "alphapanda\[search\]"'):
        alphapanda.sweep(SMA_CROSS, "absent.parquet", grid=GRID, search="optuna", trials=5)
