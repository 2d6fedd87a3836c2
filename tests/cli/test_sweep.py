"""`alphapanda sweep` as a user meets it: one JSON object, a readable table, mistakes in a line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.running import command, left, with_strategies
from tests.sweeps.markets import bars

Caps = pytest.CaptureFixture[str]
GRID = ("--grid", "fast=2,5", "--grid", "slow=12:31:9")
NEEDED = {
    "combos", "combos_per_s", "fills", "pnl", "engine_s", "best", "skipped", "metric", "wall_s",
    "deflated_sharpe", "warning", "run",
}  # fmt: skip

CASES = {
    ("--grid", "fast=0:5"): "fast = 0 should be greater than or equal to 1",
    ("--grid", "fats=1:5"): "no parameter 'fats'. Did you mean fast?",
    ("--grid", "fast=x:5"): "--grid fast=x:5: write 5:25, 30:130:5 or 5,10,20",
    (): "no grid is given: --grid NAME=5:25",
    (*GRID, "--metric", "sharp"): "--metric sharp: write sharpe, sortino",
    (*GRID, "--workers", "0"): "--workers 0: must be at least 1",
    (*GRID, "--random", "-3"): "--random -3: must be at least 1",
    (*GRID, "--walk-forward", "3"): "--walk-forward 3: write 60d/20d",
    (*GRID, "--walk-forward", "60d/20d"): "61 trading days are needed, the data have 6",
    (*GRID, "--param", "fast=3"): "'fast' is swept by --grid and fixed by --param",
    (*GRID, "--to", "2025-08-04"): "--metric sharpe needs two trading days, the data have 1",
    (*GRID, "--costs", "zerodhaa"): "Did you mean zerodha?",
    (*GRID, "--instrument", "PANDAA"): "PANDAA",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with the strategies and nothing else."""
    monkeypatch.chdir(with_strategies(tmp_path))
    return tmp_path


@pytest.mark.parametrize("words", CASES, ids=" ".join)
def test_a_mistake_is_one_line(words: tuple[str, ...], here: Path, capsys: Caps) -> None:
    """Exit 2, one line that names the option and says what to write, nothing left behind."""
    before = left(here)
    told = command("sweep", "sma_cross", "--data", bars(), *words, capsys=capsys)
    assert told.status == 2
    assert CASES[words] in told.line
    assert left(here) == before


@pytest.mark.core
def test_json_is_one_object(here: Path, capsys: Caps) -> None:
    """With --json stdout holds one object with everything summed over the combinations."""
    words = ("sweep", "sma_cross", "--data", bars(), *GRID, "--limits", "wide", "--json")
    told = command(*words, capsys=capsys)
    assert (told.status, told.err) == (0, "")
    summary = json.loads(told.out)
    assert set(summary) > NEEDED
    assert summary["combos"] == 6
    assert summary["best"]["params"]["fast"] in (2, 5)
    assert Path(summary["run"]).parent == here / "runs"
    assert "<html" in Path(summary["run"], "heatmap.html").read_text()


@pytest.mark.core
def test_the_table_fits_a_terminal(here: Path, capsys: Caps) -> None:
    """The best combinations in 80 columns, with a verdict and the way to the files."""
    words = ("sweep", "sma_cross", "--data", bars(), *GRID, "--limits", "wide", "--out", "mine")
    told = command(*words, capsys=capsys)
    assert told.status == 0
    assert all(len(line) <= 80 for line in told.out.splitlines() if str(here) not in line)
    assert "best by sharpe" in told.out
    assert "6 combinations; " in told.out
    assert "warning: " in told.out or "more than chance" in told.out
    again = command(*words, capsys=capsys)
    assert again.status == 0
    assert again.out.splitlines()[:10] == told.out.splitlines()[:10]


@pytest.mark.core
def test_a_hook_that_fails_names_the_combination(here: Path, capsys: Caps) -> None:
    """An exception in a hook is told with its line, time and parameters; nothing is finished."""
    (here / "strategies" / "fragile.py").write_text(
        "from alphapanda import param, strategy, target\n\n\n@strategy\nclass Fragile:\n"
        '    """Fails."""\n    size = param(1)\n\n    def on_bar(self, ctx):\n'
        "        target(ctx, 6 // self.size)\n"
    )
    words = ("sweep", "fragile", "--data", bars(), "--grid", "size=2,0", "--out", "mine")
    told = command(*words, capsys=capsys)
    assert told.status == 2
    assert "size=0" in told.err
    assert not (here / "mine").exists()
